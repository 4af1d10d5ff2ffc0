// What the SDK must make of an event, by its kind: member by member, in its
// own names.
import assert from "node:assert/strict";

const camel = (name) => name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());

const times = ["created_at", "updated_at"];
const directory = ["object", "id", "organization_id", "type", "state", "name", ...times];
const user = [
  "object", "id", "directory_id", "organization_id", "idp_id", "email", "first_name", "last_name", "state",
  "raw_attributes", "custom_attributes", ...times,
];
const group = ["id", "directory_id", "organization_id", "idp_id", "name", "raw_attributes", ...times];

// kinds are WorkOS's events, and the check of each.
const kinds = {
  "dsync.activated": same([...directory, "external_key", "domains"]),
  "dsync.deleted": same(directory),
  "dsync.user.created": same(user),
  "dsync.user.updated": same([...user, "previous_attributes"]),
  "dsync.user.deleted": same(user),
  "dsync.group.created": same(group),
  "dsync.group.updated": same([...group, "previous_attributes"]),
  "dsync.group.deleted": same(group),
  "dsync.group.user_added": membership,
  "dsync.group.user_removed": membership,
  "dsync.token.created": untyped,
  "dsync.token.revoked": untyped,
};

// names are the names of WorkOS's events.
export const names = Object.keys(kinds);

// same checks that each member came out, and as it went in. Only what the
// provider did not send may be null.
function same(members) {
  return (out, sent) => {
    for (const name of members) {
      assert.notEqual(sent[name], undefined, `${name} was not sent`);
      if (!["email", "first_name", "last_name"].includes(name)) assert.notEqual(sent[name], null, name);
      assert.deepEqual(out[camel(name)], sent[name], name);
    }
    for (const name of times) assert.match(sent[name], /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  };
}

function membership(out, sent) {
  assert.equal(out.directoryId, sent.directory_id);
  same(user)(out.user, sent.user);
  same(group)(out.group, sent.group);
}

// untyped is what the SDK has no type for: it hands out what was sent.
function untyped(out, sent) {
  assert.deepEqual(out, sent);
  assert.equal(out.object, "directory_token");
}

// check fails unless out is what the SDK must make of sent.
export function check(out, sent) {
  assert.equal(sent.object, "event");
  assert.ok(kinds[sent.event], `what is ${sent.event}?`);
  assert.equal(out.event, sent.event);
  assert.equal(out.id, sent.id);
  assert.match(out.id, /^event_[0-9A-Z]{26}$/);
  assert.equal(out.createdAt, sent.created_at);
  assert.deepEqual(out.context, sent.context);
  kinds[sent.event](out.data, sent.data);
}
