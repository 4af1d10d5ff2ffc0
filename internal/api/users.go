package api

import (
	"encoding/json"
	"net/http"

	"dsync/internal/id"
	"dsync/internal/management"
)

// inDirectory is the parameter that names the directory of a user or group.
var inDirectory = Parameter{Name: "directory", Kind: ID, Of: id.Directory, About: "The directory. An id does not tell it: naming it saves looking for it."}

var userRoutes = []Route{
	{
		Method: http.MethodGet, Pattern: "/directory_users", Scope: management.Read,
		Parameters: pageParameters(id.User, inDirectory,
			Parameter{Name: "group", Kind: ID, Of: id.Group, About: "Users in this group."},
			Parameter{Name: "idp_id", Kind: Text, About: "Users with this idp_id. Only with directory."},
			Parameter{Name: "email", Kind: Text, About: "Users with this email, or this work e-mail address, in any letter case. Only with directory."}),
		Status: http.StatusOK, Answer: "directory_user", List: true, About: "List the users of a directory or of a group.",
		serve: func(r *request) (response, error) {
			return many(encoded)(r.session.Users(r.context(), management.UserFilter{
				DirectoryID: r.query.text("directory"), GroupID: r.query.text("group"), IdPID: r.query.text("idp_id"), Email: r.query.text("email"),
			}, r.query.page()))
		},
	},
	{
		Method: http.MethodGet, Pattern: "/directory_users/{id}", Scope: management.Read, Parameters: []Parameter{inDirectory},
		Status: http.StatusOK, Answer: "directory_user", About: "Read a user with the groups it is in.",
		serve: func(r *request) (response, error) {
			return one(encoded)(r.session.User(r.context(), r.parameters["id"], r.query.text("directory")))
		},
	},
	{
		Method: http.MethodGet, Pattern: "/directory_groups", Scope: management.Read,
		Parameters: pageParameters(id.Group, inDirectory,
			Parameter{Name: "user", Kind: ID, Of: id.User, About: "Groups that this user is in."}),
		Status: http.StatusOK, Answer: "directory_group", List: true, About: "List the groups of a directory or of a user.",
		serve: func(r *request) (response, error) {
			filter := management.GroupFilter{DirectoryID: r.query.text("directory"), UserID: r.query.text("user")}
			return many(encoded)(r.session.Groups(r.context(), filter, r.query.page()))
		},
	},
	{
		Method: http.MethodGet, Pattern: "/directory_groups/{id}", Scope: management.Read, Parameters: []Parameter{inDirectory},
		Status: http.StatusOK, Answer: "directory_group", About: "Read a group.",
		serve: func(r *request) (response, error) {
			return one(encoded)(r.session.Group(r.context(), r.parameters["id"], r.query.text("directory")))
		},
	},
}

// encoded is a user, group or event, which comes in the wire format.
func encoded(payload json.RawMessage) json.RawMessage { return payload }
