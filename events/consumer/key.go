package consumer

import "encoding/json"

// Key names a resource: events are put in order for each.
type Key struct {
	Directory string // directory_…; "" of an event that nobody knows
	Resource  string // the id; of a membership <user id>/<group id>
}

// deletion is where the last deletion of a resource is kept. It stays when the
// resource comes back.
func (k Key) deletion() Key { return Key{k.Directory, "deleted/" + k.Resource} }

// memberships is the prefix of all memberships of a user.
func (u User) memberships() Key { return Key{u.DirectoryID, u.ID + "/"} }

// Key is the resource that the event is about.
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
	return Key{e.directory(), e.ID} // a resource of its own
}

// directory is the directory of an event that is not known, if it has one.
func (e Event) directory() string {
	var data struct {
		DirectoryID string `json:"directory_id"`
	}
	raw, _ := e.Data.(json.RawMessage)
	if json.Unmarshal(raw, &data) != nil {
		return ""
	}
	return data.DirectoryID
}

// ancestor is a resource whose deletion takes others along.
type ancestor struct {
	Key
	// returns: the resource can come back under its id, as a user does in a
	// directory that deletes users who are deactivated. What is newer than the
	// deletion is then of its new life. Groups and directories never return.
	returns bool
}

// ancestors are what an event's resource ends with.
func (e Event) ancestors() []ancestor {
	k := e.Key()
	directory := ancestor{Key: Key{k.Directory, k.Directory}}
	switch d := e.Data.(type) {
	case Directory:
		return nil
	case Membership:
		return []ancestor{
			directory,
			{Key: Key{k.Directory, d.Group.ID}},
			{Key: Key{k.Directory, d.User.ID}, returns: true},
		}
	}
	if k.Directory == "" {
		return nil
	}
	return []ancestor{directory}
}
