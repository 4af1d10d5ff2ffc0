package session

import (
	"context"

	"dsync/internal/fault"
	"dsync/internal/scim"
	"dsync/internal/scim/filter"
	"dsync/internal/scim/resource"
	"dsync/internal/table"
)

// MaxMembershipReads is how many memberships one request may read to evaluate
// a filter, one key after the other: some seconds.
const MaxMembershipReads = 1_000

// evaluation evaluates a filter on resources.
type evaluation struct {
	session *Session
	t       Type
	filter  filter.Expr // nil: every resource matches
	group   string      // every resource is a member of this group; "" for none
	reads   int         // of memberships
	cost    int         // of all resources so far, as maxCost says
	// key and value are the filter, if it is one equality of a key path; else "".
	key, value string
}

func (e *evaluation) candidate(ctx context.Context, record table.Resource) (candidate, error) {
	e.cost += costOfResource + len(record.Document)/bytesOfCost
	r, err := parse(record)
	if err != nil || e.filter == nil {
		return candidate{r, true, e.cost}, err
	}
	matches, err := e.matches(ctx, r)
	return candidate{r, matches, e.cost}, err
}

// matches evaluates the filter on a resource. Memberships are read by key, and
// counted, but for the group that the resource is known to be in.
//
// A resource that was found by its id, name or externalId is compared by that
// alone: another request may have changed it since the look-up.
func (e *evaluation) matches(ctx context.Context, r Resource) (bool, error) {
	switch e.key {
	case idPath:
		return r.Meta.ID == e.value, nil
	case e.t.key:
		return e.t.named(r, e.value), nil
	case externalIDPath:
		return r.Document[externalIDPath] == e.value, nil
	}
	var failure error
	matcher := filter.NewMatcher(func(other string) bool {
		group, user, emptied := other, r.Meta.ID, r.emptied
		if e.t.kind == table.Group {
			group, user = r.Meta.ID, other
		} else if other == e.group {
			return true
		}
		e.reads++
		if e.reads > MaxMembershipReads {
			failure = fault.New(fault.Invalid, scim.TooMany,
				"the filter asks for more than %d memberships: join the membership with `and`, or page by cursor with a smaller count", MaxMembershipReads)
			return false
		}
		in, err := e.session.table.IsMember(ctx, e.session.directoryID, group, user, emptied)
		if err != nil {
			failure = err
		}
		return in
	})
	matches := matcher.Match(e.filter, resource.Render(e.t.ResourceType, r.Document, r.Meta))
	e.cost += matcher.Cost()
	return matches && failure == nil, failure
}
