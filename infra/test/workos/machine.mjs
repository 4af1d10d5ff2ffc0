// What every script begins with: the SDK at the machine, and what the test
// told to expect.
import { readFileSync } from "node:fs";
import { WorkOS } from "@workos-inc/node";

export const given = JSON.parse(readFileSync(0, "utf8"));

const { hostname, port } = new URL(given.url);

export const connect = (apiKey) => new WorkOS(apiKey, { apiHostname: hostname, port: Number(port), https: false });

export const workos = connect(given.key);
