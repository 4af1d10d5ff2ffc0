package setup

import (
	"cmp"
	"fmt"
	"strings"

	"dsync/internal/onboarding"
	"dsync/internal/web"
	"dsync/internal/wording"
)

// shownAttributes is how many attributes of a person the page shows.
const shownAttributes = 40

func text(document map[string]any, name string) string {
	s, _ := document[name].(string)
	return s
}

// workEmail is the e-mail address that the mapping gives: that of the type work, else
// the primary one, else the first.
func workEmail(document map[string]any) string {
	best, rank := "", 0
	list, _ := document["emails"].([]any)
	for _, e := range list {
		m, _ := e.(map[string]any)
		value, kind := text(m, "value"), text(m, "type")
		of := 1
		if m["primary"] == true {
			of = 2
		}
		if strings.EqualFold(kind, "work") {
			of = 3
		}
		if value != "" && of > rank {
			best, rank = value, of
		}
	}
	return best
}

// isObjectID reports whether s looks like the objectId of Entra: a GUID.
func isObjectID(s string) bool {
	if len(s) != len("00000000-0000-0000-0000-000000000000") {
		return false
	}
	for i, c := range s {
		hyphen := i == 8 || i == 13 || i == 18 || i == 23
		if hyphen != (c == '-') || !hyphen && !strings.ContainsRune("0123456789abcdefABCDEF", c) {
			return false
		}
	}
	return true
}

func personOf(t Texts, u onboarding.Arrival) person {
	p := person{UserName: text(u.Document, "userName"), Email: workEmail(u.Document), At: u.Created}
	p.Name = cmp.Or(text(u.Document, "displayName"), p.UserName)
	p.Attributes, _ = wording.AttributesOf(u.Document)
	p.Attributes = p.Attributes[:min(len(p.Attributes), shownAttributes)]
	if !isObjectID(text(u.Document, "externalId")) {
		p.Problems = append(p.Problems, t.Text("check.externalid.person", cmp.Or(text(u.Document, "externalId"), t.Text("nothing"))))
	}
	if p.Email == "" {
		p.Problems = append(p.Problems, t.Text("check.email.person"))
	}
	return p
}

// checksOf says of each mapping that matters what it gives for the newest users.
func checksOf(t Texts, users []onboarding.Arrival) []check {
	wrong := map[string]int{}
	example := ""
	for _, u := range users {
		if id := text(u.Document, "externalId"); !isObjectID(id) {
			wrong["externalid"]++
			example = cmp.Or(id, t.Text("nothing"))
		}
		if workEmail(u.Document) == "" {
			wrong["email"]++
		}
	}
	var checks []check
	for _, name := range []string{"externalid", "email"} {
		key := "check." + name
		switch {
		case len(users) == 0:
			checks = append(checks, check{Badge: web.Off(t.Text("tick.todo")), Text: t.Text(key + ".wait")})
		case wrong[name] == 0:
			checks = append(checks, check{Badge: web.Good(t.Text("check.right")), Text: t.Text(key + ".good")})
		default:
			of := fmt.Sprintf("%d/%d", wrong[name], len(users))
			checks = append(checks, check{Badge: web.Wait(t.Text("tick.look")), Text: t.Text(key+".bad", of, example), Remedy: t.Text(key + ".remedy")})
		}
	}
	return checks
}
