package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"dsync/internal/fault"
	"dsync/internal/id"
	"dsync/internal/management"
)

var peopleRoutes = []Route{
	{"GET " + Base + "/directories/{directory}/users", management.Read, listUsers},
	{"GET " + Base + "/directories/{directory}/users/{user}", management.Read, showUser},
	{"GET " + Base + "/directories/{directory}/groups", management.Read, listGroups},
	{"GET " + Base + "/directories/{directory}/groups/{group}", management.Read, showGroup},
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
func (u user) Badge() badge {
	if u.State == "active" {
		return badge{"good", "Active"}
	}
	return badge{"off", "Inactive"}
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
		if address != "" && len(all) < maxAttributes {
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

// attribute is an attribute as the provider sent it. Its name is a path.
type attribute struct{ Name, Value string }

// maxAttributes is how many attributes of a user or group a page shows.
const maxAttributes = 200

// attributesOf are the attributes of a resource, by path. Schemas and metadata are
// left out: they say nothing about who it is.
func attributesOf(raw map[string]any) (all []attribute, more int) {
	var collect func(path string, v any)
	collect = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(v)) {
				at := path + "." + name
				if path == "" {
					at = name
				} else if _, schema := raw[path]; schema && strings.HasPrefix(path, "urn:") {
					at = path + ":" + name
				}
				collect(at, v[name])
			}
		case []any:
			for i, item := range v {
				collect(fmt.Sprintf("%s[%d]", path, i), item)
			}
		default:
			if len(all) >= maxAttributes {
				more++
				return
			}
			all = append(all, attribute{path, brief(v)})
		}
	}
	raw = maps.Clone(raw)
	delete(raw, "schemas")
	delete(raw, "meta")
	collect("", raw)
	return all, more
}

func listUsers(r *request) error {
	d, err := r.directory()
	if err != nil {
		return err
	}
	search := r.search()
	if id.User.Valid(search) {
		return r.redirect(directoryPath(d.ID) + "/users/" + search)
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
			Pager        pager
			Curl         string
		}{d, directoryPath(d.ID), search, users, pagerOf(r, page), r.curl(http.MethodGet, withQuery("/directory_users", "directory", d.ID, "email", search), nil)},
	})
}

// findUsers finds users by e-mail address, or else by the provider's id.
func (r *request) findUsers(directoryID, search string) (management.Page[management.Payload], error) {
	f := management.UserFilter{DirectoryID: directoryID, Email: search}
	found, err := r.session.Users(r.http.Context(), f, r.pageRequest())
	if err == nil && len(found.Items) == 0 && search != "" {
		f.Email, f.IdPID = "", search
		found, err = r.session.Users(r.http.Context(), f, r.pageRequest())
	}
	return found, err
}

// showUser shows a user, or what the log still tells of one that was deleted.
func showUser(r *request) error {
	d, err := r.directory()
	if err != nil {
		return err
	}
	userID := r.http.PathValue("user")
	var u user
	payload, err := r.session.User(r.http.Context(), userID, d.ID)
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
	attributes, more := attributesOf(u.Raw)
	title := u.Called()
	path := directoryPath(d.ID)
	return r.render(view{
		Template: "user", Title: title, Section: organizations, Crumbs: directoryCrumbs(d, crumb{"Users", path + "/users"}),
		Data: struct {
			User       user
			Deleted    bool
			Path       string
			Attributes []attribute
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
	search := r.search()
	if id.Group.Valid(search) {
		return r.redirect(directoryPath(d.ID) + "/groups/" + search)
	}
	page, err := r.session.Groups(r.http.Context(), management.GroupFilter{DirectoryID: d.ID, Name: search}, r.pageRequest())
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
			Pager        pager
			Curl         string
		}{d, directoryPath(d.ID), search, groups, pagerOf(r, page), r.curl(http.MethodGet, withQuery("/directory_groups", "directory", d.ID, "name", search), nil)},
	})
}

// showGroup shows a group and a page of its members.
func showGroup(r *request) error {
	d, err := r.directory()
	if err != nil {
		return err
	}
	groupID := r.http.PathValue("group")
	payload, err := r.session.Group(r.http.Context(), groupID, d.ID)
	if errors.As(err, new(*fault.Error)) && fault.KindOf(err) == fault.NotFound {
		return fault.Missing("Group", groupID)
	} else if err != nil {
		return err
	}
	var g group
	if err := json.Unmarshal(payload, &g); err != nil {
		return err
	}
	page, err := r.session.Users(r.http.Context(), management.UserFilter{DirectoryID: d.ID, GroupID: groupID}, r.pageRequest())
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
	attributes, more := attributesOf(g.Raw)
	path := directoryPath(d.ID)
	return r.render(view{
		Template: "group", Title: g.Name, Section: organizations, Crumbs: directoryCrumbs(d, crumb{"Groups", path + "/groups"}),
		Data: struct {
			Group      group
			Path       string
			Members    []user
			Pager      pager
			Attributes []attribute
			More       int
			Story      story
			Curl       string
		}{g, path, members, pagerOf(r, page), attributes, more, s, r.curl(http.MethodGet, "/directory_users?group="+groupID, nil)},
	})
}
