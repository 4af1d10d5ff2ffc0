import assert from "node:assert/strict";
import { test } from "node:test";
import { given, workos } from "./machine.mjs";
import { check, names as kinds } from "./shapes.mjs";

const sent = new Map(given.delivered.map((body) => JSON.parse(body)).map((e) => [e.id, e]));

// walk reads page after page to the end.
async function walk(options) {
  const all = [];
  for (let after; ; ) {
    const page = await workos.events.listEvents({ ...options, ...(after && { after, rangeStart: undefined }) });
    assert.equal(page.object, "list");
    assert.ok(page.data.length <= (options.limit ?? 10));
    all.push(...page.data);
    after = page.listMetadata.after;
    if (!after) return all;
  }
}

// settled waits until the log shows what the bus delivered: it stays a few
// seconds behind on purpose.
async function settled(options, count) {
  for (const patience = Date.now() + 60_000; ; ) {
    const all = await walk({ ...options, limit: 100 });
    if (all.length >= count) return all;
    assert.ok(Date.now() < patience, `${all.length} events of ${count} are in the log`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

let log;

test("the log is read to its end", async () => {
  log = await settled({ events: kinds }, sent.size);
  const ids = log.map((e) => e.id);
  assert.deepEqual([...ids].sort(), [...sent.keys()].sort());
  for (const e of log) check(e, sent.get(e.id));
  const paged = await walk({ events: kinds, limit: 7 });
  assert.deepEqual(paged.map((e) => e.id), ids);
});

test("no name is every name", async () => {
  const all = await walk({ limit: 100 });
  assert.deepEqual(all.map((e) => e.id), log.map((e) => e.id));
});

test("by name, organization and time", async () => {
  const deleted = await walk({ events: ["dsync.user.deleted", "dsync.group.deleted"] });
  assert.deepEqual(deleted.map((e) => e.event).sort(), ["dsync.group.deleted", "dsync.user.deleted"]);

  const own = await walk({ events: ["dsync.activated"], organizationId: given.organization });
  assert.deepEqual(own.map((e) => e.data.id), [given.directory]);

  const { id } = log[10];
  const rest = await walk({ events: kinds, after: id });
  assert.deepEqual(rest.map((e) => e.id), log.slice(11).map((e) => e.id));

  const after = new Date(Date.now() + 60_000).toISOString();
  assert.deepEqual(await walk({ events: kinds, rangeStart: after }), []);
  const within = await walk({ events: kinds, rangeStart: given.began, rangeEnd: after, limit: 100 });
  assert.deepEqual(within.map((e) => e.id), log.map((e) => e.id));
  const before = await walk({ events: kinds, rangeStart: "2026-01-01", rangeEnd: "2026-01-02" });
  assert.deepEqual(before, []);

  const newest = await workos.events.listEvents({ events: kinds, order: "desc", limit: 5 });
  assert.deepEqual(newest.data.map((e) => e.id), log.slice(-5).reverse().map((e) => e.id));
});
