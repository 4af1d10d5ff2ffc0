package management

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"dsync/internal/credential"
	"dsync/internal/eventlog"
	"dsync/internal/id"
	"dsync/internal/settings"
	"dsync/internal/table"
	"dsync/internal/table/apikey"
	"dsync/internal/table/audit"
)

// AuditEvent is a change and who made it.
type AuditEvent = audit.Event

// The actions of audit events.
const (
	organizationCreated = "organization.created"
	organizationUpdated = "organization.updated"
	organizationDeleted = "organization.deleted"
	directoryCreated    = "directory.created"
	directoryUpdated    = "directory.updated"
	directoryPaused     = "directory.paused"
	directoryResumed    = "directory.resumed"
	directoryDeleted    = "directory.deleted"
	tokenCreated        = "directory_token.created"
	tokenRevoked        = "directory_token.revoked"
	apiKeyCreated       = "api_key.created"
	apiKeyRevoked       = "api_key.revoked"
	sessionCreated      = "console_session.created"
	sessionRevoked      = "console_session.revoked"
	setupLinkCreated    = "setup_link.created"
	setupLinkOpened     = "setup_link.opened"
	setupLinkRevoked    = "setup_link.revoked"
	setupPageUpdated    = "setup_page.updated"
)

// AuditActions are all actions of audit events.
var AuditActions = []string{
	organizationCreated, organizationUpdated, organizationDeleted,
	directoryCreated, directoryUpdated, directoryPaused, directoryResumed, directoryDeleted,
	tokenCreated, tokenRevoked, apiKeyCreated, apiKeyRevoked, sessionCreated, sessionRevoked,
	setupLinkCreated, setupLinkOpened, setupLinkRevoked, setupPageUpdated,
}

// maxUserAgent bounds the User-Agent of an audit event, in characters: those of
// browsers and SDKs are shorter.
const maxUserAgent = 256

// Origin is where a request comes from. Every change records it.
type Origin struct {
	RequestID string
	SourceIP  string // as API Gateway saw it
	UserAgent string // as the client sent it
}

// userAgent is the User-Agent without what is not printable, cut to maxUserAgent.
func (o Origin) userAgent() string {
	agent := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, o.UserAgent)
	if runes := []rune(agent); len(runes) > maxUserAgent {
		agent = string(runes[:maxUserAgent])
	}
	return agent
}

// auditActor is the actor of the changes of a session: an API key, or a person
// with a session of the console.
func (s *Session) auditActor() audit.Actor {
	actor := audit.Actor{SourceIP: s.origin.SourceIP, UserAgent: s.origin.userAgent(), RequestID: s.origin.RequestID}
	switch {
	case s.person != nil:
		actor.SessionID, actor.Person = s.person.SessionID, s.person.Name
	case s.setupLinkID != "":
		actor.SetupLinkID = s.setupLinkID
	default:
		actor.KeyID, actor.KeyName = s.key.ID, s.key.Name
	}
	return actor
}

// changeOf is the audit event of a change of an object: the action names the type
// of the object.
func (s *Session) changeOf(action, targetID string, at time.Time, before, after map[string]any) (audit.Event, error) {
	target, _, _ := strings.Cut(action, ".")
	e := audit.Event{
		At: at, Action: action, Target: audit.Target{Type: target, ID: targetID},
		Actor: s.auditActor(), Changes: audit.Diff(before, after),
	}
	var err error
	if e.ID, err = id.New(id.AuditEvent, at, s.entropy); err != nil {
		return e, fmt.Errorf("management: %w", err)
	}
	return e, nil
}

func (s *Session) organizationChange(action string, at time.Time, before, after *Organization) (audit.Event, error) {
	o := after
	if o == nil {
		o = before
	}
	e, err := s.changeOf(action, o.ID, at, organizationMembers(before), organizationMembers(after))
	e.OrganizationID = o.ID
	return e, err
}

// directoryEvent makes the audit event of a change of a directory.
func (s *Session) directoryEvent(action string) func(before, after Directory) (AuditEvent, error) {
	return func(before, after Directory) (AuditEvent, error) {
		members, err := directoryMembers(before)
		if err != nil {
			return AuditEvent{}, err
		}
		next, err := directoryMembers(after)
		if err != nil {
			return AuditEvent{}, err
		}
		return s.changeIn(after, action, after.ID, members, next)
	}
}

// changeIn is the audit event of a change of a directory, or of a token in it.
func (s *Session) changeIn(d Directory, action, targetID string, before, after map[string]any) (audit.Event, error) {
	e, err := s.changeOf(action, targetID, d.Modified, before, after)
	e.OrganizationID, e.DirectoryID = d.OrganizationID, d.ID
	return e, err
}

func (s *Session) apiKeyChange(action string, k apikey.Key, at time.Time, before, after map[string]any) (audit.Event, error) {
	e, err := s.changeOf(action, k.ID, at, before, after)
	e.OrganizationID = k.OrganizationID
	return e, err
}

// The members of objects in audit events. None of them is a secret, or a hash of
// one.

func organizationMembers(o *Organization) map[string]any {
	if o == nil {
		return nil
	}
	m := map[string]any{"name": o.Name}
	if o.ExternalID != "" {
		m["external_id"] = o.ExternalID
	}
	for key, value := range o.Metadata {
		m["metadata."+key] = value
	}
	for _, d := range o.Domains {
		m["domain_data."+d.Domain] = d.State
	}
	return m
}

func directoryMembers(d Directory) (map[string]any, error) {
	m := map[string]any{"name": d.Name, "type": d.Type, "state": d.State}
	for _, t := range d.Tokens {
		m["tokens."+t.ID] = credential.Active
	}
	if d.Extensions != "" {
		m["extensions"] = json.RawMessage(d.Extensions)
	}
	chosen, err := settings.Parse(d.SCIMConfig)
	if err != nil {
		return nil, err
	}
	for name, value := range chosen.Members() {
		m["settings."+name] = value
	}
	return m, nil
}

func tokenMembers(t table.TokenRef) map[string]any {
	return map[string]any{"state": credential.Active, "suffix": t.Suffix, "expires_at": expiry(t.Expires)}
}

func apiKeyMembers(k APIKey) map[string]any {
	m := map[string]any{"name": k.Name, "scope": k.Scope, "state": k.State, "suffix": k.Suffix, "expires_at": expiry(k.Expires)}
	if k.OrganizationID != "" {
		m["organization_id"] = k.OrganizationID
	}
	return m
}

// expiry is a time in the form of the REST API, nil for never.
func expiry(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// AuditFilter says which audit events to list. "" is all.
type AuditFilter struct{ OrganizationID, DirectoryID, Action string }

// selects reports whether the filter selects the event.
func (f AuditFilter) selects(e AuditEvent) bool {
	return (f.OrganizationID == "" || f.OrganizationID == e.OrganizationID) &&
		(f.DirectoryID == "" || f.DirectoryID == e.DirectoryID) && (f.Action == "" || f.Action == e.Action)
}

// AuditEvents lists audit events, for audit.Retention.
func (s *Session) AuditEvents(ctx context.Context, f AuditFilter, p PageRequest) (Page[AuditEvent], error) {
	var wanted func(AuditEvent) bool
	if f != (AuditFilter{}) {
		wanted = f.selects
	}
	return list(ctx, p, chunksOf(s.table, s.reach.auditEvents(f)), wanted)
}

// EventLog is the log of events.
type EventLog interface {
	Read(context.Context, eventlog.Query) (eventlog.Page, error)
}

// News reads the events after a cursor, as Events does. At rest it costs half: a cheaper
// read looks whether there is something, and may see it a moment later.
func (s *Session) News(ctx context.Context, log EventLog, q eventlog.Query) (eventlog.Page, error) {
	peek := q
	peek.Limit = 1
	found, err := s.Events(table.Eventually(ctx), log, peek)
	if err != nil || len(found.Events) == 0 {
		return found, err
	}
	return s.Events(ctx, log, q)
}

// Events reads a page of the log of events. It fails as the log does.
func (s *Session) Events(ctx context.Context, log EventLog, q eventlog.Query) (eventlog.Page, error) {
	within, err := s.reach.eventQuery(ctx, q)
	if err != nil || within == nil {
		return eventlog.Page{}, err
	}
	return log.Read(ctx, *within)
}
