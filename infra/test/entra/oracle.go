package entra

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Event is a dsync event as EventBridge delivers it to a target.
type Event struct {
	Source     string `json:"source"`
	DetailType string `json:"detail-type"`
	Detail     Detail `json:"detail"`
}

// Detail is the dsync event itself.
type Detail struct {
	Object    string         `json:"object"`
	ID        string         `json:"id"`
	Event     string         `json:"event"`
	Data      map[string]any `json:"data"`
	CreatedAt string         `json:"created_at"`
	Context   struct {
		Sequence int64 `json:"sequence"`
	} `json:"context"`
}

// The events that a run causes.
const (
	userCreated   = "dsync.user.created"
	userUpdated   = "dsync.user.updated"
	userDeleted   = "dsync.user.deleted"
	groupCreated  = "dsync.group.created"
	groupUpdated  = "dsync.group.updated"
	groupDeleted  = "dsync.group.deleted"
	memberAdded   = "dsync.group.user_added"
	memberRemoved = "dsync.group.user_removed"
)

var eventTypes = []string{
	userCreated, userUpdated, userDeleted, groupCreated, groupUpdated, groupDeleted, memberAdded, memberRemoved,
}

// expectation is an event that must arrive.
type expectation struct {
	moment   int // order of the changes; equal for simultaneous changes
	kind     string
	resource string // one of the keys below
	asked    string // description of the change
	answered time.Time
	facts    map[string]any // pointer into data → value, nil for absent or null
	previous map[string]any // the same for previous_attributes of *.updated; nil elsewhere
}

// Keys of the resources. Each resource has its own order of events.
func userKey(id string) string            { return "user " + id }
func groupKey(id string) string           { return "group " + id }
func memberKey(group, user string) string { return "member " + group + " " + user }

// resource returns the key of the resource that the event is about.
func (e Event) resource() string {
	switch {
	case e.Detail.Event == memberAdded || e.Detail.Event == memberRemoved:
		return memberKey(text(e.Detail.Data, "group/id"), text(e.Detail.Data, "user/id"))
	case strings.HasPrefix(e.Detail.Event, "dsync.group."):
		return groupKey(text(e.Detail.Data, "id"))
	}
	return userKey(text(e.Detail.Data, "id"))
}

// directory is the id of the directory that the event belongs to.
func (e Event) directory() string {
	if id := text(e.Detail.Data, "directory_id"); id != "" {
		return id
	}
	return text(e.Detail.Data, "id")
}

// arrival is an event and the time at which it arrived.
type arrival struct {
	Event
	seen time.Time
}

// collector records events as they arrive.
type collector struct {
	done, stopped chan struct{}

	mu       sync.Mutex
	arrivals []arrival
}

func collect(events <-chan Event) *collector {
	c := &collector{done: make(chan struct{}), stopped: make(chan struct{})}
	go func() {
		defer close(c.stopped)
		for {
			select {
			case <-c.done:
				return
			case e, open := <-events:
				if !open {
					return
				}
				c.mu.Lock()
				c.arrivals = append(c.arrivals, arrival{e, time.Now()})
				c.mu.Unlock()
			}
		}
	}()
	return c
}

func (c *collector) snapshot() []arrival {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.arrivals)
}

func (c *collector) stop() []arrival {
	close(c.done)
	<-c.stopped
	return c.snapshot()
}

// verdict is the result of the comparison of arrivals with expectations.
type verdict struct {
	missing, surplus, content, envelope []string
	resourceOrder, sequence             []string

	received   map[string]int // by type, without repetitions
	duplicates int
	latencies  []time.Duration
}

// judge compares arrivals with expectations. It uses only events of resources
// that the run created, and only the first arrival of each event id.
func (r *run) judge(arrivals []arrival) verdict {
	v := verdict{received: map[string]int{}}
	waiting := map[string][]*expectation{}
	for _, x := range r.expected {
		waiting[x.resource] = append(waiting[x.resource], x)
	}
	seen := map[string]bool{}
	var surplus []arrival
	matched := map[*expectation]int{} // → index of the arrival
	for i, a := range arrivals {
		if !r.owns(a.Event) {
			continue
		}
		if seen[a.Detail.ID] {
			v.duplicates++
			continue
		}
		seen[a.Detail.ID] = true
		v.received[a.Detail.Event]++
		v.envelope = append(v.envelope, r.misshapen(a.Event)...)
		key := a.resource()
		found := slices.IndexFunc(waiting[key], func(x *expectation) bool {
			return x.kind == a.Detail.Event && len(x.differences(a.Event)) == 0
		})
		if found < 0 {
			surplus = append(surplus, a)
			continue
		}
		matched[waiting[key][found]] = i
		waiting[key] = slices.Delete(waiting[key], found, found+1)
	}
	// An event with the right type and wrong content counts as one content error.
	// It does not count as one missing and one surplus event.
	for _, a := range surplus {
		key := a.resource()
		found := slices.IndexFunc(waiting[key], func(x *expectation) bool { return x.kind == a.Detail.Event })
		if found < 0 {
			v.surplus = append(v.surplus, fmt.Sprintf("%s %s about %s: no change caused it", a.Detail.Event, a.Detail.ID, key))
			continue
		}
		x := waiting[key][found]
		v.content = append(v.content, fmt.Sprintf("%s for %q: %s", x.kind, x.asked, strings.Join(x.differences(a.Event), "; ")))
		waiting[key] = slices.Delete(waiting[key], found, found+1)
	}
	unmet := map[*expectation]bool{}
	for _, left := range waiting {
		for _, x := range left {
			unmet[x] = true
		}
	}
	for _, x := range r.expected {
		if unmet[x] {
			v.missing = append(v.missing, fmt.Sprintf("%s for %q (%s)", x.kind, x.asked, x.resource))
		}
		if i, ok := matched[x]; ok {
			v.latencies = append(v.latencies, max(0, arrivals[i].seen.Sub(x.answered)))
		}
	}
	v.order(matched)
	r.sequences(&v, arrivals)
	return v
}

// order compares the order of arrival with the order of the requests.
func (v *verdict) order(matched map[*expectation]int) {
	var came []*expectation
	for x := range matched {
		came = append(came, x)
	}
	slices.SortFunc(came, func(a, b *expectation) int { return matched[a] - matched[b] })
	last := map[string]*expectation{}
	for _, x := range came {
		if before := last[x.resource]; before != nil && before.moment > x.moment {
			v.resourceOrder = append(v.resourceOrder, x.behind(before))
		}
		last[x.resource] = x
	}
}

// sequences checks the sequences of the directory: each event has one of its own,
// there is no gap, and a membership comes after the creations of its user and
// group. Events of different resources may come in any other order.
func (r *run) sequences(v *verdict, arrivals []arrival) {
	own := slices.IndexFunc(arrivals, func(a arrival) bool { return r.owns(a.Event) })
	if own < 0 {
		return
	}
	directory := arrivals[own].directory()
	arrivals = slices.DeleteFunc(slices.Clone(arrivals), func(a arrival) bool { return a.directory() != directory })
	bySequence := map[int64]Event{}
	created := map[string]int64{} // resource → sequence
	first, last := int64(0), int64(0)
	for _, a := range arrivals {
		n := a.Detail.Context.Sequence
		if n < 1 {
			v.sequence = append(v.sequence, fmt.Sprintf("%s %s has the sequence %d", a.Detail.Event, a.Detail.ID, n))
			continue
		}
		if other, taken := bySequence[n]; taken && other.Detail.ID != a.Detail.ID {
			v.sequence = append(v.sequence, fmt.Sprintf("%s %s and %s have the sequence %d", a.Detail.Event, a.Detail.ID, other.Detail.ID, n))
		}
		bySequence[n] = a.Event
		if first == 0 || n < first {
			first = n
		}
		last = max(last, n)
		if a.Detail.Event == userCreated || a.Detail.Event == groupCreated {
			created[a.resource()] = n
		}
	}
	for n := first; n <= last && len(v.missing) == 0; n++ {
		if _, ok := bySequence[n]; !ok {
			v.sequence = append(v.sequence, fmt.Sprintf("no event has the sequence %d", n))
		}
	}
	for _, a := range arrivals {
		if a.Detail.Event != memberAdded && a.Detail.Event != memberRemoved {
			continue
		}
		for _, id := range []string{userKey(text(a.Detail.Data, "user/id")), groupKey(text(a.Detail.Data, "group/id"))} {
			if n := created[id]; n > a.Detail.Context.Sequence {
				v.sequence = append(v.sequence, fmt.Sprintf("%s has the sequence %d, before the creation of %s with %d", a.Detail.Event, a.Detail.Context.Sequence, id, n))
			}
		}
	}
}

func (x *expectation) behind(later *expectation) string {
	return fmt.Sprintf("%s for %q arrived after %s for %q", x.kind, x.asked, later.kind, later.asked)
}

// differences returns the differences between e and the expectation x.
func (x *expectation) differences(e Event) []string {
	var found []string
	for _, pointer := range sortedKeys(x.facts) {
		if got, _ := lookup(e.Detail.Data, pointer); got != x.facts[pointer] {
			found = append(found, fmt.Sprintf("%s is %v, want %v", pointer, got, x.facts[pointer]))
		}
	}
	if x.previous == nil {
		return found
	}
	previous, ok := e.Detail.Data["previous_attributes"].(map[string]any)
	if !ok {
		return append(found, "previous_attributes are absent")
	}
	for _, pointer := range sortedKeys(x.facts) {
		got, there := lookup(previous, pointer)
		want, changed := x.previous[pointer]
		switch {
		case strings.HasPrefix(pointer, raw):
		case changed && !there:
			found = append(found, fmt.Sprintf("previous_attributes do not contain %s, which was %v", pointer, want))
		case changed && got != want:
			found = append(found, fmt.Sprintf("%s in previous_attributes is %v, want %v", pointer, got, want))
		case !changed && there:
			found = append(found, fmt.Sprintf("previous_attributes contain %s, which did not change", pointer))
		}
	}
	return found
}

// owns reports whether e is about a resource that this run created. It compares
// the id and the external id: the id is unknown if no answer arrived.
func (r *run) owns(e Event) bool {
	for _, pointer := range []string{"id", "idp_id", "user/id", "group/id", "user/idp_id", "group/idp_id"} {
		if r.owned[text(e.Detail.Data, pointer)] {
			return true
		}
	}
	return false
}

// misshapen returns the violations of the event format in e.
func (r *run) misshapen(e Event) []string {
	var found []string
	add := func(format string, args ...any) {
		found = append(found, e.Detail.Event+" "+e.Detail.ID+": "+fmt.Sprintf(format, args...))
	}
	if e.Source != "dsync" {
		add("source is %q", e.Source)
	}
	if e.DetailType != e.Detail.Event {
		add("detail-type is %q", e.DetailType)
	}
	if e.Detail.Object != "event" {
		add("object is %q", e.Detail.Object)
	}
	if !strings.HasPrefix(e.Detail.ID, "event_") {
		add("the id does not start with event_")
	}
	if _, err := time.Parse(time.RFC3339, e.Detail.CreatedAt); err != nil {
		add("created_at is %q", e.Detail.CreatedAt)
	}
	directory := text(e.Detail.Data, "directory_id")
	if directory == "" || r.config.DirectoryID != "" && directory != r.config.DirectoryID {
		add("directory_id is %q", directory)
	}
	return found
}
