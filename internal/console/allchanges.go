package console

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"dsync/internal/dsync"
	"dsync/internal/eventlog"
	"dsync/internal/fault"
	"dsync/internal/id"
	"dsync/internal/management"
	"dsync/internal/web"
	"dsync/internal/wording"
)

// eventKind is a choice of events.
type eventKind struct {
	Value, Name string
	prefixes    []string
}

// eventKinds are the choices besides all events and each event alone.
var eventKinds = []eventKind{
	{"users", "Users", []string{"dsync.user."}},
	{"groups", "Groups", []string{"dsync.group.created", "dsync.group.updated", "dsync.group.deleted"}},
	{"memberships", "Memberships", []string{"dsync.group.user_"}},
	{"directories", "Directories and tokens", []string{"dsync.activated", "dsync.deleted", "dsync.token."}},
}

// changesFilter says which changes of all directories to show.
type changesFilter struct {
	Event        string // the value of a kind, or a name; "" for all
	Organization management.Organization
}

// names are the names of the events; nil for all.
func (f changesFilter) names() (names []string) {
	prefixes := []string{f.Event}
	for _, k := range eventKinds {
		if k.Value == f.Event {
			prefixes = k.prefixes
		}
	}
	for _, name := range dsync.Names {
		if f.Event != "" && slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) }) {
			names = append(names, name)
		}
	}
	return names
}

// path is a path with the filter as parameters, and with a cursor; "" for none.
func (f changesFilter) path(path, after string) string {
	return web.WithQuery(path, "event", f.Event, "organization", f.Organization.ID, "after", after)
}

const (
	allChangesPath = Base + "/changes"
	newsPath       = allChangesPath + "/news"
)

// changesFilter reads the filter of the URL, and says what is wrong with it.
func (r *request) changesFilter() (f changesFilter, wrong string, err error) {
	q := r.Request.URL.Query()
	f.Event = q.Get("event")
	if f.Event != "" && len(f.names()) == 0 {
		f.Event = ""
	}
	text := r.Search("organization")
	if text == "" {
		return f, "", nil
	}
	f.Organization, wrong, err = r.organizationCalled(text)
	return f, wrong, err
}

// organizationCalled finds the organization that somebody means: by id, external id
// or a part of its name.
func (r *request) organizationCalled(text string) (o management.Organization, wrong string, err error) {
	ctx := r.Request.Context()
	if id.Organization.Valid(text) {
		o, err = r.session.Organization(ctx, text)
	} else {
		o, err = r.session.OrganizationByExternalID(ctx, text)
	}
	if fault.KindOf(err) != fault.NotFound {
		return o, "", err
	}
	found, err := r.session.Organizations(ctx, nil, text, management.PageRequest{Limit: pageSize})
	if err != nil {
		return o, "", err
	}
	called := slices.DeleteFunc(slices.Clone(found.Items), func(o management.Organization) bool { return !strings.EqualFold(o.Name, text) })
	switch {
	case len(called) == 1:
		return called[0], "", nil
	case len(found.Items) == 1:
		return found.Items[0], "", nil
	case len(found.Items) == 0:
		return o, "No organization is called like this. All are shown.", nil
	}
	return o, "Several organizations are called like this: type more of the name, or the ID. All are shown.", nil
}

func showAllChanges(r *request) error {
	f, wrong, err := r.changesFilter()
	if err != nil {
		return err
	}
	q := eventlog.Query{OrganizationID: f.Organization.ID, Names: f.names(), Limit: pageSize, Descending: true, After: r.Cursor("after")}
	var newest string // the cursor of the next poll
	if len(q.Names) > 0 || q.After != "" {
		// The newest event is not on the page. It is read before the page, so that
		// nothing is missed in between. What comes twice, the page leaves out.
		last, err := r.events(eventlog.Query{OrganizationID: f.Organization.ID, Limit: 1, Descending: true})
		if err != nil {
			return err
		}
		newest = last.Newest
	}
	found, err := r.events(q)
	if err != nil {
		return err
	}
	newest = cmp.Or(newest, found.Newest)
	changes, err := r.placed(found.Events, f)
	if err != nil {
		return err
	}
	older := ""
	if found.After != "" {
		older = f.path(allChangesPath, found.After)
	}
	return r.render(view{
		Template: "changes", Title: "Changes", Section: changesPage,
		Data: struct {
			Feed   feed
			Live   bool // the page has the newest changes
			Filter changesFilter
			Typed  string
			Wrong  string
			Kinds  []eventKind
			Events []string
			Pager  web.Pager
			Curl   string
		}{
			feed{changes, f.path(newsPath, newest), true}, q.After == "", f, cmp.Or(f.Organization.Name, strings.TrimSpace(r.Request.URL.Query().Get("organization"))), wrong,
			eventKinds, dsync.Names, web.Pager{Next: older}, r.curl(http.MethodGet, web.WithQuery("/events", "order", "desc", "organization_id", f.Organization.ID, "events", strings.Join(f.names(), ",")), nil),
		},
	})
}

// pollAllChanges answers as pollChanges does. It reads the events that the filter
// leaves out, too: so the cursor goes on, and the log is never read twice.
func pollAllChanges(r *request) error {
	f := changesFilter{Event: r.Request.URL.Query().Get("event")}
	if organizationID := r.Request.URL.Query().Get("organization"); id.Organization.Valid(organizationID) {
		f.Organization.ID = organizationID
	}
	found, err := r.read(r.session.News, eventlog.Query{OrganizationID: f.Organization.ID, After: r.Cursor("after"), Limit: pollLimit})
	if err != nil {
		return err
	}
	if len(found.Events) == 0 {
		r.Write(http.StatusNoContent, nil)
		return nil
	}
	changes, err := r.placed(found.Events, f)
	if err != nil {
		return err
	}
	slices.Reverse(changes)
	return r.Execute("changes", "news", http.StatusOK, feed{changes, f.path(newsPath, found.Newest), true})
}

// placed are the changes that the filter selects, each with its place.
func (r *request) placed(events []json.RawMessage, f changesFilter) ([]wording.Change, error) {
	changes, err := changesOf(events)
	if err != nil {
		return nil, err
	}
	if names := f.names(); names != nil {
		changes = slices.DeleteFunc(changes, func(c wording.Change) bool { return !slices.Contains(names, c.Event) })
	}
	directories, err := readEach(r, changes, func(c wording.Change) string { return c.DirectoryID }, r.session.Directory)
	if err != nil {
		return nil, err
	}
	owners, err := readEach(r, changes, func(c wording.Change) string { return c.OrganizationID }, r.named)
	if err != nil {
		return nil, err
	}
	for i, c := range changes {
		where := &wording.Place{Directory: "a deleted directory", Organization: "a deleted organization"}
		if d, ok := directories[c.DirectoryID]; ok {
			where.Directory, where.Path = d.Name, directoryPath(d.ID)
		}
		if o, ok := owners[c.OrganizationID]; ok {
			where.Organization, where.Only = o.Name, changesFilter{f.Event, o}.path(allChangesPath, "")
		}
		changes[i].Where = where
	}
	return changes, nil
}
