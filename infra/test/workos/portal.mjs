import assert from "node:assert/strict";
import { test } from "node:test";
import { workos } from "./machine.mjs";

test("a link to the setup page is generated through the SDK", async () => {
  const { id } = await workos.organizations.createOrganization({ name: "Portal Inc." });
  const { link } = await workos.adminPortal.generateLink({ organization: id, intent: "dsync", adminEmails: ["it@portal.example"] });
  const url = new URL(link);
  assert.equal(url.pathname, "/setup/");
  assert.match(url.searchParams.get("token"), /^dsync_setup_/);
  const page = await fetch(link);
  assert.equal(page.status, 200);
  assert.match(await page.text(), /Portal Inc\./);
  await assert.rejects(workos.adminPortal.generateLink({ organization: id, intent: "sso" }), { status: 422 });
  await assert.rejects(workos.adminPortal.generateLink({ organization: id, intent: "dsync", returnUrl: "https://elsewhere.example" }), { status: 422 });
});
