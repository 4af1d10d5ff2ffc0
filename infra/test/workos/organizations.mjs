import assert from "node:assert/strict";
import { test } from "node:test";
import { workos } from "./machine.mjs";

const { organizations } = workos;

test("an organization lives through the SDK", async () => {
  const made = await organizations.createOrganization({
    name: "Acme Inc.",
    externalId: "crm:42/a b",
    domainData: [{ domain: "acme.example", state: "verified" }],
    metadata: { tier: "diamond" },
  });
  assert.match(made.id, /^org_[0-9A-Z]{26}$/);
  assert.equal(made.object, "organization");
  assert.equal(made.name, "Acme Inc.");
  assert.equal(made.externalId, "crm:42/a b");
  assert.deepEqual(made.metadata, { tier: "diamond" });
  assert.equal(made.allowProfilesOutsideOrganization, false);
  assert.ok(Date.parse(made.createdAt) && Date.parse(made.updatedAt));
  const [domain] = made.domains;
  assert.equal(domain.domain, "acme.example");
  assert.equal(domain.state, "verified");
  assert.equal(domain.organizationId, made.id);
  assert.equal(domain.verificationStrategy, "manual");
  assert.match(domain.id, /^org_domain_[0-9A-Z]{26}$/);

  assert.deepEqual(await organizations.getOrganization(made.id), made);
  assert.deepEqual(await organizations.getOrganizationByExternalId("crm:42/a b"), made);

  const changed = await organizations.updateOrganization({
    organization: made.id,
    name: "Acme Corp.",
    metadata: { tier: "", plan: "pro" },
  });
  assert.equal(changed.name, "Acme Corp.");
  assert.deepEqual(changed.metadata, { tier: "", plan: "pro" });
  assert.deepEqual(changed.domains, made.domains);
  assert.equal(changed.externalId, made.externalId);
  const cleared = await organizations.updateOrganization({ organization: made.id, externalId: null, metadata: { tier: null } });
  assert.equal(cleared.externalId, null);
  assert.deepEqual(cleared.metadata, { plan: "pro" });
  await assert.rejects(organizations.getOrganizationByExternalId("crm:42/a b"), { status: 404 });

  await organizations.deleteOrganization(made.id);
  await assert.rejects(organizations.getOrganization(made.id), { name: "NotFoundException", code: "entity_not_found" });
});

test("organizations are listed to the end, and found", async () => {
  const made = [];
  for (let i = 0; i < 12; i++) {
    made.push(await organizations.createOrganization({ name: `Customer ${i}`, domainData: [{ domain: `c${i}.example`, state: "pending" }] }));
  }
  const ids = (list) => list.map((o) => o.id);
  const first = await organizations.listOrganizations();
  assert.deepEqual(ids(first.data), ids(made).reverse().slice(0, 10), "ten, the newest first");
  const all = await first.autoPagination();
  assert.deepEqual(ids(all).slice(0, 12), ids(made).reverse());
  const forwards = ids(all).reverse();
  const oldest = await organizations.listOrganizations({ limit: 5, order: "asc" });
  assert.deepEqual(ids(oldest.data), forwards.slice(0, 5));
  const next = await organizations.listOrganizations({ limit: 5, order: "asc", after: oldest.listMetadata.after });
  assert.deepEqual(ids(next.data), forwards.slice(5, 10));
  const back = await organizations.listOrganizations({ limit: 5, order: "asc", before: next.listMetadata.before });
  assert.deepEqual(ids(back.data), ids(oldest.data));
  const found = await organizations.listOrganizations({ domains: ["c3.example", "c7.example"] });
  assert.deepEqual(ids(found.data), [made[7].id, made[3].id]);
  for (const { id } of made) await organizations.deleteOrganization(id);
});
