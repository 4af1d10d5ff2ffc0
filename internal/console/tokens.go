package console

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"dsync/internal/credential"
	"dsync/internal/management"
	"dsync/internal/settings"
	"dsync/internal/web"
)

var tokenRoutes = []Route{
	{Pattern: "POST " + Base + "/directories/{directory}/tokens", Scope: management.Manage, serve: createToken},
	{Pattern: "POST " + Base + "/directories/{directory}/tokens/{token}/revoke", Scope: management.Manage, serve: revokeToken},
}

// tokenLifetime is a choice of a token's life.
type tokenLifetime struct {
	Days int // 0 is without an end
	Text string
}

var tokenLifetimes = []tokenLifetime{{0, "Does not end"}, {180, "6 months"}, {365, "1 year"}, {730, "2 years"}}

const day = 24 * time.Hour

// endsSoon is how long before its end a token needs somebody: the customer's admin
// has to paste another one.
const endsSoon = 30 * day

// tokenRow is a token in a list.
type tokenRow struct {
	management.Token
	Badge web.Badge
}

func (r *request) tokenRows(tokens []management.Token) []tokenRow {
	rows := make([]tokenRow, len(tokens))
	for i, t := range tokens {
		rows[i] = tokenRow{t, web.Off("Revoked")}
		switch {
		case t.State == credential.Active && endingSoon(t.Expires, r.console.now()):
			rows[i].Badge = web.Wait("Ends soon")
		case t.State == credential.Active:
			rows[i].Badge = web.Good("Active")
		case t.State == credential.Expired:
			rows[i].Badge = web.Off("Expired")
		}
	}
	return rows
}

// endingSoon reports whether something that expires then, zero for never, needs
// somebody.
func endingSoon(expires, now time.Time) bool {
	return !expires.IsZero() && expires.Sub(now) < endsSoon
}

// createToken shows the secret on its answer, as createDirectory does.
func createToken(r *request) error {
	f, err := r.Form()
	if err != nil {
		return err
	}
	var expires time.Time
	days, err := strconv.Atoi(f.Value("days"))
	if err == nil && days > 0 && slices.ContainsFunc(tokenLifetimes, func(l tokenLifetime) bool { return l.Days == days }) {
		expires = r.console.now().Add(time.Duration(days) * day)
	}
	d, err := r.directory()
	if err != nil {
		return err
	}
	_, secret, err := r.session.CreateToken(r.Request.Context(), d.ID, expires)
	if err != nil {
		return err
	}
	return r.renderConnection(d, connection{
		Title: "New token", Text: "Both tokens work until you revoke the older one.", Secret: secret,
		Steps: []string{
			"Give the new token to the customer's IT admin, who pastes it over the old one, presses Test Connection, and saves.",
			"When the new token was used and the old one is not used any more, revoke the old one.",
		},
	})
}

func revokeToken(r *request) error {
	directoryID := r.Request.PathValue("directory")
	if err := r.session.RevokeToken(r.Request.Context(), directoryID, r.Request.PathValue("token")); err != nil {
		return err
	}
	return r.Done(directoryPath(directoryID), "The token was revoked. It stops working within 10 seconds.")
}

// connection is a page with a secret that is shown once.
type connection struct {
	Title, Text, Secret string
	Steps               []string // what to do then
	Path, Endpoint      string
	Provider            string
	Entra               bool
}

// renderConnection shows a secret. It cannot be read again, so no redirect may lead
// to it. The page replaces its address by that of the directory, so that loading it
// again makes no second one.
func (r *request) renderConnection(d management.Directory, c connection) error {
	c.Path, c.Endpoint, c.Provider, c.Entra = directoryPath(d.ID), r.endpoint(d), providerName(d.Type), d.Type == settings.Entra
	return r.render(view{
		Template: "connection", Title: c.Title, Section: organizations, Status: http.StatusCreated, Data: c,
		Crumbs: directoryCrumbs(d),
	})
}
