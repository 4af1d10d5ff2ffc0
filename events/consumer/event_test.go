package consumer_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dsync/events/consumer"

	"github.com/google/go-cmp/cmp"
)

// detail returns the detail of an event's sample.
func detail(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../samples", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var whole struct{ Detail json.RawMessage }
	if err := json.Unmarshal(b, &whole); err != nil {
		t.Fatal(err)
	}
	return whole.Detail
}

const (
	directory = "directory_01ECAZ4NV9QMV47GW873HDCX74"
	user      = "directory_user_01E1X1B89NH8Z3SDFJR4H7RGX7"
	group     = "directory_group_01E1X5GPMMXF4T1DCERMVEEPVW"
	token     = "directory_token_01EHWNCE74X7JSDV0X3SZ3KJNY"
)

// Every event is parsed into its type, and its key is that of its resource.
// That these are all events is tested outside of this package.
func TestParse(t *testing.T) {
	resources := map[string]string{
		consumer.DirectoryActivated: directory, consumer.DirectoryDeleted: directory,
		consumer.TokenCreated: token, consumer.TokenRevoked: token,
		consumer.UserCreated: user, consumer.UserUpdated: user, consumer.UserDeleted: user,
		consumer.GroupCreated: group, consumer.GroupUpdated: group, consumer.GroupDeleted: group,
		consumer.GroupUserAdded: user + "/" + group, consumer.GroupUserRemoved: user + "/" + group,
	}
	for name, resource := range resources {
		e, err := consumer.Parse(detail(t, name))
		if err != nil {
			t.Error(err)
			continue
		}
		if want := (consumer.Key{Directory: directory, Resource: resource}); e.Name != name || e.Key() != want {
			t.Errorf("%s has the key %v, want %v", e.Name, e.Key(), want)
		}
		removes := strings.HasSuffix(name, "deleted") || strings.HasSuffix(name, "removed") || strings.HasSuffix(name, "revoked")
		if e.Removes() != removes {
			t.Errorf("%s removes: %v", name, e.Removes())
		}
		if unread := unread(t, detail(t, name), e); len(unread) > 0 {
			t.Errorf("%s: the fields %v are lost", name, unread)
		}
	}
}

// unread returns the fields of the data that the parsed event lacks.
func unread(t *testing.T, detail []byte, e consumer.Event) (names []string) {
	t.Helper()
	var sent struct{ Data map[string]any }
	if err := json.Unmarshal(detail, &sent); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(e.Data)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	var compare func(path string, sent, got any)
	compare = func(path string, sent, got any) {
		if object, ok := sent.(map[string]any); ok {
			other, _ := got.(map[string]any)
			for name, v := range object {
				if name != "object" {
					compare(path+"."+name, v, other[name])
				}
			}
			return
		}
		if list, ok := sent.([]any); ok && len(list) > 0 {
			if other, _ := got.([]any); len(other) == len(list) {
				compare(path, list[0], other[0])
				return
			}
		}
		if !cmp.Equal(sent, got) {
			names = append(names, path)
		}
	}
	compare("data", sent.Data, got)
	return names
}

func TestParseFields(t *testing.T) {
	e, err := consumer.Parse(detail(t, consumer.UserUpdated))
	if err != nil {
		t.Fatal(err)
	}
	u := e.Data.(consumer.User)
	want := consumer.User{
		ID: user, DirectoryID: directory, OrganizationID: "org_01EZTR6WYX1A0DSE2CYMGXQ24Y", IDPID: "58342554-38d6-4ec8-948c-50044d0a33fd",
		Email: "lela.block@example.com", EmailDomainVerified: false, FirstName: "Lela", LastName: "Block", Name: "Lela Block", State: "inactive",
		RawAttributes: u.RawAttributes, CustomAttributes: u.CustomAttributes, PreviousAttributes: map[string]any{"state": "active", "raw_attributes": map[string]any{"active": true}},
		CreatedAt: time.Date(2026, 11, 23, 12, 0, 0, 155e6, time.UTC), UpdatedAt: time.Date(2026, 11, 23, 13, 0, 0, 155e6, time.UTC),
	}
	if diff := cmp.Diff(want, u); diff != "" {
		t.Error(diff)
	}
	if e.Sequence != 7 || e.Context.TokenID != token || e.Context.RequestID == "" || !e.CreatedAt.Equal(u.UpdatedAt) {
		t.Errorf("%+v", e)
	}
}

// The data of an event with an unknown name is kept, and its directory is read.
func TestParseUnknown(t *testing.T) {
	const id = "event_01M844RZ20EBR0JMJ6110Q14DK"
	for data, directoryID := range map[string]string{
		`{"directory_id":"` + directory + `","x":1}`: directory,
		`{"x":1}`: "",
		`[1]`:     "",
		`null`:    "",
	} {
		e, err := consumer.Parse([]byte(`{"object":"event","id":"` + id + `","event":"dsync.group.merged","data":` + data + `,"created_at":"2026-11-23T12:00:00.155Z","new":{}}`))
		if err != nil {
			t.Errorf("%s: %v", data, err)
			continue
		}
		if raw, ok := e.Data.(json.RawMessage); !ok || string(raw) != data || e.Key() != (consumer.Key{Directory: directoryID, Resource: id}) || e.Removes() {
			t.Errorf("%s: %+v with the key %v", data, e, e.Key())
		}
	}
}

func TestParseRefuses(t *testing.T) {
	replace := func(name, old, new string) []byte {
		b := string(detail(t, name))
		if !strings.Contains(b, old) {
			t.Fatalf("%s has no %s", name, old)
		}
		return []byte(strings.Replace(b, old, new, 1))
	}
	for what, b := range map[string][]byte{
		"nothing":                      nil,
		"no JSON":                      []byte(`{`),
		"a list":                       []byte(`[]`),
		"another object":               replace(consumer.UserCreated, `"object": "event"`, `"object": "list"`),
		"no id":                        replace(consumer.UserCreated, `"id": "event_`, `"no": "event_`),
		"an id that is no ULID":        replace(consumer.UserCreated, `"id": "event_01`, `"id": "event_lo`),
		"an id of something else":      replace(consumer.UserCreated, `"id": "event_`, `"id": "we_`),
		"no name":                      replace(consumer.UserCreated, `"event": "dsync`, `"no": "dsync`),
		"a negative sequence":          replace(consumer.UserCreated, `"sequence": `, `"sequence": -`),
		"a sequence that is not whole": replace(consumer.UserCreated, `"sequence": `, `"sequence": 0.`),
		"a sequence as text":           replace(consumer.UserCreated, `"request_id"`, `"sequence": "1", "request_id"`),
		"no time":                      replace(consumer.UserCreated, `"created_at": "2026`, `"created_at": "x`),
		"a user without id":            replace(consumer.UserCreated, `"id": "directory_user`, `"no": "directory_user`),
		"a user without directory":     replace(consumer.UserDeleted, `"directory_id"`, `"no"`),
		"a user with a group's id":     replace(consumer.UserUpdated, `"id": "directory_user_`, `"id": "directory_group_`),
		"a group with a user's id":     replace(consumer.GroupUpdated, `"id": "directory_group_`, `"id": "directory_user_`),
		"a token without directory":    replace(consumer.TokenCreated, `"directory_id"`, `"no"`),
		"a directory without id":       replace(consumer.DirectoryDeleted, `"id": "directory_`, `"no": "directory_`),
		"a membership without user":    replace(consumer.GroupUserAdded, `"user"`, `"no"`),
		"a membership without group":   replace(consumer.GroupUserAdded, `"group"`, `"no"`),
		"a user that is no object":     []byte(`{"object":"event","id":"event_01M844RZ20EBR0JMJ6110Q14DK","event":"dsync.user.created","data":[]}`),
		"a known event without a data": []byte(`{"object":"event","id":"event_01M844RZ20EBR0JMJ6110Q14DK","event":"dsync.user.created"}`),
	} {
		if e, err := consumer.Parse(b); !errors.Is(err, consumer.ErrMalformed) {
			t.Errorf("%s: %+v, %v", what, e, err)
		}
	}
}
