package apikey_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"dsync/internal/dsynctest"
	"dsync/internal/table"
	"dsync/internal/table/apikey"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

func TestMain(m *testing.M) { dsynctest.Main(m) }

const (
	keyID          = "api_key_01ARZ3NDEKTSV4RRFFQ69G5FAV"
	organizationID = "org_01ARZ3NDEKTSV4RRFFQ69G5FAV"
)

// All records of a key expire once it cannot be used any more, and not before.
func TestExpiry(t *testing.T) {
	now := time.Date(2126, 5, 4, 12, 0, 0, 0, time.UTC)
	later := now.Add(time.Hour)
	for name, row := range map[string]struct {
		key     apikey.Key
		revoked []time.Time
		want    time.Time
	}{
		"active":         {apikey.Key{}, nil, time.Time{}},
		"expires":        {apikey.Key{Expires: later}, nil, later.Add(table.DeletedRetention)},
		"revoked":        {apikey.Key{}, []time.Time{now, later}, now.Add(table.DeletedRetention)}, // the second does nothing
		"bound":          {apikey.Key{OrganizationID: organizationID}, nil, time.Time{}},
		"bound, expires": {apikey.Key{OrganizationID: organizationID, Expires: later}, nil, later.Add(table.DeletedRetention)},
		"bound, revoked": {apikey.Key{OrganizationID: organizationID, Expires: later}, []time.Time{now}, now.Add(table.DeletedRetention)},
	} {
		t.Run(name, func(t *testing.T) {
			db, tableName := dsynctest.Table(t)
			tab := table.New(db, tableName)
			row.key.ID, row.key.Hash = keyID, "h"
			if row.key.OrganizationID != "" {
				if err := apikey.Create(t.Context(), tab, row.key); !errors.Is(err, table.ErrNotFound) {
					t.Fatalf("of an organization that does not exist: %v", err)
				}
				if err := tab.CreateOrganization(t.Context(), table.Organization{ID: organizationID, Version: 1}); err != nil {
					t.Fatal(err)
				}
			}
			if err := apikey.Create(t.Context(), tab, row.key); err != nil {
				t.Fatal(err)
			}
			if err := apikey.Use(t.Context(), tab, "h", "2026-05-04"); err != nil {
				t.Fatal(err)
			}
			for _, at := range row.revoked {
				if err := apikey.Revoke(t.Context(), tab, row.key, at); err != nil {
					t.Fatal(err)
				}
			}
			out, err := db.Scan(t.Context(), &dynamodb.ScanInput{TableName: &tableName, ConsistentRead: aws.Bool(true)})
			if err != nil {
				t.Fatal(err)
			}
			count := 0
			for _, i := range out.Items {
				var r struct {
					PK  string `dynamodbav:"pk"`
					TTL int64  `dynamodbav:"ttl"`
				}
				if err := attributevalue.UnmarshalMap(i, &r); err != nil {
					t.Fatal(err)
				}
				if !strings.HasPrefix(r.PK, table.APIKeyPrefix) {
					continue
				}
				count++
				if row.want.IsZero() && r.TTL != 0 || !row.want.IsZero() && r.TTL != row.want.Unix() {
					t.Errorf("%v expires at %d, not %v", i, r.TTL, row.want)
				}
			}
			if want := map[bool]int{false: 1, true: 2}[row.key.OrganizationID != ""]; count != want {
				t.Errorf("%d records", count)
			}
			found, err := apikey.Find(t.Context(), tab, "h")
			if err != nil || found.LastUsed != "2026-05-04" || found.Revoked != (row.revoked != nil) {
				t.Errorf("%+v, %v", found, err)
			}
			for name, c := range map[string]struct {
				list table.List[apikey.Key]
				has  bool
			}{
				"all": {apikey.All(), true}, "its organization": {apikey.Of(organizationID), row.key.OrganizationID != ""},
				"another one": {apikey.Of("org_01ARZ3NDEKTSV4RRFFQ69G5FAW"), false},
			} {
				if k, err := c.list.Find(t.Context(), tab, keyID); (err == nil) != c.has || c.has && k.Hash != "h" {
					t.Errorf("%s: %+v, %v", name, k, err)
				}
			}
		})
	}
}

// What does not exist is not created by its use or revocation.
func TestNoGhosts(t *testing.T) {
	db, tableName := dsynctest.Table(t)
	tab := table.New(db, tableName)
	if err := errors.Join(apikey.Use(t.Context(), tab, "gone", "2026-05-04"), apikey.Revoke(t.Context(), tab, apikey.Key{Hash: "gone"}, time.Now())); err != nil {
		t.Error(err)
	}
	if out, err := db.Scan(t.Context(), &dynamodb.ScanInput{TableName: &tableName}); err != nil || out.Count != 0 {
		t.Errorf("%v, %v", out.Items, err)
	}
}
