package console

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"dsync/internal/fault"
	"dsync/internal/id"
	"dsync/internal/management"
	"dsync/internal/web"
	"dsync/internal/wording"
)

var peopleRoutes = []Route{
	{Pattern: "GET " + Base + "/directories/{directory}/users", Scope: management.Read, serve: listUsers},
	{Pattern: "GET " + Base + "/directories/{directory}/users/{user}", Scope: management.Read, serve: showUser},
	{Pattern: "GET " + Base + "/directories/{directory}/groups", Scope: management.Read, serve: listGroups},
	{Pattern: "GET " + Base + "/directories/{directory}/groups/{group}", Scope: management.Read, serve: showGroup},
}

// user and group are the parts of the payloads that pages show.
type user struct {
	ID      string         `json:"id"`
	IdPID   string         `json:"idp_id"`
	Name    string         `json:"name"`
	Email   string         `json:"email"`
	State   string         `json:"state"`
	Raw     map[string]any `json:"raw_attributes"`
	Custom  map[string]any `json:"custom_attributes"`
	Groups  []group        `json:"groups"`
	Created time.Time      `json:"created_at"`
	Updated time.Time      `json:"updated_at"`
}

type group struct {
	ID      string         `json:"id"`
	IdPID   string         `json:"idp_id"`
	Name    string         `json:"name"`
	Raw     map[string]any `json:"raw_attributes"`
	Created time.Time      `json:"created_at"`
	Updated time.Time      `json:"updated_at"`
}

// Called is the best name of a user.
func (u user) Called() string {
	for _, name := range []string{u.Name, u.Email, u.IdPID} {
		if name != "" {
			return name
		}
	}
	return u.ID
}

// Badge is the state in words.
func (u user) Badge() web.Badge {
	if u.State == "active" {
		return web.Good("Active")
	}
	return web.Off("Inactive")
}

// Emails are the e-mail addresses that the provider sent.
func (u user) Emails() (all []email) {
	list, _ := u.Raw["emails"].([]any)
	if list == nil {
		list, _ = u.Custom["emails"].([]any)
	}
	for _, e := range list {
		object, _ := e.(map[string]any)
		address, _ := object["value"].(string)
		kind, _ := object["type"].(string)
		primary, _ := object["primary"].(bool)
		if address != "" && len(all) < wording.MaxAttributes {
			all = append(all, email{address, kind, primary})
		}
	}
	return all
}

type email struct {
	Address, Kind string
	Primary       bool
}

// decoded reads payloads.
func decoded[T any](payloads []management.Payload) ([]T, error) {
	list := make([]T, len(payloads))
	for i, p := range payloads {
		if err := json.Unmarshal(p, &list[i]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func listUsers(r *request) error {
	d, err := r.directory()
	if err != nil {
		return err
	}
	search := r.Search("search")
	if id.User.Valid(search) {
		return r.Redirect(directoryPath(d.ID) + "/users/" + search)
	}
	page, err := r.findUsers(d.ID, search)
	if err != nil {
		return err
	}
	users, err := decoded[user](page.Items)
	if err != nil {
		return err
	}
	return r.render(view{
		Template: "users", Title: "Users", Section: organizations, Crumbs: directoryCrumbs(d),
		Data: struct {
			Directory    management.Directory
			Path, Search string
			Users        []user
			Order        sorting
			Pager        web.Pager
			Curl         string
		}{d, directoryPath(d.ID), search, users, r.order(), pagerOf(r, page), r.curl(http.MethodGet, web.WithQuery("/directory_users", "directory", d.ID, "email", search), nil)},
	})
}

// findUsers finds users by e-mail address, or else by the provider's id.
func (r *request) findUsers(directoryID, search string) (management.Page[management.Payload], error) {
	f := management.UserFilter{DirectoryID: directoryID, Email: search}
	found, err := r.session.Users(r.Request.Context(), f, r.pageRequest())
	if err == nil && len(found.Items) == 0 && search != "" {
		f.Email, f.IdPID = "", search
		found, err = r.session.Users(r.Request.Context(), f, r.pageRequest())
	}
	return found, err
}

// showUser shows a user, or what the log still tells of one that was deleted.
func showUser(r *request) error {
	d, err := r.directory()
	if err != nil {
		return err
	}
	userID := r.Request.PathValue("user")
	var u user
	payload, err := r.session.User(r.Request.Context(), userID, d.ID)
	gone := fault.KindOf(err) == fault.NotFound && id.User.Valid(userID)
	if err == nil {
		err = json.Unmarshal(payload, &u)
	}
	if err != nil && !gone {
		return err
	}
	s, err := r.storyOf(d.ID, userID, u.Created)
	if err != nil {
		return err
	}
	if gone {
		if len(s.Changes) == 0 && s.Older == "" {
			return fault.Missing("User", userID)
		}
		u.ID = userID
		if len(s.Changes) > 0 {
			u.Name = s.subject
		}
	}
	attributes, more := wording.AttributesOf(u.Raw)
	title := u.Called()
	path := directoryPath(d.ID)
	return r.render(view{
		Template: "user", Title: title, Section: organizations, Crumbs: directoryCrumbs(d, web.Crumb{Name: "Users", Path: path + "/users"}),
		Data: struct {
			User       user
			Deleted    bool
			Path       string
			Attributes []wording.Attribute
			More       int
			MoreGroups bool
			Story      story
			Curl       string
		}{u, gone, path, attributes, more, len(u.Groups) >= management.MaxUserGroups, s, r.curl(http.MethodGet, "/directory_users/"+userID+"?directory="+d.ID, nil)},
	})
}

func listGroups(r *request) error {
	d, err := r.directory()
	if err != nil {
		return err
	}
	search := r.Search("search")
	if id.Group.Valid(search) {
		return r.Redirect(directoryPath(d.ID) + "/groups/" + search)
	}
	page, err := r.session.Groups(r.Request.Context(), management.GroupFilter{DirectoryID: d.ID, Name: search}, r.pageRequest())
	if err != nil {
		return err
	}
	groups, err := decoded[group](page.Items)
	if err != nil {
		return err
	}
	return r.render(view{
		Template: "groups", Title: "Groups", Section: organizations, Crumbs: directoryCrumbs(d),
		Data: struct {
			Directory    management.Directory
			Path, Search string
			Groups       []group
			Order        sorting
			Pager        web.Pager
			Curl         string
		}{d, directoryPath(d.ID), search, groups, r.order(), pagerOf(r, page), r.curl(http.MethodGet, web.WithQuery("/directory_groups", "directory", d.ID, "name", search), nil)},
	})
}

// showGroup shows a group and a page of its members.
func showGroup(r *request) error {
	d, err := r.directory()
	if err != nil {
		return err
	}
	groupID := r.Request.PathValue("group")
	payload, err := r.session.Group(r.Request.Context(), groupID, d.ID)
	if errors.As(err, new(*fault.Error)) && fault.KindOf(err) == fault.NotFound {
		return fault.Missing("Group", groupID)
	} else if err != nil {
		return err
	}
	var g group
	if err := json.Unmarshal(payload, &g); err != nil {
		return err
	}
	page, err := r.session.Users(r.Request.Context(), management.UserFilter{DirectoryID: d.ID, GroupID: groupID}, r.pageRequest())
	if err != nil {
		return err
	}
	members, err := decoded[user](page.Items)
	if err != nil {
		return err
	}
	s, err := r.storyOf(d.ID, groupID, g.Created)
	if err != nil {
		return err
	}
	attributes, more := wording.AttributesOf(g.Raw)
	path := directoryPath(d.ID)
	return r.render(view{
		Template: "group", Title: g.Name, Section: organizations, Crumbs: directoryCrumbs(d, web.Crumb{Name: "Groups", Path: path + "/groups"}),
		Data: struct {
			Group      group
			Path       string
			Members    []user
			Pager      web.Pager
			Attributes []wording.Attribute
			More       int
			Story      story
			Curl       string
		}{g, path, members, pagerOf(r, page), attributes, more, s, r.curl(http.MethodGet, "/directory_users?group="+groupID, nil)},
	})
}
