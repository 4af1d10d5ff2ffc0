package scim

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"dsync/internal/fault"
)

var types = []fault.Code{"", InvalidFilter, TooMany, Uniqueness, Mutability, InvalidSyntax, InvalidPath, NoTarget, InvalidValue, InvalidCursor, ExpiredCursor, InvalidCount}

// refused checks that an error is one that a client may see.
func refused(t *testing.T, err error) {
	t.Helper()
	var e *fault.Error
	if !errors.As(err, &e) || statuses[e.Kind] == 0 || e.Detail == "" || !slices.Contains(types, e.Code) {
		t.Fatalf("%#v is nothing to tell a client", err)
	}
	if b, err := json.Marshal(ErrorResponse(statuses[e.Kind], e)); err != nil || len(b) == 0 {
		t.Fatal(err)
	}
	if !place.MatchString(e.Path) {
		t.Fatalf("the place of a fault is %q", e.Path)
	}
}

// place is the form of fault.Error.Path: names, and in brackets nothing in quotes but
// what a schema lists.
var place = regexp.MustCompile(`^(urn:)?[\w$.:-]*(\[([\w$. ()-]|"(…|work|home|other|mobile|fax|pager|xmpp|direct|indirect|User)")*\])?(\.[\w$-]+)?$`)

func FuzzParseFilter(f *testing.F) {
	for _, s := range []string{
		`userName eq "guid"`, `externalId eq jyoung`, `emails[type eq "work"].value eq "a"`, `roles[primary eq "True"].value eq "x"`,
		`id eq "X" and urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager eq "Y"`, `id eq "G" and members eq "U"`,
		`members[value eq "a"]`, `not (title pr) or (active ne false and meta.created gt "2026-01-15T12:00:00Z")`,
		`emails[not (type eq "work") and (display pr or value co "\u00e9\\")]`, `title eq null`, "title\tsw \xff", `schemas eq "x"`, `((((`,
		`groups eq "G" and groups[value eq "U"]`, sizesURN + `:rank ge 4.20e1 or steps[value lt "-0.5" and at gt "2026-01-15T12:00:00Z"]`, `marks eq 9007199254740993 and size ne 1e-9`,
	} {
		f.Add(s)
	}
	user, group := rendered(f), Groups.Render(resource(f, guides), Meta{ID: "G"})
	extended, sized := Users.Extend(sizes(f)), sized(f)
	keyed := func(id string) bool { return id == "U" }
	f.Fuzz(func(t *testing.T, s string) {
		for rt, r := range map[*ResourceType]map[string]any{Users: user, Groups: group, extended: sized} {
			e, err := rt.ParseFilter(s)
			if err != nil {
				refused(t, err)
				if len(s) <= MaxFilter && !strings.HasPrefix(err.(*fault.Error).Detail, "at position ") {
					t.Fatalf("%v names no position", err)
				}
				continue
			}
			got, printed := Match(e, r, keyed), e.String()
			if got {
				equalitiesHold(t, rt, e, r)
			}
			if len(printed) > MaxFilter {
				continue // full names are longer than what was sent
			}
			again, err := rt.ParseFilter(printed)
			if err != nil {
				t.Fatalf("%q is printed as %q: %v", s, printed, err)
			}
			if again.String() != printed || Match(again, r, keyed) != got {
				t.Fatalf("%q is printed as %q, and then as %q", s, printed, again)
			}
		}
	})
}

// sized is a user with every kind of value, as clients see it.
func sized(t testing.TB) map[string]any {
	rt := Users.Extend(sizes(t))
	r, _, err := rt.Parse(resource(t, `{"userName":"u","`+sizesURN+`":{"rank":42,"size":1.5,"big":true,"since":"2026-01-15T12:00:00Z","page":"https://x","label":"l","code":"C","marks":[3,4],"tags":["a","b"],
		"badge":{"value":"b","level":5},"steps":[{"value":1,"primary":true},{"value":2,"type":"up","at":"2026-01-15T12:00:00Z"}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	return rt.Render(r, Meta{ID: "u-2", Version: 1})
}

func FuzzParsePath(f *testing.F) {
	for _, s := range []string{
		`userName`, `name.familyName`, `emails[type eq "work"].value`, `roles[primary eq "True"].display`, `members[value eq "a"]`, UserURN + `:name.givenName`,
		enterprise, enterprise + `:manager.value`, `addresses[type eq "other"].Formatted`, `emails[type eq "a" or not (value pr)]`, `URN:`, `urn:a:b.c`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, rt := range ResourceTypes {
			target, err := rt.ParsePath(s)
			if err != nil {
				refused(t, err)
				continue
			}
			printed := target.String()
			if len(printed) > MaxFilter {
				continue
			}
			again, err := rt.ParsePath(printed)
			if err != nil || again.String() != printed {
				t.Fatalf("%q is printed as %q, and then as %q (%v)", s, printed, again, err)
			}
		}
	})
}

func FuzzPatch(f *testing.F) {
	for _, s := range []string{
		`[{"op":"Replace","path":"active","value":"False"}]`,
		`[{"op":"Replace","path":"emails[type eq \"work\"].value","value":"n@x"},{"op":"Add","path":"name.familyName","value":"F"}]`,
		`[{"op":"replace","value":{"displayName":"B","name.givenName":"K","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"7"}}]`,
		`[{"op":"Add","path":"manager","value":[{"$ref":"http://x/Users/1","value":"1"}]}]`,
		`[{"op":"Remove","path":"members","value":[{"$ref":null,"value":"u"}]},{"op":"remove","path":"members[value eq \"v\"]"},{"op":"add","path":"members","value":["a"]}]`,
		`[{"op":"replace","path":"roles","value":[{"primary":"true","displayName":"A","value":"A"},{"primary":true,"value":"B"}]}]`,
		`[{"op":"Add","path":"roles","value":[{"value":"{\"id\":\"06b0\",\"value\":\"25\"}"}]}]`,
		`[{"op":"add","path":"addresses[primary eq \"True\" and type eq other].country","value":[{"value":""}]}]`,
		`[{"op":"replace","value":{"urn:ietf:params:scim:schemas:core:2.0:User":{"emails":{"value":"x","primary":true}},"name":null}}]`,
		`[{"op":"replace","path":"emails.primary","value":true},{"op":"remove","path":"emails","value":[{"primary":true}]}]`,
		`[{"op":"remove","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"},{"op":"remove"}]`,
	} {
		f.Add(patchBody(s))
	}
	for _, s := range []string{
		`[{"op":"add","path":"` + sizesURN + `:steps[value eq 4.0 and at eq \"2026-01-15T12:00:00+01:00\"].type","value":"up"},{"op":"remove","path":"` + sizesURN + `:marks","value":[3,"4"]}]`,
		`[{"op":"replace","value":{"` + sizesURN + `":{"rank":"-0","size":1E+2,"tags":["a","a",{"value":"b"}],"badge":[{"level":"7"}],"steps":{"value":9,"primary":"True"}},"` + sizesURN + `:marks":[1,2.0]}}]`,
		`[{"op":"remove","path":"` + sizesURN + `"},{"op":"add","path":"` + sizesURN + `:steps.value","value":"12"},{"op":"add","path":"groups","value":"x"}]`,
	} {
		f.Add(patchBody(s))
	}
	f.Add([]byte(`{"operations":[{"OP":"ADD","value":{"members":null,"emails[type eq work]":{"display":null}}}]}`))
	extended := Users.Extend(sizes(f))
	user, _, err := extended.Parse(sized(f))
	if err != nil {
		f.Fatal(err)
	}
	stored := map[*ResourceType]string{Users: Encode(resource(f, babs)), Groups: Encode(resource(f, guides)), extended: Encode(user)}
	stored[lenient(Users)], stored[lenient(Groups)], stored[lenient(extended)] = stored[Users], stored[Groups], stored[extended]
	f.Fuzz(func(t *testing.T, body []byte) {
		operations, err := ParsePatch(body)
		if err != nil {
			refused(t, err)
			return
		}
		for rt, before := range stored {
			r, err := Decode(before)
			if err != nil {
				t.Fatal(err)
			}
			got, members, err := rt.Patch(r, operations)
			if Encode(r) != before {
				t.Fatalf("what went in has become %s", Encode(r))
			}
			alone, only, aloneErr := rt.MembersOnly(operations)
			if err != nil {
				refused(t, err)
				if only {
					t.Fatalf("Patch fails with %v, MembersOnly does not", err)
				}
				continue
			}
			known := slices.DeleteFunc(slices.Clone(operations), func(o Operation) bool {
				_, err := rt.ParsePath(o.Path)
				return o.Path != "" && rt.passes(err)
			})
			if less, _, err := rt.Patch(r, known); err != nil || Encode(less) != Encode(got) {
				t.Fatalf("without what is passed over: %v, %v, not %v", less, err, got)
			}
			if n := len(rt.Ignored(operations)); n < len(operations)-len(known) {
				t.Fatalf("%d paths are ignored, and %d named", len(operations)-len(known), n)
			}
			if aloneErr != nil {
				t.Fatalf("MembersOnly fails with %v, Patch does not", aloneErr)
			}
			if only && (Encode(got) != before || Encode(change(alone)) != Encode(change(members))) {
				t.Fatalf("MembersOnly gives %v, Patch %v", change(alone), change(members))
			}
			stable(t, rt, got)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		babs, guides, `{"displayName":"G","userName":"u","members":[{"$ref":null,"value":"a"},"b"]}`,
		`{"userName":"u","emails":[{"type":"work","value":null},{"primary":"True","value":"a"},"b",null],"roles":[],"name":{},"manager":[{"value":"m"}],"schemas":[]}`,
		`{"USERNAME":"u","urn:ietf:params:scim:schemas:extension:enterprise:2.0:USER":{"Manager":"1","department":null},"active":"false"}`, `[`, `null`, `{"userName":1}`,
		`{"userName":"u","` + sizesURN + `":{"rank":"42","size":1.50e0,"marks":["1",2],"tags":["a",""],"steps":[1,{"value":"2","at":"2026-01-15T12:00:00Z"}],"since":"x"}}`,
	} {
		f.Add([]byte(s))
	}
	all := []*ResourceType{Users, Groups, Users.Extend(sizes(f))}
	f.Fuzz(func(t *testing.T, body []byte) {
		object, err := DecodeObject(body)
		if err != nil {
			refused(t, err)
			return
		}
		for _, rt := range all {
			r, _, err := rt.Parse(object)
			if err != nil {
				refused(t, err)
				continue
			}
			stable(t, rt, r)
		}
	})
}

func FuzzParseQuery(f *testing.F) {
	for _, s := range []string{
		``, `aadOptscim062020&filter=userName+eq+%22guid%22`, `excludedAttributes=members&filter=displayName%20eq%20"X"`, `filter=emails[type eq "work"].value eq "100%"`,
		`startIndex=2&count=5`, `attributes=name.givenName,emails.value,` + enterprise + `&excludedAttributes=manager.value,emails.type,id`, `count=-1&startIndex=99999999999`, `%=%&;`,
		`cursor&count=2&sortBy=emails&sortOrder=descending`, `cursor=x&startIndex=2&sortBy=meta.created`, `sortBy=` + sizesURN + `:size&attributes=groups.value`,
	} {
		f.Add(s)
	}
	rt, full, other := Users.Extend(sizes(f)), rendered(f), sized(f)
	before := Encode(full)
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := rt.ParseQuery(raw)
		if err != nil {
			refused(t, err)
			return
		}
		if q.StartIndex < 1 || q.Count < 0 || q.Count > MaxCount || q.Cursor != nil && q.Count < 1 {
			t.Fatalf("startIndex %d, count %d", q.StartIndex, q.Count)
		}
		if q.Compare(full, full) != 0 || q.Compare(full, other) != -q.Compare(other, full) {
			t.Fatalf("no order by %v", q.SortBy)
		}
		got := q.Projection.Apply(full)
		if Encode(full) != before || got["id"] != full["id"] || got["schemas"] == nil {
			t.Fatalf("%s of %s", Encode(got), Encode(full))
		}
		if again := q.Projection.Apply(got); Encode(again) != Encode(got) {
			t.Fatalf("%s, and then %s", Encode(got), Encode(again))
		}
	})
}

func FuzzParseSearch(f *testing.F) {
	for _, s := range []string{
		`{"schemas":["` + SearchURN + `"],"attributes":["displayName"],"excludedAttributes":[],"filter":"title pr","sortBy":"title","sortOrder":"descending","startIndex":1,"count":10}`,
		`{"cursor":"","count":0}`, `{"COUNT":1e2,"Filter":null}`, `{"attributes":[1]}`, `{}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		object, err := DecodeObject(body)
		if err != nil {
			refused(t, err)
			return
		}
		q, err := Users.ParseSearch(object)
		if err != nil {
			refused(t, err)
			return
		}
		if q.StartIndex < 1 || q.Count < 0 || q.Count > MaxCount || q.Cursor != nil && q.Count < 1 || q.Bound() == "" {
			t.Fatalf("startIndex %d, count %d, bound to %q", q.StartIndex, q.Count, q.Bound())
		}
	})
}
