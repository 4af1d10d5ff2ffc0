import assert from "node:assert/strict";
import { test } from "node:test";
import { given, workos } from "./machine.mjs";

test("a directory is deleted", async () => {
  await workos.directorySync.deleteDirectory(given.directory);
  const { state } = await workos.directorySync.getDirectory(given.directory).catch((e) => {
    assert.equal(e.status, 404); // the purge was quick
    return { state: "deleting" };
  });
  assert.equal(state, "deleting");
});
