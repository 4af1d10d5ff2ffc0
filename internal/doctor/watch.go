package doctor

import (
	"context"
	"errors"
	"hash/maphash"
	"log/slog"
	"slices"
	"sync"
	"time"

	"dsync/internal/cache"
	"dsync/internal/redact"
	"dsync/internal/table"
	"dsync/internal/table/finding"
	"dsync/internal/usage"
)

const (
	// SetupTime is how long after the creation of a token its directory is being set up:
	// then what informs is written, too, and the time of the last request that succeeded.
	SetupTime = 24 * time.Hour
	// MaxWrites is how many writes to the record of a directory a process makes in a
	// minute at most. The rest is written with the next one.
	MaxWrites = 6
	// repeated is how often later sightings of the same condition are written.
	repeated = time.Minute
	// writeTime bounds what a write may add to the time of a request.
	writeTime = 500 * time.Millisecond
	// maxWatched bounds the directories that a process knows, maxSeen the resources.
	maxWatched = 1_000
	maxSeen    = 5_000
	// maxLookUps is how many external keys a process looks up in a minute for requests
	// without a valid token, and keyFor how long it remembers what it found.
	maxLookUps = 60
	keyFor     = time.Minute
)

// Watch is what a process knows of the directories whose requests it serves.
type Watch struct {
	table *table.Table
	now   func() time.Time
	log   *slog.Logger

	mu          sync.Mutex
	directories *cache.Cache[string, *patient]
	seen        *cache.Cache[uint64, *history]
	seed        maphash.Seed
	keys        *cache.Cache[string, located]
	unknown     cache.Unknown[string]
	lookUps     window
}

// NewWatch returns a Watch that knows nothing.
func NewWatch(t *table.Table, now func() time.Time, log *slog.Logger) *Watch {
	return &Watch{
		table: t, now: now, log: log, seed: maphash.MakeSeed(),
		directories: cache.New[string, *patient](maxWatched), seen: cache.New[uint64, *history](maxSeen),
		keys: cache.New[string, located](maxWatched), unknown: cache.NewUnknown[string](maxSeen, keyFor),
	}
}

// located is a directory that was found by its external key.
type located struct {
	directoryID string
	until       time.Time
}

// patient is what a process knows of a directory.
type patient struct {
	codes                     map[string]*code
	writes                    window // of the record
	requests, reads, inactive window
}

// code is what a process knows of a code.
type code struct {
	open    bool // the condition holds, as far as is known
	written time.Time
	ids     []string
	pending finding.Change
}

// window counts in spans of a time.
type window struct {
	since time.Time
	n     int
}

func (w *window) add(now time.Time, span time.Duration) int {
	if now.Sub(w.since) >= span || now.Before(w.since) {
		*w = window{since: now}
	}
	w.n++
	return w.n
}

// full reports whether a span has so many already.
func (w *window) full(now time.Time, span time.Duration, limit int) bool {
	return now.Sub(w.since) < span && !now.Before(w.since) && w.n >= limit
}

func (w *Watch) patient(directoryID string) *patient {
	p, ok := w.directories.Get(directoryID)
	if !ok {
		p = &patient{codes: map[string]*code{}}
		w.directories.Put(directoryID, p)
	}
	return p
}

func (p *patient) code(name string) *code {
	c, ok := p.codes[name]
	if !ok {
		c = &code{}
		p.codes[name] = c
	}
	return c
}

// sick reports whether a condition that blocks or warns holds, as far as is known.
func (p *patient) sick() bool {
	for name, c := range p.codes {
		if c.open && byCode[name].Severity != Informs {
			return true
		}
	}
	return false
}

// Learn takes what is stored of a directory.
func (w *Watch) Learn(directoryID string, r finding.Record) {
	if r == nil {
		return
	}
	now := w.now()
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.patient(directoryID)
	for name, c := range p.codes {
		if _, stored := r[name]; !stored && c.pending.Count == 0 {
			c.open = false
		}
	}
	for name, s := range r {
		if byCode[name].Severity != "" && s.Count > 0 {
			c := p.code(name)
			c.open = !over(name, s, now)
			if c.pending.Count == 0 {
				c.ids = s.IDs
			}
			if s.Last.After(c.written) {
				c.written = s.Last
			}
		}
	}
}

// over reports whether an episode has ended, by what is stored alone.
func over(name string, s finding.Sighting, now time.Time) bool {
	if slices.Contains(mendedCodes, name) {
		return s.Good >= s.Count || now.Sub(s.Last) >= entraGivesUp
	}
	_, holds := byCode[name].find(Facts{Now: now, Record: finding.Record{name: s}})
	return !holds
}

// mendedCodes end when as many users are corrected as were seen.
var mendedCodes = []string{ExternalID, NoEmail, OddEmail, ForeignDomain, ManagerUnknown}

// Request is what a request with a valid token tells beside its observations.
type Request struct {
	Served     bool   // it succeeded
	NoEndpoint bool   // its path is none
	Idle       string // the id of a resource of which a PATCH changed nothing; "" for none
	Slow       bool   // it took half the time that it has
	UserAgent  string
}

// Observe takes what a request with a valid token tells, and writes what is due.
// Failures are logged only.
func (w *Watch) Observe(ctx context.Context, t *usage.Trace, r Request) {
	now := table.Timestamp(w.now())
	setup := now.Sub(t.TokenCreated()) < SetupTime
	observed := t.Observed()
	if r.Served {
		observed = append(observed, usage.Observation{Code: URLWrong, Good: true})
		if setup {
			observed = append(observed, usage.Observation{Code: Served})
		}
	}
	if r.NoEndpoint {
		observed = append(observed, usage.Observation{Code: URLWrong})
	}
	for _, name := range tokenCodes {
		observed = append(observed, usage.Observation{Code: name, Good: true})
	}
	if r.Slow {
		observed = append(observed, usage.Observation{Code: Slow})
	}
	if other := otherProvider(r.UserAgent); other != "" && isEntra(t.DirectoryType()) {
		observed = append(observed, usage.Observation{Code: NotEntra, Detail: other})
	}
	if r.Idle != "" && w.idle(t.DirectoryID(), r.Idle, now) {
		observed = append(observed, usage.Observation{Code: RepeatedPatch, ID: r.Idle})
	}
	w.add(ctx, t.DirectoryID(), now, setup, observed)
}

// Refused takes a request without a valid token to the Tenant URL with an external
// key. It reports whether the request is to be recorded, and in which directory: once
// in a minute for each reason. It looks up a key once a minute, and maxLookUps keys a
// minute in all. What an unknown key is asked for leaves nothing.
func (w *Watch) Refused(ctx context.Context, externalKey string, o usage.Observation) (directoryID string, record bool) {
	now := table.Timestamp(w.now())
	directoryID, ok := w.locate(ctx, externalKey, now)
	if !ok {
		return "", false
	}
	return directoryID, w.add(ctx, directoryID, now, false, []usage.Observation{o})
}

// maxKey bounds external keys: those that are made have 16 characters.
const maxKey = 64

func (w *Watch) locate(ctx context.Context, externalKey string, now time.Time) (string, bool) {
	if externalKey == "" || len(externalKey) > maxKey || w.unknown.Has(externalKey, now) {
		return "", false
	}
	if known, ok := w.keys.Get(externalKey); ok && now.Before(known.until) {
		return known.directoryID, true
	}
	w.mu.Lock()
	busy := w.lookUps.full(now, time.Minute, maxLookUps)
	if !busy {
		w.lookUps.add(now, time.Minute)
	}
	w.mu.Unlock()
	if busy {
		return "", false
	}
	ctx, cancel := context.WithTimeout(ctx, writeTime)
	defer cancel()
	directoryID, err := finding.DirectoryOf(ctx, w.table, externalKey)
	if errors.Is(err, table.ErrNotFound) {
		w.unknown.Add(externalKey, now)
		return "", false
	} else if err != nil {
		w.log.LogAttrs(ctx, slog.LevelWarn, "the directory of a refused request was not found", slog.String("error", redact.Error(err)))
		return "", false
	}
	known, err := finding.Read(ctx, w.table, directoryID)
	if err != nil {
		w.log.LogAttrs(ctx, slog.LevelWarn, "what was seen of the directory was not read", slog.String("directory_id", directoryID), slog.String("error", redact.Error(err)))
		return "", false
	}
	w.Learn(directoryID, known)
	w.keys.Put(externalKey, located{directoryID, now.Add(keyFor)})
	return directoryID, true
}

// add adds observations to what is known, and writes what is due in one write. It
// reports whether it has written.
func (w *Watch) add(ctx context.Context, directoryID string, now time.Time, setup bool, observed []usage.Observation) bool {
	changes := w.due(directoryID, now, setup, observed)
	if len(changes) == 0 {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, writeTime)
	defer cancel()
	err := finding.Add(ctx, w.table, directoryID, now, changes)
	if err != nil {
		w.log.LogAttrs(ctx, slog.LevelWarn, "what was seen of the directory was not written", slog.String("directory_id", directoryID), slog.String("error", redact.Error(err)))
	}
	return err == nil
}
