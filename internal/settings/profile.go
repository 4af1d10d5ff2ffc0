package settings

import "dsync/internal/scim"

// The types of directories, as WorkOS names them (workos.md section 1.2).
const (
	Entra   = "azure scim v2.0"
	Okta    = "okta scim v2.0"
	Generic = "generic scim v2.0"
)

// DirectoryTypes are all of them, the default first.
var DirectoryTypes = []string{Entra, Okta, Generic}

// dialects are the defaults of the settings that depend on the type of the
// directory. All other settings have one default.
//
//   - Okta documents 200 with the group, whose members it does not need, as the
//     answer to a PATCH of a group.
//   - Entra never reads groups of a user. It queries a user before each change,
//     and the groups would double the cost of that.
var dialects = map[string]struct{ groupPatchResponse, userGroups string }{
	Entra:   {NoResponse, OnRequest},
	Okta:    {GroupResponse, OnLookup},
	Generic: {NoResponse, OnLookup},
}

// The values of GroupPatchResponse, PutWithoutMembers and UserGroups.
const (
	NoResponse    = "none"
	GroupResponse = "group"
	Keep          = "keep"
	Remove        = "remove"
	OnRequest     = "request"
	OnLookup      = "lookup"
)

// Profile is the part of the settings that decides how the endpoint treats its
// client.
func (s Settings) Profile() scim.Profile {
	return scim.Profile{
		GroupAfterPatch:      s.GroupPatchResponse == GroupResponse,
		RemoveOmittedMembers: s.PutWithoutMembers == Remove,
		GroupsOfUsers:        s.UserGroups == OnLookup,
		ImportIDs:            s.ImportIDs,
	}
}
