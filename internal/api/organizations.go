package api

import (
	"net/http"
	"time"

	"dsync/internal/directory"
	"dsync/internal/id"
	"dsync/internal/scim"

	"github.com/oklog/ulid/v2"
)

var organizationFields = []Field{
	{Name: "name", Type: String, About: "The name, of 1 to 256 characters."},
	{Name: "external_id", Type: String, Nullable: true, About: "Your own id of the organization. No two have the same. null for none."},
	{Name: "domain_data", Type: Array, About: "All domains of the organization.", Fields: []Field{
		{Name: "domain", Type: String, Required: true, About: "Such as example.com."},
		{Name: "state", Type: String, Choices: directory.DomainStates, About: "pending is the default."},
	}},
	{Name: "metadata", Type: Strings, About: "Up to 50 keys with strings, which are merged into what is there. null takes a key away."},
}

// required returns the fields, of which the named ones must be given.
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
		Method: http.MethodGet, Pattern: "/organizations", Scope: directory.Read,
		Parameters: portion(id.Organization,
			Parameter{Name: "domains", Kind: Texts, About: "Organizations that have one of these domains."},
			Parameter{Name: "search", Kind: Text, About: "Organizations whose name holds this text, in any letter case."}),
		Status: http.StatusOK, Answer: "organization", List: true, About: "List organizations.",
		serve: func(r *request) (answer, error) {
			return many(organization)(r.operator.Organizations(r.Context(), r.query["domains"], r.query.text("search"), r.query.portion()))
		},
	},
	{
		Method: http.MethodPost, Pattern: "/organizations", Scope: directory.Manage, Body: required(organizationFields, "name"),
		Status: http.StatusCreated, Answer: "organization", About: "Create an organization.",
		serve: func(r *request) (answer, error) {
			o, err := r.operator.CreateOrganization(r.Context(), r.organizationUpdate())
			return made(organization(o), err)
		},
	},
	{
		Method: http.MethodGet, Pattern: "/organizations/{id}", Scope: directory.Read,
		Status: http.StatusOK, Answer: "organization", About: "Read an organization.",
		serve: func(r *request) (answer, error) {
			return one(organization)(r.operator.Organization(r.Context(), r.path["id"]))
		},
	},
	{
		Method: http.MethodGet, Pattern: "/organizations/external_id/{external_id+}", Scope: directory.Read,
		Status: http.StatusOK, Answer: "organization", About: "Read an organization by your own id of it.",
		serve: func(r *request) (answer, error) {
			return one(organization)(r.operator.OrganizationByExternalID(r.Context(), r.path["external_id"]))
		},
	},
	{
		Method: http.MethodPut, Pattern: "/organizations/{id}", Scope: directory.Manage, Body: organizationFields,
		Status: http.StatusOK, Answer: "organization", About: "Change what is given of an organization.",
		serve: func(r *request) (answer, error) {
			return one(organization)(r.operator.UpdateOrganization(r.Context(), r.path["id"], r.organizationUpdate()))
		},
	},
	{
		Method: http.MethodDelete, Pattern: "/organizations/{id}", Scope: directory.Manage,
		Status: http.StatusAccepted, About: "Delete an organization that has no directories.",
		serve: func(r *request) (answer, error) {
			return accepted, r.operator.DeleteOrganization(r.Context(), r.path["id"])
		},
	},
}

// organizationUpdate is what the body says of an organization.
func (r *request) organizationUpdate() directory.OrganizationUpdate {
	u := directory.OrganizationUpdate{Name: r.body.text("name"), ExternalID: r.body.text("external_id"), Metadata: r.body.strings("metadata")}
	if _, given := r.body["domain_data"]; given {
		list := []directory.NewDomain{}
		for _, d := range r.body.objects("domain_data") {
			list = append(list, directory.NewDomain{Domain: d.value("domain"), State: d.value("state")})
		}
		u.Domains = &list
	}
	return u
}

// organization is the wire format of an organization (workos.md section 1.6).
func organization(o directory.Organization) map[string]any {
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
