// Package replay holds no code, only a test: it replays the traffic of identity
// providers in events/ on a whole machine and compares the answers, the table and
// the events with what the files say. Each provider has a folder. What is in
// events/entra follows docs/entra.md. Other files say whether their source is
// documentation or a public report; none of them is recorded traffic.
//
// A file is one exchange. Its members:
//
//	name, source   what it shows, and which text says that it has to be so
//	rows           the rows of the catalogue that it stands for (rows_test.go);
//	               only Entra and Okta have one
//	directory      type and settings of the directory, if they are not the defaults
//	quirks         entries of entra.md section 13
//	dialect        of a PATCH: "default", or "flag" for aadOptscim062020
//	given          requests that bring the directory into its state
//	request        the request that the file is about
//	expect         its answer
//	then           requests that look at the outcome, each with its answer
//	unchanged      request and then leave every item of the table as it was
//	events         the events that request and then cause, no more and no less;
//	               those of the directory's own beginning are left out
//
// A request has a method, a path as it goes over the wire (below the Tenant
// URL, or a whole URL), headers beside the usual ones ("" takes one away), and
// a body, or raw text in its place. pad_to makes a body that many bytes long,
// by an attribute that no schema knows. save gives names to values of the
// answer; {name} stands for them from there on. Also known are {url}, {token},
// {directory} and {organization} of the exchange's own directory, {other_url}
// and {other_token} of another one, and {api}, where the machine answers. A
// request with eventually is repeated until its answer comes: it looks at work
// that goes on in the background.
//
// In what is expected an object may have members that are not named, except
// within previous_attributes, and a list is just as given. These stand for
// more than themselves:
//
//	"<any>"               anything but null
//	"<absent>"            the member is not there
//	"<id>"                the id of a user or group
//	"<timestamp>"         RFC 3339 in UTC, with milliseconds
//	"<not x>"             a text other than x
//	{"<unordered>": […]}  a list, in any order
//	{"<first>": […], "<unordered>": […]}  the first ones in order, then the others in any
//	{"<contains>": […]}   a list that holds these among others
//
// What holds of every SCIM answer is checked of every answer and stands in no
// file: see answer.lawful. So are the sequences of the events, which have no
// gap, and the order of the events of each resource. The events are compared in
// the order of their requests. A last user is created when all is done: after
// its event there are no more.
package replay
