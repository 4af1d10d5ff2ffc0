package provider_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"dsync/internal/logline"
	"dsync/internal/metric"
	"dsync/internal/provider"
	"dsync/internal/ratelimit"
	"dsync/internal/table/count"
)

// Whatever a request names, its log line has at most 4 KB, an error in its
// response some KB, and its record stays small.
func TestWhatIsSaidOfARequestIsBounded(t *testing.T) {
	v := open(t).configured(t, `{"lenient_patch":true}`)
	user := v.newUser(t, "ada")
	v.log.Reset()

	unknown := func(n, length int) string {
		var operations []string
		for i := range n {
			name := fmt.Sprintf("a%d%s", i, strings.Repeat("x", length))[:length]
			operations = append(operations, `{"op":"add","path":"`+name+`","value":"x"}`)
		}
		return patchOf(strings.Join(operations, ","))
	}
	long := strings.Repeat("x", 7_000)
	for _, row := range []struct {
		name, method, path, body string
		status                   int
	}{
		{"20 unknown paths", "PATCH", user, unknown(20, 20), 200},
		{"21 unknown paths", "PATCH", user, unknown(21, 20), 200},
		{"1,000 unknown paths", "PATCH", user, unknown(1_000, 60), 200},
		{"a long filter", "GET", "/Users?filter=" + url.QueryEscape(long+" eq 1"), "", 400},
		{"a long value", "POST", "/Users", `{"userName":{"` + long + `":1}}`, 400},
		{"long control characters", "GET", "/Users?sortBy=" + url.QueryEscape(strings.Repeat("\x01", 2_000)), "", 400},
		{"a long operator", "PATCH", user, patchOf(`{"op":"` + long + `","path":"title"}`), 400},
		{"a long id", "GET", "/Users/" + long, "", 404},
		{"a long path", "GET", "/" + long + "/" + long, "", 404},
		{"a long method", strings.Repeat("X", 7_000), "/Users", "", 405},
	} {
		w := v.send(v.discovery, row.method, row.path, row.body)
		if w.Code != row.status {
			t.Errorf("%s: %d %.300s\n%.1500s", row.name, w.Code, w.Body, v.log)
		}
		if w.Code >= 400 && w.Body.Len() > 10_000 {
			t.Errorf("%s: the response has %d bytes", row.name, w.Body.Len())
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(v.log.String()), "\n") {
		if len(line) > logline.Max {
			t.Errorf("a line of %d bytes: %.300s", len(line), line)
		}
		var o map[string]any
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatal(err)
		}
		if method := fmt.Sprint(o["method"]); len(method) > len("OPTIONS") {
			t.Errorf("the method is logged as %.20s", method)
		}
	}
	if !strings.Contains(v.log.String(), `"method":"OTHER"`) {
		t.Error("an unknown method is not logged as OTHER")
	}
	all := v.recorded(t)
	if len(all) != 10 {
		t.Errorf("%d records", len(all))
	}
	for _, r := range all {
		noted := 0
		for _, tolerated := range r.Tolerated {
			noted += tolerated.Count
		}
		if text, err := json.Marshal(r); err != nil || len(text) > logline.Max || len(r.Tolerated) > 21 || r.Status == 200 && noted != 20 && noted != 21 && noted != 1_000 {
			t.Errorf("a record of %d bytes with %d tolerated parts of %d, %v", len(text), len(r.Tolerated), noted, err)
		}
	}
}

// What a directory refuses because it is full is 413 in SCIM form, and counted, also
// in a bulk request.
func TestFullDirectory(t *testing.T) {
	var out bytes.Buffer
	v := open(t).configured(t, `{"max_users":1}`)
	v = v.serving(provider.Options{Log: slog.New(slog.DiscardHandler), Metrics: metric.New(&out, "dsync-dev-users", time.Now), Now: time.Now})
	tab, directory := v.options.Table, v.directoryID(t)
	if err := errors.Join(tab.BeginCount(t.Context(), directory, time.UnixMilli(1)), tab.FinishCount(t.Context(), directory, count.Counts{Known: true, Active: 1, Cut: 1})); err != nil {
		t.Fatal(err)
	}
	body := v.ask(t, 413, "POST", "/Users", `{"userName":"ada"}`)
	if body.body["status"] != "413" || !strings.Contains(fmt.Sprint(body.body["detail"]), "max_users") {
		t.Errorf("%v", body.body)
	}
	operation := `{"method":"POST","path":"/Users","bulkId":"%d","data":{"userName":"u%d"}}`
	v.ask(t, 200, "POST", "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[`+fmt.Sprintf(operation, 1, 1)+`,`+fmt.Sprintf(operation, 2, 2)+`]}`)
	if one, two := strings.Count(out.String(), `"QuotaRefusals":1`), strings.Count(out.String(), `"QuotaRefusals":2`); one != 1 || two != 1 {
		t.Errorf("counted %d and %d times: %s", one, two, out.String())
	}
}

// Requests without a valid token, and those above a limit, are counted.
func TestRefusalsAreCounted(t *testing.T) {
	var out bytes.Buffer
	v := open(t).serving(provider.Options{
		Log: slog.New(slog.DiscardHandler), Metrics: metric.New(&out, "dsync-dev-users", time.Now), Limits: ratelimit.Limits{PerSecond: 1, Burst: 2},
		Now: func() time.Time { return time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC) },
	})
	for range 3 {
		v.ask(t, 401, "GET", "/Users", "", "Authorization", "Bearer x")
	}
	for _, status := range []int{200, 200, 429, 429} {
		v.ask(t, status, "GET", "/Schemas", "")
	}
	if n := strings.Count(out.String(), `"Unauthorized":1`); n != 3 {
		t.Errorf("%d unauthorized", n)
	}
	if n := strings.Count(out.String(), `"RateLimited":1`); n != 2 {
		t.Errorf("%d rate limited", n)
	}
}
