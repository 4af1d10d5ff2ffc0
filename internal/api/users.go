package api

import (
	"encoding/json"
	"net/http"

	"dsync/internal/id"
	"dsync/internal/management"
)

// inDirectory is the parameter with the directory of a user or group.
var inDirectory = Parameter{Name: "directory", Kind: ID, Of: id.Directory, Description: "Directory. Optional where the ID of a user or group is given; with it the read is faster."}

var userRoutes = []Route{
	{
		Method: http.MethodGet, Pattern: "/directory_users", Scope: management.Read,
		Parameters: pageParameters(id.User, inDirectory,
			Parameter{Name: "group", Kind: ID, Of: id.Group, Description: "Return users in this group."},
			Parameter{Name: "idp_id", Kind: Text, Description: "Return users with this idp_id. Requires directory."},
			Parameter{Name: "email", Kind: Text, Description: "Return users who are shown with this email, or have it as a work e-mail address. Case-insensitive. Requires directory."},
			Parameter{Name: "include", Kind: Choice, Choices: []string{"groups"}, Description: "Return each user with its groups. Without it, groups are empty in lists."}),
		Status: http.StatusOK, Object: "directory_user", List: true, Summary: "List the users of a directory or a group.",
		serve: func(r *request) (response, error) {
			return many(encoded)(r.session.Users(r.context(), management.UserFilter{
				DirectoryID: r.query.text("directory"), GroupID: r.query.text("group"), IdPID: r.query.text("idp_id"), Email: r.query.text("email"),
				Groups: r.query.text("include") == "groups",
			}, r.query.page()))
		},
	},
	{
		Method: http.MethodGet, Pattern: "/directory_users/{id}", Scope: management.Read, Parameters: []Parameter{inDirectory},
		Status: http.StatusOK, Object: "directory_user", Summary: "Read a user with its groups.",
		serve: func(r *request) (response, error) {
			return one(encoded)(r.session.User(r.context(), r.parameters["id"], r.query.text("directory")))
		},
	},
	{
		Method: http.MethodGet, Pattern: "/directory_groups", Scope: management.Read,
		Parameters: pageParameters(id.Group, inDirectory,
			Parameter{Name: "user", Kind: ID, Of: id.User, Description: "Return groups of this user."},
			Parameter{Name: "name", Kind: Text, Description: "Return groups with this name. Case-insensitive. Requires directory."}),
		Status: http.StatusOK, Object: "directory_group", List: true, Summary: "List the groups of a directory or a user.",
		serve: func(r *request) (response, error) {
			filter := management.GroupFilter{DirectoryID: r.query.text("directory"), UserID: r.query.text("user"), Name: r.query.text("name")}
			return many(encoded)(r.session.Groups(r.context(), filter, r.query.page()))
		},
	},
	{
		Method: http.MethodGet, Pattern: "/directory_groups/{id}", Scope: management.Read, Parameters: []Parameter{inDirectory},
		Status: http.StatusOK, Object: "directory_group", Summary: "Read a group.",
		serve: func(r *request) (response, error) {
			return one(encoded)(r.session.Group(r.context(), r.parameters["id"], r.query.text("directory")))
		},
	},
}

// encoded is the wire format of a user, group or event, as it was read.
func encoded(payload json.RawMessage) json.RawMessage { return payload }
