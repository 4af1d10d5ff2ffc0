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
	Pending        bool // no request has come yet
	Deleting       bool
	Tokens         []Token // those that may be used
	Domains        []Domain
	Created        time.Time
	Updated        time.Time
}

// Token is a token as its directory knows it.
type Token struct {
	ID      string
	Suffix  string // the last 4 characters of the secret
	Created time.Time
	Expires time.Time // zero for never
}

// Domain is an e-mail domain of the directory's organization.
type Domain struct{ ID, Domain string }

// DirectoryChange is what the step from old to new of a directory means, or
// nil. old is nil for a new directory. A directory that is deleted takes its
// tokens along, without events of theirs. A token that has expired is dropped
// in silence.
func DirectoryChange(old, new *Directory) *Change {
	switch {
	case old != nil && old.Deleting:
		return nil
	case new.Deleting:
		data := directory(new)
		data["state"] = "deleting"
		return &Change{DirectoryDeleted, data}
	case old != nil && old.Pending && !new.Pending:
		data := directory(new)
		data["external_key"], data["state"], data["domains"] = new.ExternalKey, active, domains(new)
		return &Change{DirectoryActivated, data}
	}
	if old == nil {
		old = &Directory{}
	}
	if t := missing(new.Tokens, old.Tokens, new.Updated); t != nil {
		return &Change{TokenCreated, token(new, *t)}
	}
	if t := missing(old.Tokens, new.Tokens, new.Updated); t != nil {
		return &Change{TokenRevoked, token(new, *t)}
	}
	return nil
}

// missing is the first token of list that is good at that time and not among
// others.
func missing(list, others []Token, at time.Time) *Token {
	for _, t := range list {
		known := slices.ContainsFunc(others, func(o Token) bool { return o.ID == t.ID })
		if !known && (t.Expires.IsZero() || t.Expires.After(at)) {
			return &t
		}
	}
	return nil
}

// directory is what both events of a directory say of it (workos.md section 2.3).
func directory(d *Directory) map[string]any {
	return map[string]any{
		"object":          "directory",
		"id":              d.ID,
		"organization_id": d.OrganizationID,
		"type":            d.Type,
		"name":            d.Name,
		"created_at":      scim.Timestamp(d.Created),
		"updated_at":      scim.Timestamp(d.Updated),
	}
}

func domains(d *Directory) []any {
	list := make([]any, len(d.Domains))
	for i, domain := range d.Domains {
		list[i] = map[string]any{"object": "organization_domain", "id": domain.ID, "domain": domain.Domain}
	}
	return list
}

// token is the directory_token of a token (workos.md section 1.7).
func token(d *Directory, t Token) map[string]any {
	return map[string]any{
		"object":          "directory_token",
		"id":              t.ID,
		"directory_id":    d.ID,
		"organization_id": d.OrganizationID,
		"token_suffix":    t.Suffix,
		"created_at":      scim.Timestamp(t.Created),
	}
}
