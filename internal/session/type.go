package session

import (
	"dsync/internal/dsync"
	"dsync/internal/fault"
	"dsync/internal/scim"
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

// activeAttribute says whether a user may use the account.
const activeAttribute = "active"

// MaxEmails is how many different e-mail addresses a user may have.
const MaxEmails = resource.MaxEmails

// keys are the values that a resource is found by. With more e-mail addresses
// than MaxEmails it fails, and the result has the first ones: work addresses, and
// then others. Such a user is from a version that limited the work addresses alone,
// and in a directory whose e-mail addresses are not all keyed.
func (t Type) keys(doc map[string]any, view dsync.Projection) (table.Keys, error) {
	k := table.Keys{Emails: view.KeyedEmails(doc)}
	k.Name, _ = doc[t.key].(string)
	k.ExternalID, _ = doc["externalId"].(string)
	if len(resource.Emails(doc)) > MaxEmails {
		return k, fault.New(fault.Invalid, scim.InvalidValue, "a user has %d different e-mail addresses at most", MaxEmails).About("emails")
	}
	return k, nil
}

// storedKeys are the keys of a record, which were valid when it was written.
func (t Type) storedKeys(record table.Resource, doc map[string]any) (table.Keys, error) {
	view, err := dsync.ParseProjection(record.View)
	keys, _ := t.keys(doc, view)
	return keys, err
}

// Resource is a user or a group as clients know it, but for its location.
type Resource struct {
	Document map[string]any
	Meta     resource.Meta
	size     int   // bytes of JSON
	emptied  int64 // see table.Resource
}

// parse reads the stored form of a resource. Every user has `active`: an earlier
// version stored none for a user whose `active` was unassigned, which meant true.
func parse(r table.Resource) (Resource, error) {
	doc, err := resource.Decode(r.Document)
	if _, ok := doc[activeAttribute]; !ok && err == nil && r.Kind == table.User {
		doc[activeAttribute] = true
	}
	return Resource{doc, resource.Meta{ID: r.ID, Created: r.Created, LastModified: r.Modified, Version: r.Version}, len(r.Document), r.Emptied}, err
}
