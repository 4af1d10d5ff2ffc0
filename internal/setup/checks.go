package setup

import (
	"cmp"
	"fmt"

	"dsync/internal/doctor"
	"dsync/internal/onboarding"
	"dsync/internal/scim/resource"
	"dsync/internal/web"
	"dsync/internal/wording"
)

// shownAttributes is how many attributes of a person the page shows.
const shownAttributes = 40

func text(document map[string]any, name string) string {
	s, _ := document[name].(string)
	return s
}

func personOf(t Texts, u onboarding.Arrival) person {
	p := person{UserName: text(u.Document, "userName"), Email: resource.WorkEmail(u.Document), At: u.Created}
	p.Name = cmp.Or(text(u.Document, "displayName"), p.UserName)
	p.Attributes, _ = wording.AttributesOf(u.Document)
	p.Attributes = p.Attributes[:min(len(p.Attributes), shownAttributes)]
	switch id := text(u.Document, "externalId"); {
	case id == "":
		p.Problems = append(p.Problems, t.Text("check.externalid.missing"))
	case !doctor.IsObjectID(id):
		p.Problems = append(p.Problems, t.Text("check.externalid.person", id))
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
		if id := text(u.Document, "externalId"); !doctor.IsObjectID(id) {
			wrong["externalid"]++
			example = cmp.Or(id, example)
		}
		if resource.WorkEmail(u.Document) == "" {
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
			said := key + ".bad"
			if name == "externalid" && example == "" {
				said += ".missing"
			}
			of := fmt.Sprintf("%d/%d", wrong[name], len(users))
			checks = append(checks, check{Badge: web.Wait(t.Text("tick.look")), Text: t.Text(said, of, example), Remedy: t.Text(key + ".remedy")})
		}
	}
	return checks
}
