package console

import (
	"net/http"

	"dsync/internal/fault"
	"dsync/internal/management"
	"dsync/internal/web"
)

var signInRoutes = []Route{
	{Pattern: "GET " + Base + "/sign-in", Scope: Public, serve: showLink},
	{Pattern: "POST " + Base + "/sign-in", Scope: Public, serve: signIn},
	{Pattern: "GET " + Base + "/sign-in/provider", Scope: Public, serve: beginSSO},
	{Pattern: "GET " + ssoCallback, Scope: Public, serve: finishSSO},
	{Pattern: "POST " + Base + "/sign-out", Scope: management.Read, serve: signOut},
}

var sessionRoutes = []Route{
	{Pattern: "GET " + Base + "/sessions", Scope: management.Keys, serve: listSessions},
	{Pattern: "POST " + Base + "/sessions/{session}/revoke", Scope: management.Keys, serve: revokeSession},
}

// gate is what a page says to who has not signed in.
type gate struct {
	Problem  string // why signing in failed, "" if it did not
	Text     string
	Provider string // host of the identity provider, "" for none
	Begin    string // path where signing in with it begins
}

func (r *request) gate(problem string) gate {
	g := gate{Problem: problem}
	if r.console.sso != nil {
		g.Provider, g.Begin = r.console.sso.Host(), Base+"/sign-in/provider"
	}
	return g
}

// refuse shows how to sign in, and why it failed.
func (r *request) refuse(problem string, status int) error {
	return r.render(view{Template: "signed-out", Title: "Sign in", Status: status, Data: r.gate(problem)})
}

// showLink is where a sign-in link leads. It does not use the link up: what scans
// mails and previews links opens them, too.
func showLink(r *request) error {
	link := r.Request.URL.Query().Get("link")
	if link == "" {
		return r.refuse("", http.StatusOK)
	}
	return r.render(view{Template: "sign-in", Title: "Sign in", Data: link})
}

// signIn uses a link up and opens a session.
func signIn(r *request) error {
	f, err := r.Form()
	if err != nil {
		return err
	}
	if err := r.limit(r.console.strangers, r.Request.RemoteAddr); err != nil {
		return err
	}
	secret, person, err := r.console.people.SignIn(r.Request.Context(), f.Value("link"), r.origin())
	if fault.KindOf(err) == fault.Unauthorized {
		return r.refuse("This link does not work: it was used before, it has expired, or it is not complete.", http.StatusUnauthorized)
	} else if err != nil {
		return err
	}
	return r.enter(secret, person)
}

// enter begins the session of a person in this browser, and ends the one before.
func (r *request) enter(secret string, person management.Person) error {
	if before := r.Cookie(sessionCookie); before != "" {
		if err := r.console.people.SignOut(r.Request.Context(), before, r.origin()); err != nil && fault.KindOf(err) != fault.Unauthorized {
			return err
		}
	}
	r.SetCookie(sessionCookie, secret, person.Expires.Sub(r.console.now()))
	return r.Redirect(r.takePlace())
}

// signOut ends the session at once, in every process.
func signOut(r *request) error {
	if err := r.console.people.SignOut(r.Request.Context(), r.Cookie(sessionCookie), r.origin()); err != nil {
		return err
	}
	r.SetCookie(sessionCookie, "", 0)
	r.session = nil
	g := r.gate("")
	g.Text = "You have signed out."
	return r.render(view{Template: "signed-out", Title: "Signed out", Data: g})
}

func listSessions(r *request) error {
	found, err := r.session.ConsoleSessions(r.Request.Context(), r.pageRequest())
	if err != nil {
		return err
	}
	return r.render(view{Template: "sessions", Title: "Sessions", Section: sessions, Data: struct {
		Sessions []management.ConsoleSession
		Order    sorting
		Pager    web.Pager
		Own      string
		Curl     []choice
	}{found.Items, r.order(), pagerOf(r, found), r.session.Person().SessionID, []choice{
		{r.curl(http.MethodGet, "/console_sessions", nil), "List"}, {r.curl(http.MethodDelete, "/console_sessions/console_session_…", nil), "End"},
	}}})
}

func revokeSession(r *request) error {
	if err := r.session.RevokeConsoleSession(r.Request.Context(), r.Request.PathValue("session")); err != nil {
		return err
	}
	return r.Done(sessions.Path, "The session has ended.")
}
