package directory

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
	"dsync/internal/scim"
	"dsync/internal/table"
)

// Settings are what a team chooses for a directory. The defaults suit Entra.
type Settings struct {
	// DeactivationPolicy is what a deactivated user is to consumers: suspend
	// keeps it as inactive, delete deletes it until it returns.
	DeactivationPolicy string `json:"deactivation_policy"`
	// AttributeMapping fills custom_attributes: key → SCIM path.
	AttributeMapping map[string]string `json:"attribute_mapping"`
	// EmailFallback: the userName is the email if no e-mail address arrives.
	EmailFallback bool `json:"email_fallback"`
	// RawAttributes: payloads hold the SCIM resource.
	RawAttributes bool `json:"raw_attributes"`
	// LenientPatch: a PATCH operation on an unknown path is ignored.
	LenientPatch bool `json:"lenient_patch"`
	// UniqueGroupNames: no two groups have one displayName.
	UniqueGroupNames bool `json:"unique_group_names"`
	// NestedGroups is what a group as a member of a group is: ignore or refuse.
	NestedGroups string `json:"nested_groups"`
}

// The values of DeactivationPolicy and NestedGroups.
const (
	Suspend = "suspend"
	Delete  = dsync.Delete
	Ignore  = "ignore"
	Refuse  = "refuse"
)

// SettingsChange is settings by name, in JSON. null is the default. The
// mapping is replaced as a whole.
type SettingsChange = map[string]json.RawMessage

const (
	// MaxMapping is how many attributes a mapping may have, and maxMappingBytes
	// their size in all: the record of each user holds a copy.
	MaxMapping      = 50
	maxMappingBytes = 8 << 10
)

// DefaultSettings are the settings of a directory that chose none.
func DefaultSettings() Settings {
	return Settings{
		DeactivationPolicy: Suspend,
		AttributeMapping:   dsync.DefaultMapping(),
		EmailFallback:      true,
		RawAttributes:      true,
		UniqueGroupNames:   true,
		NestedGroups:       Ignore,
	}
}

// ParseSettings reads the settings of a directory (table.Protocol).
func ParseSettings(stored string) (Settings, error) {
	s := DefaultSettings()
	if stored == "" {
		return s, nil
	}
	var own struct {
		AttributeMapping map[string]string `json:"attribute_mapping"`
	}
	if err := errors.Join(json.Unmarshal([]byte(stored), &s), json.Unmarshal([]byte(stored), &own)); err != nil {
		return s, fmt.Errorf("directory: settings: %w", err)
	}
	if own.AttributeMapping != nil {
		s.AttributeMapping = own.AttributeMapping // all of it, and nothing of the default's
	}
	return s, nil
}

// members are the settings by name.
func (s Settings) members() map[string]any {
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

// encode is what differs from the default, as records keep it.
func (s Settings) encode() string {
	own, byDefault := s.members(), DefaultSettings().members()
	maps.DeleteFunc(own, func(name string, v any) bool { return reflect.DeepEqual(v, byDefault[name]) })
	if len(own) == 0 {
		return ""
	}
	return scim.Encode(own)
}

// view is the part of the settings that shapes what users look like.
func (s Settings) view() dsync.Projection {
	v := dsync.Projection{NoEmailFallback: !s.EmailFallback, NoRawAttributes: !s.RawAttributes}
	if s.DeactivationPolicy == Delete {
		v.Deactivation = dsync.Delete
	}
	if !maps.Equal(s.AttributeMapping, dsync.DefaultMapping()) {
		v.Mapping = s.AttributeMapping
	}
	return v
}

// set changes the settings of a directory, if nothing is wrong with them.
func set(p *table.SCIMConfig, change SettingsChange, users *scim.ResourceType, wrong *problems) error {
	s, err := ParseSettings(p.Settings)
	if err != nil {
		return err
	}
	s = s.changed(change, users, wrong)
	if len(wrong.fields) == 0 {
		p.Settings, p.View = s.encode(), s.view().Encode()
	}
	return nil
}

func (s Settings) changed(change SettingsChange, users *scim.ResourceType, wrong *problems) Settings {
	byDefault := DefaultSettings()
	switches := map[string]struct{ value, byDefault *bool }{
		"email_fallback":     {&s.EmailFallback, &byDefault.EmailFallback},
		"raw_attributes":     {&s.RawAttributes, &byDefault.RawAttributes},
		"lenient_patch":      {&s.LenientPatch, &byDefault.LenientPatch},
		"unique_group_names": {&s.UniqueGroupNames, &byDefault.UniqueGroupNames},
	}
	choices := map[string]struct {
		value, byDefault *string
		allowed          []string
	}{
		"deactivation_policy": {&s.DeactivationPolicy, &byDefault.DeactivationPolicy, []string{Suspend, Delete}},
		"nested_groups":       {&s.NestedGroups, &byDefault.NestedGroups, []string{Ignore, Refuse}},
	}
	for _, name := range slices.Sorted(maps.Keys(change)) {
		field, v := "settings."+name, change[name]
		reset := bytes.Equal(bytes.TrimSpace(v), []byte("null"))
		if to, ok := switches[name]; ok {
			if reset {
				*to.value = *to.byDefault
			} else if json.Unmarshal(v, to.value) != nil {
				wrong.add(field, "%s must be true or false.", field)
			}
		} else if to, ok := choices[name]; ok {
			var chosen string
			if reset {
				*to.value = *to.byDefault
			} else if json.Unmarshal(v, &chosen) != nil || !slices.Contains(to.allowed, chosen) {
				wrong.add(field, "%s must be one of %s.", field, strings.Join(to.allowed, ", "))
			} else {
				*to.value = chosen
			}
		} else if name == "attribute_mapping" {
			if s.AttributeMapping = byDefault.AttributeMapping; !reset {
				s.AttributeMapping = mapping(v, users, field, wrong)
			}
		} else {
			wrong.add(field, "%s is not a setting.", field)
		}
	}
	return s
}

// mappingKey is the form of a custom attribute's name.
var mappingKey = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

// mapping reads an attribute mapping and brings its paths into canonical form.
func mapping(v json.RawMessage, users *scim.ResourceType, field string, wrong *problems) map[string]string {
	var given map[string]*string
	if json.Unmarshal(v, &given) != nil {
		wrong.add(field, "%s must be an object whose values are SCIM paths.", field)
		return nil
	}
	if len(given) > MaxMapping {
		wrong.add(field, "%s must have at most %d keys.", field, MaxMapping)
		return nil
	}
	canonical, size := make(map[string]string, len(given)), 0
	for _, key := range slices.Sorted(maps.Keys(given)) {
		switch path := given[key]; {
		case !mappingKey.MatchString(key):
			wrong.add(field, "%s: the key %q must be a small letter, followed by at most 63 small letters, digits and underscores.", field, key)
		case path == nil:
			wrong.add(field+"."+key, "%s.%s must be a SCIM path.", field, key)
		default:
			var err error
			if canonical[key], err = dsync.CanonicalPath(users, *path); err != nil {
				wrong.add(field+"."+key, "%s.%s must be a path of the users' schemas: %s.", field, key, detail(err))
			}
			size += len(key) + len(canonical[key])
		}
	}
	if size > maxMappingBytes {
		wrong.add(field, "%s must be at most %d bytes.", field, maxMappingBytes)
	}
	return canonical
}

// detail is what an error of the schemas says to a client.
func detail(err error) string {
	var e *scim.Error
	if errors.As(err, &e) {
		return e.Detail
	}
	return err.Error()
}
