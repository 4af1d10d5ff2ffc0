package doctor

import (
	"hash/fnv"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"
	"time"

	"dsync/internal/table/finding"
	"dsync/internal/usage"
)

// due adds observations to what is known of a directory, and returns what is to be
// written now.
func (w *Watch) due(directoryID string, now time.Time, setup bool, observed []usage.Observation) []finding.Change {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.patient(directoryID)
	p.requests.add(now, tenMinutes)
	told := setup || p.sick()
	urgent := false
	for _, o := range observed {
		if c, known := p.codes[o.Code]; o.Good && !(known && c.open) {
			continue // in order, as before: most of what a request tells
		}
		for _, o := range w.derive(p, directoryID, now, o) {
			if !o.Good && (o.Code == Served || byCode[o.Code].Severity == Informs) && !told {
				continue
			}
			urgent = p.take(p.code(o.Code), o, now) || urgent
		}
	}
	return p.flush(now, urgent)
}

// take adds an observation to a code. It reports whether it is the first sighting, or
// the first contrary.
func (p *patient) take(c *code, o usage.Observation, now time.Time) (first bool) {
	c.pending.Code = o.Code
	mending := slices.Contains(mendedCodes, o.Code)
	switch {
	case o.Good && mending:
		c.pending.Good++
		return false
	case o.Good && c.pending.Begins: // it has not been written, and is over
		c.open, c.pending = false, finding.Change{}
		return false
	case o.Good:
		first = c.pending.Good == 0
		c.pending.Good, c.pending.Count = 1, 0
		return first
	case !mending:
		c.pending.Good = 0
	}
	if !c.open {
		first, c.open, c.pending.Begins = true, true, true
		c.pending.Count, c.pending.Good, c.ids = 0, 0, nil
	}
	c.pending.Count++
	if o.Detail != "" {
		first = first || c.pending.Detail != "" && c.pending.Detail != o.Detail
		c.pending.Detail = o.Detail
	}
	if o.ID != "" && len(c.ids) < MaxIDs && !slices.Contains(c.ids, o.ID) {
		c.ids = append(slices.Clone(c.ids), o.ID)
	}
	return first
}

// flush returns what is pending and due: everything if something is urgent or is
// pending for a minute, unless the minute has MaxWrites.
func (p *patient) flush(now time.Time, urgent bool) (changes []finding.Change) {
	due := urgent
	pending := false
	for _, c := range p.codes {
		if c.pending.Code == "" {
			continue
		}
		pending = true
		due = due || now.Sub(c.written) >= repeated
	}
	if !pending || !due || p.writes.full(now, time.Minute, MaxWrites) {
		return nil
	}
	p.writes.add(now, time.Minute)
	for name, c := range p.codes {
		if c.pending.Code == "" {
			continue
		}
		if c.pending.Good > 0 && !slices.Contains(mendedCodes, name) {
			c.open = false
		}
		c.pending.IDs = c.ids
		changes = append(changes, c.pending)
		c.written, c.pending = now, finding.Change{}
	}
	slices.SortFunc(changes, func(a, b finding.Change) int {
		if a.Code < b.Code {
			return -1
		}
		return 1
	})
	return changes
}

const (
	tenMinutes = 10 * time.Minute
	// fewRequests are those of provisioning on demand: a probe, a read, a write, and the
	// same for a group.
	fewRequests = 6
	manyReads   = 20
)

// derive turns what a directory does into what it means: events that are no conditions
// are counted.
func (w *Watch) derive(p *patient, directoryID string, now time.Time, o usage.Observation) []usage.Observation {
	switch o.Code {
	case created:
		if p.requests.n <= fewRequests {
			return []usage.Observation{{Code: OnDemand, ID: o.ID}}
		}
		return nil
	case deactivated:
		n := p.inactive.add(now, time.Hour)
		if n <= massUsers {
			return nil
		}
		c := p.code(MassDeactivation)
		repeat := 1
		if n == massUsers+1 {
			c.open, repeat = false, n // another hour is another episode
		}
		return slices.Repeat([]usage.Observation{{Code: MassDeactivation, ID: o.ID}}, repeat)
	case LookedUp:
		if p.reads.add(now, tenMinutes) < manyReads {
			return nil
		}
		return []usage.Observation{{Code: RestartSeen}}
	case swapped:
		if !w.flips(directoryID, o, now) {
			return nil
		}
		return []usage.Observation{{Code: FlipFlop, ID: o.ID}}
	}
	return []usage.Observation{o}
}

// Events that a Watch counts, which are no conditions.
const (
	// LookedUp is a query or read that finds a user.
	LookedUp = "looked_up"
	swapped  = "swapped"
)

// Swapped observes that a resource has changed from one document to another, by their
// hashes.
func Swapped(id, before, after string) usage.Observation {
	return usage.Observation{Code: swapped, ID: id, Detail: hash(before) + " " + hash(after)}
}

func hash(document string) string {
	h := fnv.New64a()
	h.Write([]byte(document))
	return strconv.FormatUint(h.Sum64(), 36)
}

// history is what a process has seen of a resource.
type history struct {
	before, after string // hashes of the documents of the last change
	back          int    // how many changes in a row have taken back the one before
	changed       time.Time
	idle          time.Time // of the last PATCH that changed nothing
	idles         int
}

func (w *Watch) history(directoryID, id string) *history {
	k := maphash.String(w.seed, directoryID+" "+id)
	h, ok := w.seen.Get(k)
	if !ok {
		h = &history{}
		w.seen.Put(k, h)
	}
	return h
}

const (
	minBack  = 3
	minIdles = 3
	idleGap  = 20 * time.Minute
)

// flips reports whether a change takes the one before back, for the third time.
func (w *Watch) flips(directoryID string, o usage.Observation, now time.Time) bool {
	h := w.history(directoryID, o.ID)
	before, after, _ := strings.Cut(o.Detail, " ")
	if before == h.after && after == h.before && now.Sub(h.changed) < day {
		h.back++
	} else {
		h.back = 0
	}
	h.before, h.after, h.changed = before, after, now
	return h.back >= minBack
}

// idle reports whether a PATCH that changes nothing is the third one, each a while
// after the one before.
func (w *Watch) idle(directoryID, id string, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.history(directoryID, id)
	if now.Sub(h.idle) > day {
		h.idles = 0
	}
	if now.Sub(h.idle) >= idleGap {
		h.idle = now
		h.idles++
		return h.idles >= minIdles
	}
	return false
}
