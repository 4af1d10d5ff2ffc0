import assert from "node:assert/strict";
import { test } from "node:test";
import * as sdk from "@workos-inc/node";
import { connect, given, workos } from "./machine.mjs";

const nobody = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
const { directorySync, organizations, events } = workos;

test("what is not there", async () => {
  for (const call of [
    () => directorySync.getDirectory(`directory_${nobody}`),
    () => directorySync.deleteDirectory(`directory_${nobody}`),
    () => directorySync.getUser(`directory_user_${nobody}`),
    () => directorySync.getGroup(`directory_group_${nobody}`),
    () => directorySync.getUser("invalid"),
    () => organizations.getOrganization(`org_${nobody}`),
    () => organizations.getOrganizationByExternalId("nobody's"),
    () => organizations.updateOrganization({ organization: `org_${nobody}`, name: "x" }),
  ]) {
    await assert.rejects(call, (e) => e instanceof sdk.NotFoundException && e.status === 404 && e.requestID !== "" && e.message.includes("ot "));
  }
  await assert.rejects(directorySync.getDirectory("invalid"), { message: "Directory not found: 'invalid'.", code: "entity_not_found" });
});

test("a key that is none", async () => {
  for (const key of ["sk_nonsense", given.token]) {
    const stranger = connect(key);
    for (const call of [
      () => stranger.directorySync.listDirectories(),
      () => stranger.directorySync.getUser(given.ada.id),
      () => stranger.events.listEvents({ events: ["dsync.user.created"] }),
      () => stranger.organizations.createOrganization({ name: "x" }),
    ]) {
      await assert.rejects(call, (e) => e instanceof sdk.UnauthorizedException && e.status === 401 && e.requestID !== "");
    }
  }
});

test("what cannot be done", async () => {
  const refused = (text) => (e) => e instanceof sdk.UnprocessableEntityException && e.status === 422 && e.requestID !== "" && e.message.includes(text);
  await assert.rejects(directorySync.listUsers({}), refused('Please provide either "directory" or "group" parameters.'));
  await assert.rejects(directorySync.listGroups({}), refused('Please provide either "directory" or "user" parameters.'));
  await assert.rejects(directorySync.listDirectories({ limit: 101 }), refused("limit must be a number from 1 to 100."));
  await assert.rejects(organizations.createOrganization({ name: "" }), refused("name must be"));
  await assert.rejects(organizations.createOrganization({ name: "x", domainData: [{ domain: "a b", state: "pending" }] }), refused("domain_data.0.domain"));
});

test("what another has", async () => {
  const first = await organizations.createOrganization({ name: "x", externalId: "taken" });
  await assert.rejects(organizations.createOrganization({ name: "y", externalId: "taken" }), (e) => e instanceof sdk.ConflictException && e.status === 409);
  await organizations.deleteOrganization(first.id);
});

test("events that are none", async () => {
  await assert.rejects(events.listEvents({ events: ["dsync.nothing"] }), (e) => e.status === 400 && e.message.includes("dsync.nothing"));
  await assert.rejects(events.listEvents({ events: ["dsync.user.created"], after: `event_${nobody}` }), { status: 400 });
  await assert.rejects(events.listEvents({ rangeStart: given.began, after: given.event }), { status: 400 });
});
