package directory

import (
	"errors"
	"sync"
	"time"

	"dsync/internal/scim"
	"dsync/internal/table"
)

// Tolerated is what a request asked for and did not get, although it succeeded.
type Tolerated = table.Tolerated

// What is tolerated.
const (
	UnknownPath   = "unknown path"   // of a PATCH: no schema knows it
	UnknownMember = "unknown member" // no user of the directory
	NestedGroup   = "nested group"   // a group as a member of a group
)

// Visit is a request with a good token, also one that was not let in because
// its directory is paused: what is to be noted of it.
type Visit struct {
	token table.Token
	actor table.Actor
	read  bool // the token was read for this request

	mu        sync.Mutex
	wrote     bool
	tolerated []Tolerated
}

// Answer is what became of a request, or of one operation of a bulk request.
type Answer struct {
	Method    string
	Route     string // "" for a path that is no endpoint
	Status    int
	Refusal   *scim.Error // nil unless it was refused
	Bulk      int         // which operation of a bulk request it was, counted from 1; 0 for none
	Took      time.Duration
	Tolerated []Tolerated
}

func (a Answer) refused() bool { return a.Status >= 400 }

// Visit is what is to be noted of the session's request.
func (s *Session) Visit() *Visit { return s.visit }

// turnedAway is the refusal of a request whose token is good.
type turnedAway struct {
	refusal *scim.Error
	visit   *Visit
}

func (t turnedAway) Error() string { return t.refusal.Error() }

func (t turnedAway) Unwrap() error { return t.refusal }

// VisitOf is what is to be noted of a request that Authenticate refused, or nil
// if nobody knows whose it was.
func VisitOf(err error) *Visit {
	var t turnedAway
	if errors.As(err, &t) {
		return t.visit
	}
	return nil
}

// DirectoryID is the id of the directory that was visited.
func (v *Visit) DirectoryID() string { return v.token.DirectoryID }

// TokenID is the id of the token that the request came with.
func (v *Visit) TokenID() string { return v.token.ID }

// tolerate notes what the request asked for and does not get. Of a change that
// is tried again the last time counts.
func (v *Visit) tolerate(what, path string, count int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for i, t := range v.tolerated {
		if t.What == what && t.Path == path {
			v.tolerated[i].Count = count
			return
		}
	}
	v.tolerated = append(v.tolerated, Tolerated{What: what, Count: count, Path: path})
}

// Tolerated returns what was tolerated since it was asked last.
func (v *Visit) Tolerated() []Tolerated {
	v.mu.Lock()
	defer v.mu.Unlock()
	list := v.tolerated
	v.tolerated = nil
	return list
}

// changed notes that the request has changed something.
func (v *Visit) changed() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.wrote = true
}

// changes reports whether the request has changed something.
func (v *Visit) changes() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.wrote
}
