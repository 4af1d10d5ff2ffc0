package api

import (
	"net/http"
	"time"

	"dsync/internal/id"
	"dsync/internal/management"
	"dsync/internal/scim"

	"github.com/oklog/ulid/v2"
)

var organizationFields = []Field{
	{Name: "name", Type: String, Description: "Name, 1 to 256 characters."},
	{Name: "external_id", Type: String, Nullable: true, Description: "ID of the organization in your system, unique. null for none."},
	{Name: "domain_data", Type: Array, Description: "All domains of the organization.", Fields: []Field{
		{Name: "domain", Type: String, Required: true, Description: "Domain name, such as example.com."},
		{Name: "state", Type: String, Choices: management.DomainStates, Description: "State of the domain. Default: pending."},
	}},
	{Name: "metadata", Type: Strings, Description: "Up to 50 keys with string values. They are merged into the metadata; null removes a key."},
}

// required returns the fields with the named ones required.
func required(fields []Field, names ...string) []Field {
	all := append([]Field(nil), fields...)
	for i := range all {
		for _, name := range names {
			all[i].Required = all[i].Required || all[i].Name == name
		}
	}
	return all
}

var organizationRoutes = []Route{
	{
		Method: http.MethodGet, Pattern: "/organizations", Scope: management.Read,
		Parameters: pageParameters(id.Organization,
			Parameter{Name: "domains", Kind: Texts, Description: "Return organizations that have one of these domains."},
			Parameter{Name: "search", Kind: Text, Description: "Return organizations whose name contains this text, case-insensitive."}),
		Status: http.StatusOK, Object: "organization", List: true, Summary: "List organizations.",
		serve: func(r *request) (response, error) {
			return many(organization)(r.session.Organizations(r.context(), r.query["domains"], r.query.text("search"), r.query.page()))
		},
	},
	{
		Method: http.MethodPost, Pattern: "/organizations", Scope: management.Manage, Body: required(organizationFields, "name"),
		Status: http.StatusCreated, Object: "organization", Summary: "Create an organization.",
		serve: func(r *request) (response, error) {
			o, err := r.session.CreateOrganization(r.context(), r.organizationUpdate())
			return made(organization(o), err)
		},
	},
	{
		Method: http.MethodGet, Pattern: "/organizations/{id}", Scope: management.Read,
		Status: http.StatusOK, Object: "organization", Summary: "Read an organization.",
		serve: func(r *request) (response, error) {
			return one(organization)(r.session.Organization(r.context(), r.parameters["id"]))
		},
	},
	{
		Method: http.MethodGet, Pattern: "/organizations/external_id/{external_id+}", Scope: management.Read,
		Status: http.StatusOK, Object: "organization", Summary: "Read an organization by its external ID.",
		serve: func(r *request) (response, error) {
			return one(organization)(r.session.OrganizationByExternalID(r.context(), r.parameters["external_id"]))
		},
	},
	{
		Method: http.MethodPut, Pattern: "/organizations/{id}", Scope: management.Manage, Body: organizationFields,
		Status: http.StatusOK, Object: "organization", Summary: "Update the given members of an organization.",
		serve: func(r *request) (response, error) {
			return one(organization)(r.session.UpdateOrganization(r.context(), r.parameters["id"], r.organizationUpdate()))
		},
	},
	{
		Method: http.MethodDelete, Pattern: "/organizations/{id}", Scope: management.Manage,
		Status: http.StatusAccepted, Summary: "Delete an organization that has no directories.",
		serve: func(r *request) (response, error) {
			return accepted, r.session.DeleteOrganization(r.context(), r.parameters["id"])
		},
	},
}

// organizationUpdate is the change of an organization in the body.
func (r *request) organizationUpdate() management.OrganizationUpdate {
	u := management.OrganizationUpdate{Name: r.body.text("name"), ExternalID: r.body.text("external_id"), Metadata: r.body.strings("metadata")}
	if _, given := r.body["domain_data"]; given {
		list := []management.NewDomain{}
		for _, d := range r.body.objects("domain_data") {
			list = append(list, management.NewDomain{Domain: d.value("domain"), State: d.value("state")})
		}
		u.Domains = &list
	}
	return u
}

// organization is the wire format of an organization (workos.md section 1.6).
func organization(o management.Organization) map[string]any {
	domains := make([]any, len(o.Domains))
	for i, d := range o.Domains {
		since := scim.Timestamp(createdAt(d.ID))
		domains[i] = map[string]any{
			"object":                "organization_domain",
			"id":                    d.ID,
			"organization_id":       o.ID,
			"domain":                d.Domain,
			"state":                 d.State,
			"verification_strategy": "manual",
			"created_at":            since,
			"updated_at":            since,
		}
	}
	metadata := o.Metadata
	if metadata == nil {
		metadata = map[string]string{}
	}
	return map[string]any{
		"object":                              "organization",
		"id":                                  o.ID,
		"name":                                o.Name,
		"domains":                             domains,
		"metadata":                            metadata,
		"external_id":                         nullable(o.ExternalID),
		"allow_profiles_outside_organization": false,
		"created_at":                          scim.Timestamp(o.Created),
		"updated_at":                          scim.Timestamp(o.Modified),
	}
}

// createdAt is the time in an id.
func createdAt(id string) time.Time {
	u, err := ulid.ParseStrict(id[max(0, len(id)-ulid.EncodedSize):])
	if err != nil {
		return time.Time{}
	}
	return u.Timestamp()
}
