package provider_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dsync/internal/dsynctest"
	"dsync/internal/gateway"
	"dsync/internal/provider"
	"dsync/internal/scim"
	"dsync/internal/table"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// A request that the engine does not answer is answered in SCIM form half a second
// before the function's time is over, at the latest: the record of the request has
// half a second, too.
func TestOutOfTime(t *testing.T) {
	v, g, now := open(t), &dsynctest.Gate{}, time.Now()
	o := v.api.Options()
	o.HTTPClient = g
	v = v.serving(provider.Options{Table: table.New(dynamodb.New(o), v.table), Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }})
	cold := v.serving(v.options)
	if a := v.send(v.discovery, "GET", lookUp, ""); a.Code != 200 { // the token is known there
		t.Fatal(a.Body)
	}
	g.Silent.Store(true)
	for _, d := range []demand{
		{cold, "a token that is not known", "GET", lookUp, "", 429},
		{v, "look-up", "GET", lookUp, "", 429},
		{v, "list", "GET", "/Users", "", 429},
		{v, "POST", "POST", "/Users", `{"userName":"x"}`, 429},
		{v, "PATCH of members", "PATCH", "/Groups/directory_group_01ARZ3NDEKTSV4RRFFQ69G5FAV", patchOf(`{"op":"add","path":"members","value":[{"value":"x"}]}`), 429},
		{v, "Bulk", "POST", "/Bulk", bulkOf(3, same(`{"method":"DELETE","path":"/Users/directory_user_01ARZ3NDEKTSV4RRFFQ69G5FAV"}`)), 200},
	} {
		payload := d.of.payload(t, d)
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			out, err := gateway.NewHandler(d.of.discovery).Invoke(ctx, payload)
			if took := time.Since(start); err != nil || took > 10*time.Second-gateway.ResponseTime {
				t.Errorf("%s: %v, after %v", d.kind, err, took)
			}
			var a events.APIGatewayV2HTTPResponse
			if err := json.Unmarshal(out, &a); err != nil {
				t.Fatal(err)
			}
			if a.StatusCode != d.status || a.Headers["Content-Type"] != scim.MediaType || (a.Headers["Retry-After"] == "") != (d.status == 200) {
				t.Errorf("%s: %d %v %s", d.kind, a.StatusCode, a.Headers, a.Body)
			}
			if d.status == 200 && strings.Count(a.Body, `"status":"429"`) != 2*3 { // in the result, and in its error
				t.Errorf("%s: %s", d.kind, a.Body)
			}
		})
	}
}

// An operation of a bulk request is not begun when the request has used what one
// may: those after it are to be sent again.
func TestBulkIsBounded(t *testing.T) {
	v := open(t)
	path, _ := v.made(t, "/Users", `{"userName":"many","entitlements":`+list(500, func(i int) string { return `"` + strings.Repeat("x", i+1)[:min(i+1, 200)] + fmt.Sprint(i) + `"` })+`}`)
	removal := `{"op":"remove","path":"entitlements[value eq \"none\"]"}`
	large := `{"method":"POST","path":"/Users","bulkId":"%d","data":{"userName":"u%d","roles":` + list(7, func(i int) string { return `{"display":"` + strings.Repeat("x", 16_000-i) + `"}` }) + `}}`
	for name, row := range map[string]struct {
		operation   func(i int) string
		atLeast, of int
	}{
		"comparisons": {func(int) string {
			return `{"method":"PATCH","path":"` + path + `","data":` + patchBegin + strings.Trim(list(100, same(removal)), "[]") + patchEnd + `}`
		}, 2, 6},
		"units of DynamoDB": {func(i int) string { return strings.NewReplacer("%d", string(rune('a'+i))).Replace(large) }, 5, 9},
	} {
		t.Run(name, func(t *testing.T) {
			a := v.ask(t, 200, "POST", "/Bulk", bulkOf(row.of, row.operation))
			served, rest := 0, 0
			for _, r := range a.body["Operations"].([]any) {
				switch status := r.(map[string]any)["status"]; {
				case status == "429":
					rest++
				case rest > 0:
					t.Errorf("%v after one that was not begun", status)
				case status == "200" || status == "201":
					served++
				default:
					t.Errorf("%v", r)
				}
			}
			if served < row.atLeast || rest == 0 {
				t.Errorf("%d operations were served, %d were not begun", served, rest)
			}
		})
	}
}
