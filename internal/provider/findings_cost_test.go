package provider_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"dsync/internal/doctor"
	"dsync/internal/table"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// counting counts the calls of DynamoDB that touch the findings or the look-up of a
// key.
type counting struct {
	mu            sync.Mutex
	reads, writes int
	calls         int
}

func (c *counting) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	c.mu.Lock()
	c.calls++
	if bytes.Contains(body, []byte(`"S#~"`)) || bytes.Contains(body, []byte(`"X#`)) {
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), "UpdateItem") {
			c.writes++
		} else {
			c.reads++
		}
	}
	c.mu.Unlock()
	return http.DefaultClient.Do(r)
}

func (c *counting) reset() { c.calls, c.reads, c.writes = 0, 0, 0 }

// counted serves through a client that counts.
func (c *clinic) countedCalls() *counting {
	k := &counting{}
	o := c.api.Options()
	o.HTTPClient = k
	c.options.Table = table.New(dynamodb.New(o), c.table)
	c.tenant = c.serving(c.options)
	return k
}

// A healthy directory pays nothing: no request reads or writes anything for the
// doctor, whatever it asks for.
func TestHealthyDirectoryPaysNothing(t *testing.T) {
	c := open(t).clinic(t, false)
	k := c.countedCalls()
	for range 3 { // hours
		c.ask("GET", "/Users?filter=userName+eq+%22"+guid+"%22", "")
		id := c.user()
		c.ask("GET", "/Users/"+id, "")
		c.patch("/Users", id, `{"op":"Replace","path":"title","value":"x"}`)
		c.patch("/Users", id, `{"op":"Replace","path":"title","value":"x"}`)
		group := c.group(fmt.Sprint("g", c.n), id)
		c.patch("/Groups", group, `{"op":"Remove","path":"members","value":[{"value":"`+id+`"}]}`)
		c.patch("/Users", id, `{"op":"Replace","path":"active","value":"False"}`)
		c.ask("DELETE", "/Users/"+id, "")
		c.wait(time.Hour)
	}
	if k.reads != 0 || k.writes != 0 || k.calls == 0 {
		t.Errorf("%d reads and %d writes for the doctor, in %d calls", k.reads, k.writes, k.calls)
	}
}

// A sick directory costs a process MaxWrites writes a minute, and one a minute of a
// condition that goes on, however many requests come.
func TestSickDirectoryWritesPerMinute(t *testing.T) {
	c := open(t).clinic(t, false)
	k := c.countedCalls()
	for minute := range 3 {
		k.reset()
		for range 60 {
			c.user(guid, fmt.Sprint("bad", c.n))
			c.wait(time.Second)
		}
		if want := 1; k.writes > want+1 || k.writes == 0 {
			t.Errorf("minute %d: %d writes, want %d", minute, k.writes, want)
		}
	}
	if f := c.find(doctor.ExternalID); f == nil || f.Count < 120 || len(f.IDs) != doctor.MaxIDs {
		t.Errorf("%+v", f)
	}
	// One that begins and ends with each request.
	k.reset()
	for range 60 {
		c.token("")
		c.ask("GET", "/Users?count=1", "")
	}
	if k.writes > doctor.MaxWrites {
		t.Errorf("%d writes in a minute, want %d at most", k.writes, doctor.MaxWrites)
	}
	t.Logf("at most %d writes a minute", k.writes)
}

// Whoever knows a Tenant URL and no token makes a process write a few times a minute,
// in that directory alone. Who knows none makes it write nothing, and read little.
func TestForgedRequestsAreBounded(t *testing.T) {
	first := open(t)
	c := first.clinic(t, false)
	other := first.clinic(t, false)
	c.at = other.at
	k := c.countedCalls()
	for i := range 300 {
		c.token([]string{"", "Bearer x", "Bearer Bearer x", "Bearer dsync_scim_x", "Bearer " + jwt, "Bearer " + other.secret}[i%6])
	}
	requests, err := table.Requests(c.directory.ID).Read(t.Context(), c.options.Table, "", true, 1000)
	if err != nil || k.writes > doctor.MaxWrites || len(requests.Entries) > doctor.MaxWrites || len(requests.Entries) == 0 {
		t.Errorf("%d writes, %d records, %v", k.writes, len(requests.Entries), err)
	}
	if found := other.findings(); len(found) != 0 {
		t.Errorf("the directory whose token it was has %+v", found)
	}
	key := c.key
	k.reset()
	for i := range 500 {
		c.key = fmt.Sprint("0123456789abcd", i)
		c.token("")
	}
	c.key = key
	if k.writes != 0 || k.reads > 60 {
		t.Errorf("unknown keys: %d writes, %d reads", k.writes, k.reads)
	}
	c.wait(time.Minute)
	for range 2 {
		c.token("")
	}
	if f := c.find(doctor.TokenMissing); f == nil || f.Count < 10 {
		t.Errorf("%+v", f)
	}
}

// A directory that is deleted gets nothing any more.
func TestDeletedDirectoryGetsNothing(t *testing.T) {
	c := open(t).clinic(t, false)
	if err := c.management().DeleteDirectory(context.Background(), c.directory.ID); err != nil {
		t.Fatal(err)
	}
	k := c.countedCalls()
	c.token("")
	if k.writes != 0 {
		t.Errorf("%d writes", k.writes)
	}
}

// What is told of hostile values is bounded.
func TestHostileFindings(t *testing.T) {
	c := open(t).clinic(t, false)
	c.patch("/Users", c.user(), `{"op":"Add","path":"`+strings.Repeat("<script>", 5000)+`","value":"x"}`)
	c.patch("/Users", c.user(), `{"op":"Add","path":"\u202e\u0000{count}","value":"x"}`)
	c.ask("GET", "/Users?count=1", "", "User-Agent", strings.Repeat("okta", 2000))
	for _, f := range c.findings() {
		if len(f.Text) > 400 || strings.ContainsAny(f.Text, "\u202e\x00") {
			t.Errorf("%s: %d bytes %q", f.Code, len(f.Text), f.Text[:100])
		}
	}
}
