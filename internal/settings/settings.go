// Package settings holds what a team chooses for a directory: its settings,
// which have a default each, and the custom schemas of its users.
//
// Settings and schemas are part of the records of a directory and its tokens
// (table.SCIMConfig). All functions are pure and safe for concurrent use.
package settings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"dsync/internal/dsync"
	"dsync/internal/fault"
	"dsync/internal/scim"
	"dsync/internal/scim/resource"
	"dsync/internal/table"
)

// Settings are the settings of a directory. Some defaults depend on the type of
// the directory.
type Settings struct {
	// DeactivationPolicy says how consumers see a deactivated user: with suspend
	// as inactive, with delete as deleted until it is activated again.
	DeactivationPolicy string `json:"deactivation_policy"`
	// AttributeMapping fills custom_attributes: key → SCIM path.
	AttributeMapping map[string]string `json:"attribute_mapping"`
	// EmailFallback: the email of a user without e-mail addresses is its userName.
	EmailFallback bool `json:"email_fallback"`
	// RawAttributes: payloads hold the SCIM resource.
	RawAttributes bool `json:"raw_attributes"`
	// LenientPatch: a PATCH operation on an unknown path is ignored.
	LenientPatch bool `json:"lenient_patch"`
	// UniqueGroupNames: no two groups have the same displayName.
	UniqueGroupNames bool `json:"unique_group_names"`
	// NestedGroups says what to do with a group as a member of a group: ignore or
	// refuse.
	NestedGroups string `json:"nested_groups"`
	// GroupPatchResponse says what a PATCH of a group is answered with: none is
	// 204, group is 200 with the group.
	GroupPatchResponse string `json:"group_patch_response"`
	// PutWithoutMembers says what a PUT of a group without members does to its
	// members: keep or remove.
	PutWithoutMembers string `json:"put_without_members"`
	// UserGroups says when a user is returned with its groups: on request alone, or
	// by a lookup, too: when it is read by id or found by a key.
	UserGroups string `json:"user_groups"`
	// ForeignEmails says what consumers see of e-mail addresses whose domain is no
	// verified domain of the organization: keep is all of them, withhold none.
	ForeignEmails string `json:"foreign_emails"`
	// ImportIDs: a POST may bring the id of the new user or group.
	ImportIDs bool `json:"import_ids"`
	// MaxUsers and MaxGroups are how many users and groups the directory may have.
	MaxUsers  int `json:"max_users"`
	MaxGroups int `json:"max_groups"`
}

// DefaultQuota and MaxQuota are the default and the largest value of MaxUsers and
// MaxGroups. The default is above what the largest tenants of Entra have.
const (
	DefaultQuota = 1_000_000
	MaxQuota     = 10_000_000
)

// The values of DeactivationPolicy, NestedGroups and ForeignEmails, which can be
// Keep, too.
const (
	Suspend  = "suspend"
	Delete   = dsync.Delete
	Ignore   = "ignore"
	Refuse   = "refuse"
	Withhold = "withhold"
)

// Change is new values of settings by name, in JSON. null resets a setting to its
// default. The mapping is replaced as a whole.
type Change = map[string]json.RawMessage

const (
	// MaxMapping is how many attributes a mapping may have, and maxMappingBytes
	// their total size: the record of each user holds a copy.
	MaxMapping      = 50
	maxMappingBytes = 8 << 10
)

// Default are the settings of a directory of that type that chose none. A type
// that is not known has those of Entra.
func Default(directoryType string) Settings {
	dialect, ok := dialects[directoryType]
	if !ok {
		dialect = dialects[Entra]
	}
	return Settings{
		DeactivationPolicy: Suspend,
		AttributeMapping:   dsync.DefaultMapping(),
		EmailFallback:      true,
		RawAttributes:      true,
		UniqueGroupNames:   true,
		NestedGroups:       Ignore,
		GroupPatchResponse: dialect.groupPatchResponse,
		PutWithoutMembers:  Keep,
		UserGroups:         dialect.userGroups,
		ForeignEmails:      Keep,
		MaxUsers:           DefaultQuota,
		MaxGroups:          DefaultQuota,
	}
}

// Parse reads the settings of a directory.
func Parse(c table.SCIMConfig) (Settings, error) {
	s, stored := Default(c.Type), c.Settings
	if stored == "" {
		return s, nil
	}
	var own struct {
		AttributeMapping map[string]string `json:"attribute_mapping"`
	}
	if err := errors.Join(json.Unmarshal([]byte(stored), &s), json.Unmarshal([]byte(stored), &own)); err != nil {
		return s, fmt.Errorf("settings: %w", err)
	}
	if own.AttributeMapping != nil {
		s.AttributeMapping = own.AttributeMapping // it replaces the default as a whole
	}
	return s, nil
}

// Members are the settings by name, as in JSON.
func (s Settings) Members() map[string]any {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings and booleans marshal
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		panic(err)
	}
	return m
}

// encode is the settings that differ from the default of the type, in the form
// of records.
func (s Settings) encode(directoryType string) string {
	own, byDefault := s.Members(), Default(directoryType).Members()
	maps.DeleteFunc(own, func(name string, v any) bool { return reflect.DeepEqual(v, byDefault[name]) })
	if len(own) == 0 {
		return ""
	}
	return resource.Encode(own)
}

// projection is the part of the settings that shapes how consumers see users, with
// the verified domains of the organization.
func (s Settings) projection(domains []string) dsync.Projection {
	v := dsync.Projection{NoEmailFallback: !s.EmailFallback, NoRawAttributes: !s.RawAttributes, WithholdForeign: s.ForeignEmails == Withhold, Domains: domains}
	if s.DeactivationPolicy == Delete {
		v.Deactivation = dsync.Delete
	}
	if !maps.Equal(s.AttributeMapping, dsync.DefaultMapping()) {
		v.Mapping = s.AttributeMapping
	}
	return v
}

// Apply changes the settings of a directory and adds custom schemas. It changes
// nothing if one of them is invalid, and adds that to invalid. An attribute
// mapping may name attributes of the added schemas.
func Apply(c *table.SCIMConfig, change Change, extensions []json.RawMessage, invalid *fault.Validation) error {
	if err := extend(c, extensions, invalid); err != nil {
		return err
	}
	users, err := UserType(*c)
	if err != nil {
		return err
	}
	s, err := Parse(*c)
	if err != nil {
		return err
	}
	view, err := dsync.ParseProjection(c.View)
	if err != nil {
		return err
	}
	s = s.changed(change, Default(c.Type), users, invalid)
	if !invalid.Failed() {
		c.Settings, c.View = s.encode(c.Type), s.projection(view.Domains).Encode()
	}
	return nil
}

func (s Settings) changed(change Change, byDefault Settings, users *scim.ResourceType, invalid *fault.Validation) Settings {
	switches := map[string]struct{ value, byDefault *bool }{
		"email_fallback":     {&s.EmailFallback, &byDefault.EmailFallback},
		"raw_attributes":     {&s.RawAttributes, &byDefault.RawAttributes},
		"lenient_patch":      {&s.LenientPatch, &byDefault.LenientPatch},
		"unique_group_names": {&s.UniqueGroupNames, &byDefault.UniqueGroupNames},
		"import_ids":         {&s.ImportIDs, &byDefault.ImportIDs},
	}
	choices := map[string]struct {
		value, byDefault *string
		allowed          []string
	}{
		"deactivation_policy":  {&s.DeactivationPolicy, &byDefault.DeactivationPolicy, []string{Suspend, Delete}},
		"nested_groups":        {&s.NestedGroups, &byDefault.NestedGroups, []string{Ignore, Refuse}},
		"group_patch_response": {&s.GroupPatchResponse, &byDefault.GroupPatchResponse, []string{NoResponse, GroupResponse}},
		"put_without_members":  {&s.PutWithoutMembers, &byDefault.PutWithoutMembers, []string{Keep, Remove}},
		"user_groups":          {&s.UserGroups, &byDefault.UserGroups, []string{OnRequest, OnLookup}},
		"foreign_emails":       {&s.ForeignEmails, &byDefault.ForeignEmails, []string{Keep, Withhold}},
	}
	quotas := map[string]struct{ value, byDefault *int }{
		"max_users":  {&s.MaxUsers, &byDefault.MaxUsers},
		"max_groups": {&s.MaxGroups, &byDefault.MaxGroups},
	}
	for _, name := range slices.Sorted(maps.Keys(change)) {
		field, v := "settings."+name, change[name]
		reset := bytes.Equal(bytes.TrimSpace(v), []byte("null"))
		if to, ok := switches[name]; ok {
			if reset {
				*to.value = *to.byDefault
			} else if json.Unmarshal(v, to.value) != nil {
				invalid.Add(field, "%s must be true or false.", field)
			}
		} else if to, ok := quotas[name]; ok {
			var n int
			if reset {
				*to.value = *to.byDefault
			} else if json.Unmarshal(v, &n) != nil || n < 1 || n > MaxQuota {
				invalid.Add(field, "%s must be a number from 1 to %d.", field, MaxQuota)
			} else {
				*to.value = n
			}
		} else if to, ok := choices[name]; ok {
			var chosen string
			if reset {
				*to.value = *to.byDefault
			} else if json.Unmarshal(v, &chosen) != nil || !slices.Contains(to.allowed, chosen) {
				invalid.Add(field, "%s must be one of %s.", field, strings.Join(to.allowed, ", "))
			} else {
				*to.value = chosen
			}
		} else if name == "attribute_mapping" {
			s.AttributeMapping = byDefault.AttributeMapping
			if !reset {
				s.AttributeMapping = mapping(v, users, field, invalid)
			}
		} else {
			invalid.Add(field, "%s is not a setting.", field)
		}
	}
	return s
}

// mappingKey matches the name of a custom attribute.
var mappingKey = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

// mapping reads an attribute mapping and makes its paths canonical.
func mapping(v json.RawMessage, users *scim.ResourceType, field string, invalid *fault.Validation) map[string]string {
	var given map[string]*string
	if json.Unmarshal(v, &given) != nil {
		invalid.Add(field, "%s must be an object whose values are SCIM paths.", field)
		return nil
	}
	if len(given) > MaxMapping {
		invalid.Add(field, "%s must have at most %d keys.", field, MaxMapping)
		return nil
	}
	canonical, size := make(map[string]string, len(given)), 0
	for _, key := range slices.Sorted(maps.Keys(given)) {
		switch path := given[key]; {
		case !mappingKey.MatchString(key):
			invalid.Add(field, "%s: the key %q must be a small letter, followed by at most 63 small letters, digits and underscores.", field, key)
		case path == nil:
			invalid.Add(field+"."+key, "%s.%s must be a SCIM path.", field, key)
		default:
			var err error
			if canonical[key], err = dsync.CanonicalPath(users, *path); err != nil {
				invalid.Add(field+"."+key, "%s.%s must be a path of the users' schemas: %s.", field, key, detail(err))
			}
			size += len(key) + len(canonical[key])
		}
	}
	if size > maxMappingBytes {
		invalid.Add(field, "%s must be at most %d bytes.", field, maxMappingBytes)
	}
	return canonical
}

// detail is the detail of an error of package scim.
func detail(err error) string {
	var e *fault.Error
	if errors.As(err, &e) {
		return e.Detail
	}
	return err.Error()
}
