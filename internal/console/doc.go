// Package console serves the console: the pages on which the team watches and
// manages organizations, directories and keys.
//
// Pages are html/template, so they work without JavaScript, but for what is live.
// Everything goes through a management.Session, as in the REST API: the same
// checks, and an audit event with the person for each change. A request with no
// valid session is a 401, whatever its path, but for the public routes: signing in
// and the static files. A role that may not is a 403. GET changes nothing. A
// request from another origin is refused: package web has this, and the components of
// pages.
//
// # How a screen is added
//
// A screen is one Go file, one template and one entry in routes.go:
//
//  1. templates/<screen>.html defines "content". Its dot is a page (answer.go): the
//     data of the screen are in .Data, and .May "manage" tells whether the person
//     may change something. Use the components of package web;
//     /console/styleguide shows all of them on a local machine. Wrap whatever a
//     person, a provider or a client wrote in {{text …}}: it is bounded, and shows
//     control and bidi characters instead of obeying them.
//  2. <screen>.go has the handlers, func(*request) error. A GET reads through
//     r.session and calls r.render. A POST changes through r.session, then calls
//     r.Done, which redirects to a page with a toast. A form that is refused is
//     rendered again: Form.Refused keeps what was typed and says what is wrong.
//  3. <screen>.go lists its routes in a variable, with the scope that each needs,
//     and routes.go adds them. What changes something needs management.Manage or
//     management.Keys: a test checks it. A new entry of the navigation goes to
//     sections in answer.go.
//  4. Whatever the screen does must be in the REST API. r.curl makes the equal
//     command, template "curl" shows it.
//  5. Lists are pages by cursor: r.pageRequest reads ?after and ?before, and template
//     "pager" shows the links.
//  6. infra/test/browser checks each GET route with axe, in light and dark, wide and
//     narrow, with hostile values. Give it an example of the path's parameters.
package console
