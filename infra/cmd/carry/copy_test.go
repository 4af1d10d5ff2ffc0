package main

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"dsync/internal/dsynctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
)

// After a restore, the log and the revocations are those of the old table, and all
// other items those of the restored one.
func TestCopyTable(t *testing.T) {
	api, current := dsynctest.Table(t)
	_, restored := dsynctest.Table(t)
	put := func(name string, items map[string]string) {
		for pk, value := range items {
			item := map[string]types.AttributeValue{
				"pk": &types.AttributeValueMemberS{Value: pk}, "sk": &types.AttributeValueMemberS{Value: "x"}, "value": &types.AttributeValueMemberS{Value: value},
			}
			if value == "revoked" {
				item["revoked"] = &types.AttributeValueMemberBOOL{Value: true}
			}
			if _, err := api.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &name, Item: item}); err != nil {
				t.Fatal(err)
			}
		}
	}
	read := func(name string) map[string]string {
		found := map[string]string{}
		pages := dynamodb.NewScanPaginator(api, &dynamodb.ScanInput{TableName: &name, ConsistentRead: aws.Bool(true)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, item := range page.Items {
				found[item["pk"].(*types.AttributeValueMemberS).Value] = item["value"].(*types.AttributeValueMemberS).Value
			}
		}
		return found
	}
	now := map[string]string{
		"D#1": "new", "U#1": "new", "O#1": "new", "J#1": "new", // changes that the restore takes back
		"T#revoked-since": "revoked", "T#long-revoked": "revoked", "T#active": "new", "T#made-since": "new",
		"K#revoked-since": "revoked", "K#active": "new",
		"L#1": "new", "E#1": "new", "EL#0": "new", "LP#1": "new", "LB": "new",
	}
	then := map[string]string{
		"D#1": "old", "U#1": "old", "O#1": "old", "J#1": "old", "D#deleted-since": "old",
		"T#revoked-since": "old", "T#long-revoked": "revoked", "T#active": "old",
		"K#revoked-since": "old", "K#active": "old",
		"L#1": "old", "EL#0": "old",
	}
	want := maps.Clone(then)
	for _, pk := range []string{"T#revoked-since", "K#revoked-since", "L#1", "E#1", "EL#0", "LP#1", "LB"} {
		want[pk] = now[pk]
	}
	// More than one page of 1 MB, and more than one batch.
	for i := range 60 {
		pk := fmt.Sprint("L#", i+2)
		now[pk] = string(slices.Repeat([]byte("x"), 40_000))
		want[pk] = now[pk]
	}
	put(current, now)
	put(restored, then)

	for range 2 { // it can be repeated
		n, err := copyTable(t.Context(), api, current, restored)
		if err != nil {
			t.Fatal(err)
		}
		if want := (copied{log: 65, revoked: 3}); n != want {
			t.Errorf("copied %+v, want %+v", n, want)
		}
		if diff := cmp.Diff(want, read(restored)); diff != "" {
			t.Errorf("-want +restored:\n%s", diff)
		}
	}
	if diff := cmp.Diff(now, read(current)); diff != "" {
		t.Errorf("the old table changed (-before +after):\n%s", diff)
	}
}
