package dsync

import (
	"slices"
	"time"

	"dsync/internal/scim"
)

// Directory is a directory at one moment.
type Directory struct {
	ID             string
	OrganizationID string
	ExternalKey    string
	Name           string
	Type           string
	State          State    // as the table names it; not Absent
	Tokens         []Token  // valid or expired, not revoked
	Domains        []Domain // needed for the event of the activation only
	Created        time.Time
	Updated        time.Time
}

// Token is a SCIM token, without its secret.
type Token struct {
	ID      string
	Suffix  string // the last 4 characters of the secret
	Created time.Time
	Expires time.Time // zero for never
}

// Domain is an e-mail domain of the directory's organization.
type Domain struct{ ID, Domain string }

// DirectoryChange returns the event of a directory's change from old to
// updated, or nil if consumers see no change. old is nil for a new directory.
//
// A transition of the directory comes before a change of its tokens. A
// deleted directory has no further events, also none of its tokens. An expired
// token that is dropped has no event.
func DirectoryChange(old, updated *Directory) *Change {
	if old == nil {
		old = &Directory{State: Absent}
	}
	if old.State == Deleting {
		return nil
	}
	if t, ok := typeOf(SubjectDirectory, old.State, updated.State); ok {
		return &Change{t.Name, directory(updated)}
	}
	if token, ok := firstMissing(updated.Tokens, old.Tokens, updated.Updated); ok {
		return tokenChange(updated, token, Absent, Present)
	}
	if token, ok := firstMissing(old.Tokens, updated.Tokens, updated.Updated); ok {
		return tokenChange(updated, token, Present, Absent)
	}
	return nil
}

func tokenChange(d *Directory, token Token, from, to State) *Change {
	t, ok := typeOf(SubjectToken, from, to)
	if !ok {
		return nil
	}
	return &Change{t.Name, tokenData(d, token)}
}

// firstMissing returns the first token of list that is valid at that time and
// not among others.
func firstMissing(list, others []Token, at time.Time) (Token, bool) {
	for _, token := range list {
		known := slices.ContainsFunc(others, func(o Token) bool { return o.ID == token.ID })
		if !known && (token.Expires.IsZero() || token.Expires.After(at)) {
			return token, true
		}
	}
	return Token{}, false
}

// directory is the data of an event of a directory (workos.md section 2.3).
// A linked directory has the state active there.
func directory(d *Directory) map[string]any {
	data := map[string]any{
		"object":          "directory",
		"id":              d.ID,
		"organization_id": d.OrganizationID,
		"type":            d.Type,
		"state":           string(d.State),
		"name":            d.Name,
		"created_at":      scim.Timestamp(d.Created),
		"updated_at":      scim.Timestamp(d.Updated),
	}
	if d.State == Linked {
		data["state"] = active
		data["external_key"], data["domains"] = d.ExternalKey, domains(d)
	}
	return data
}

func domains(d *Directory) []any {
	list := make([]any, len(d.Domains))
	for i, domain := range d.Domains {
		list[i] = map[string]any{"object": "organization_domain", "id": domain.ID, "domain": domain.Domain}
	}
	return list
}

// tokenData is the directory_token of a token (workos.md section 1.7).
func tokenData(d *Directory, token Token) map[string]any {
	return map[string]any{
		"object":          "directory_token",
		"id":              token.ID,
		"directory_id":    d.ID,
		"organization_id": d.OrganizationID,
		"token_suffix":    token.Suffix,
		"created_at":      scim.Timestamp(token.Created),
	}
}
