// Package eventfmt formats a dsync event as one line of terminal output.
package eventfmt

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
)

// resource contains the printed fields of a user, a group, a directory or a
// token.
type resource struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Email  string `json:"email"`
	State  string `json:"state"`
	Suffix string `json:"token_suffix"`
}

// Of formats an event: the event name, the ID of the resource, and the display
// names.
func Of(event json.RawMessage) string {
	var e struct {
		Name string `json:"event"`
		Data struct {
			resource
			User  *resource `json:"user"`
			Group *resource `json:"group"`
		} `json:"data"`
	}
	if err := json.Unmarshal(event, &e); err != nil {
		return printable(string(event))
	}
	id, called := e.Data.ID, e.Data.called()
	if e.Data.User != nil && e.Data.Group != nil {
		id, called = e.Data.Group.ID, e.Data.Group.called()+": "+e.Data.User.called()
	}
	return strings.TrimSpace(printable(fmt.Sprintf("%-26s %-44s %s", e.Name, id, called)))
}

func (r resource) called() string {
	var parts []string
	if r.Name != "" {
		parts = append(parts, r.Name)
	}
	if r.Email != "" && r.Email != r.Name {
		parts = append(parts, "<"+r.Email+">")
	}
	if r.Suffix != "" {
		parts = append(parts, "…"+r.Suffix)
	}
	if len(parts) == 0 {
		parts = append(parts, r.ID)
	}
	if r.State == "inactive" {
		parts = append(parts, "(inactive)")
	}
	return strings.Join(parts, " ")
}

// printable replaces non-printable characters, so that a name from a provider
// cannot control the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, s)
}
