package console

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"dsync/internal/management"
	"dsync/internal/settings"
	"dsync/internal/web"
)

var settingsRoutes = []Route{
	{Pattern: "GET " + Base + "/directories/{directory}/settings", Scope: management.Manage, serve: showSettings},
	{Pattern: "POST " + Base + "/directories/{directory}/settings", Scope: management.Manage, serve: changeSettings},
}

// setting is a setting of a directory, as its form shows it.
type setting struct {
	Name, Label, Text string
	Choices           []option // none: it is on or off
}

// option is a value of a setting.
type option struct{ Value, Label, Text string }

// settingGroups are the settings but for the attribute mapping, which is text.
// TestSettings holds them to those of package settings.
var settingGroups = []struct {
	Name     string
	Settings []setting
}{
	{"Users", []setting{
		{"deactivation_policy", "When the provider deactivates a user", "", []option{
			{settings.Suspend, "Suspend", "Your application gets dsync.user.updated with the state inactive."},
			{settings.Delete, "Delete", "Your application gets dsync.user.deleted, and dsync.user.created when the user comes back."},
		}},
		{"email_fallback", "User name as e-mail", "A user without an e-mail address is shown with its userName.", nil},
		{"foreign_emails", "E-mail addresses at domains that the organization has not", "", []option{
			{settings.Keep, "Keep", "Your application gets all addresses."},
			{settings.Withhold, "Withhold", "Your application gets those at verified domains of the organization alone."},
		}},
		{"raw_attributes", "Raw attributes", "Payloads have all attributes as the provider sent them.", nil},
	}},
	{"Groups", []setting{
		{"unique_group_names", "Unique names", "A second group with the same name is refused.", nil},
		{"nested_groups", "A group as a member of a group", "", []option{
			{settings.Ignore, "Ignore", "The other members are added."},
			{settings.Refuse, "Refuse", "The provider gets an error."},
		}},
		{"put_without_members", "When a group is replaced without a list of members", "", []option{
			{settings.Keep, "Keep the members", "As Entra expects."},
			{settings.Remove, "Remove the members", "As RFC 7644 has it."},
		}},
	}},
	{"Answers to the provider", []setting{
		{"group_patch_response", "After a PATCH of a group", "", []option{
			{settings.NoResponse, "No content", "204, as Entra expects."},
			{settings.GroupResponse, "The group", "200 with the group, as Okta expects."},
		}},
		{"user_groups", "Groups of a user", "", []option{
			{settings.OnRequest, "Only on request", "Reading a user costs less."},
			{settings.OnLookup, "Whenever one user is read", "As most providers expect."},
		}},
		{"lenient_patch", "Ignore unknown attributes", "A PATCH of an attribute that does not exist succeeds, and the request is listed.", nil},
		{"import_ids", "IDs of the provider", "A new user or group may bring its ID. For moving a directory here.", nil},
	}},
}

// mappingName is the setting that maps attributes.
const mappingName = "attribute_mapping"

// settingsForm is a form that has the settings of a directory.
func settingsForm(d management.Directory) (web.Form, error) {
	s, err := settings.Parse(d.SCIMConfig)
	if err != nil {
		return web.Form{}, err
	}
	values := url.Values{"name": {d.Name}}
	for name, v := range s.Members() {
		switch v := v.(type) {
		case string:
			values.Set(name, v)
		case bool:
			if v {
				values.Set(name, "true")
			}
		}
	}
	var lines strings.Builder
	for _, key := range slices.Sorted(maps.Keys(s.AttributeMapping)) {
		fmt.Fprintf(&lines, "%s = %s\n", key, s.AttributeMapping[key])
	}
	values.Set(mappingName, lines.String())
	return web.Filled(values), nil
}

// settingsIn are the settings in a form. It notes what is wrong with the mapping's
// text.
func settingsIn(f *web.Form) settings.Change {
	change := settings.Change{}
	for _, group := range settingGroups {
		for _, s := range group.Settings {
			value := f.Value(s.Name)
			switch {
			case len(s.Choices) > 0 && value != "":
				change[s.Name] = quotedJSON(value)
			case len(s.Choices) == 0:
				change[s.Name] = json.RawMessage(fmt.Sprint(value == "true"))
			}
		}
	}
	mapping := map[string]string{}
	for n, line := range strings.Split(f.Value(mappingName), "\n") {
		line = strings.TrimSpace(line)
		key, path, ok := strings.Cut(line, "=")
		key = strings.TrimSpace(key)
		switch _, twice := mapping[key]; {
		case line == "":
		case !ok:
			f.Invalid(mappingName, fmt.Sprintf("Line %d has no =.", n+1))
		case twice:
			f.Invalid(mappingName, fmt.Sprintf("Line %d has a name that another line has.", n+1))
		default:
			mapping[key] = strings.TrimSpace(path)
		}
	}
	b, err := json.Marshal(mapping)
	if err != nil {
		panic(err) // strings marshal
	}
	change[mappingName] = b
	return change
}

func showSettings(r *request) error {
	d, err := r.directory()
	if err != nil {
		return err
	}
	f, err := settingsForm(d)
	if err != nil {
		return err
	}
	return r.renderSettings(d, f)
}

func (r *request) renderSettings(d management.Directory, f web.Form) error {
	path := directoryPath(d.ID)
	return r.render(view{
		Template: "settings", Title: "Settings", Section: organizations, Status: f.Status(),
		Crumbs: directoryCrumbs(d),
		Data: struct {
			Form         web.Form
			Groups       any
			Name, Path   string
			Curl         string
			HasSchemas   bool
			Deleting     bool
			MappingError string
		}{
			f, settingGroups, d.Name, path,
			r.curl(http.MethodPatch, "/directories/"+d.ID, map[string]any{"name": f.Value("name"), "settings": map[string]any{"deactivation_policy": f.Value("deactivation_policy")}}),
			d.Extensions != "", d.State == management.Deleting, f.Error(mappingName, "The mapping"),
		},
	})
}

func changeSettings(r *request) error {
	f, err := r.Form()
	if err != nil {
		return err
	}
	d, err := r.directory()
	if err != nil {
		return err
	}
	name := strings.TrimSpace(f.Value("name"))
	change := settingsIn(&f)
	if f.Failed() {
		return r.renderSettings(d, f)
	}
	_, err = r.session.UpdateDirectory(r.Request.Context(), d.ID, management.DirectoryUpdate{Name: &name, Settings: change})
	if f.Refused(err) {
		return r.renderSettings(d, f)
	} else if err != nil {
		return err
	}
	return r.Done(directoryPath(d.ID), "The settings were saved.")
}
