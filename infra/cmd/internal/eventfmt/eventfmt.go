// Package eventfmt formats a dsync event as one line of terminal output.
package eventfmt

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
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
	return strings.TrimSpace(fmt.Sprintf("%-26s %-44s %s", printable(e.Name), printable(id), called))
}

func (r resource) called() string {
	var parts []string
	if r.Name != "" {
		parts = append(parts, printable(r.Name))
	}
	if r.Email != "" && r.Email != r.Name {
		parts = append(parts, "<"+printable(r.Email)+">")
	}
	if r.Suffix != "" {
		parts = append(parts, "…"+printable(r.Suffix))
	}
	if len(parts) == 0 {
		parts = append(parts, printable(r.ID))
	}
	if r.State == "inactive" {
		parts = append(parts, "(inactive)")
	}
	return strings.Join(parts, " ")
}

// maxShown is how many characters of a text are printed. A name from a provider
// can have thousands.
const maxShown = 200

// printable returns at most maxShown characters of a text. Characters that are not
// printable are escaped, such as those that control the terminal or the direction
// of writing: a name from a provider must not change what a reader sees.
func printable(s string) string {
	var text strings.Builder
	n := 0
	for _, r := range s {
		part := string(r)
		if !unicode.IsPrint(r) {
			part = strings.Trim(strconv.QuoteRuneToASCII(r), "'")
		}
		if n += utf8.RuneCountInString(part); n > maxShown {
			return text.String() + "…"
		}
		text.WriteString(part)
	}
	return text.String()
}
