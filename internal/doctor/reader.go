package doctor

import (
	"context"
	"slices"
	"strings"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/id"
	"dsync/internal/scim/resource"
	"dsync/internal/settings"
	"dsync/internal/table"
	"dsync/internal/table/finding"
)

const (
	// maxRequests is how many records of requests are looked at, the newest.
	maxRequests = 100
	// knownDays are the days whose hours tell the usual gap.
	knownDays = 6
	// maxTokens are the newest tokens that are looked at.
	maxTokens = 10
	// sampleUsers and sampleGroups are how many of the newest users and groups are looked
	// at, sampleDeep of how many more is looked up.
	sampleUsers  = 20
	sampleGroups = 10
	sampleDeep   = 10
)

// Reader reads the facts of directories. It is safe for concurrent use.
type Reader struct {
	table *table.Table
	now   func() time.Time
}

// NewReader returns a reader of a table.
func NewReader(t *table.Table, now func() time.Time) *Reader { return &Reader{t, now} }

// Findings returns the findings of a directory, those that block first: about 10 round
// trips, and 30 more at most with a sample of the newest users and groups, which some
// conditions need.
func (r *Reader) Findings(ctx context.Context, d table.Directory, sample bool) ([]Finding, error) {
	f, err := r.facts(ctx, d, sample)
	if err != nil {
		return nil, err
	}
	return Evaluate(f), nil
}

func (r *Reader) facts(ctx context.Context, d table.Directory, sample bool) (f Facts, err error) {
	f = Facts{Now: r.now().UTC(), Directory: d, Users: map[string]map[string]any{}, Groups: map[string]bool{}}
	view, err := dsync.ParseProjection(d.View)
	if err != nil {
		return f, err
	}
	f.Domains = view.Domains
	if f.Record, err = finding.Read(ctx, r.table, d.ID); err != nil {
		return f, err
	}
	if f.Requests, err = r.Requests(ctx, d.ID, maxRequests); err != nil {
		return f, err
	}
	if f.Days, err = r.table.Days(ctx, d.ID, knownDays); err != nil {
		return f, err
	}
	tokens, err := table.Tokens(d.ID).Read(ctx, r.table, "", true, maxTokens)
	if err != nil {
		return f, err
	}
	for _, e := range tokens.Entries {
		f.Tokens = append(f.Tokens, e.Record)
	}
	if f.Counts, err = r.table.Counts(ctx, d.ID); err != nil {
		return f, err
	}
	if err := r.resources(ctx, &f); err != nil || !sample {
		return f, err
	}
	return f, r.sample(ctx, &f)
}

// resources reads the users and groups that the record names.
func (r *Reader) resources(ctx context.Context, f *Facts) error {
	var users, groups []string
	for _, known := range named(f.Record) {
		switch {
		case id.User.Valid(known):
			users = append(users, known)
		case id.Group.Valid(known):
			groups = append(groups, known)
		}
	}
	found, err := r.table.Resources(ctx, table.User, f.Directory.ID, users)
	if err != nil {
		return err
	}
	for _, u := range found {
		if !u.Deleted {
			if f.Users[u.ID], err = resource.Decode(u.Document); err != nil {
				return err
			}
		}
	}
	found, err = r.table.Resources(ctx, table.Group, f.Directory.ID, groups)
	for _, g := range found {
		f.Groups[g.ID] = f.Groups[g.ID] || !g.Deleted
	}
	return err
}

// LongInactiveAfter is when Entra should have deleted a user.
const longInactiveAfter = 45 * day

// sample looks at the newest users and groups.
func (r *Reader) sample(ctx context.Context, f *Facts) error {
	chosen, err := settings.Parse(f.Directory.SCIMConfig)
	if err != nil {
		return err
	}
	f.Sample.MappedAttributes = chosen.AttributeMapping
	users, err := table.ResourcesOf(table.User, f.Directory.ID).ReadEventually(ctx, r.table, "", true, sampleUsers)
	if err != nil {
		return err
	}
	deep := sampleDeep
	for _, e := range users.Entries {
		user, err := resource.Decode(e.Record.Document)
		if err != nil {
			return err
		}
		f.Sample.Users = append(f.Sample.Users, user)
		switched := time.UnixMilli(e.Record.Switched)
		switch {
		case !dsync.Active(user):
			if e.Record.Switched > 0 && f.Now.Sub(switched) > longInactiveAfter {
				f.Sample.LongInactive = append(f.Sample.LongInactive, e.ID)
			}
			continue
		case deep == 0:
			continue
		}
		deep--
		if err := r.lookUp(ctx, f, e.ID, user, e.Record.Switched > 0 && f.Now.Sub(switched) < 7*day && f.Counts.Groups > 0); err != nil {
			return err
		}
	}
	groups, err := table.ResourcesOf(table.Group, f.Directory.ID).ReadEventually(ctx, r.table, "", true, sampleGroups)
	if err != nil {
		return err
	}
	for _, e := range groups.Entries {
		if f.Now.Sub(e.Record.Created) < cycles {
			continue
		}
		members, _, err := table.UsersIn(f.Directory.ID, e.ID).IDs(ctx, r.table, "", true, 1)
		if err != nil {
			return err
		}
		if len(members) == 0 {
			f.Sample.EmptyGroups = append(f.Sample.EmptyGroups, e.ID)
		}
	}
	return nil
}

// lookUp looks up who else has the e-mail address of an active user, and with returned
// whether a user who was activated again is in a group.
func (r *Reader) lookUp(ctx context.Context, f *Facts, userID string, user map[string]any, returned bool) error {
	if email := resource.MainEmail(user); email != "" && !slices.Contains(f.Sample.SharedEmail, userID) {
		ids, err := r.table.ByEmail(ctx, f.Directory.ID, email)
		if err != nil {
			return err
		}
		ids = slices.DeleteFunc(ids, func(id string) bool { return id == userID })
		others, err := r.table.Resources(ctx, table.User, f.Directory.ID, ids[:min(len(ids), MaxIDs)])
		if err != nil {
			return err
		}
		for _, o := range others {
			other, err := resource.Decode(o.Document)
			if err != nil {
				return err
			}
			if !o.Deleted && dsync.Active(other) && strings.EqualFold(resource.MainEmail(other), email) {
				f.Sample.SharedEmail = append(f.Sample.SharedEmail, userID, o.ID)
			}
		}
	}
	if returned {
		groups, _, err := table.GroupsWith(f.Directory.ID, userID).IDs(ctx, r.table, "", true, 1)
		if err != nil {
			return err
		}
		if len(groups) == 0 {
			f.Sample.WithoutGroups = append(f.Sample.WithoutGroups, userID)
		}
	}
	return nil
}

// Requests returns the newest records of requests to a directory, newest first: those
// that were refused or tolerated something, and the first of a minute without a valid
// token, whose Reason is a code (Lookup).
func (r *Reader) Requests(ctx context.Context, directoryID string, limit int) ([]table.Request, error) {
	list, err := table.Requests(directoryID).Read(ctx, r.table, "", true, limit)
	var requests []table.Request
	for _, e := range list.Entries {
		requests = append(requests, e.Record)
	}
	return requests, err
}
