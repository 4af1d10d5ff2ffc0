// Package doctor finds the problems that the traffic of a directory shows, and says how
// to fix them in the words of Entra's portal.
//
// Conditions are data (Conditions). Evaluate, which is pure, finds those that hold
// for Facts: what package finding stores, the records of requests, the counts of days,
// and the directory's own records. A finding goes away by itself when its condition
// does; nothing has to be confirmed.
//
// A Watch is what one process has to do with it while it serves requests. For a
// healthy directory it reads and writes nothing: what it knows of a directory comes
// with the counts that package usage reads anyway. Of a directory with a condition the
// first sighting and the first contrary are written at once, later ones once a minute,
// and at most MaxWrites a minute in all. What is known of a process alone, such as
// changes that go back and forth, is forgotten with it.
//
// Nobody without a valid token can make it write more: see Watch.Refused. A directory's
// traffic never reaches the record of another one. All types are safe for concurrent
// use.
package doctor

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/table"
	"dsync/internal/table/count"
	"dsync/internal/table/finding"
)

// Severity says how much a finding matters.
type Severity string

// The severities.
const (
	Blocks  Severity = "blocks"  // nothing is synchronized
	Warns   Severity = "warns"   // something is missing or wrong
	Informs Severity = "informs" // a step of the setup, or something to know
)

// Condition is something that the traffic of a directory can tell.
type Condition struct {
	Code     string
	Severity Severity
	// Text and Remedy are for the customer's admin. {count}, {detail} and {at} stand for
	// what was seen.
	Text, Remedy string
	// Raised and Ended say what raises and ends it, for the documentation.
	Raised, Ended string
	// Team says that it is about the system: it is shown to the team and not to the
	// customer.
	Team bool
	find func(Facts) (finding.Sighting, bool)
}

// Finding is a condition that holds.
type Finding struct {
	Code     string
	Severity Severity
	Since    time.Time // the first sighting
	Last     time.Time // the last one that is known
	Count    int64
	IDs      []string // users, groups or tokens, MaxIDs at most
	Text     string
	Remedy   string
	Team     bool
}

// MaxIDs is how many ids a finding has.
const MaxIDs = finding.MaxIDs

// Facts are what Evaluate looks at.
type Facts struct {
	Now       time.Time
	Directory table.Directory
	Domains   []string        // the verified domains of the organization
	Record    finding.Record  // what was seen
	Requests  []table.Request // that have a record, newest first
	Days      []table.Day     // with requests, newest first
	Tokens    []table.Token
	Counts    count.Counts
	// Users and Groups are those that Record names, by id; those that are gone are
	// absent. A user is its SCIM resource.
	Users  map[string]map[string]any
	Groups map[string]bool
	Sample Sample
}

// Sample is what was looked up of the newest users and groups. It is empty where only
// the other facts are wanted.
type Sample struct {
	Users            []map[string]any
	SharedEmail      []string // ids of active users who share an address
	EmptyGroups      []string // that have no member for two hours
	WithoutGroups    []string // users who were activated again and are in no group
	LongInactive     []string // users
	MappedAttributes map[string]string
}

// Conditions are all conditions, in the order in which they are shown.
func Conditions() []Condition {
	return slices.Concat(tokenConditions, connectionConditions, mappingConditions, memberConditions, trafficConditions, operationConditions)
}

// byCode are the conditions by code.
var byCode = func() map[string]Condition {
	all := map[string]Condition{}
	for _, c := range Conditions() {
		all[c.Code] = c
	}
	return all
}()

// order is that of findings.
var order = []Severity{Blocks, Warns, Informs}

// Evaluate returns the findings: those that block first.
func Evaluate(f Facts) []Finding {
	found := []Finding{}
	for _, c := range Conditions() {
		s, ok := c.find(f)
		if !ok {
			continue
		}
		words := strings.NewReplacer("{count}", strconv.FormatInt(s.Count, 10), "{good}", strconv.FormatInt(s.Good, 10),
			"{detail}", s.Detail, "{at}", s.Last.UTC().Format("15:04:05"), "{date}", s.Last.UTC().Format(time.DateOnly))
		found = append(found, Finding{
			Code: c.Code, Severity: c.Severity, Since: s.First, Last: s.Last, Count: s.Count, IDs: s.IDs[:min(len(s.IDs), MaxIDs)],
			Text: words.Replace(c.Text), Remedy: words.Replace(c.Remedy), Team: c.Team,
		})
	}
	slices.SortStableFunc(found, func(a, b Finding) int { return slices.Index(order, a.Severity) - slices.Index(order, b.Severity) })
	return found
}

// Blocked reports whether a finding blocks.
func Blocked(found []Finding) bool {
	return slices.ContainsFunc(found, func(f Finding) bool { return f.Severity == Blocks })
}

// Day is a day, for the times of conditions.
const day = 24 * time.Hour

// sighted finds what is stored under a code until it has ended.
func sighted(code string, ended func(Facts, finding.Sighting) bool) func(Facts) (finding.Sighting, bool) {
	return func(f Facts) (finding.Sighting, bool) {
		s, ok := f.Record[code]
		if !ok || s.Count == 0 || ended(f, s) {
			return finding.Sighting{}, false
		}
		return s, true
	}
}

// lasting ends a sighting some time after it was seen last.
func lasting(d time.Duration) func(Facts, finding.Sighting) bool {
	return func(f Facts, s finding.Sighting) bool { return f.Now.Sub(s.Last) >= d }
}

// entraGivesUp is when Entra disables a job that is in quarantine, and some days.
const entraGivesUp = 30 * day

// untilAuthorized ends what is wrong with a token with the next valid request.
func untilAuthorized(f Facts, s finding.Sighting) bool {
	return f.authorizedAt().After(s.Last) || s.GoodAt.After(s.Last) || lasting(entraGivesUp)(f, s)
}

// untilServed ends what is wrong with a URL with the next request that succeeds.
func untilServed(f Facts, s finding.Sighting) bool {
	return f.Record[Served].Last.After(s.Last) || s.GoodAt.After(s.Last) || lasting(entraGivesUp)(f, s)
}

// settled is when what was corrected at the ids that are kept counts as corrected.
const settled = time.Hour

// untilMended ends what is wrong with users when it was corrected as often as it was
// seen, or when the users that are kept are in order and no other has come for a while.
func untilMended(wrong func(Facts, map[string]any) bool) func(Facts, finding.Sighting) bool {
	return func(f Facts, s finding.Sighting) bool {
		if s.Good >= s.Count || lasting(entraGivesUp)(f, s) {
			return true
		}
		still := func(id string) bool {
			user, ok := f.Users[id]
			return ok && dsync.Active(user) && wrong(f, user)
		}
		return len(s.IDs) > 0 && !slices.ContainsFunc(s.IDs, still) && (s.Count <= int64(len(s.IDs)) || lasting(settled)(f, s))
	}
}

// authorizedAt is the time of the last request with a valid token that is known. The
// counts of a day are a quarter of an hour behind.
func (f Facts) authorizedAt() time.Time {
	at := f.Record[Served].Last
	if len(f.Days) > 0 && f.Days[0].Last.After(at) {
		at = f.Days[0].Last
	}
	return at
}

// recorded finds the requests of the last time that match. match returns how often the
// condition was there, 0 for not at all, and a detail.
func recorded(within time.Duration, least int64, match func(table.Request) (int, string)) func(Facts) (finding.Sighting, bool) {
	return func(f Facts) (s finding.Sighting, ok bool) {
		for _, r := range f.Requests {
			n, detail := match(r)
			if n == 0 || f.Now.Sub(r.At) >= within {
				continue
			}
			if s.Count == 0 {
				s.Last, s.Detail = r.At, detail
			}
			s.First = r.At
			s.Count += int64(n)
		}
		return s, s.Count >= least
	}
}

// activeHours are the hours with requests of the days that are known, oldest first.
func (f Facts) activeHours() (hours []time.Time) {
	for _, d := range slices.Backward(f.Days) {
		date, err := time.Parse(time.DateOnly, d.Date)
		if err != nil {
			continue
		}
		for h, n := range d.Hours {
			if n > 0 {
				hours = append(hours, date.Add(time.Duration(h)*time.Hour))
			}
		}
	}
	return hours
}

// written is how many requests of the days that are known have changed something.
func (f Facts) written() (n int64) {
	for _, d := range f.Days {
		n += d.Writes
	}
	return n
}

// named are the ids of users or groups that a record names.
func named(r finding.Record) (ids []string) {
	all := map[string]bool{}
	for _, s := range r {
		for _, id := range s.IDs {
			all[id] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// aside is what a text says in parentheses of what was seen.
var aside = regexp.MustCompile(` \([^()]*\{[a-z]+\}[^()]*\)`)

// Explain is the text and the remedy of a code without what was seen; "" for a code
// that is not known.
func Explain(code string) (text, remedy string) {
	c := byCode[code]
	return aside.ReplaceAllString(c.Text, ""), c.Remedy
}

// Lookup is the condition with a code, such as the Reason of a request.
func Lookup(code string) (Condition, bool) {
	c, ok := byCode[code]
	return c, ok
}
