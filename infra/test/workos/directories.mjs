import assert from "node:assert/strict";
import { test } from "node:test";
import { given, workos } from "./machine.mjs";

const { directorySync } = workos;
const { directory, organization, users, groups, ada } = given;

const ids = (list) => list.map((e) => e.id);
const sorted = (list) => [...list].sort();

test("directories", async () => {
  const list = await directorySync.listDirectories({ organizationId: organization });
  assert.deepEqual(ids(list.data), [directory]);
  const one = await directorySync.getDirectory(directory);
  assert.deepEqual(list.data[0], one);
  assert.equal(one.object, "directory");
  assert.equal(one.organizationId, organization);
  assert.equal(one.name, given.name);
  assert.equal(one.type, "azure scim v2.0");
  assert.equal(one.state, "active", "linked is active to the SDK");
  const counts = { users: { active: users.length - 1, inactive: 1 }, groups: Object.keys(groups).length };
  const response = await fetch(`${given.url}/directories/${directory}`, { headers: { authorization: `Bearer ${given.key}` } });
  assert.deepEqual((await response.json()).metadata, counts, "which the SDK does not show");
  assert.ok(given.tenantURL.endsWith(`/${one.externalKey}`));
  assert.ok(Date.parse(one.createdAt) && Date.parse(one.updatedAt));
  assert.deepEqual(ids((await directorySync.listDirectories({ search: given.name.toUpperCase().slice(2, 8) })).data), [directory]);
  const all = await (await directorySync.listDirectories()).autoPagination();
  assert.ok(ids(all).includes(directory) && all.length > 1);
  const narrow = await directorySync.listDirectories({ limit: 1 });
  assert.equal(narrow.data.length, 1);
  const next = await directorySync.listDirectories({ limit: 1, after: narrow.listMetadata.after });
  assert.deepEqual(ids([...narrow.data, ...next.data]), ids(all).slice(0, 2));
});

test("users to the end", async () => {
  const first = await directorySync.listUsers({ directory });
  assert.equal(first.data.length, 10);
  const all = await first.autoPagination();
  assert.deepEqual(sorted(ids(all)), sorted(users));
  assert.deepEqual(ids(all), sorted(users).reverse(), "the newest first, as the SDK asks for");
  for (const u of all) {
    assert.equal(u.directoryId, directory);
    assert.equal(u.organizationId, organization);
    assert.ok(u.idpId && u.email && u.customAttributes && Array.isArray(u.groups));
  }
  const forwards = await (await directorySync.listUsers({ directory, order: "asc" })).autoPagination();
  assert.deepEqual(ids(forwards), sorted(users));
  const page = await directorySync.listUsers({ directory, limit: 100, after: all[99].id });
  assert.deepEqual(ids(page.data), ids(all).slice(100, 200));
  const back = await directorySync.listUsers({ directory, limit: 100, before: page.listMetadata.before });
  assert.deepEqual(ids(back.data), ids(all).slice(0, 100));
});

test("users of a group, and one user", async () => {
  const members = await directorySync.listUsers({ group: groups.developers.id });
  assert.deepEqual(sorted(ids(members.data)), sorted(groups.developers.members));
  const user = await directorySync.getUser(ada.id);
  assert.deepEqual({ ...user, groups: [] }, members.data.find((u) => u.id === ada.id), "a list leaves the groups out");
  assert.equal(user.object, "directory_user");
  assert.equal(user.idpId, ada.externalId);
  assert.equal(user.email, ada.email);
  assert.equal(user.firstName, "Ada");
  assert.equal(user.lastName, "Lovelace");
  assert.equal(user.state, "active");
  assert.equal(user.customAttributes.job_title, "Countess");
  assert.equal(user.customAttributes.department_name, "Engines");
  assert.equal(user.customAttributes.username, ada.userName);
  assert.equal(user.rawAttributes.userName, ada.userName);
  assert.deepEqual(sorted(ids(user.groups)), sorted(ada.groups));
  assert.equal((await directorySync.getUser(given.inactive)).state, "inactive");
});

test("groups", async () => {
  const list = await (await directorySync.listGroups({ directory })).autoPagination();
  assert.deepEqual(sorted(ids(list)), sorted(Object.values(groups).map((g) => g.id)));
  const mine = await directorySync.listGroups({ user: ada.id });
  assert.deepEqual(sorted(ids(mine.data)), sorted(ada.groups));
  const group = await directorySync.getGroup(groups.developers.id);
  assert.deepEqual(group, list.find((g) => g.id === group.id));
  assert.equal(group.name, groups.developers.name);
  assert.equal(group.idpId, groups.developers.externalId);
  assert.equal(group.directoryId, directory);
  assert.equal(group.organizationId, organization);
  assert.equal(group.rawAttributes.displayName, groups.developers.name);
  assert.ok(Date.parse(group.createdAt) && Date.parse(group.updatedAt));
});
