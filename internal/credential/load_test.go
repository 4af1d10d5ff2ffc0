package credential_test

import (
	"context"
	"crypto/rand"
	"log/slog"
	"testing"
	"time"

	"dsync/internal/credential"
	"dsync/internal/dsynctest"
	"dsync/internal/fault"
	"dsync/internal/management"
	"dsync/internal/table"
	"dsync/internal/table/apikey"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// attempt is one request: what it costs, and how it ends.
type attempt struct {
	trips int
	kind  fault.Kind // 0: accepted
}

func try(t *testing.T, authenticate func(context.Context) error) attempt {
	t.Helper()
	ctx, meter := table.WithMeter(t.Context())
	err := authenticate(ctx)
	return attempt{meter.RoundTrips, fault.KindOf(err)}
}

func forged(t *testing.T, p credential.Prefix) credential.Secret {
	t.Helper()
	s, err := credential.NewSecret(p, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A request without a valid token costs one read, and its repetitions none, for
// as long as documented. They take nothing from valid tokens.
func TestForgedTokens(t *testing.T) {
	db, name := dsynctest.Table(t)
	tab := table.New(db, name)
	d, secret := dsynctest.Connect(t, tab)
	now := time.Now()
	tokens := credential.NewTokens(tab, func() time.Time { return now })
	expect := func(what, key, secret string, want attempt) {
		t.Helper()
		got := try(t, func(ctx context.Context) error {
			_, err := tokens.Authenticate(ctx, key, secret, "")
			return err
		})
		if got != want {
			t.Errorf("%s: %+v, want %+v", what, got, want)
		}
	}
	// put makes a secret a token, with the record of the first token.
	put := func(s credential.Secret, revoked bool) {
		t.Helper()
		key := map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "T#" + credential.Hash(secret)}, "sk": &types.AttributeValueMemberS{Value: "T"}}
		found, err := db.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &name, Key: key, ConsistentRead: aws.Bool(true)})
		if err != nil || len(found.Item) == 0 {
			t.Fatal(found, err)
		}
		found.Item["pk"] = &types.AttributeValueMemberS{Value: "T#" + s.Hash}
		found.Item["hash"] = &types.AttributeValueMemberS{Value: s.Hash}
		if revoked {
			found.Item["revoked"] = &types.AttributeValueMemberBOOL{Value: true}
		}
		if _, err := db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &name, Item: found.Item}); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(trips int) attempt { return attempt{trips, fault.Unauthorized} }

	expect("not the form of a token", d.ExternalKey, secret+"x", refused(0))
	twin := forged(t, credential.TokenPrefix)
	expect("forged", d.ExternalKey, twin.Value, refused(1))
	expect("forged, again", d.ExternalKey, twin.Value, refused(0))
	expect("forged, for another directory", "unknown", twin.Value, refused(0))
	expect("the first request, which activates", d.ExternalKey, secret, attempt{2, 0})
	expect("valid", d.ExternalKey, secret, attempt{0, 0})
	for range 5 {
		expect("another forged one", d.ExternalKey, forged(t, credential.TokenPrefix).Value, refused(1))
	}
	expect("valid, after forged ones", d.ExternalKey, secret, attempt{0, 0})

	// A valid token and an unknown key in the Tenant URL.
	now = now.Add(time.Minute)
	expect("unknown key", "unknown", secret, refused(1))
	expect("unknown key, again", "unknown", secret, refused(0))
	expect("another unknown key", "unknown-2", secret, refused(0))
	expect("the right key", d.ExternalKey, secret, attempt{0, 0})

	// The twin becomes a token, as a restored table would have it.
	put(twin, false)
	expect("forged, long ago", d.ExternalKey, twin.Value, attempt{1, 0})

	// The same within the time, and at its end.
	late := forged(t, credential.TokenPrefix)
	expect("forged", d.ExternalKey, late.Value, refused(1))
	put(late, false)
	now = now.Add(10*time.Second - 1)
	expect("made within 10 seconds", d.ExternalKey, late.Value, refused(0))
	now = now.Add(1)
	expect("after 10 seconds", d.ExternalKey, late.Value, attempt{1, 0})

	// A revoked token.
	put(late, true)
	now = now.Add(time.Minute)
	expect("revoked", d.ExternalKey, late.Value, refused(1))
	expect("revoked, again", d.ExternalKey, late.Value, refused(0))
}

// The same of API keys.
func TestForgedAPIKeys(t *testing.T) {
	db, name := dsynctest.Table(t)
	tab := table.New(db, name)
	now := time.Now()
	keys := credential.NewKeys(tab, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	made, value, err := management.Bootstrap(tab, time.Now, rand.Reader).CreateAPIKey(t.Context(), management.NewAPIKey{Name: "test", Scope: management.Read})
	if err != nil {
		t.Fatal(err)
	}
	expect := func(what, value string, want attempt) {
		t.Helper()
		got := try(t, func(ctx context.Context) error {
			_, err := keys.Authenticate(ctx, value)
			return err
		})
		if got != want {
			t.Errorf("%s: %+v, want %+v", what, got, want)
		}
	}
	twin := forged(t, credential.APIKeyPrefix)
	expect("not the form of a key", value+"x", attempt{0, fault.Unauthorized})
	expect("forged", twin.Value, attempt{1, fault.Unauthorized})
	expect("forged, again", twin.Value, attempt{0, fault.Unauthorized})
	expect("valid, with the day of use", value, attempt{2, 0})
	expect("valid", value, attempt{0, 0})

	record := made.Key
	record.Hash = twin.Hash
	if err := apikey.Create(t.Context(), tab, record); err != nil {
		t.Fatal(err)
	}
	now = now.Add(10*time.Second - 1)
	expect("made within 10 seconds", twin.Value, attempt{0, fault.Unauthorized})
	now = now.Add(1)
	expect("after 10 seconds", twin.Value, attempt{2, 0})
	if err := apikey.Revoke(t.Context(), tab, record, now); err != nil {
		t.Fatal(err)
	}
	now = now.Add(5 * time.Second)
	expect("revoked", twin.Value, attempt{1, fault.Unauthorized})
	expect("revoked, again", twin.Value, attempt{0, fault.Unauthorized})
}
