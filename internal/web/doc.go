// Package web is what the sites for people share: the stylesheet and the scripts,
// the components of pages, the security of answers, cookies and forms.
//
// A Site serves the pages of one path, such as /console. Pages are html/template, so
// they work without JavaScript, but for what is live. Each answer has the same strict
// headers (headers), no request of another site reaches a handler, and a panic is the
// failure of one request.
//
// A site has its own layout and pages. A page is made of the components in
// templates/components.html, each with the shape of its argument. Whatever a person, a
// provider or a client wrote is wrapped in {{text …}}: it is bounded, and shows control
// and bidi characters instead of obeying them.
//
// A Site is safe for concurrent use; an Exchange belongs to one request.
package web
