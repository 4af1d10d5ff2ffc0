package setup

import (
	"cmp"
	"context"
	"html/template"
	"net/http"
	"time"

	"dsync/internal/credential"
	"dsync/internal/management"
	"dsync/internal/web"
)

// view is what a handler shows.
type view struct {
	Template string // templates/<Template>.html
	Status   int    // 0 is 200
	Data     any
}

// page is what the templates get.
type page struct {
	view
	T     Texts
	Brand brand
	Toast string
}

// brand is how the page looks.
type brand struct {
	Name, Support string
	Logo          template.URL
	Plain         bool // there is no colour
	ReturnURL     string
}

// render writes a page.
func (r *request) render(v view) error {
	b, err := r.brand()
	if err != nil {
		return err
	}
	return r.Execute(v.Template, "layout", cmp.Or(v.Status, http.StatusOK), page{v, r.texts(), b, r.TakeToast()})
}

func (r *request) brand() (b brand, err error) {
	var p management.SetupPage
	if r.session != nil {
		p, b.ReturnURL, _, err = r.session.Page(r.Request.Context())
	} else {
		p, err = r.site.links.Page(r.Request.Context())
	}
	b.Name, b.Support, b.Plain = p.Name, p.Support, p.Color == ""
	b.Logo = template.URL(p.Logo) // an image: it was checked when it was stored
	return b, err
}

// content is the data of the setup page.
type content struct {
	Organization, Directory string
	TenantURL, Application  string
	Secret                  string // a token that was made now; "" for none
	Problem                 string // why none was made
	Tokens                  []token
	Mappings                []mapping
	SuccessURL              string
	Expires                 time.Time
	Live                    live
}

// token is a row of the list of tokens.
type token struct {
	management.Token
	Active bool
	Badge  web.Badge
}

// mapping is a row of the table of mappings.
type mapping struct{ Source, Target string }

// mappings are those that matter, in Entra's names of attributes.
var mappings = []mapping{
	{"objectId", "externalId"}, {"mail", `emails[type eq "work"].value`}, {"userPrincipalName", "userName"},
	{"Switch([IsSoftDeleted], , \"False\", \"True\", \"True\", \"False\")", "active"}, {"displayName", "displayName"}, {"givenName", "name.givenName"}, {"surname", "name.familyName"},
}

// showPage shows the setup page; with a secret, which is shown once.
func showPage(r *request, secret, problem string) error {
	ctx := r.Request.Context()
	l, d, err := r.live(ctx)
	if err != nil {
		return err
	}
	c := content{Directory: d.Name, Secret: secret, Problem: problem, Mappings: mappings, Expires: r.session.Expires(), Live: l}
	c.TenantURL = r.URL(r.site.scimBase + d.ExternalKey)
	p, _, success, err := r.session.Page(ctx)
	if err != nil {
		return err
	}
	c.SuccessURL, c.Application = success, cmp.Or(p.Name, d.Name)
	if c.Organization, err = r.session.Organization(ctx); err != nil {
		return err
	}
	if c.Tokens, err = r.tokens(ctx); err != nil {
		return err
	}
	status := http.StatusOK
	switch {
	case secret != "":
		status = http.StatusCreated
	case problem != "":
		status = http.StatusConflict
	}
	return r.render(view{Template: "page", Status: status, Data: c})
}

func (r *request) tokens(ctx context.Context) (rows []token, err error) {
	all, err := r.session.Tokens(ctx)
	t := r.texts()
	for _, k := range all {
		row := token{k, k.State == credential.Active, web.Off(t.Text("token.state." + string(k.State)))}
		if row.Active {
			row.Badge = web.Good(t.Text("token.state.active"))
		}
		rows = append(rows, row)
	}
	return rows, err
}

// showParts answers with the parts of the page that are live.
func showParts(r *request) error {
	l, _, err := r.live(r.Request.Context())
	if err != nil {
		return err
	}
	return r.Execute("page", "parts", http.StatusOK, page{T: r.texts(), view: view{Data: content{Live: l}}})
}
