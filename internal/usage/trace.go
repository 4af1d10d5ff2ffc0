package usage

import (
	"slices"
	"sync"
	"time"

	"dsync/internal/fault"
	"dsync/internal/table"
)

// Tolerated is what a request asked for and did not get, although it succeeded.
type Tolerated = table.Tolerated

// The reasons of Tolerated.
const (
	UnknownPath   = "unknown path"   // of a PATCH: no schema knows it
	UnknownMember = "unknown member" // no user of the directory
	NestedGroup   = "nested group"   // a group as a member of a group
)

// The bounds of what is tolerated in one request, so that its record and its log
// line stay small.
const (
	// MaxTolerated is how many different things are noted. Those beyond them are
	// counted together, without a path.
	MaxTolerated = 20
	// maxPath is how many bytes of a path are noted.
	maxPath = 100
)

// Trace is what is known of a request with a valid token while it is served,
// also of one to a paused directory. It is safe for concurrent use.
type Trace struct {
	token      table.Token
	actor      table.Actor
	freshToken bool // the token was read for this request

	mu        sync.Mutex
	changed   bool
	tolerated []Tolerated
	observed  []Observation
}

// Observation is something that a request tells of its directory, under a code of
// package doctor.
type Observation struct {
	Code   string
	ID     string // the user, group or token that it is about; "" for none
	Detail string // a word of the doctor's own or a number, never a value of the request
	Good   bool   // the contrary of the condition
}

// maxObserved bounds the observations of one request, such as a bulk request.
const maxObserved = 100

// NewTrace returns the trace of a request with a token. freshToken says that the
// token was read for this request, and not cached.
func NewTrace(token table.Token, actor table.Actor, freshToken bool) *Trace {
	return &Trace{token: token, actor: actor, freshToken: freshToken}
}

// DirectoryID is the id of the directory that the token belongs to.
func (t *Trace) DirectoryID() string { return t.token.DirectoryID }

// Watched is until when the requests with the token are counted together by all
// processes; a time in the past if they are not.
func (t *Trace) Watched() time.Time { return time.Unix(t.token.Watched, 0) }

// TokenID is the id of the token.
func (t *Trace) TokenID() string { return t.token.ID }

// Tolerate notes what the request asked for and does not get. Of a change that
// is retried the last attempt counts, but for what is beyond MaxTolerated.
func (t *Trace) Tolerate(what, path string, count int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	path = fault.Cut(path, maxPath)
	if i := t.indexOf(what, path); i >= 0 {
		t.tolerated[i].Count = count
		return
	}
	if len(t.tolerated) >= MaxTolerated {
		path = ""
		if i := t.indexOf(what, path); i >= 0 {
			t.tolerated[i].Count += count
			return
		}
	}
	t.tolerated = append(t.tolerated, Tolerated{What: what, Count: count, Path: path})
}

func (t *Trace) indexOf(what, path string) int {
	return slices.IndexFunc(t.tolerated, func(known Tolerated) bool { return known.What == what && known.Path == path })
}

// TakeTolerated returns what was tolerated since the last call.
func (t *Trace) TakeTolerated() []Tolerated {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := t.tolerated
	t.tolerated = nil
	return list
}

// Observe notes what the request tells of its directory. Beyond maxObserved nothing
// is noted.
func (t *Trace) Observe(list ...Observation) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.observed = append(t.observed, list[:min(len(list), maxObserved-len(t.observed))]...)
}

// Observed is what was observed.
func (t *Trace) Observed() []Observation {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.observed)
}

// TokenCreated is when the token was created.
func (t *Trace) TokenCreated() time.Time { return t.token.Created }

// DirectoryType is the type of the directory; "" in tokens of earlier versions.
func (t *Trace) DirectoryType() string { return t.token.Type }

// Changed notes that the request has changed something.
func (t *Trace) Changed() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.changed = true
}

// HasChanged reports whether the request has changed something.
func (t *Trace) HasChanged() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.changed
}
