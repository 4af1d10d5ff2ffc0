package session

import (
	"slices"
	"strings"

	"dsync/internal/dsync"
	"dsync/internal/fault"
	"dsync/internal/scim"
	"dsync/internal/scim/filter"
	"dsync/internal/scim/resource"
	"dsync/internal/table"
)

// Type is a kind of resource with its schema.
type Type struct {
	*scim.ResourceType
	kind table.Kind
	// key is the attribute whose value is unique in a directory.
	key string
}

// The types of resources. A session knows those of its directory (Session.Type).
var (
	Users  = Type{scim.Users, table.User, "userName"}
	Groups = Type{scim.Groups, table.Group, "displayName"}
)

// MaxWorkEmails is how many work e-mail addresses a user may have: each has a
// look-up record, and all records of a change must fit one transaction.
const MaxWorkEmails = 30

// keys are the values that a resource is found by.
func (t Type) keys(doc map[string]any, view dsync.Projection) (table.Keys, error) {
	k := table.Keys{Emails: view.KeyedEmails(doc)}
	k.Name, _ = doc[t.key].(string)
	k.ExternalID, _ = doc["externalId"].(string)
	if len(resource.WorkEmails(doc)) > MaxWorkEmails {
		return k, fault.New(fault.Invalid, scim.InvalidValue, "a user has %d work e-mail addresses at most", MaxWorkEmails)
	}
	return k, nil
}

// storedKeys are the keys of a record, which were valid when it was written.
func (t Type) storedKeys(record table.Resource, doc map[string]any) (table.Keys, error) {
	view, err := dsync.ParseProjection(record.View)
	keys, _ := t.keys(doc, view)
	return keys, err
}

// FindsByKey reports whether a filter has an equality that is read by a key and
// leads to few resources: not a membership.
func (t Type) FindsByKey(f filter.Expr) bool {
	return slices.ContainsFunc(filter.Equalities(f), func(e filter.Equality) bool {
		paths := []string{e.Target.String(), scim.AttributePath{Extension: e.Target.Extension, Attribute: e.Target.Attribute, Sub: e.Target.Sub}.String()}
		return slices.ContainsFunc(t.keyPaths(), func(key string) bool {
			return key != memberPath && key != userGroupsPath && slices.ContainsFunc(paths, func(path string) bool { return strings.EqualFold(key, path) })
		})
	})
}

// Resource is a user or a group as clients know it, but for its location.
type Resource struct {
	Document map[string]any
	Meta     resource.Meta
	size     int // bytes of JSON
}

// parse reads the stored form of a resource.
func parse(r table.Resource) (Resource, error) {
	doc, err := resource.Decode(r.Document)
	return Resource{doc, resource.Meta{ID: r.ID, Created: r.Created, LastModified: r.Modified, Version: r.Version}, len(r.Document)}, err
}
