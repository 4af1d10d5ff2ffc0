package chaos

import (
	"context"
	"fmt"
	"strings"

	"dsync/internal/dsync"
	"dsync/internal/fault"
	"dsync/internal/scim"
	"dsync/internal/scim/resource"
	"dsync/internal/session"
	"dsync/internal/settings"
)

const enterprise = scim.EnterpriseURN + ":"

// textAttributes are the attributes of a user that hold any text.
var textAttributes = []string{
	"displayName", "title", "userType", "nickName", "name.formatted", "name.familyName", "name.givenName", "name.middleName",
	enterprise + "department", enterprise + "division", enterprise + "costCenter", enterprise + "organization",
}

// variation is one kind of user whose events are as large as they may be: its
// texts are made of these characters, and it has these attributes.
type variation struct {
	characters string
	attributes []string
}

// variations returns four selections of attributes with five kinds of text. JSON
// may escape a character to up to twelve bytes, and gzip cannot compress a random
// text.
func variations() (all []variation) {
	names, works := textAttributes[:8], textAttributes[8:]
	for _, attributes := range [][]string{textAttributes, names, works, {"displayName", "title", "name.familyName", enterprise + "department"}} {
		for _, characters := range []string{
			"abcdefghijklmnopqrstuvwxyz<>&<>&<>&", // HTML escaping
			`abcdefghijklmnopqrstuvwxyz"\"\"\`,    // JSON escaping
			"\u2028\u2029\u00a0abcdef",            // line separators, which JSON escapes
			"äöüßéèñçøåабвгд",                     // two bytes each
			"𠀀𠀁𠀂𠀃😀😁😂🤣",                            // four bytes each
		} {
			all = append(all, variation{characters, attributes})
		}
	}
	return all
}

// oversized creates a user of the n-th variation whose texts are as large as they
// may be, and replaces all of them.
func (t *tenant) oversized(ctx context.Context, n int) error {
	v := variations()[n%len(variations())]
	var user, name string
	err := t.largest(v, func(doc map[string]any) (err error) {
		name = fmt.Sprint(doc["userName"])
		user, err = t.create(ctx, session.Users, doc)
		return err
	})
	if err != nil {
		return err
	}
	t.createUser(user)
	err = t.largest(v, func(doc map[string]any) error {
		doc["userName"] = name
		_, err := t.anySession().Replace(ctx, session.Users, user, doc, nil, session.Condition{})
		return err
	})
	if err == nil {
		t.tell(dsync.UserUpdated, user, "")
		t.oversize++
	}
	return err
}

// largest makes a request with the largest texts that are not refused.
func (t *tenant) largest(v variation, request func(doc map[string]any) error) (err error) {
	for size := 16 << 10; size > 200; size = size * 3 / 4 {
		doc, _, invalid := resource.Parse(session.Users.ResourceType, t.large(size, v))
		if err = invalid; err == nil {
			err = request(doc)
		}
		if kind := fault.KindOf(err); kind != fault.TooLarge && kind != fault.Invalid {
			return err
		}
	}
	return err
}

// large returns the document of a user with texts of that size, in bytes.
func (t *tenant) large(size int, v variation) map[string]any {
	t.names++
	doc := map[string]any{"userName": fmt.Sprintf("fat%06d@example.com", t.names), "active": true}
	characters := []rune(v.characters)
	for _, path := range v.attributes {
		var text strings.Builder
		for text.Len() < size-4 {
			text.WriteRune(characters[t.random.IntN(len(characters))])
		}
		parent := doc
		if at := strings.LastIndexByte(path, '.'); at >= 0 && !strings.HasPrefix(path, enterprise) {
			parent, path = within(doc, path[:at]), path[at+1:]
		} else if name, ok := strings.CutPrefix(path, enterprise); ok {
			parent, path = within(doc, scim.EnterpriseURN), name
		}
		parent[path] = text.String()
	}
	return doc
}

// within returns the complex attribute of a document. It creates it if it is
// absent.
func within(doc map[string]any, name string) map[string]any {
	child, _ := doc[name].(map[string]any)
	if child == nil {
		child = map[string]any{}
		doc[name] = child
	}
	return child
}

// widestMapping maps as many custom attributes as a directory may have, all of
// them to attributes with large texts.
func widestMapping() map[string]string {
	mapping := map[string]string{}
	for n := range settings.MaxMapping {
		mapping[fmt.Sprint("custom_", n)] = textAttributes[n%len(textAttributes)]
	}
	return mapping
}
