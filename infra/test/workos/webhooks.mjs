import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import * as sdk from "@workos-inc/node";
import { given, workos } from "./machine.mjs";
import { check, names } from "./shapes.mjs";

const secret = "whsec_0FWAiVGkEfGBqqsJH4aNAGBJ4";

// sign is the WorkOS-Signature of a body that is sent now.
const sign = (body) => {
  const at = Date.now();
  return `t=${at}, v1=${createHmac("sha256", secret).update(`${at}.${body}`).digest("hex")}`;
};

test("every delivered event is a webhook", async () => {
  assert.ok(given.delivered.length > 0);
  for (const body of given.delivered) {
    const out = await workos.webhooks.constructEvent({ payload: body, sigHeader: sign(body), secret });
    check(out, JSON.parse(body));
  }
});

test("each kind was delivered", () => {
  const seen = new Set(given.delivered.map((body) => JSON.parse(body).event));
  assert.deepEqual([...seen].sort(), [...names].sort());
});

test("what was tampered with is refused", async () => {
  const [body] = given.delivered;
  await assert.rejects(
    workos.webhooks.constructEvent({ payload: body.replace("event_", "event_X"), sigHeader: sign(body), secret }),
    (e) => e instanceof sdk.SignatureVerificationException,
  );
});
