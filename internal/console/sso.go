package console

import (
	"errors"
	"log/slog"
	"net/http"

	"dsync/internal/fault"
	"dsync/internal/management"
	"dsync/internal/redact"
	"dsync/internal/sso"
	"dsync/internal/web"
)

const (
	// ssoCallback is where the identity provider leads back. It is registered there.
	ssoCallback = Base + "/sign-in/callback"
	// attemptCookie has a sign-in that has begun.
	attemptCookie = "attempt"
)

// beginSSO leads to the identity provider. It is a link and no form: a form may not lead
// to another site.
func beginSSO(r *request) error {
	if r.console.sso == nil {
		return fault.Missing("Page", "")
	}
	if err := r.limit(r.console.strangers, r.Request.RemoteAddr); err != nil {
		return err
	}
	attempt, authorize, err := r.console.sso.Begin(r.Request.Context(), r.URL(ssoCallback), r.console.entropy)
	if err != nil {
		return r.ssoFailed(err)
	}
	r.SetCookie(attemptCookie, attempt.String(), sso.AttemptLifetime)
	return r.Redirect(authorize)
}

// finishSSO opens a session for whom the identity provider has signed in. The attempt is
// used up with that, whatever comes after.
func finishSSO(r *request) error {
	if r.console.sso == nil {
		return fault.Missing("Page", "")
	}
	if err := r.limit(r.console.strangers, r.Request.RemoteAddr); err != nil {
		return err
	}
	attempt, begun := sso.ParseAttempt(r.Cookie(attemptCookie))
	if !begun {
		return r.refuse(noAttempt, http.StatusUnauthorized)
	}
	r.SetCookie(attemptCookie, "", 0)
	found, err := r.console.sso.Finish(r.Request.Context(), r.URL(ssoCallback), attempt, r.Request.URL.Query())
	if err != nil {
		return r.ssoFailed(err)
	}
	secret, person, err := r.console.people.SignInWith(r.Request.Context(), management.Identity{
		Person: found.Name, Role: found.Role, Subject: r.console.sso.Host() + " " + found.Subject, Attempt: attempt.Key(), Expires: attempt.Expires(),
	}, r.origin())
	if fault.KindOf(err) == fault.Unauthorized {
		return r.refuse(noAttempt, http.StatusUnauthorized)
	} else if err != nil {
		return err
	}
	return r.enter(secret, person)
}

const noAttempt = "This answer of the identity provider was used before, is too old, or was meant for another browser. Begin again."

// ssoFailed says why signing in with the identity provider failed. The log has the reason
// that is not for everybody.
func (r *request) ssoFailed(err error) error {
	var none *sso.NoRoleError
	switch {
	case errors.Is(err, sso.ErrAttempt):
		return r.refuse(noAttempt, http.StatusUnauthorized)
	case errors.Is(err, sso.ErrDenied):
		return r.refuse("The identity provider did not sign you in. Begin again, or ask who manages it.", http.StatusUnauthorized)
	case errors.As(err, &none):
		return r.refuse("You signed in as "+web.Visible(none.Person)+", but no role in this console was given to you. Ask who manages your identity provider.", http.StatusForbidden)
	}
	r.console.log.LogAttrs(r.Request.Context(), slog.LevelWarn, "signing in with the identity provider failed", slog.String("request_id", r.ID()), slog.String("error", redact.Error(err)))
	return r.refuse("Signing in with the identity provider failed. Begin again; if it fails again, the log of the function has the reason for request "+r.ID()+".", http.StatusBadGateway)
}
