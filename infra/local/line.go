package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
)

// resource is what a line tells of a user, a group or a directory.
type resource struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email"`
	State string `json:"state"`
}

// line tells an event in one line: its name, whom it is about, and how people
// call them.
func line(event json.RawMessage) string {
	var e struct {
		DetailType string `json:"detail-type"`
		Detail     struct {
			Data struct {
				resource
				User  *resource `json:"user"`
				Group *resource `json:"group"`
			} `json:"data"`
		} `json:"detail"`
	}
	if err := json.Unmarshal(event, &e); err != nil {
		return printable(string(event))
	}
	data := e.Detail.Data
	id, called := data.ID, data.called()
	if data.User != nil && data.Group != nil {
		id, called = data.Group.ID, data.Group.called()+": "+data.User.called()
	}
	return strings.TrimSpace(printable(fmt.Sprintf("%-26s %-44s %s", e.DetailType, id, called)))
}

func (r resource) called() string {
	var parts []string
	if r.Name != "" {
		parts = append(parts, r.Name)
	}
	if r.Email != "" && r.Email != r.Name {
		parts = append(parts, "<"+r.Email+">")
	}
	if len(parts) == 0 {
		parts = append(parts, r.ID)
	}
	if r.State == "inactive" {
		parts = append(parts, "(inactive)")
	}
	return strings.Join(parts, " ")
}

// printable keeps a name from a provider from driving the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, s)
}
