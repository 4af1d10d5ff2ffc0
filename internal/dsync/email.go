package dsync

import (
	"maps"
	"slices"
	"strings"

	"dsync/internal/scim/resource"
)

// email returns a user's e-mail address (workos.md section 4.2): the main one of
// its e-mails, or, if none has a value, the userName if that has the form of an
// address. Entra's cloud users without a mailbox have no `mail`, so their userName
// is the only address. doc is what is Visible.
func (p Projection) email(doc map[string]any) string {
	main := resource.MainEmail(doc)
	if !p.AnyEmail {
		main = resource.EarlierMainEmail(doc)
	}
	if main != "" || p.NoEmailFallback {
		return main
	}
	name := text(doc, "userName")
	if local, domain, ok := strings.Cut(name, "@"); ok && local != "" && strings.Contains(domain, ".") && !strings.ContainsAny(domain, "@ ") &&
		(!p.WithholdForeign || p.Verifies(name)) {
		return name
	}
	return ""
}

// Verifies reports whether the domain of an e-mail address is a verified domain
// of the organization: the domain itself, not one below it. It says yes only to a
// plain address, of which no reader can see another domain: printable ASCII without
// spaces, with one @, and without the characters that quote, comment, list or
// route.
func (p Projection) Verifies(email string) bool {
	local, domain, ok := strings.Cut(email, "@")
	if !ok || local == "" || strings.ContainsFunc(email, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"(),:;<>[]\`, r) }) {
		return false
	}
	return slices.Contains(p.Domains, strings.ToLower(domain))
}

// Visible returns what consumers see of a user's resource. A directory that
// withholds foreign addresses shows an e-mail only if its domain is verified. The
// userName stays: it is an identifier.
func (p Projection) Visible(doc map[string]any) map[string]any {
	emails, ok := doc["emails"]
	if !p.WithholdForeign || !ok {
		return doc
	}
	list, _ := emails.([]any)
	var kept []any
	for _, e := range list {
		object, _ := e.(map[string]any)
		if p.Verifies(text(object, "value")) {
			kept = append(kept, e)
		}
	}
	doc = maps.Clone(doc)
	doc["emails"] = kept
	if len(kept) == 0 {
		delete(doc, "emails")
	}
	return doc
}
