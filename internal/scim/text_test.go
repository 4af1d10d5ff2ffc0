package scim_test

import (
	"strings"
	"testing"

	"dsync/internal/fault"
	"dsync/internal/scim"
	"dsync/internal/scim/scimtest"
)

// Package json replaces bad text by U+FFFD, so two different names would become
// one.
func TestCheckText(t *testing.T) {
	for _, row := range []struct{ name, text, problem string }{
		{"rfc: every plane", `"Ünïcode 日本語 😀"`, ""},
		{"rfc: escapes", `"\u00e9 \ud83d\ude00 \uD83D\uDE00 \\ud800 \/ \b\f\n\r\t \u001f"`, ""},
		{"rfc: U+FFFD as sent", `"� \ufffd"`, ""},
		{"generic: Latin-1", "\"Ren\xe9\"", "400 invalidSyntax"},
		{"generic: Latin-1 in a name", "\"x\",\"Ren\xe9\":1", "400 invalidSyntax"},
		{"hostile: a byte of a character", "\"\xe6\x97\"", "400 invalidSyntax"},
		{"hostile: a surrogate in UTF-8", "\"\xed\xa0\x80\"", "400 invalidSyntax"},
		{"hostile: an overlong form", "\"\xc0\xaf\"", "400 invalidSyntax"},
		{"hostile: the first half of a pair", `"\ud800"`, "400 invalidSyntax"},
		{"hostile: the first half, before another escape", `"\ud800\n"`, "400 invalidSyntax"},
		{"hostile: two first halves", `"\ud800\ud800"`, "400 invalidSyntax"},
		{"hostile: the second half", `"\udc00"`, "400 invalidSyntax"},
		{"hostile: the halves in the wrong order", `"\ude00\ud83d"`, "400 invalidSyntax"},
		{"hostile: after an escaped backslash", `"\\\ud800"`, "400 invalidSyntax"},
		{"hostile: NUL", `"a\u0000b"`, "400 invalidSyntax"},
		{"hostile: NUL as it is", "\"a\x00b\"", "400 invalidSyntax"},
		{"hostile: an escape that ends early", `"\ud8`, "400 invalidSyntax"},
	} {
		t.Run(row.name, func(t *testing.T) {
			body := `{"userName":` + row.text + `}`
			_, err := scim.DecodeObject([]byte(body))
			if p := scimtest.Problem(t, err); p != row.problem {
				t.Errorf("got %q (%v), want %q", p, err, row.problem)
			}
			if e, ok := err.(*fault.Error); ok && strings.Contains(e.Detail, "Ren") {
				t.Errorf("the error repeats the value: %v", e)
			}
		})
	}
}

func TestReferenced(t *testing.T) {
	for ref, want := range map[any]string{
		"https://x/scim/v2.0/key/Users/u-1": "u-1", "../Users/u-1": "u-1", "/Users/u-1": "u-1", "Users/u-1": "u-1", "/users/u-1/": "u-1",
		"https://x/Groups/g": "", "u-1": "", "/u-1": "", "/Users/": "", "Users": "", "": "", "/Users/u-1?x": "", "/AllUsers/u-1": "", nil: "", 7: "",
	} {
		id, ok := scim.Referenced("/Users", ref)
		if ok != (want != "") || ok && id != want {
			t.Errorf("%v: %q, %v", ref, id, ok)
		}
	}
}
