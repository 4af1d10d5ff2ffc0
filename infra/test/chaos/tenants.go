package chaos

import (
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"dsync/infra/topology"
	"dsync/internal/awslocal/awsconfig"
	localdynamodb "dsync/internal/awslocal/dynamodb"
	"dsync/internal/dsync"
	"dsync/internal/management"
	"dsync/internal/session"
	"dsync/internal/table"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// tenant is a directory that the campaign changes. It has a model and one
// session for each function instance. The clocks of the instances differ.
type tenant struct {
	*model
	table       *table.Table // without faults
	externalKey string
	secret      string
	revoked     string // secret of a token that is revoked before the restore
	revokedID   string
	sessions    []*session.Session
	functions   []*session.Authenticator
	random      *mathrand.Rand
	changes     int // number of changes made
	names       int
	fat         int // oversized users to create
	oversize    int // oversized users created
	repeated    int // requests whose answer was lost, as the repetition has shown
}

// functions returns three function instances. Each has its own clock error.
func functions(t *table.Table, d *dice) (all []*session.Authenticator) {
	for range 3 {
		wrong := skew(d)
		now := func() time.Time { return time.Now().Add(wrong) }
		all = append(all, session.NewAuthenticator(t, now, rand.Reader))
	}
	return all
}

// createTenants creates the directories. Every fourth directory has the policy
// that deletes deactivated users. Every third has fat users.
func (r *campaign) createTenants(ctx context.Context) error {
	all := functions(r.shared, r.dice)
	for n := range r.Directories {
		var p dsync.Projection
		if n%4 == 3 {
			p.Deactivation = dsync.Delete
		}
		t, err := r.createTenant(ctx, n, p)
		if err != nil {
			return err
		}
		if n%3 == 0 {
			t.fat = 2
		}
		if err := t.connect(ctx, all); err != nil {
			return err
		}
		r.tenants = append(r.tenants, t)
	}
	return nil
}

func (r *campaign) createTenant(ctx context.Context, n int, p dsync.Projection) (*tenant, error) {
	operator := management.Bootstrap(r.exact, time.Now, rand.Reader)
	name := fmt.Sprint("Organization ", n)
	o, err := operator.CreateOrganization(ctx, management.OrganizationUpdate{Name: &name})
	if err != nil {
		return nil, err
	}
	d, _, secret, err := operator.CreateDirectory(ctx, management.NewDirectory{OrganizationID: o.ID, Name: fmt.Sprint("Directory ", n)})
	if err != nil {
		return nil, err
	}
	if view := p.Encode(); view != "" {
		next := d
		next.Version, next.View = d.Version+1, view
		if err := r.exact.ReplaceDirectory(ctx, d, next, nil); err != nil {
			return nil, err
		}
	}
	t := &tenant{
		model: newModel(d.ID, p.Deactivation == dsync.Delete), table: r.exact, externalKey: d.ExternalKey, secret: secret,
		random: mathrand.New(mathrand.NewPCG(r.Seed, uint64(n))),
	}
	t.tell(dsync.TokenCreated, "", "")
	token, revoked, err := operator.CreateToken(ctx, d.ID, time.Time{})
	t.revoked, t.revokedID = revoked, token.ID
	t.tell(dsync.TokenCreated, "", "")
	return t, err
}

// connect opens a session with each function instance. The first one activates
// the directory.
func (t *tenant) connect(ctx context.Context, all []*session.Authenticator) error {
	activated := len(t.sessions) > 0
	t.functions, t.sessions = all, nil
	for n, f := range all {
		opened, _, err := f.Authenticate(ctx, t.externalKey, t.secret, fmt.Sprint("request-", n))
		if err != nil {
			return fmt.Errorf("authenticate: %w", err)
		}
		t.sessions = append(t.sessions, opened)
	}
	if !activated {
		t.tell(dsync.DirectoryActivated, "", "")
	}
	return nil
}

// restore replaces the table: it copies the items to a new table, enables the
// stream of that, and lets everything go on with it. The relay reads the rest of
// the old stream, too. Each directory revokes a token between the backup and the
// restore. No relay and no writer runs meanwhile.
func (r *campaign) restore(ctx context.Context) error {
	began := time.Now()
	backup := map[string]map[string]types.AttributeValue{} // hash → token that is not revoked yet
	name := r.setup.Table + "-restored"
	keep := func(item map[string]types.AttributeValue) map[string]types.AttributeValue {
		if pk := item["pk"].(*types.AttributeValueMemberS).Value; r.Sabotage == RevivesTokens && backup[pk] != nil {
			return backup[pk]
		}
		return item
	}
	if err := r.tokens(ctx, backup); err != nil {
		return err
	}
	operator := management.Bootstrap(r.exact, time.Now, rand.Reader)
	for _, t := range r.tenants {
		if err := operator.RevokeToken(ctx, t.id, t.revokedID); err != nil {
			return err
		}
		t.tell(dsync.TokenRevoked, "", "")
	}
	from, origin := r.db, r.setup.Table
	r.connect(awsconfig.NewAccessKey())
	if err := localdynamodb.Restore(ctx, from, r.db, topology.Dsync().Table, origin, name, keep); err != nil {
		return err
	}
	stream, err := localdynamodb.EnableStream(ctx, r.db, topology.Dsync().Table, name)
	if err != nil {
		return err
	}
	r.use(name, stream)
	if r.Sabotage == ForgetsOldStream {
		r.setup.Streams = r.setup.Streams[1:]
	}
	if err := r.reader.stop(); err != nil {
		return err
	}
	r.reader.start(ctx, r.shared, r.dice)
	all := functions(r.shared, r.dice)
	for _, t := range r.tenants {
		t.table = r.exact
		if err := t.connect(ctx, all); err != nil {
			return err
		}
	}
	r.faults.add(tableRestored)
	fmt.Fprintf(r.Log, "restored the table in %s\n", time.Since(began).Round(time.Millisecond))
	return nil
}

// tokens reads the tokens of all directories.
func (r *campaign) tokens(ctx context.Context, into map[string]map[string]types.AttributeValue) error {
	for item, err := range r.scan(ctx) {
		if err != nil {
			return err
		}
		if sk := item["sk"].(*types.AttributeValueMemberS).Value; sk == "T" {
			into[item["pk"].(*types.AttributeValueMemberS).Value] = item
		}
	}
	return nil
}

// revived counts the revoked tokens that open a session.
func (r *campaign) revived(ctx context.Context) (n int) {
	authenticator := session.NewAuthenticator(r.exact, time.Now, rand.Reader)
	for _, t := range r.tenants {
		if t.deleted() {
			continue
		}
		if _, _, err := authenticator.Authenticate(ctx, t.externalKey, t.revoked, "request-revoked"); err == nil {
			n++
		}
	}
	return n
}
