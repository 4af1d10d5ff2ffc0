package provider_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"dsync/internal/credential"
	"dsync/internal/doctor"
	"dsync/internal/management"
	"dsync/internal/provider"
	"dsync/internal/scim"
	"dsync/internal/settings"
	"dsync/internal/table"
	"dsync/internal/table/count"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// clinic is a directory whose clock the test sets, a week after its token was made,
// unless young.
type clinic struct {
	tenant
	t         *testing.T
	directory table.Directory
	at        time.Time
	n         int
}

func (v tenant) clinic(t *testing.T, young bool, options ...func(*management.NewDirectory)) *clinic {
	t.Helper()
	c := &clinic{t: t, at: time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)}
	now := func() time.Time { return c.at }
	s := management.Bootstrap(v.options.Table, now, rand.Reader)
	name := "Acme"
	o, err := s.CreateOrganization(t.Context(), management.OrganizationUpdate{Name: &name, Domains: &[]management.NewDomain{{Domain: "acme.example", State: table.DomainVerified}}})
	if err != nil {
		t.Fatal(err)
	}
	n := management.NewDirectory{OrganizationID: o.ID, Name: "Entra"}
	for _, set := range options {
		set(&n)
	}
	var secret string
	if c.directory, _, secret, err = s.CreateDirectory(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	c.tenant = v
	c.key, c.secret = c.directory.ExternalKey, secret
	if !young {
		c.at = c.at.Add(7 * 24 * time.Hour)
	}
	c.restart()
	return c
}

// restart serves with functions that know nothing.
func (c *clinic) restart() {
	c.tenant = c.serving(provider.Options{Now: func() time.Time { return c.at }, Limits: provider.DefaultLimits, Log: slog.New(slog.NewJSONHandler(c.log, nil))})
}

func (c *clinic) wait(d time.Duration) { c.at = c.at.Add(d) }

func (c *clinic) management() *management.Session {
	return management.Bootstrap(c.options.Table, func() time.Time { return c.at }, rand.Reader)
}

func (c *clinic) ask(method, path, body string, header ...string) (status int, id string) {
	c.t.Helper()
	w := c.send(c.discovery, method, path, body, header...)
	if id, _ := strings.CutPrefix(w.Header().Get("Location"), "https://dsync.example"+scim.BasePath+c.key); id != "" {
		return w.Code, lastSegment(id)
	}
	return w.Code, ""
}

// token sends a request with another Authorization.
func (c *clinic) token(authorization string) {
	c.t.Helper()
	if status, _ := c.ask("GET", "/Users?count=1", "", "Authorization", authorization); status != 401 {
		c.t.Errorf("%.20s: %d", authorization, status)
	}
}

const guid = "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef"

// user creates a user who is in order, but for the changes of its JSON.
func (c *clinic) user(replace ...string) string {
	c.t.Helper()
	c.n++
	body := fmt.Sprintf(`{"userName":"u%d","externalId":"%s","emails":[{"type":"work","value":"u%d@acme.example"}],"active":true}`, c.n, guid, c.n)
	status, id := c.ask("POST", "/Users", strings.NewReplacer(replace...).Replace(body))
	if status != 201 {
		c.t.Fatalf("%d", status)
	}
	return id
}

func (c *clinic) group(name string, members ...string) string {
	c.t.Helper()
	var list []string
	for _, m := range members {
		list = append(list, `{"value":"`+m+`"}`)
	}
	status, id := c.ask("POST", "/Groups", `{"displayName":"`+name+`","members":[`+strings.Join(list, ",")+`]}`)
	if status != 201 {
		c.t.Fatalf("%d", status)
	}
	return id
}

func (c *clinic) patch(endpoint, id, operations string) {
	c.t.Helper()
	c.ask("PATCH", endpoint+"/"+id, patchOf(operations))
}

// counted writes the counts that the relay would have written.
func (c *clinic) counted(active, inactive, groups int) {
	c.t.Helper()
	n, err := attributevalue.Marshal(count.Counts{Known: true, Active: active, Inactive: inactive, Groups: groups})
	if err != nil {
		c.t.Fatal(err)
	}
	_, err = c.api.PutItem(c.t.Context(), &dynamodb.PutItemInput{TableName: &c.table, Item: map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: "L#" + strings.TrimPrefix(c.directory.ID, "directory_")}, "sk": &types.AttributeValueMemberS{Value: "HEAD"}, "n": n,
	}})
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *clinic) findings() []doctor.Finding {
	c.t.Helper()
	found, err := c.management().Findings(c.t.Context(), c.directory.ID)
	if err != nil {
		c.t.Fatal(err)
	}
	return found
}

func (c *clinic) find(code string) *doctor.Finding {
	c.t.Helper()
	found := c.findings()
	if i := slices.IndexFunc(found, func(f doctor.Finding) bool { return f.Code == code }); i >= 0 {
		return &found[i]
	}
	return nil
}

// episode is traffic that raises a condition, and traffic that ends it.
type episode struct {
	code   string
	young  bool // during the setup
	raise  func(c *clinic)
	end    func(c *clinic)
	detail string // in the text
	ids    int    // at least
	set    func(*management.NewDirectory)
}

func valid(c *clinic) { c.wait(time.Second); c.ask("GET", "/Users?count=1", "") }

func after(d time.Duration) func(c *clinic) { return func(c *clinic) { c.wait(d) } }

const hour = time.Hour

// forged is a token that was never made.
func forged(c *clinic) string {
	s, err := credential.NewSecret(credential.TokenPrefix, rand.Reader)
	if err != nil {
		c.t.Fatal(err)
	}
	return s.Value
}

// jwt is a token as Entra sends it when the field is empty.
var jwt = "eyJhbGciOiJSUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"https://sts.windows.net/x/","name":"Ada"}`)) + ".c2ln"

// probes sends a query in each hour.
func probes(c *clinic, hours int) {
	for range hours {
		c.ask("GET", "/Users?filter=userName+eq+%22"+guid+"%22", "")
		c.wait(hour)
	}
}

var episodes = []episode{
	{code: doctor.TokenMissing, raise: func(c *clinic) { c.token("") }, end: valid},
	{code: doctor.TokenBlank, raise: func(c *clinic) { c.token("Bearer " + jwt) }, end: valid},
	{code: doctor.TokenTwice, raise: func(c *clinic) { c.token("Bearer Bearer " + c.secret) }, end: valid},
	{code: doctor.TokenCut, raise: func(c *clinic) { c.token("Bearer " + c.secret[:31]) }, end: valid, detail: "31 of 60"},
	{code: doctor.TokenMalformed, raise: func(c *clinic) { c.token("Bearer hunter2") }, end: valid},
	{code: doctor.TokenUnknown, raise: func(c *clinic) { c.token("Bearer " + forged(c)) }, end: valid},
	{code: doctor.TokenElsewhere, raise: func(c *clinic) {
		other := c.clinic(c.t, true)
		c.token("Bearer " + other.secret)
		if f := other.findings(); len(f) != 0 {
			c.t.Errorf("the other directory has %+v", f)
		}
	}, end: valid},
	{code: doctor.TokenRevoked, ids: 1, raise: func(c *clinic) {
		m := c.management()
		if _, secret, err := m.CreateToken(c.t.Context(), c.directory.ID, time.Time{}); err != nil {
			c.t.Fatal(err)
		} else if err := m.RevokeToken(c.t.Context(), c.directory.ID, c.directory.Tokens[0].ID); err != nil {
			c.t.Fatal(err)
		} else {
			c.token("Bearer " + c.secret)
			c.secret = secret
		}
	}, end: valid},
	{code: doctor.TokenExpired, ids: 1, raise: func(c *clinic) {
		_, secret, err := c.management().CreateToken(c.t.Context(), c.directory.ID, c.at.Add(hour))
		if err != nil {
			c.t.Fatal(err)
		}
		c.wait(hour)
		c.token("Bearer " + secret)
	}, end: valid},
	{code: doctor.TestConnection, young: true, raise: func(c *clinic) { probes(c, 1) }, end: after(24 * hour), detail: ":00:00 UTC"},
	{code: doctor.MatchingAttribute, young: true, raise: func(c *clinic) { probes(c, 1) }, end: after(7 * 24 * hour), detail: "userName"},
	{code: doctor.URLWrong, raise: func(c *clinic) { c.ask("GET", "/Users/Users?filter=x", ""); c.ask("GET", "/scim/v2/Users", "") }, end: valid},
	{code: doctor.Dialect, young: true, raise: func(c *clinic) { c.patch("/Users", c.user(), `{"op":"Replace","path":"title","value":"x"}`) }, end: after(7 * 24 * hour), detail: "default"},
	{code: doctor.NotStarted, raise: func(c *clinic) { c.counted(0, 0, 0); probes(c, 1) }, end: func(c *clinic) { c.user(); c.counted(1, 0, 0) }},
	{code: doctor.NobodyInScope, raise: func(c *clinic) { c.counted(0, 0, 0); probes(c, 3) }, end: func(c *clinic) { c.user(); c.counted(1, 0, 0) }},
	{code: doctor.NotEntra, raise: func(c *clinic) { c.ask("GET", "/Users?count=1", "", "User-Agent", "Okta SCIM Client 1.0.0") }, end: after(7 * 24 * hour), detail: "Okta"},
	{code: doctor.Validator, young: true, raise: func(c *clinic) { id := c.user(); c.ask("DELETE", "/Users/"+id, "") }, end: after(24 * hour)},
	{code: doctor.ExternalID, ids: 1, raise: func(c *clinic) { c.user(guid, "ada.lovelace") }, end: func(c *clinic) {
		c.patch("/Users", c.find(doctor.ExternalID).IDs[0], `{"op":"Replace","path":"externalId","value":"`+guid+`"}`)
	}},
	{code: doctor.ExternalIDMixed, ids: 2, raise: func(c *clinic) {
		first := c.user(guid, "ada")
		c.user(guid, "bob")
		c.wait(time.Minute)
		c.patch("/Users", first, `{"op":"Replace","path":"externalId","value":"`+guid+`"}`)
	}, end: func(c *clinic) {
		c.wait(time.Minute)
		for _, id := range c.find(doctor.ExternalIDMixed).IDs {
			c.patch("/Users", id, `{"op":"Replace","path":"externalId","value":"`+guid+`"}`)
		}
	}, detail: "1 of 2"},
	{code: doctor.NoEmail, ids: 1, raise: func(c *clinic) { c.user("work", "home") }, end: func(c *clinic) {
		c.patch("/Users", c.find(doctor.NoEmail).IDs[0], `{"op":"Add","path":"emails[type eq \"work\"].value","value":"x@acme.example"}`)
	}},
	{code: doctor.OddEmail, ids: 1, raise: func(c *clinic) { c.user("acme.example", "acme.onmicrosoft.com") }, end: func(c *clinic) {
		c.patch("/Users", c.find(doctor.OddEmail).IDs[0], `{"op":"Replace","path":"active","value":"False"}`)
	}},
	{code: doctor.ForeignDomain, ids: 1, raise: func(c *clinic) {
		c.user("acme.example", "gmail.example")
	}, end: func(c *clinic) { c.ask("DELETE", "/Users/"+c.find(doctor.ForeignDomain).IDs[0], "") }},
	{code: doctor.SharedEmail, ids: 2, raise: func(c *clinic) { c.user(); c.user("u2@", "u1@") }, end: func(c *clinic) { c.ask("DELETE", "/Users/"+c.find(doctor.SharedEmail).IDs[0], "") }},
	{code: doctor.ManagerUnknown, ids: 1, raise: func(c *clinic) {
		c.patch("/Users", c.user(), `{"op":"Add","path":"`+scim.EnterpriseURN+`:manager","value":"`+guid+`"}`)
	}, end: func(c *clinic) {
		c.patch("/Users", c.find(doctor.ManagerUnknown).IDs[0], `{"op":"Remove","path":"`+scim.EnterpriseURN+`:manager"}`)
	}},
	{code: doctor.MappedEmpty, raise: func(c *clinic) {
		for range 10 {
			c.user()
		}
	}, end: func(c *clinic) { c.user(`"active"`, `"nickName":"Ada","active"`) }, detail: "nick", set: func(n *management.NewDirectory) {
		n.Settings = settings.Change{"attribute_mapping": json.RawMessage(`{"nick":"nickName"}`)}
	}},
	{code: doctor.NoGroups, raise: func(c *clinic) { c.user(); c.counted(1, 0, 0); c.wait(4 * hour) }, end: func(c *clinic) { c.counted(1, 0, 1) }},
	{code: doctor.EmptyGroup, ids: 1, raise: func(c *clinic) { c.group("Engineering"); c.wait(3 * hour) }, end: func(c *clinic) {
		c.patch("/Groups", c.find(doctor.EmptyGroup).IDs[0], `{"op":"Add","path":"members","value":[{"value":"`+c.user()+`"}]}`)
	}},
	{code: doctor.NestedGroup, raise: func(c *clinic) { c.group("outer", c.group("inner")) }, end: after(72 * hour)},
	{code: doctor.MemberUnknown, raise: func(c *clinic) { c.group("Engineering", guid) }, end: after(72 * hour)},
	{code: doctor.SyncAll, ids: 1, raise: func(c *clinic) { c.group("All Company") }, end: func(c *clinic) { c.ask("DELETE", "/Groups/"+c.find(doctor.SyncAll).IDs[0], "") }},
	{code: doctor.WithoutGroups, ids: 1, raise: func(c *clinic) {
		c.group("Engineering")
		c.counted(1, 0, 1)
		id := c.user()
		for _, active := range []string{"False", "True"} {
			c.wait(time.Minute)
			c.patch("/Users", id, `{"op":"Replace","path":"active","value":"`+active+`"}`)
		}
	}, end: func(c *clinic) { c.group("Sales", c.find(doctor.WithoutGroups).IDs[0]) }},
	{code: doctor.AttributeRefused, raise: func(c *clinic) { c.patch("/Users", c.user(), `{"op":"Add","path":"shoeSize","value":"42"}`) }, end: after(24 * hour), detail: "shoeSize"},
	{code: doctor.SameConflict, raise: func(c *clinic) {
		c.user()
		for range 3 {
			c.ask("POST", "/Users", `{"userName":"U1"}`)
			c.wait(40 * time.Minute)
		}
	}, end: after(24 * hour)},
	{code: doctor.RepeatedPatch, ids: 1, raise: func(c *clinic) {
		id := c.user(`"active"`, `"title":"x","active"`)
		for range 3 {
			c.wait(40 * time.Minute)
			c.patch("/Users", id, `{"op":"Replace","path":"title","value":"x"}`)
		}
	}, end: after(24 * hour)},
	{code: doctor.FlipFlop, ids: 1, raise: func(c *clinic) {
		id := c.user(`"active"`, `"title":"a","active"`)
		for i := range 4 {
			c.wait(40 * time.Minute)
			c.patch("/Users", id, `{"op":"Replace","path":"title","value":"`+[]string{"b", "a"}[i%2]+`"}`)
		}
	}, end: after(24 * hour)},
	{code: doctor.AskedForDeleted, raise: func(c *clinic) { id := c.user(); c.ask("DELETE", "/Users/"+id, ""); c.ask("GET", "/Users/"+id, "") }, end: after(24 * hour)},
	{code: doctor.Quarantined, raise: func(c *clinic) { c.user(); probes(c, 30); c.wait(3 * hour) }, end: valid, detail: "hours"},
	{code: doctor.MostlyRefused, raise: func(c *clinic) {
		for range 101 {
			c.ask("GET", "/Users?filter=nope", "")
		}
	}, end: func(c *clinic) {
		c.wait(24 * hour)
		for range 101 {
			valid(c)
		}
	}, detail: "100 of 100"},
	{code: doctor.InitialCycle, young: true, raise: func(c *clinic) { c.user(); c.user(); c.wait(15 * time.Minute); c.user(); c.counted(3, 0, 0) }, end: after(48 * hour), detail: "so far: 3."},
	{code: doctor.RestartSeen, young: true, raise: func(c *clinic) {
		id := c.user()
		for range 25 {
			c.ask("GET", "/Users/"+id, "")
		}
		c.wait(time.Minute)
		c.ask("GET", "/Users/"+id, "")
	}, end: after(hour)},
	{code: doctor.OnDemand, ids: 1, young: true, raise: func(c *clinic) { c.user() }, end: after(hour)},
	{code: doctor.MassDeactivation, ids: 1, raise: func(c *clinic) {
		c.counted(20, 0, 0)
		for range 11 {
			c.patch("/Users", c.user(), `{"op":"Replace","path":"active","value":"False"}`)
		}
	}, end: after(24 * hour), detail: "(11)"},
	{code: doctor.TwoTokens, ids: 2, raise: func(c *clinic) {
		_, second, err := c.management().CreateToken(c.t.Context(), c.directory.ID, time.Time{})
		if err != nil {
			c.t.Fatal(err)
		}
		c.wait(24 * hour)
		c.ask("GET", "/Users?count=1", "")
		c.ask("GET", "/Users?count=1", "", "Authorization", "Bearer "+second)
	}, end: func(c *clinic) {
		if err := c.management().RevokeToken(c.t.Context(), c.directory.ID, c.directory.Tokens[0].ID); err != nil {
			c.t.Fatal(err)
		}
	}},
	{code: doctor.TokenEnds, ids: 1, raise: func(c *clinic) {
		if _, _, err := c.management().CreateToken(c.t.Context(), c.directory.ID, c.at.Add(13*24*hour)); err != nil {
			c.t.Fatal(err)
		}
	}, end: valid, detail: "13 days"},
	{code: doctor.Paused, raise: func(c *clinic) {
		if _, err := c.management().PauseDirectory(c.t.Context(), c.directory.ID); err != nil {
			c.t.Fatal(err)
		}
	}, end: func(c *clinic) {
		if _, err := c.management().ResumeDirectory(c.t.Context(), c.directory.ID); err != nil {
			c.t.Fatal(err)
		}
	}},
	{code: doctor.Throttled, raise: func(c *clinic) {
		limits := provider.DefaultLimits
		limits.FreePerSecond, limits.Burst, limits.PerSecond = 0, 1, 1
		c.tenant = c.serving(provider.Options{Now: func() time.Time { return c.at }, Limits: limits, Log: slog.New(slog.DiscardHandler)})
		for range 5 {
			c.ask("GET", "/Users?count=1", "")
		}
	}, end: after(hour)},
	{code: doctor.Slow, raise: func(c *clinic) {
		h := c.discovery
		c.options.Now = func() time.Time { c.at = c.at.Add(2 * time.Second); return c.at }
		c.tenant = c.serving(c.options)
		c.ask("GET", "/Users?count=1", "")
		c.discovery = h
		c.restart()
	}, end: after(24 * hour)},
	{code: doctor.LongInactive, ids: 1, raise: func(c *clinic) {
		c.patch("/Users", c.user(), `{"op":"Replace","path":"active","value":"False"}`)
		c.wait(46 * 24 * hour)
	}, end: func(c *clinic) { c.ask("DELETE", "/Users/"+c.find(doctor.LongInactive).IDs[0], "") }},
}

// Every condition has traffic that raises it and traffic that ends it, through the real
// handlers and DynamoDB.
func TestConditions(t *testing.T) {
	first := open(t)
	var rest []string
	for _, c := range doctor.Conditions() {
		rest = append(rest, c.Code)
	}
	for _, e := range episodes {
		rest = slices.DeleteFunc(rest, func(code string) bool { return code == e.code })
		t.Run(e.code, func(t *testing.T) {
			c := first.clinic(t, e.young, func(n *management.NewDirectory) {
				if e.set != nil {
					e.set(n)
				}
			})
			if f := c.find(e.code); f != nil {
				t.Fatalf("before: %+v", f)
			}
			e.raise(c)
			f := c.find(e.code)
			if f == nil {
				t.Fatalf("not raised: %+v", c.findings())
			}
			if !strings.Contains(f.Text, e.detail) || strings.Contains(f.Text+f.Remedy, "{") || len(f.IDs) < e.ids || len(f.IDs) > doctor.MaxIDs || f.Count < 1 || f.Since.IsZero() || f.Last.Before(f.Since) {
				t.Errorf("%+v", f)
			}
			e.end(c)
			if f := c.find(e.code); f != nil {
				t.Errorf("not ended: %+v", f)
			}
			if strings.Contains(c.log.String(), "was not written") {
				t.Errorf("%s", c.log)
			}
		})
	}
	if len(rest) > 0 {
		t.Errorf("no traffic raises %v", rest)
	}
}
