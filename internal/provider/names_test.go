package provider_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// endpointOf is the handler and the attribute of a name.
func (v tenant) post(t testing.TB, attribute, name string) (status int, detail string) {
	t.Helper()
	h, path := v.users, "/Users"
	if attribute == "displayName" {
		h, path = v.groups, "/Groups"
	}
	w := v.send(h, "POST", path, fmt.Sprintf(`{%q:%s}`, attribute, quoted(name)))
	detail, _ = object(t, w)["detail"].(string)
	return w.Code, detail
}

func quoted(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r > 0xffff {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return `"` + b.String() + `"`
}

// Two forms of one name are one name, for uniqueness and for filters. The name is
// returned as it was sent.
func TestNamesAreOne(t *testing.T) {
	v := open(t)
	for i, row := range []struct {
		source, stored, other string
		same                  bool
	}{
		{"keycloak: NFC, then NFD", "zo\u00eb", "zoe\u0308", true},
		{"nextcloud: NFD, then NFC", "ren e\u0301", "ren \u00e9", true},
		{"entra: NFD in capitals", "m\u00fcller", "MU\u0308LLER", true},
		{"okta: Hangul syllables and Jamo", "\ud55c\uae00", "\u1112\u1161\u11ab\u1100\u1173\u11af", true},
		{"authentik: fullwidth letters", "\uff21\uff24\uff21", "ada", true},
		{"canaille: halfwidth kana with a mark", "\uff76\uff9e", "\u30ac", true},
		{"entra: the Kelvin sign", "\u212aelvin", "kelvin", true},
		{"rauthy: the long s", "\u017fam", "Sam", true},
		{"keycloak: final sigma", "\u03bf\u03b4\u03bf\u03c2", "\u039f\u0394\u039f\u03a3", true},
		{"okta: the sharp s in capitals", "stra\u00dfe", "STRA\u1e9eE", true},
		{"keycloak: a letter composed in one case only", "\u01f0an", "J\u030can", true},
		{"entra: white space at the ends", "eve", " eve\u00a0", true},
		{"nextcloud: a tab at the end", "mallory\t", "Mallory", true},
		{"okta: the sharp s is not ss", "gro\u00df", "gross", false},
		{"keycloak: the dotless i", "d\u0131k", "dik", false},
		{"keycloak: I with a dot", "\u0130pek", "ipek", false},
		{"entra: another accent", "ren\u00e8", "ren\u00ea", false},
		{"nextcloud: white space inside", "a  b", "a b", false},
	} {
		for _, attribute := range []string{"userName", "displayName"} {
			path := map[string]string{"userName": "/Users", "displayName": "/Groups"}[attribute]
			if status, detail := v.post(t, attribute, row.stored); status != 201 {
				t.Fatalf("%s: %d %s", row.source, status, detail)
			}
			want := 201
			if row.same {
				want = 409
			}
			if status, _ := v.post(t, attribute, row.other); status != want {
				t.Errorf("%s: the second %s: %d", row.source, attribute, status)
			}
			found := v.ask(t, 200, "GET", path+"?filter="+url.QueryEscape(fmt.Sprintf("%s eq %s", attribute, quoted(row.other))), "").each(attribute)
			shown := strings.TrimSpace(row.stored)
			if !row.same {
				shown = strings.TrimSpace(row.other)
			}
			if len(found) != 1 || found[0] != shown {
				t.Errorf("%s: %s eq %q finds %q", row.source, attribute, row.other, found)
			}
			// Without the key, a filter compares in the same way.
			scanned := v.ask(t, 200, "GET", path+"?filter="+url.QueryEscape(fmt.Sprintf("not (%s ne %s)", attribute, quoted(row.other))), "").each(attribute)
			if len(scanned) != 1 || scanned[0] != shown {
				t.Errorf("row %d, %s: scanned: %q", i, row.source, scanned)
			}
		}
	}
}

// What cannot be seen in a name is refused, by every way to write it, and the
// answer names the character. Nothing else is refused.
func TestNamesThatCannotBeSeen(t *testing.T) {
	v := open(t)
	user, group := v.newUser(t, "ada"), v.newGroup(t, "g")
	for _, row := range []struct {
		source, name, character string
		group                   bool // a group can have it
	}{
		{"hostile: a newline inside", "a\nb", "U+000A", false},
		{"hostile: a C1 control", "a\u0090b", "U+0090", false},
		{"hostile: right-to-left override", "ad\u202enimda", "U+202E", false},
		{"hostile: an isolate", "\u2066ada", "U+2066", false},
		{"keycloak: a right-to-left mark", "\u05d0\u200f", "U+200F", false},
		{"okta: zero width space from a spreadsheet", "ada\u200b", "U+200B", false},
		{"entra: byte order mark from a CSV file", "\ufeffada", "U+FEFF", false},
		{"nextcloud: soft hyphen", "a\u00adda", "U+00AD", false},
		{"hostile: word joiner", "a\u2060da", "U+2060", false},
		{"hostile: Hangul filler", "\u3164", "U+3164", false},
		{"hostile: tag letters", "ada\U000e0041", "U+E0041", false},
		{"hostile: line separator", "a\u2028b", "U+2028", false},
		{"hostile: a joiner between ASCII", "ad\u200dmin", "U+200D", false},
		{"hostile: a joiner at the end", "\u0645\u06cc\u200c", "U+200C", false},
		{"keycloak: Persian", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "U+200C", true},
		{"entra: emoji", "\U0001f469\u200d\U0001f4bb Devs", "U+200D", true},
	} {
		for _, attribute := range []string{"userName", "displayName"} {
			h, path, existing := v.users, "/Users", user
			if attribute == "displayName" {
				h, path, existing = v.groups, "/Groups", group
			}
			body := fmt.Sprintf(`{%q:%s}`, attribute, quoted(row.name))
			for way, w := range map[string]int{
				"POST":           v.send(h, "POST", path, body).Code,
				"PUT":            v.send(h, "PUT", existing, body).Code,
				"PATCH":          v.send(h, "PATCH", existing, patchOf(fmt.Sprintf(`{"op":"Replace","path":%q,"value":%s}`, attribute, quoted(row.name)))).Code,
				"PATCH pathless": v.send(h, "PATCH", existing, patchOf(fmt.Sprintf(`{"op":"replace","value":%s}`, body))).Code,
			} {
				if accepted := w < 300 || w == 409; accepted != (row.group && attribute == "displayName") || !accepted && w != 400 {
					t.Errorf("%s: %s %s: %d", row.source, way, attribute, w)
				}
			}
			if row.group && attribute == "displayName" {
				continue
			}
			if status, detail := v.post(t, attribute, row.name); status != 400 || !strings.Contains(detail, row.character) || !strings.Contains(detail, attribute) {
				t.Errorf("%s: %d %s", row.source, status, detail)
			}
		}
	}
	// Other text is not a name.
	v.ask(t, 200, "PATCH", user, patchOf(`{"op":"Replace","path":"title","value":"a\u200bb\n"}`))
	for _, name := range []string{"\u0600 5", "O'Brien-Smith", "a b", "\u05d0\u05d1", "\u2764\ufe0f"} {
		if status, detail := v.post(t, "userName", name); status != 201 {
			t.Errorf("%q: %d %s", name, status, detail)
		}
	}
}

// White space at the ends of a name is removed, by every way to write it.
func TestNamesAreTrimmed(t *testing.T) {
	v := open(t)
	user := v.newUser(t, " ada ")
	name := func() any { return v.ask(t, 200, "GET", user, "").body["userName"] }
	for i, send := range []func(){
		func() {},
		func() { v.ask(t, 200, "PUT", user, `{"userName":"\tada\u3000"}`) },
		func() { v.ask(t, 200, "PATCH", user, patchOf(`{"op":"Replace","path":"userName","value":"ada "}`)) },
		func() { v.ask(t, 200, "PATCH", user, patchOf(`{"op":"Replace","value":{"userName":" ada"}}`)) },
	} {
		before := v.count(t)
		send()
		if name() != "ada" || v.count(t) != before {
			t.Errorf("%d: %q", i, name())
		}
	}
	if tag := v.ask(t, 200, "GET", user, "").header.Get("ETag"); tag != `W/"1"` {
		t.Errorf("a name with other white space is a change: %s", tag)
	}
	if status, _ := v.post(t, "userName", " \u00a0"); status != 400 {
		t.Errorf("a name of white space: %d", status)
	}
}
