// Package isolation holds no code, only tests: whoever has no right to a
// request gets 401, 403 or 404, learns nothing from it and changes nothing,
// on every route of the topology, with every method, and a secret that was
// revoked stops within 10 seconds.
//
// Nothing learned is this: an answer holds no value of the directory that was
// asked for, and is the same as for one that does not exist. Nothing changed
// is this: every record of the table is as it was. Left out of that are the
// log of events, which the relay writes behind the requests and from these
// records only, and what a paused directory notes of the requests that it
// turns away, which is for its own admin: the list of them and the counts of
// the day.
//
// A function, route or endpoint that the tests have no requests for fails
// them. What needs no key is listed in one place, public.
package isolation
