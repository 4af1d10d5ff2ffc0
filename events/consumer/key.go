package consumer

import "encoding/json"

// Key identifies a resource. Events are applied in order per key.
type Key struct {
	Directory string // directory_…; "" if the event has no known directory
	Resource  string // the id; <user id>/<group id> for a membership
}

// deletion is the key of the last deletion of a resource. The store keeps it
// when the resource returns.
func (k Key) deletion() Key { return Key{k.Directory, "deleted/" + k.Resource} }

// memberships is the prefix of the keys of a user's memberships.
func (u User) memberships() Key { return Key{u.DirectoryID, u.ID + "/"} }

// Key returns the key of the event's resource. An event with an unknown name
// is a resource of its own.
func (e Event) Key() Key {
	switch d := e.Data.(type) {
	case Directory:
		return Key{d.ID, d.ID}
	case Token:
		return Key{d.DirectoryID, d.ID}
	case User:
		return Key{d.DirectoryID, d.ID}
	case Group:
		return Key{d.DirectoryID, d.ID}
	case Membership:
		return Key{d.DirectoryID, d.User.ID + "/" + d.Group.ID}
	}
	return Key{e.unknownDirectory(), e.ID}
}

// unknownDirectory returns the directory_id in the data of an event with an
// unknown name, or "".
func (e Event) unknownDirectory() string {
	var data struct {
		DirectoryID string `json:"directory_id"`
	}
	raw, _ := e.Data.(json.RawMessage)
	if json.Unmarshal(raw, &data) != nil {
		return ""
	}
	return data.DirectoryID
}

// parent is a resource whose deletion removes the resources that belong to it.
type parent struct {
	Key
	// returns says that the resource can return with the same id. A user does
	// so in a directory that deletes deactivated users. Events that are newer
	// than the deletion then belong to the returned user. Groups and
	// directories never return.
	returns bool
}

// parents returns the resources that the event's resource belongs to.
func (e Event) parents() []parent {
	k := e.Key()
	directory := parent{Key: Key{k.Directory, k.Directory}}
	switch d := e.Data.(type) {
	case Directory:
		return nil
	case Membership:
		return []parent{
			directory,
			{Key: Key{k.Directory, d.Group.ID}},
			{Key: Key{k.Directory, d.User.ID}, returns: true},
		}
	}
	if k.Directory == "" {
		return nil
	}
	return []parent{directory}
}
