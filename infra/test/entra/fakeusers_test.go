package entra

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"strings"
)

const versionKey = "version"

func (f *fake) user(q *http.Request, id string, body map[string]any) (int, map[string]any) {
	u, known := f.users[id]
	switch {
	case q.Method == http.MethodPost:
		name := strings.ToLower(text(body, "userName"))
		for _, other := range f.users {
			if strings.EqualFold(other[userNamePath].(string), name) && !f.faults.repeatedPostCreates {
				return http.StatusConflict, nil
			}
		}
		if f.tombstones[name] {
			return http.StatusConflict, nil
		}
		f.count++
		id = fmt.Sprintf("directory_user_%06d", f.count)
		f.users[id] = flat(body)
		f.emit(userCreated, f.userData(id))
		return http.StatusCreated, f.userResource(id)
	case id == "":
		resources := map[string]map[string]any{}
		for id := range f.users {
			resources[id] = f.userResource(id)
		}
		return http.StatusOK, f.list(q.URL.Query().Get("filter"), resources)
	case !known:
		return http.StatusNotFound, nil
	case q.Method == http.MethodDelete:
		f.deleteUser(id)
		return http.StatusNoContent, nil
	case q.Method == http.MethodPatch:
		f.patchUser(id, u, body)
	}
	return http.StatusOK, f.userResource(id)
}

func (f *fake) deleteUser(id string) {
	f.emit(userDeleted, f.userData(id))
	for group, g := range f.groups {
		if g.members[id] && f.faults.removalsOnDelete {
			f.emit(memberRemoved, map[string]any{"directory_id": fakeDirectory, "user": f.userData(id), "group": f.groupData(group)})
		}
		delete(g.members, id)
	}
	if f.faults.keepUserNames {
		f.tombstones[strings.ToLower(f.users[id][userNamePath].(string))] = true
	}
	if !f.faults.deafToDelete {
		delete(f.users, id)
	}
}

func (f *fake) patchUser(id string, u, body map[string]any) {
	old, before := maps.Clone(u), f.userData(id)
	for _, o := range body["Operations"].([]any) {
		o := o.(map[string]any)
		op, path := strings.ToLower(text(o, "op")), text(o, "path")
		if path == "" {
			for key, value := range o["value"].(map[string]any) {
				f.set(u, key, value)
			}
			continue
		}
		if op == opRemove {
			o["value"] = nil
		}
		f.set(u, path, o["value"])
	}
	if !f.faults.announceNothing && reflect.DeepEqual(old, u) {
		return
	}
	if f.faults.leaveGroupsOnDisable && u[activePath] == false {
		for _, g := range f.groups {
			delete(g.members, id)
		}
	}
	u[versionKey] = u[versionKey].(int) + 1
	data := f.userData(id)
	previous := map[string]any{"custom_attributes": map[string]any{}}
	for key, value := range before {
		if key != "custom_attributes" && !reflect.DeepEqual(value, data[key]) {
			previous[key] = value
		}
	}
	custom := data["custom_attributes"].(map[string]any)
	for key, value := range before["custom_attributes"].(map[string]any) {
		if value != custom[key] {
			previous["custom_attributes"].(map[string]any)[key] = value
		}
	}
	data["previous_attributes"] = previous
	f.emit(userUpdated, data)
}

// set assigns a value to the attribute at a PATCH path.
func (f *fake) set(u map[string]any, path string, value any) {
	if path == "manager" {
		path = managerPath
	}
	if list, ok := value.([]any); ok {
		value = text(list[0], "value")
	}
	if s, ok := value.(string); ok && path == activePath {
		if f.faults.ignoreStringFalse {
			return
		}
		value = strings.EqualFold(s, "true")
	}
	if f.faults.dropSiblings && path == otherMailPath {
		delete(u, workMailPath)
	}
	if value == nil || value == "" {
		delete(u, path)
		return
	}
	u[path] = value
}

// flat converts the body of a POST to a map from PATCH path to value.
func flat(body map[string]any) map[string]any {
	u := map[string]any{versionKey: 1}
	for _, a := range attributes {
		if value, ok := lookup(body, a.scim); ok && value != nil {
			u[a.path] = value
		}
	}
	return u
}

func (f *fake) userResource(id string) map[string]any {
	u := f.users[id]
	var mails, phones []any
	for _, kind := range []string{"work", "other"} {
		if value, ok := u[`emails[type eq "`+kind+`"].value`]; ok {
			mails = append(mails, map[string]any{"type": kind, "value": value})
		}
	}
	if value, ok := u[mobilePath]; ok {
		phones = append(phones, map[string]any{"type": "mobile", "value": value})
	}
	enterprise := map[string]any{"department": u[departmentPath], "employeeNumber": u[numberPath]}
	if value, ok := u[managerPath]; ok {
		enterprise["manager"] = map[string]any{"value": value}
	}
	return generic(map[string]any{
		"id": id, "userName": u[userNamePath], "externalId": u[externalIDPath], "active": u[activePath],
		"displayName": u[displayNamePath], "title": u[titlePath], "emails": mails, "phoneNumbers": phones,
		"name":         map[string]any{"givenName": u[givenNamePath], "familyName": u[familyNamePath], "formatted": u[formattedPath]},
		enterpriseUser: enterprise, "meta": f.meta("Users", id, u[versionKey].(int)),
	})
}

func (f *fake) userData(id string) map[string]any {
	u, ok := f.users[id]
	if !ok {
		return map[string]any{"id": id}
	}
	state := map[any]string{true: "active", false: "inactive"}[u[activePath]]
	return generic(map[string]any{
		"id": id, "directory_id": fakeDirectory, "idp_id": u[externalIDPath], "email": u[workMailPath], "state": state,
		"first_name": u[givenNamePath], "last_name": u[familyNamePath], "name": u[formattedPath],
		"custom_attributes": map[string]any{
			"username": u[userNamePath], "job_title": u[titlePath],
			"department_name": u[departmentPath], "employee_number": u[numberPath],
		},
		"raw_attributes": f.userResource(id),
	})
}

// generic returns v after encoding to JSON and decoding.
func generic(v map[string]any) map[string]any {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	var out map[string]any
	if err := json.Unmarshal(b, &out); err != nil {
		panic(err)
	}
	return out
}
