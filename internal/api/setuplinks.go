package api

import (
	"net/http"
	"net/url"
	"slices"

	"dsync/internal/id"
	"dsync/internal/management"
	"dsync/internal/scim"
)

// setupLinkFields are what a link may be told (workos.md section 3).
var setupLinkFields = []Field{
	{Name: "return_url", Type: String, Description: "Where the logo of the setup page leads. Its origin must be one of the allowed_origins of the setup page."},
	{Name: "success_url", Type: String, Description: "Where the end of the setup leads. Its origin must be allowed, too."},
	{Name: "it_contact_emails", Type: TextList, Description: "E-mail addresses of the customer's admins, at most 20."},
}

// intents are the purposes of a link of WorkOS's portal that exist here.
var intents = []string{"dsync"}

var setupLinkRoutes = []Route{
	{
		Method: http.MethodPost, Pattern: "/portal/generate_link", Scope: management.Manage,
		Body: append([]Field{
			{Name: "organization", Type: String, Required: true, Description: "ID of the organization. Without a directory, one is created for it; of several directories, none is chosen: that is a 422."},
			{Name: "intent", Type: String, Choices: intents, Description: "What the customer's admin shall set up."},
			{Name: "admin_emails", Type: TextList, Description: "The same as it_contact_emails, as SDKs of WorkOS name it."},
		}, setupLinkFields...),
		Status: http.StatusCreated, Object: "portal_link", Summary: "Make a setup link for the directory of an organization, as WorkOS does. The link works for 14 days, opens once, and revokes the one before.",
		serve: func(r *request) (response, error) {
			directoryID, err := r.session.DirectoryToSetUp(r.context(), r.body.value("organization"))
			if err != nil {
				return response{}, err
			}
			_, secret, err := r.session.CreateSetupLink(r.context(), r.newSetupLink(directoryID))
			return made(map[string]any{"link": r.setupURL(secret)}, err)
		},
	},
	{
		Method: http.MethodGet, Pattern: "/directories/{id}/setup_links", Scope: management.Read, Parameters: pageParameters(id.SetupLink),
		Status: http.StatusOK, Object: "setup_link", List: true, Summary: "List the setup links of a directory. Links that have ended are listed for 7 days.",
		serve: func(r *request) (response, error) {
			return many(setupLink)(r.session.SetupLinks(r.context(), r.parameters["id"], r.query.page()))
		},
	},
	{
		Method: http.MethodPost, Pattern: "/directories/{id}/setup_links", Scope: management.Manage,
		Body: append([]Field{
			{Name: "expires_at", Type: Instant, Nullable: true, Description: "Time at which the link, and the session that it opened, end: within 30 days. Default: in 14 days."},
		}, setupLinkFields...),
		Status: http.StatusCreated, Object: "setup_link", Summary: "Make a setup link for a directory. The response contains the URL; it cannot be read again. The link before is revoked.",
		serve: func(r *request) (response, error) {
			l, secret, err := r.session.CreateSetupLink(r.context(), r.newSetupLink(r.parameters["id"]))
			return made(shownOnce(setupLink(l), "link", r.setupURL(secret)), err)
		},
	},
	{
		Method: http.MethodDelete, Pattern: "/directories/{id}/setup_links/{setup_link_id}", Scope: management.Manage,
		Status: http.StatusNoContent, Summary: "Revoke a setup link, and end the session that it opened, at once.",
		serve: func(r *request) (response, error) {
			return done, r.session.RevokeSetupLink(r.context(), r.parameters["id"], r.parameters["setup_link_id"])
		},
	},
}

func (r *request) newSetupLink(directoryID string) management.NewSetupLink {
	n := management.NewSetupLink{
		DirectoryID: directoryID, Expires: r.body.time("expires_at"),
		ReturnURL: r.body.value("return_url"), SuccessURL: r.body.value("success_url"),
	}
	for _, name := range []string{"it_contact_emails", "admin_emails"} {
		if contacts := r.body.list(name); contacts != nil {
			n.Contacts = append(n.Contacts, *contacts...)
		}
	}
	return n
}

// setupURL is the URL of a setup link.
func (r *request) setupURL(secret string) string {
	return r.http.URL.Scheme + "://" + r.http.Host + management.SetupPath + "?token=" + url.QueryEscape(secret)
}

// setupLink is the wire format of a setup link.
func setupLink(l management.SetupLink) map[string]any {
	return map[string]any{
		"object":            "setup_link",
		"id":                l.ID,
		"directory_id":      l.DirectoryID,
		"organization_id":   l.OrganizationID,
		"state":             l.State,
		"step":              l.Step,
		"opened_at":         instant(l.Opened),
		"return_url":        nullable(l.ReturnURL),
		"success_url":       nullable(l.SuccessURL),
		"it_contact_emails": append([]string{}, l.Contacts...),
		"expires_at":        scim.Timestamp(l.Expires),
		"created_at":        scim.Timestamp(l.Created),
	}
}

var setupPageRoutes = []Route{
	{
		Method: http.MethodGet, Pattern: "/setup_page", Scope: management.Read,
		Status: http.StatusOK, Object: "setup_page", Summary: "Read how the setup page looks, and where it may lead.",
		serve: func(r *request) (response, error) {
			return one(setupPage)(r.session.SetupPage(r.context()))
		},
	},
	{
		Method: http.MethodPatch, Pattern: "/setup_page", Scope: management.Manage,
		Body: []Field{
			{Name: "name", Type: String, Nullable: true, Description: "Name of your product. null for none."},
			{Name: "logo", Type: String, Nullable: true, Description: "data: URL of a PNG, JPEG or WebP image of at most 48 KiB. null for none."},
			{Name: "color", Type: String, Nullable: true, Description: "Colour of buttons and links, such as #3451d1, dark enough for white text on it. null for the default."},
			{Name: "support_email", Type: String, Nullable: true, Description: "Where admins find help. null for none."},
			{Name: "allowed_origins", Type: TextList, Description: "All origins to which return_url and success_url of setup links may lead, such as https://app.example.com."},
		},
		Status: http.StatusOK, Object: "setup_page", Summary: "Change the given members of the setup page.",
		serve: func(r *request) (response, error) {
			u := management.SetupPageUpdate{
				Name: r.body.text("name"), Logo: r.body.text("logo"), Color: r.body.text("color"), Support: r.body.text("support_email"), Origins: r.body.list("allowed_origins"),
			}
			u.NoName = string(r.body["name"]) == "null"
			return one(setupPage)(r.session.UpdateSetupPage(r.context(), u))
		},
	},
}

func setupPage(p management.SetupPage) map[string]any {
	return map[string]any{
		"object": "setup_page", "name": nullable(p.Name), "logo": nullable(p.Logo), "color": nullable(p.Color),
		"support_email": nullable(p.Support), "allowed_origins": append([]string{}, slices.Clone(p.Origins)...),
	}
}
