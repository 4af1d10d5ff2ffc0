package relay

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/eventlog"
	"dsync/internal/table"
	"dsync/internal/table/journal"

	"github.com/aws/aws-lambda-go/events"
)

// shelf is a store that answers as a test says, and keeps what was written.
type shelf struct {
	head         table.LogHead
	conflicts    []error // of the first appends; then they succeed
	appends      []table.LogAppend
	logged       map[string]table.LoggedEvent
	deferrals    []table.Deferral
	more         bool
	subjects     map[string]table.Resource
	current      map[string]table.Resource
	membership   *table.Membership
	organization error
	released     int
	announced    []table.Membership
	removed      []table.Membership
}

func (s *shelf) LogHeads(_ context.Context, ids []string) (map[string]table.LogHead, error) {
	heads := map[string]table.LogHead{}
	for _, id := range ids {
		heads[id] = s.head
	}
	return heads, nil
}

func (s *shelf) EnvironmentHeads(_ context.Context, shards []int) (map[int]journal.Head, error) {
	return map[int]journal.Head{shards[0]: {Version: 1}}, nil
}

func (s *shelf) AppendLog(_ context.Context, a table.LogAppend) (table.LogHeads, error) {
	if len(s.conflicts) > 0 {
		err := s.conflicts[0]
		s.conflicts = s.conflicts[1:]
		return table.LogHeads{}, err
	}
	s.appends = append(s.appends, a)
	next, _, _ := a.Apply()
	return next, nil
}

func (s *shelf) LoggedEvents(_ context.Context, keys []string) (list []table.LoggedEvent, err error) {
	for _, k := range keys {
		if e, ok := s.logged[k]; ok {
			list = append(list, e)
		}
	}
	return list, nil
}

func (s *shelf) LegacyBucket(context.Context) (string, error) { return "", table.ErrNotFound }

func (s *shelf) LegacyLogged(context.Context, string, []string) (map[string]table.LoggedEvent, error) {
	return nil, nil
}

func (s *shelf) Deferrals(context.Context, string, int) ([]table.Deferral, bool, error) {
	return s.deferrals, s.more, nil
}

func (s *shelf) ReleaseDeferrals(_ context.Context, _ string, list []table.Deferral) error {
	s.released += len(list)
	return nil
}

func (s *shelf) Subjects(context.Context, []table.Membership) (map[string]table.Resource, error) {
	return s.subjects, nil
}

func (s *shelf) Membership(context.Context, table.Membership) (table.Membership, error) {
	if s.membership == nil {
		return table.Membership{}, table.ErrNotFound
	}
	return *s.membership, nil
}

func (s *shelf) Organization(context.Context, string) (table.Organization, error) {
	return table.Organization{}, s.organization
}

func (s *shelf) Directory(context.Context, string) (table.Directory, error) {
	return table.Directory{ID: modelDirectory}, nil
}

func (s *shelf) Resource(_ context.Context, _ table.Kind, _, id string) (table.Resource, error) {
	r, ok := s.current[id]
	if !ok {
		return r, table.ErrNotFound
	}
	return r, nil
}

func (s *shelf) AnnounceMembership(_ context.Context, m table.Membership, _ int64) error {
	s.announced = append(s.announced, m)
	return nil
}

func (s *shelf) RemoveMemberships(_ context.Context, list []table.Membership) error {
	s.removed = append(s.removed, list...)
	return nil
}

// target is a bus that keeps what it gets, or fails.
type target struct {
	sent  []entry
	fail  error
	left  int       // entries that a failed call leaves
	until time.Time // the deadline of the last call
}

func (b *target) publish(ctx context.Context, entries []entry, _ parkEventFunc) (int, []entry, error) {
	b.until, _ = ctx.Deadline()
	if b.fail != nil {
		n := len(entries) - min(b.left, len(entries))
		b.sent = append(b.sent, entries[:n]...)
		return n, entries[n:], b.fail
	}
	b.sent = append(b.sent, entries...)
	return len(entries), nil, nil
}

func modelNow() time.Time { return modelTime }

// relayOn is a relay on a shelf.
func relayOn(s *shelf) (*Relay, *target) {
	bus := &target{}
	r := newRelay(s, eventlog.NewAppender(s, modelNow), modelNow, slog.New(slog.DiscardHandler))
	r.bus = bus
	return r, bus
}

// person is a user of the directory.
func person(version int64) table.Resource {
	return table.Resource{
		Kind: table.User, ID: modelUser, DirectoryID: modelDirectory, OrganizationID: modelOrganization,
		Document: `{"userName":"ada"}`, Version: version, Created: modelTime, Modified: modelTime,
	}
}

func team() table.Resource {
	r := person(1)
	r.Kind, r.ID, r.Document = table.Group, modelGroup, `{"displayName":"g"}`
	return r
}

// belonging is the membership of the person in the team.
func belonging() table.Membership {
	return table.Membership{DirectoryID: modelDirectory, OrganizationID: modelOrganization, GroupID: modelGroup, UserID: modelUser, At: modelTime}
}

func changeOf(t *testing.T, record events.DynamoDBEventRecord) change {
	t.Helper()
	c, _, err := read(record)
	if err != nil {
		t.Fatal(err)
	}
	return change{Change: c, record: record}
}

// loggedEvent is an event of the log with that id.
func loggedEvent(t *testing.T, id, name string) table.LoggedEvent {
	t.Helper()
	event := dsync.Event{Object: "event", ID: id, Name: name, CreatedAt: "2026-03-01T10:00:00.000Z", Data: map[string]any{"id": modelUser, "directory_id": modelDirectory}}
	encoded, err := event.Encode()
	if err != nil {
		t.Fatal(err)
	}
	body, err := eventlog.Compress(encoded.JSON(1))
	if err != nil {
		t.Fatal(err)
	}
	return table.LoggedEvent{ID: id, Name: name, Body: body}
}

func parkNothing(t *testing.T) parkFunc {
	return func(_ context.Context, _ events.DynamoDBEventRecord, reason error) error {
		t.Errorf("a record is parked: %v", reason)
		return nil
	}
}
