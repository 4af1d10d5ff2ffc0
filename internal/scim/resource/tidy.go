package resource

import (
	"strings"
	"unicode/utf8"

	"dsync/internal/scim"
	"dsync/internal/scim/value"
)

// Finish brings a resource into its stored form, and checks the required
// attributes and the limits of every stored resource.
func Finish(rt *scim.ResourceType, r map[string]any) error {
	if err := tidy(rt, r); err != nil {
		return err
	}
	for _, a := range rt.Schema.Attributes {
		if !a.Required {
			continue
		}
		s, _ := r[a.Name].(string)
		if strings.TrimSpace(s) == "" {
			return scim.BadRequest(scim.InvalidValue, "%s is required", a.Name).About(a.Name)
		}
		if utf8.RuneCountInString(s) > MaxKeyValue {
			return tooLong(a.Name)
		}
	}
	if s, _ := r["externalId"].(string); utf8.RuneCountInString(s) > MaxKeyValue {
		return tooLong("externalId")
	}
	if encoded := Encode(r); len(encoded) > MaxEncoded {
		return scim.TooLarge("the resource is larger than %d bytes", MaxEncoded)
	}
	return nil
}

func tooLong(name string) error {
	return scim.BadRequest(scim.InvalidValue, "%s is longer than %d characters", name, MaxKeyValue).About(name)
}

// tidy removes duplicate elements, all primary flags but the first, elements
// that have only type and primary, and empty attributes. It fails if a list is
// too long.
func tidy(rt *scim.ResourceType, r map[string]any) error {
	if err := tidyAttributes(nil, rt.Schema.Attributes, r); err != nil {
		return err
	}
	for _, e := range rt.Extensions {
		if extension, ok := r[e.ID].(map[string]any); ok {
			if err := tidyAttributes(e, e.Attributes, extension); err != nil {
				return err
			}
			if len(extension) == 0 {
				delete(r, e.ID)
			}
		}
	}
	return nil
}

func tidyAttributes(extension *scim.Schema, attributes []*scim.Attribute, r map[string]any) error {
	for _, a := range attributes {
		if list, ok := r[a.Name].([]any); ok && a.MultiValued {
			list = tidyList(list)
			if len(list) > 0 {
				r[a.Name] = list
				if err := value.CheckLength(a, list); err != nil {
					return scim.Within(scim.AttributePath{Extension: extension, Attribute: a}.String(), err)
				}
				continue
			}
			delete(r, a.Name)
		} else if value.Empty(r[a.Name]) {
			delete(r, a.Name)
		}
	}
	return nil
}

func tidyList(list []any) []any {
	kept := make([]any, 0, len(list))
	seen := make(map[string]bool, len(list))
	primary := false
	for _, element := range list {
		object, ok := element.(map[string]any)
		if ok && onlyTypeAndPrimary(object) {
			continue
		}
		key := value.Identity(element)
		if seen[key] {
			continue
		}
		seen[key] = true
		if object["primary"] == true {
			if primary {
				object["primary"] = false
			}
			primary = true
		}
		kept = append(kept, element)
	}
	return kept
}

// onlyTypeAndPrimary reports whether an element has only type and primary.
func onlyTypeAndPrimary(object map[string]any) bool {
	for name, v := range object {
		if name != "type" && name != "primary" && !value.Empty(v) {
			return false
		}
	}
	return true
}
