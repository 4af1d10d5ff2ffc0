package entra

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// fake is an in-memory SCIM server and bus with only the features that the
// scenario needs. Tests inject faults into it: a run must detect each fault.
type fake struct {
	sequence int64 // of the last event
	faults   faults
	events   chan Event

	mu         sync.Mutex
	count      int
	posts      int
	users      map[string]map[string]any // id → PATCH path → value
	groups     map[string]*fakeGroup
	tombstones map[string]bool
	held       *Event
	complaints []string        // actions of the simulator that Entra does not perform
	seen       map[string]bool // request formats that occurred
}

type fakeGroup struct {
	name, externalID string
	members          map[string]bool
	singles          int // consecutive adds of one member
}

// faults are the faults injected into the server and the bus.
type faults struct {
	bus                   func(f *fake, e Event) []Event // returns the events to deliver
	wipeOnRemove          bool
	ignoreStringFalse     bool
	loseConcurrent        bool
	announceNothing       bool
	removalsOnDelete      bool
	keepUserNames         bool
	leaveGroupsOnDisable  bool
	conflictWithoutReason bool
	nullList              bool
	dropSiblings          bool
	deafToDelete          bool
	repeatedPostCreates   bool
	refuseOpt             bool
	swallowPost           int // the nth POST of a user is not processed
}

func newFake(x faults) *fake {
	return &fake{
		faults: x, events: make(chan Event, 10_000), users: map[string]map[string]any{},
		groups: map[string]*fakeGroup{}, tombstones: map[string]bool{}, seen: map[string]bool{},
	}
}

const fakeDirectory = "directory_1"

func (f *fake) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	var body map[string]any
	_ = json.NewDecoder(q.Body).Decode(&body)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watch(q, body)
	if q.Method == http.MethodPost && strings.HasSuffix(q.URL.Path, "/Users") {
		if f.posts++; f.posts == f.faults.swallowPost {
			select {
			case <-q.Context().Done():
				return
			case <-time.After(time.Second): // the client waits for the answer: it gave up an earlier request before that arrived
				f.faults.swallowPost++
			}
		}
	}
	parts := strings.Split(strings.TrimPrefix(q.URL.Path, "/scim/"), "/")
	id := ""
	if len(parts) > 1 {
		id = parts[1]
	}
	status, answer := http.StatusNotFound, map[string]any(nil)
	switch {
	case f.faults.refuseOpt && q.URL.Query().Has(string(optDialect)):
		status = http.StatusBadRequest
	case parts[0] == "Users":
		status, answer = f.user(q, id, body)
	case parts[0] == "Groups":
		status, answer = f.group(q, id, body)
	}
	if status >= 400 {
		answer = map[string]any{"schemas": []any{"urn:ietf:params:scim:api:messages:2.0:Error"}, "status": fmt.Sprint(status)}
		if status == http.StatusConflict && !f.faults.conflictWithoutReason {
			answer["scimType"] = "uniqueness"
		}
	}
	w.Header().Set("Content-Type", contentType)
	if status == http.StatusCreated {
		w.Header().Set("Location", text(answer, "meta/location"))
	}
	w.WriteHeader(status)
	if answer != nil {
		_ = json.NewEncoder(w).Encode(answer)
	}
}

// watch records request formats and requests that Entra would not send.
func (f *fake) watch(q *http.Request, body map[string]any) {
	if _, there := q.Header["User-Agent"]; there {
		f.complaints = append(f.complaints, "User-Agent sent")
	}
	if body != nil && q.Header.Get("Content-Type") != contentType {
		f.complaints = append(f.complaints, "Content-Type "+q.Header.Get("Content-Type"))
	}
	query := q.URL.RawQuery
	if strings.Contains(query, string(optDialect)+"=") {
		f.complaints = append(f.complaints, "the flag has a value: "+query)
	}
	raw, _ := json.Marshal(body)
	for shape, there := range map[string]bool{
		"blank as +":      strings.Contains(query, "+eq+"),
		"blank as %20":    strings.Contains(query, "%20eq%20"),
		"reference check": strings.Contains(query, "attributes=id") && strings.Contains(query, "manager"),
		"path-less":       strings.Contains(string(raw), `"op":"replace","value":{`),
		"string boolean":  strings.Contains(string(raw), `"path":"active","value":"False"`),
		"real boolean":    strings.Contains(string(raw), `"path":"active","value":false`),
		"bare manager":    strings.Contains(string(raw), `"path":"manager"`),
		"remove by value": strings.Contains(string(raw), `"op":"Remove","path":"members","value":[`),
		"remove by path":  strings.Contains(string(raw), `"op":"remove","path":"members[value eq`),
	} {
		if there {
			f.seen[shape] = true
		}
	}
}

var term = regexp.MustCompile(`^(\S+) eq "((?:[^"\\]|\\.)*)"$`)

// list returns the ListResponse of a filter over resources.
func (f *fake) list(filter string, resources map[string]map[string]any) map[string]any {
	hits := []any{}
	for _, id := range sortedKeys(resources) {
		matches := true
		for _, t := range strings.Split(filter, " and ") {
			parts := term.FindStringSubmatch(t)
			matches = matches && parts != nil && f.holds(resources[id], parts[1], strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(parts[2]))
		}
		if matches {
			hits = append(hits, resources[id])
		}
	}
	list := map[string]any{
		"schemas":      []any{"urn:ietf:params:scim:api:messages:2.0:ListResponse"},
		"totalResults": len(hits), "startIndex": 1, "itemsPerPage": len(hits), "Resources": hits,
	}
	if f.faults.nullList && len(hits) == 0 {
		list["Resources"] = nil
	}
	return list
}

func (f *fake) holds(resource map[string]any, path, want string) bool {
	switch path {
	case "manager":
		return text(resource, enterpriseUser+"/manager/value") == want
	case "members":
		return f.groups[text(resource, "id")].members[want]
	}
	return strings.EqualFold(text(resource, path), want)
}

// emit creates an event and sends it to the bus.
func (f *fake) emit(kind string, data map[string]any) {
	f.count++
	e := Event{Source: "dsync", DetailType: kind, Detail: Detail{
		Object: "event", ID: fmt.Sprintf("event_%06d", f.count), Event: kind, Data: data,
		CreatedAt: time.Now().UTC().Format(time.RFC3339),
	}}
	f.sequence++
	e.Detail.Context.Sequence = f.sequence
	out := []Event{e}
	if f.faults.bus != nil {
		out = f.faults.bus(f, e)
	}
	for _, e := range out {
		f.events <- e
	}
}

func (f *fake) meta(endpoint, id string, version int) map[string]any {
	return map[string]any{"location": "http://fake/scim/" + endpoint + "/" + id, "version": fmt.Sprintf(`W/"%d"`, version)}
}

func (f *fake) group(q *http.Request, id string, body map[string]any) (int, map[string]any) {
	g, known := f.groups[id]
	switch {
	case q.Method == http.MethodPost:
		for _, other := range f.groups {
			if strings.EqualFold(other.name, text(body, "displayName")) && !f.faults.repeatedPostCreates {
				return http.StatusConflict, nil
			}
		}
		f.count++
		id = fmt.Sprintf("directory_group_%06d", f.count)
		f.groups[id] = &fakeGroup{name: text(body, "displayName"), externalID: text(body, "externalId"), members: map[string]bool{}}
		f.emit(groupCreated, f.groupData(id))
		return http.StatusCreated, f.groupResource(id, true)
	case id == "":
		resources := map[string]map[string]any{}
		for id := range f.groups {
			resources[id] = f.groupResource(id, false)
		}
		return http.StatusOK, f.list(q.URL.Query().Get("filter"), resources)
	case !known:
		return http.StatusNotFound, nil
	case q.Method == http.MethodDelete:
		f.emit(groupDeleted, f.groupData(id))
		delete(f.groups, id)
		return http.StatusNoContent, nil
	case q.Method == http.MethodPatch:
		for _, o := range body["Operations"].([]any) {
			f.groupOperation(id, g, o.(map[string]any))
		}
		return http.StatusNoContent, nil
	}
	return http.StatusOK, f.groupResource(id, !q.URL.Query().Has("excludedAttributes"))
}

func (f *fake) groupOperation(id string, g *fakeGroup, o map[string]any) {
	op, path := strings.ToLower(text(o, "op")), text(o, "path")
	if name := text(o, "value/displayName"); name != "" {
		path, o = displayNamePath, map[string]any{"value": name}
	}
	var ids []string
	elements, _ := o["value"].([]any)
	for _, m := range elements {
		ids = append(ids, text(m, "value"))
	}
	switch {
	case path == displayNamePath:
		old := g.name
		g.name = text(o, "value")
		if old != g.name {
			data := f.groupData(id)
			data["previous_attributes"] = map[string]any{"name": old}
			f.emit(groupUpdated, data)
		}
		return
	case strings.HasPrefix(path, "members["):
		ids = []string{strings.Split(path, `"`)[1]}
	case op == opRemove && f.faults.wipeOnRemove:
		ids = slices.Collect(maps.Keys(g.members))
	}
	if g.singles++; op != opAdd || len(ids) != 1 {
		g.singles = 0
	}
	if f.faults.loseConcurrent && g.singles == 10 {
		return // only the concurrent phase sends ten in succession
	}
	for _, m := range ids {
		if (op == opAdd) == g.members[m] {
			continue
		}
		kind := memberAdded
		if op == opAdd {
			g.members[m] = true
		} else {
			kind = memberRemoved
			delete(g.members, m)
		}
		f.emit(kind, map[string]any{"directory_id": fakeDirectory, "user": f.userData(m), "group": f.groupData(id)})
	}
}

func (f *fake) groupData(id string) map[string]any {
	g := f.groups[id]
	return map[string]any{"id": id, "directory_id": fakeDirectory, "idp_id": g.externalID, "name": g.name}
}

func (f *fake) groupResource(id string, members bool) map[string]any {
	g := f.groups[id]
	resource := map[string]any{"id": id, "displayName": g.name, "externalId": g.externalID, "meta": f.meta("Groups", id, 1)}
	if members {
		list := []any{}
		for _, m := range sortedKeys(g.members) {
			list = append(list, map[string]any{"value": m})
		}
		resource["members"] = list
	}
	return resource
}
