package provider_test

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"testing"

	"dsync/internal/scim"
	"dsync/internal/scim/query"
	"dsync/internal/session"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"
)

// What differs from the RFC on purpose: see docs/scim.md.
func TestRFCDetails(t *testing.T) {
	v := open(t)
	path, created := v.made(t, "/Users", ada)
	t.Run("7643 3.1: an id is case-exact", func(t *testing.T) {
		other := "/Users/" + strings.ToLower(created.id())
		v.refused(t, 404, "", "GET", other, "")
		v.refused(t, 404, "", "PATCH", other, patchOf(`{"op":"replace","path":"title","value":"x"}`))
		v.refused(t, 404, "", "DELETE", other, "")
		equal(t, "title", v.ask(t, 200, "GET", path, "").body["title"], any("Countess"))
	})
	t.Run("7643 4.1: password, photos and certificates are not kept", func(t *testing.T) {
		_, a := v.made(t, "/Users", `{"userName":"p","password":"secret","photos":[{"value":"https://x/y"}],"x509Certificates":[{"value":"AA=="}]}`)
		equal(t, "attributes", attributes(a.body), "active id meta schemas userName")
	})
	t.Run("7643 4.2: members are users", func(t *testing.T) {
		_, group := v.made(t, "/Groups", `{"displayName":"inner"}`)
		outer, _ := v.made(t, "/Groups", `{"displayName":"outer","members":[{"value":"`+group.id()+`"},{"value":"`+created.id()+`","$ref":"https://x/y","displayName":"Ada"}]}`)
		want := []any{map[string]any{"value": created.id(), "$ref": created.meta("location"), "type": "User", "display": "Ada"}}
		equal(t, "members", v.ask(t, 200, "GET", outer, "").body["members"], any(want))
		t.Run("3.5.1: that a PUT does not mention stay", func(t *testing.T) {
			equal(t, "members", v.ask(t, 200, "PUT", outer, `{"displayName":"outer"}`).body["members"], any(want))
		})
	})
	t.Run("7643 4.1.1: active is true unless a POST says otherwise, and stays unless a PUT does", func(t *testing.T) {
		off, a := v.made(t, "/Users", `{"userName":"off","active":false}`)
		equal(t, "POST", a.body["active"], any(false))
		equal(t, "PUT", v.ask(t, 200, "PUT", off, `{"userName":"off"}`).body["active"], any(false))
		equal(t, "PUT", v.ask(t, 200, "PUT", off, `{"userName":"off","active":true}`).body["active"], any(true))
		equal(t, "PUT", v.ask(t, 200, "PUT", off, `{"userName":"off"}`).body["active"], any(true))
	})
	t.Run("3.1: schemas of a resource may be absent or others", func(t *testing.T) {
		for i, schemas := range []string{``, `"schemas":[],`, `"schemas":["` + scim.GroupURN + `"],`} {
			_, a := v.made(t, "/Users", `{`+schemas+`"userName":"schemas`+strconv.Itoa(i)+`"}`)
			equal(t, "schemas", a.body["schemas"], any([]any{scim.UserURN}))
		}
	})
	t.Run("3.4.2.1: there is no GET of all types", func(t *testing.T) {
		v.refused(t, 404, "", "GET", "", "")
		v.refused(t, 404, "", "GET", "/?filter=id+pr", "")
	})
	t.Run("3.4.2.2: groups and members compare by eq only", func(t *testing.T) {
		v.refused(t, 400, "invalidFilter", "GET", "/Users?filter=groups+pr", "")
		v.refused(t, 400, "invalidFilter", "GET", "/Groups?filter=members+pr", "")
		v.refused(t, 400, "invalidFilter", "GET", "/Groups?filter=members+sw+%22x%22", "")
	})
	t.Run("4: discovery needs the token, and answers a filter as if there were none", func(t *testing.T) {
		for _, endpoint := range []string{"/ServiceProviderConfig", "/Schemas", "/ResourceTypes"} {
			v.ask(t, 401, "GET", endpoint, "", "Authorization", "")
			v.ask(t, 200, "GET", endpoint+"?filter=id+pr", "")
		}
	})
	t.Run("3.4.2.4: a page is no larger than the limit", func(t *testing.T) {
		for i := range query.MaxCount {
			v.made(t, "/Users", `{"userName":"n`+strconv.Itoa(i)+`"}`)
		}
		for query, n := range map[string]int{"": query.DefaultCount, "?count=200": query.MaxCount, "?count=201": query.MaxCount, "?cursor&count=201": query.MaxCount} {
			equal(t, query, len(v.ask(t, 200, "GET", "/Users"+query, "").resources()), n)
		}
	})
	t.Run("9865 2: no total and no way back, a startIndex beside a cursor is ignored", func(t *testing.T) {
		first := v.ask(t, 200, "GET", "/Users?cursor&count=1&startIndex=2", "")
		equal(t, "first", attributes(first.body), "Resources itemsPerPage nextCursor schemas")
		equal(t, "user", first.each("userName"), []string{"ada"})
		second := v.ask(t, 200, "GET", "/Users?count=1&cursor="+first.body["nextCursor"].(string), "")
		equal(t, "second", attributes(second.body), "Resources itemsPerPage nextCursor schemas")
		v.refused(t, 400, "invalidCursor", "POST", "/.search", `{"cursor":""}`)
	})
}

// What cannot be answered by key looks at so many resources and no more, at
// the limit and one above it. By cursor a list has no limit (RFC 7644 section
// 3.4.2, RFC 9865 section 2).
func TestRFCTooMany(t *testing.T) {
	v := open(t)
	_, created := v.made(t, "/Users", `{"userName":"ada"}`)
	v.multiply(t, strings.TrimPrefix(created.id(), "directory_user_"), session.MaxScan-1)
	for _, query := range []string{"filter=title+pr", "sortBy=title&count=1"} {
		v.ask(t, 200, "GET", "/Users?"+query, "")
	}
	v.made(t, "/Users", `{"userName":"one more","title":"x"}`)
	for _, query := range []string{"filter=title+pr", "sortBy=title&count=1&cursor"} {
		v.refused(t, 400, "tooMany", "GET", "/Users?"+query, "")
	}
	equal(t, "total", v.ask(t, 200, "GET", "/Users?count=1", "").body["totalResults"], any(float64(session.MaxScan+1)))
	equal(t, "by key", v.ask(t, 200, "GET", `/Users?filter=userName+eq+"one+more"`, "").each("userName"), []string{"one more"})
	equal(t, "by cursor", v.follow(t, "/Users", "filter=title+pr"), []string{"one more"})
}

// multiply copies the record of a user n times, under other ULIDs.
func (v tenant) multiply(t *testing.T, id string, n int) {
	t.Helper()
	all, err := v.api.Scan(t.Context(), &dynamodb.ScanInput{TableName: &v.table, ConsistentRead: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	var record map[string]types.AttributeValue
	for _, item := range all.Items {
		if sk, _ := item["sk"].(*types.AttributeValueMemberS); sk.Value == "U#"+id {
			record = item
		}
	}
	if record == nil {
		t.Fatal("the record was not found")
	}
	var wg errgroup.Group
	wg.SetLimit(16)
	for from := 0; from < n; from += 25 {
		wg.Go(func() error {
			var writes []types.WriteRequest
			for i := from; i < min(from+25, n); i++ {
				other := fmt.Sprintf("%s%05d", id[:len(id)-5], i)
				item := maps.Clone(record)
				for name, value := range item {
					if s, ok := value.(*types.AttributeValueMemberS); ok {
						item[name] = &types.AttributeValueMemberS{Value: strings.ReplaceAll(s.Value, id, other)}
					}
				}
				writes = append(writes, types.WriteRequest{PutRequest: &types.PutRequest{Item: item}})
			}
			out, err := v.api.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{v.table: writes}})
			if err != nil || len(out.UnprocessedItems) > 0 {
				return fmt.Errorf("%v, %w", out, err)
			}
			return nil
		})
	}
	if err := wg.Wait(); err != nil {
		t.Fatal(err)
	}
}
