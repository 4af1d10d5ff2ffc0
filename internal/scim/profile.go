package scim

// Profile is how the endpoint treats what clients expect differently. It
// follows from the type and the settings of a directory (package settings). The
// zero Profile suits Entra.
type Profile struct {
	// GroupAfterPatch: a PATCH of a group is answered 200 with the group, without
	// its members. Otherwise it is answered 204, unless the request asks for
	// attributes. RFC 7644 section 3.5.2 allows both.
	GroupAfterPatch bool
	// RemoveOmittedMembers: a PUT of a group without members removes all members.
	// Otherwise they stay. RFC 7644 section 3.5.1 allows both.
	RemoveOmittedMembers bool
	// GroupsOfUsers: a user that is read by its id, or found by a key, comes with
	// its groups. Otherwise groups are returned on request alone.
	GroupsOfUsers bool
	// ImportIDs: a POST may bring the id of the new resource.
	ImportIDs bool
}

// Returning returns the resource type with its keyed attribute returned by
// default, as /Schemas publishes it (RFC 7643 section 7).
func (rt *ResourceType) Returning() *ResourceType {
	changed, schema := *rt, *rt.Schema
	schema.Attributes = make([]*Attribute, len(rt.Schema.Attributes))
	for i, a := range rt.Schema.Attributes {
		if rt.IsKeyed(a) {
			byDefault := *a
			byDefault.Returned = "default"
			a = &byDefault
		}
		schema.Attributes[i] = a
	}
	changed.Schema = &schema
	return &changed
}
