package provider_test

import (
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"dsync/internal/provider"
	"dsync/internal/scim"
	"dsync/internal/scim/query"
)

// peopled is a directory of eight users, u0 to u7, and two groups. Titles come
// in two letter cases, and u7 has none.
func peopled(t *testing.T) tenant {
	v := open(t)
	var members []string
	for i, title := range []string{"delta", "Bravo", "alpha", "Charlie", "bravo", "Echo", "foxtrot", ""} {
		_, a := v.made(t, "/Users", fmt.Sprintf(`{"userName":"u%d","title":%q,"active":%t,"externalId":"x-%d","emails":[{"type":"home","value":"z%d@x"},{"type":"work","value":"u%d@x","primary":true}]}`, i, title, i%2 == 0, i, 9-i, i))
		members = append(members, `{"value":"`+a.id()+`"}`)
	}
	v.made(t, "/Groups", `{"displayName":"even","members":[`+members[0]+`,`+members[2]+`,`+members[4]+`]}`)
	v.made(t, "/Groups", `{"displayName":"odd"}`)
	return v
}

func users(numbers string) []string {
	names := []string{}
	for _, n := range numbers {
		names = append(names, "u"+string(n))
	}
	return names
}

func TestRFCList(t *testing.T) {
	v := peopled(t)
	for _, row := range []struct {
		name, query string
		want        string // the users of the page
		total       float64
		start       float64
	}{
		{"3.4.2: all", "", "01234567", 8, 1},
		{"3.4.2.4: a page", "startIndex=3&count=2", "23", 8, 3},
		{"3.4.2.4: the last page is shorter", "startIndex=7&count=5", "67", 8, 7},
		{"3.4.2.4: beyond the end", "startIndex=100&count=5", "", 8, 100},
		{"3.4.2.4: startIndex 0 is 1", "startIndex=0&count=1", "0", 8, 1},
		{"3.4.2.4: negative startIndex is 1", "startIndex=-5&count=1", "0", 8, 1},
		{"3.4.2.4: count 0", "count=0", "", 8, 1},
		{"3.4.2.4: negative count is 0", "count=-1", "", 8, 1},
		{"3.4.2.4: a page of what matches", "filter=active+eq+true&startIndex=2&count=2", "24", 4, 2},
		{"3.4.2: nothing matches", `filter=userName+eq+"nobody"`, "", 0, 1},
		{"3.4.2.2: eq", `filter=userName+eq+"U3"`, "3", 1, 1},
		{"3.4.2.2: ne", `filter=userName+ne+"u3"`, "0124567", 7, 1},
		{"3.4.2.2: co", `filter=title+co+"RAV"`, "14", 2, 1},
		{"3.4.2.2: sw", `filter=title+sw+"b"`, "14", 2, 1},
		{"3.4.2.2: ew", `filter=title+ew+"trot"`, "6", 1, 1},
		{"3.4.2.2: pr", `filter=title+pr`, "0123456", 7, 1},
		{"3.4.2.2: gt", `filter=userName+gt+"u5"`, "67", 2, 1},
		{"3.4.2.2: ge", `filter=userName+ge+"u6"`, "67", 2, 1},
		{"3.4.2.2: lt", `filter=userName+lt+"u1"`, "0", 1, 1},
		{"3.4.2.2: le", `filter=userName+le+"u1"`, "01", 2, 1},
		{"3.4.2.2: dates", `filter=meta.created+gt+"2020-01-01T00:00:00Z"+and+meta.lastModified+lt+"2999-01-01T00:00:00%2B02:00"`, "01234567", 8, 1},
		{"3.4.2.2: and before or", `filter=userName+eq+"u1"+or+userName+eq+"u2"+and+active+eq+false`, "1", 1, 1},
		{"3.4.2.2: grouping", `filter=(userName+eq+"u1"+or+userName+eq+"u2")+and+active+eq+true`, "2", 1, 1},
		{"3.4.2.2: not", `filter=not+(title+pr)`, "7", 1, 1},
		{"3.4.2.2: value path", `filter=emails[type+eq+"work"+and+value+sw+"u2"]`, "2", 1, 1},
		{"3.4.2.2: value path, not across elements", `filter=emails[type+eq+"home"+and+value+sw+"u2"]`, "", 0, 1},
		{"3.4.2.2: full name", `filter=urn:ietf:params:scim:schemas:core:2.0:User:userName+eq+"u2"`, "2", 1, 1},
		{"3.4.2.2: names and operators in any letter case", `filter=USERNAME+EQ+"u2"+OR+Title+Eq+"echo"`, "25", 2, 1},
		{"3.4.2.2: resource type", `filter=meta.resourceType+eq+"User"+and+schemas+eq+"urn:ietf:params:scim:schemas:core:2.0:User"`, "01234567", 8, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := v.ask(t, 200, "GET", "/Users?"+row.query, "")
			equal(t, "users", a.each("userName"), users(row.want))
			equal(t, "schemas", a.body["schemas"], any([]any{scim.ListResponseURN}))
			equal(t, "totalResults", a.body["totalResults"], any(row.total))
			equal(t, "startIndex", a.body["startIndex"], any(row.start))
			equal(t, "itemsPerPage", a.body["itemsPerPage"], any(float64(len(row.want))))
			if a.body["Resources"] == nil {
				t.Errorf("Resources is missing: %s", a.text)
			}
		})
	}
	for _, filter := range []string{`userName`, `userName+eq`, `nothing+eq+"x"`, `(userName+pr`, `active+gt+true`, `userName+like+"x"`, `userName+eq+"x`} {
		v.refused(t, 400, "invalidFilter", "GET", "/Users?filter="+filter, "")
	}
	group := v.ask(t, 200, "GET", `/Groups?filter=displayName+eq+"EVEN"`, "").resources()[0]["id"].(string)
	user := v.ask(t, 200, "GET", `/Users?filter=userName+eq+"u2"`, "").resources()[0]["id"].(string)
	for filter, want := range map[string]string{
		`groups+eq+"` + group + `"`:                                     "024",
		`groups.value+eq+"` + group + `"+and+userName+gt+"u0"`:          "24",
		`groups[value+eq+"` + group + `"]`:                              "024",
		`not+(groups+eq+"` + group + `")`:                               "13567",
		`groups+eq+"directory_group_00000000000000000000000000"`:        "",
		`id+eq+"` + user + `"+and+groups+eq+"` + group + `"`:            "2",
		`externalId+eq+"x-3"+or+emails[type+eq+"work"].value+eq+"u4@x"`: "34",
	} {
		equal(t, filter, v.ask(t, 200, "GET", "/Users?filter="+filter, "").each("userName"), users(want))
	}
	equal(t, "members", v.ask(t, 200, "GET", `/Groups?filter=members+eq+"`+user+`"`, "").each("displayName"), []string{"even"})
}

func TestRFCSort(t *testing.T) {
	v := peopled(t)
	for query, want := range map[string]string{
		"sortBy=title":                                            "21430567", // u1 and u4 are equal: in the order of creation
		"sortBy=title&sortOrder=descending":                       "76503142",
		"sortBy=userName&sortOrder=ASCENDING":                     "01234567",
		"sortBy=userName&sortOrder=descending":                    "76543210",
		"sortBy=meta.created&sortOrder=descending":                "76543210",
		"sortBy=emails":                                           "01234567", // by the primary one
		"sortBy=emails.value&sortOrder=descending":                "76543210",
		"sortBy=title&count=3&startIndex=2":                       "143",
		"sortBy=title&filter=active+eq+true":                      "2406",
		"sortBy=URN:ietf:params:scim:schemas:core:2.0:User:title": "21430567",
		"sortOrder=descending":                                    "01234567", // of what is not sorted
	} {
		equal(t, query, v.ask(t, 200, "GET", "/Users?"+query, "").each("userName"), users(want))
	}
	for _, query := range []string{"sortBy=nothing", "sortBy=userName&sortOrder=up", "sortBy=name", "sortBy=groups"} {
		v.refused(t, 400, "invalidValue", "GET", "/Users?"+query, "")
	}
}

// follow reads a list by cursor to its end and returns what it held.
func (v tenant) follow(t *testing.T, path, query string) (names []string) {
	t.Helper()
	cursor := ""
	for range 20 {
		a := v.ask(t, 200, "GET", path+"?"+query+"&cursor="+cursor, "")
		if _, ok := a.body["startIndex"]; ok {
			t.Errorf("startIndex in %s", a.text)
		}
		equal(t, "itemsPerPage", a.body["itemsPerPage"], any(float64(len(a.resources()))))
		names = append(names, a.each("userName")...)
		next, more := a.body["nextCursor"].(string)
		if !more {
			return names
		}
		if next == "" || url.QueryEscape(next) != next {
			t.Fatalf("nextCursor %q", next)
		}
		cursor = next
	}
	t.Fatal("no end")
	return nil
}

// Rows of RFC 9865.
func TestRFCCursor(t *testing.T) {
	v := peopled(t)
	now := time.Now()
	log := slog.New(slog.DiscardHandler)
	v = v.serving(provider.Options{Log: log, Now: func() time.Time { return now }})
	for query, want := range map[string]string{
		"count=3":                               "01234567",
		"count=8":                               "01234567",
		"count=1":                               "01234567",
		"":                                      "01234567",
		"count=2&filter=active+eq+true":         "0246",
		"count=3&filter=title+co+%22nothing%22": "",
		"count=3&sortBy=userName&sortOrder=descending": "76543210",
		"count=2&attributes=userName":                  "01234567",
	} {
		equal(t, query, append([]string{}, v.follow(t, "/Users", query)...), users(want))
	}
	group := v.ask(t, 200, "GET", `/Groups?filter=displayName+eq+"even"`, "").resources()[0]["id"].(string)
	equal(t, "members", v.follow(t, "/Users", `attributes=userName&count=2&filter=groups+eq+"`+group+`"`), users("024"))

	first := v.ask(t, 200, "GET", "/Users?count=3&cursor", "")
	next := first.body["nextCursor"].(string)
	again := v.ask(t, 200, "GET", "/Users?count=3&cursor="+next, "")
	equal(t, "the same cursor again", v.ask(t, 200, "GET", "/Users?count=3&cursor="+next, "").text, again.text)
	equal(t, "in a search", v.ask(t, 200, "POST", "/Users/.search", `{"schemas":["`+scim.SearchURN+`"],"count":3,"cursor":"`+next+`"}`).each("userName"), users("345"))
	other := v
	other.key, other.secret = v.connect(t)
	flipped := []byte(next)
	flipped[3] ^= 1
	for name, path := range map[string]string{
		"tampered":       "/Users?count=3&cursor=" + string(flipped),
		"cut short":      "/Users?count=3&cursor=" + next[:len(next)-2],
		"nonsense":       "/Users?count=3&cursor=nonsense",
		"another filter": "/Users?count=3&filter=title+pr&cursor=" + next,
		"another order":  "/Users?count=3&sortBy=title&cursor=" + next,
		"another type":   "/Groups?count=3&cursor=" + next,
	} {
		t.Run("9865 2.1: "+name, func(t *testing.T) { v.refused(t, 400, "invalidCursor", "GET", path, "") })
	}
	t.Run("9865 2.1: of another directory", func(t *testing.T) {
		other.refused(t, 400, "invalidCursor", "GET", "/Users?count=3&cursor="+next, "")
	})
	t.Run("9865 2.1: invalidCount", func(t *testing.T) {
		for _, count := range []string{"0", "-1", "x"} {
			v.refused(t, 400, "invalidCount", "GET", "/Users?cursor&count="+count, "")
		}
	})
	t.Run("9865 2.1: expiredCursor", func(t *testing.T) {
		now = now.Add(query.CursorLife + time.Millisecond)
		v.refused(t, 400, "expiredCursor", "GET", "/Users?count=3&cursor="+next, "")
	})
}

func TestRFCSearch(t *testing.T) {
	v := peopled(t)
	search := func(path, members string) reply {
		t.Helper()
		return v.ask(t, 200, "POST", path, `{"schemas":["`+scim.SearchURN+`"]`+members+`}`)
	}
	t.Run("3.4.3: one type", func(t *testing.T) {
		a := search("/Users/.search", `,"filter":"active eq true","sortBy":"userName","sortOrder":"descending","startIndex":2,"count":2,"attributes":["userName"]`)
		equal(t, "users", a.each("userName"), users("42"))
		equal(t, "totalResults", a.body["totalResults"], any(4.0))
		equal(t, "startIndex", a.body["startIndex"], any(2.0))
		equal(t, "attributes", attributes(a.resources()[0]), "id schemas userName")
		equal(t, "groups", search("/Groups/.search", `,"excludedAttributes":["members"]`).each("displayName"), []string{"even", "odd"})
	})
	t.Run("3.4.3: all types", func(t *testing.T) {
		a := search("/.search", "")
		equal(t, "totalResults", a.body["totalResults"], any(10.0))
		equal(t, "users", a.each("userName"), append(users("01234567"), "", ""))
		equal(t, "groups", a.each("displayName")[8:], []string{"even", "odd"})
	})
	t.Run("3.4.3: all types, by pages", func(t *testing.T) {
		a := search("/.search", `,"startIndex":8,"count":2`)
		equal(t, "totalResults", a.body["totalResults"], any(10.0))
		equal(t, "itemsPerPage", a.body["itemsPerPage"], any(2.0))
		equal(t, "page", []string{a.each("userName")[0], a.each("displayName")[1]}, []string{"u7", "even"})
		equal(t, "the next page", search("/.search", `,"startIndex":10,"count":2`).each("displayName"), []string{"odd"})
		equal(t, "count 0", search("/.search", `,"count":0`).body["totalResults"], any(10.0))
	})
	t.Run("3.4.3: all types, by type and by an attribute of one", func(t *testing.T) {
		equal(t, "type", search("/.search", `,"filter":"meta.resourceType eq \"Group\""`).each("displayName"), []string{"even", "odd"})
		equal(t, "attribute", search("/.search", `,"filter":"userName eq \"u1\""`).each("userName"), users("1"))
	})
	t.Run("3.4.3: all types, sorted", func(t *testing.T) {
		a := search("/.search", `,"sortBy":"id","sortOrder":"descending","count":3`)
		ids := a.each("id")
		if !slices.IsSortedFunc(ids, func(a, b string) int { return strings.Compare(b, a) }) || len(ids) != 3 {
			t.Errorf("%v", ids)
		}
	})
	t.Run("3.4.3: refused", func(t *testing.T) {
		for _, path := range []string{"/.search", "/Users/.search"} {
			v.refused(t, 400, "invalidFilter", "POST", path, `{"schemas":["`+scim.SearchURN+`"],"filter":"nothing eq 1"}`)
			v.refused(t, 400, "invalidSyntax", "POST", path, `{"schemas":["`+scim.UserURN+`"]}`)
			v.refused(t, 400, "invalidSyntax", "POST", path, `{"count":"x"}`)
			v.refused(t, 400, "invalidSyntax", "POST", path, ``)
		}
	})
}
