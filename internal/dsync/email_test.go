package dsync_test

import (
	"strings"
	"testing"

	"dsync/internal/dsync"

	"github.com/google/go-cmp/cmp"
)

// An address is verified if every reader sees the same domain in it, and that is a
// verified domain.
func TestVerifies(t *testing.T) {
	p := dsync.Projection{Domains: []string{"acme.example", "xn--bcher-kva.example"}}
	for email, want := range map[string]bool{
		"ada@acme.example":                         true,
		"ADA@Acme.EXAMPLE":                         true,
		"a@acme.example":                           true,
		"ada+x.y-z_'@acme.example":                 true,
		"ada@xn--bcher-kva.example":                true,
		"":                                         false,
		"acme.example":                             false,
		"@acme.example":                            false,
		"ada@":                                     false,
		"ada@evil.example":                         false,
		"ada@mail.acme.example":                    false, // a domain below it
		"ada@notacme.example":                      false,
		"ada@acme.example.evil.example":            false,
		"ada@acme.example.":                        false,
		"ada@example":                              false,
		"ada@evil.example@acme.example":            false, // hostile: two domains
		`"ada@evil.example"@acme.example`:          false, // hostile: a quoted local part
		"ada@evil.example,bob@acme.example":        false, // hostile: a list
		"<ada@evil.example> ada@acme.example":      false, // hostile: a name
		"ada(@evil.example)@acme.example":          false, // hostile: a comment
		"ada;x@acme.example":                       false,
		"@evil.example:ada@acme.example":           false, // hostile: a route
		`ada\@acme.example`:                        false,
		" ada@acme.example":                        false,
		"ada@acme.example ":                        false,
		"ada @acme.example":                        false,
		"ada@acme.example\n":                       false,
		"ada\r\nBcc: x@acme.example":               false,
		"ada\x00@acme.example":                     false,
		"ada\x7f@acme.example":                     false,
		"ада@acme.example":                         false, // letters that look like others
		"ada@aсme.example":                         false, // a Cyrillic letter in the domain
		"ada@acme\u200b.example":                   false,
		"ada@ACME.example\u0130":                   false,
		"ada@bücher.example":                       false, // only its ASCII form is listed
		"ada@acme.example" + "\u212a":              false,
		strings.Repeat("a", 500) + "@acme.example": true,
	} {
		if got := p.Verifies(email); got != want {
			t.Errorf("%q: %v, want %v", email, got, want)
		}
	}
	if (dsync.Projection{}).Verifies("ada@acme.example") {
		t.Error("an organization without verified domains verifies one")
	}
}

// A user tells whether the domain of its email is verified, whichever email that
// is. A directory that withholds foreign addresses shows no other one, in no
// attribute that comes from the e-mails.
func TestForeignEmails(t *testing.T) {
	const foreign, own, userName = `{"type":"work","primary":true,"value":"ada@evil.example","display":"ada@evil.example"}`, `{"type":"other","value":"ada@acme.example"}`, `"userName":"ada@evil.example"`
	type shown struct {
		Email    any
		Verified any
		Emails   int // in the custom and in the raw attributes
		Mapped   any
	}
	for _, c := range []struct {
		name, doc      string
		kept, withheld shown
	}{
		{"its own domain", `{"emails":[` + own + `]}`,
			shown{"ada@acme.example", true, 1, nil}, shown{"ada@acme.example", true, 1, nil}},
		{"a foreign primary", `{"emails":[` + foreign + `,` + own + `]}`,
			shown{"ada@evil.example", false, 2, "ada@evil.example"}, shown{"ada@acme.example", true, 1, nil}},
		{"foreign alone", `{"emails":[` + foreign + `],` + userName + `}`,
			shown{"ada@evil.example", false, 1, "ada@evil.example"}, shown{nil, false, 0, nil}},
		{"no e-mail, foreign userName", `{"emails":[],` + userName + `}`,
			shown{"ada@evil.example", false, 0, nil}, shown{nil, false, 0, nil}},
		{"no e-mail, own userName", `{"emails":[],"userName":"ada@acme.example"}`,
			shown{"ada@acme.example", true, 0, nil}, shown{"ada@acme.example", true, 0, nil}},
		{"foreign, own userName", `{"emails":[` + foreign + `],"userName":"ada@acme.example"}`,
			shown{"ada@evil.example", false, 1, "ada@evil.example"}, shown{"ada@acme.example", true, 0, nil}},
		{"an element without a value", `{"emails":[{"type":"work","display":"ada@evil.example"}],"userName":"ada"}`,
			shown{nil, false, 1, nil}, shown{nil, false, 0, nil}},
		{"none", `{"emails":[],"userName":"ada"}`, shown{nil, false, 0, nil}, shown{nil, false, 0, nil}},
	} {
		for withhold, want := range map[bool]shown{false: c.kept, true: c.withheld} {
			p := dsync.Projection{Domains: []string{"acme.example"}, WithholdForeign: withhold, AnyEmail: true,
				Mapping: map[string]string{"emails": "emails", "mail": `emails[type eq "work"].value`, "name": "userName"}}
			r := user(t, c.doc)
			r.Projection = p
			before := asJSON(t, r.Document)
			u := asJSON(t, dsync.User(*r)).(map[string]any)
			custom, raw := u["custom_attributes"].(map[string]any), u["raw_attributes"].(map[string]any)
			inCustom, _ := custom["emails"].([]any)
			inRaw, _ := raw["emails"].([]any)
			if len(inCustom) != len(inRaw) {
				t.Errorf("%s, %v: %v and %v", c.name, withhold, inCustom, inRaw)
			}
			if diff := cmp.Diff(want, shown{u["email"], u["email_domain_verified"], len(inRaw), custom["mail"]}); diff != "" {
				t.Errorf("%s, withhold %v: %s", c.name, withhold, diff)
			}
			if custom["name"] != r.Document["userName"] || raw["userName"] != r.Document["userName"] {
				t.Errorf("%s: the userName is %v", c.name, custom["name"])
			}
			if !cmp.Equal(before, asJSON(t, r.Document)) {
				t.Errorf("%s: the resource changed", c.name)
			}
		}
	}
}

// A domain that becomes verified is a change of the users with such an e-mail, and
// of no other.
func TestVerifiedDomainsChangeUsers(t *testing.T) {
	old, updated := user(t, `{}`), user(t, `{}`)
	updated.Projection.Domains = []string{"example.com"}
	change := dsync.UserChange(old, updated)
	if change == nil || !cmp.Equal(change.Data["previous_attributes"], map[string]any{"email_domain_verified": false}) {
		t.Errorf("%+v", change)
	}
	updated.Projection.Domains = []string{"example.org"}
	if change := dsync.UserChange(old, updated); change != nil {
		t.Errorf("%+v", change)
	}
}
