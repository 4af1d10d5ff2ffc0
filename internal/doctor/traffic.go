package doctor

import (
	"slices"
	"strconv"
	"time"

	"dsync/internal/credential"
	"dsync/internal/scim"
	"dsync/internal/table"
	"dsync/internal/table/finding"
	"dsync/internal/usage"
)

// Codes of groups, of refusals, and of the traffic as a whole.
const (
	NoGroups         = "no_groups"
	EmptyGroup       = "empty_group"
	NestedGroup      = "nested_group"
	MemberUnknown    = "member_unknown"
	SyncAll          = "sync_all"
	WithoutGroups    = "restored_without_groups"
	AttributeRefused = "attribute_refused"
	SameConflict     = "same_conflict"
	RepeatedPatch    = "repeated_patch"
	FlipFlop         = "flip_flop"
	AskedForDeleted  = "asked_for_deleted"
	Quarantined      = "seems_quarantined"
	MostlyRefused    = "mostly_refused"
	InitialCycle     = "initial_cycle"
	RestartSeen      = "restart_seen"
	OnDemand         = "provisioned_on_demand"
	MassDeactivation = "mass_deactivation"
	TwoTokens        = "two_tokens"
	TokenEnds        = "token_ends"
	Paused           = "paused"
	Throttled        = "throttled"
	Slow             = "slow_answers"
	LongInactive     = "long_inactive"
)

// tolerated finds what was tolerated of requests that succeeded.
func tolerated(what string) func(table.Request) (int, string) {
	return func(r table.Request) (n int, path string) {
		for _, t := range r.Tolerated {
			if t.What == what {
				n, path = n+t.Count, t.Path
			}
		}
		return n, path
	}
}

// refused finds requests that were refused so.
func refused(status int, code string) func(table.Request) (int, string) {
	return func(r table.Request) (int, string) {
		if r.Status != status || code != "" && r.ScimType != code || r.Reason != "" {
			return 0, ""
		}
		return 1, r.Path
	}
}

var memberConditions = []Condition{
	{Code: NoGroups, Severity: Warns, Text: "Users came ({count}), and no group.", Remedy: "Assign groups to the Entra application, and set Provision Microsoft Entra ID Groups to Yes in Attribute mapping.",
		Raised: "users and no groups, two hours after the first request", Ended: "the first group", find: noGroups},
	{Code: EmptyGroup, Severity: Warns, Text: "Some of the newest groups have no members ({count}).", Remedy: "Entra sends the members of a group's first level alone, and only those who are in scope: assign the inner groups.",
		Raised: "one of the newest groups without a member, two hours after its creation, looked up when the findings are read", Ended: "a member, or the deletion of the group", find: sampled(func(s Sample) []string { return s.EmptyGroups })},
	{Code: NestedGroup, Severity: Warns, Text: "A group came as a member of a group ({count}). Entra does not expand it.", Remedy: "Assign the inner group to the Entra application.",
		Raised: "a member that is a group", Ended: "three days without another one", find: recorded(3*day, 1, tolerated(usage.NestedGroup))},
	{Code: MemberUnknown, Severity: Warns, Text: "Members came who are no users here ({count}).", Remedy: "They are out of scope: assign them." + restart,
		Raised: "a member that is no user of the directory", Ended: "three days without another one", find: recorded(3*day, 1, tolerated(usage.UnknownMember))},
	{Code: SyncAll, Severity: Warns, Text: "It looks like all users and groups of the tenant come: there are groups that every tenant has.", Remedy: "Set Provisioning → Settings → Scope to “Sync only assigned users and groups”." + restart,
		Raised: "a group such as All Company, DnsAdmins or ADSyncAdmins", Ended: "the deletion of these groups, or 30 days without another one", find: sighted(SyncAll, groupsGone)},
	{Code: WithoutGroups, Severity: Warns, Text: "Users were activated again and are in no group.", Remedy: "Press Restart provisioning, so that Entra sends the memberships again.",
		Raised: "one of the newest users, activated in the last week and in no group although there are groups, looked up when the findings are read", Ended: "a membership, or a week", find: sampled(func(s Sample) []string { return s.WithoutGroups })},
}

// everyTenant are names of groups that each tenant has, folded.
var everyTenant = []string{"all company", "dnsadmins", "dnsupdateproxy", "adsyncadmins", "adsyncoperators", "adsyncbrowse", "adsyncpasswordset", "all users", "domain users"}

// ExamineGroup observes a group that every tenant has.
func ExamineGroup(groupID, name string) []usage.Observation {
	if len(name) > 40 || !slices.Contains(everyTenant, scim.Fold(name)) {
		return nil
	}
	return []usage.Observation{{Code: SyncAll, ID: groupID}}
}

func groupsGone(f Facts, s finding.Sighting) bool {
	there := func(id string) bool { return f.Groups[id] }
	return lasting(entraGivesUp)(f, s) || !slices.ContainsFunc(s.IDs, there)
}

// cycles is how long it takes until two cycles have come.
const cycles = 2 * time.Hour

func noGroups(f Facts) (s finding.Sighting, ok bool) {
	hours := f.activeHours()
	if !f.Counts.Known || f.Counts.Users() == 0 || f.Counts.Groups > 0 || len(hours) == 0 || f.Now.Sub(hours[0]) < cycles+time.Hour {
		return s, false
	}
	return finding.Sighting{First: hours[0], Last: f.authorizedAt(), Count: int64(f.Counts.Users())}, true
}

var trafficConditions = []Condition{
	{Code: AttributeRefused, Severity: Warns, Text: "Changes were refused ({count}): the attribute {detail} is not known here.", Remedy: "Remove its mapping in Entra, or have it added to the directory as an extension.",
		Raised: "a PATCH refused with invalidPath", Ended: "a day without another one", find: recorded(day, 1, refused(400, string(scim.InvalidPath)))},
	{Code: SameConflict, Severity: Warns, Text: "Requests were refused again and again ({count}): another user or group has the name.", Remedy: "The matching attribute of Entra differs from what is stored. Check Matching precedence in Attribute mapping." + restart,
		Raised: "three refusals with 409 over more than 40 minutes", Ended: "a day without another one", find: sameConflict},
	{Code: RepeatedPatch, Severity: Warns, Text: "Entra sends the same change in every cycle ({count}).", Remedy: "Two mappings write the same attribute: remove one of them in Attribute mapping.",
		Raised: "the third PATCH of a resource that changes nothing, each 20 minutes after the one before, seen by one process", Ended: "a day without another one", find: sighted(RepeatedPatch, lasting(day))},
	{Code: FlipFlop, Severity: Warns, Text: "Users change back and forth ({count}).", Remedy: "Two Entra applications write to this directory: keep one.",
		Raised: "the third change in a row that takes the one before back, within a day, seen by one process", Ended: "a day without another one", find: sighted(FlipFlop, lasting(day))},
	{Code: AskedForDeleted, Severity: Informs, Text: "Entra asks for users or groups that are not here ({count}).", Remedy: "If they were deleted here, press Restart provisioning.",
		Raised: "a request for an id that is answered with 404", Ended: "a day without another one", find: recorded(day, 1, askedForDeleted)},
	{Code: Quarantined, Severity: Blocks, Text: "Entra has sent no request for {count} hours. Provisioning has probably stopped.", Remedy: "Look at Provisioning → Overview. If it says Quarantine, fix what it names, and press Restart provisioning.",
		Raised: "no request for three times the usual gap and more than two hours", Ended: "the next request, or five days", find: quarantined},
	{Code: MostlyRefused, Severity: Blocks, Text: "On {date}, {detail} of 100 requests were refused. Entra quarantines the application when most requests fail.", Remedy: "Look at the refused requests, and fix the most frequent reason.",
		Raised: "more than 40 of 100 requests of a day, of 20 at least, were refused", Ended: "a day on which fewer were", find: mostlyRefused},
	{Code: InitialCycle, Severity: Informs, Text: "The initial cycle is running. Users so far: {count}.", Remedy: "Nothing to do. It takes from 20 minutes to many hours.",
		Raised: "writes in the first two days of requests, the last request half an hour ago at most", Ended: "half an hour without a request, or two days", find: initialCycle},
	{Code: RestartSeen, Severity: Informs, Text: "Entra reads all users again. Users so far: {count}.", Remedy: "Nothing to do: provisioning was restarted.",
		Raised: "during the setup or beside another finding, 20 reads of known users in ten minutes", Ended: "an hour later", find: sighted(RestartSeen, lasting(time.Hour))},
	{Code: OnDemand, Severity: Informs, Text: "One user was provisioned on demand.", Remedy: "Check the person, attribute by attribute.",
		Raised: "during the setup, a new user among six requests at most in ten minutes", Ended: "an hour later, or more than five users", find: onDemand},
	{Code: MassDeactivation, Severity: Warns, Text: "Many users were deactivated or deleted within an hour ({count}).", Remedy: "If nobody meant that, stop provisioning in Entra, check the scope, and restart. Nothing is delayed here.",
		Raised: "more than 10 and more than 20 of 100 users deactivated or deleted within an hour, seen by one process", Ended: "a day later", find: massDeactivation},
}

func sameConflict(f Facts) (finding.Sighting, bool) {
	s, ok := recorded(day, 3, refused(409, string(scim.Uniqueness)))(f)
	return s, ok && s.Last.Sub(s.First) > 40*time.Minute
}

func askedForDeleted(r table.Request) (int, string) {
	if r.Status == 404 && (r.Route == "/Users/{id}" || r.Route == "/Groups/{id}") {
		return 1, ""
	}
	return 0, ""
}

const (
	minSilence = 2 * time.Hour
	maxSilence = 5 * day
	// countLag is how far behind the time of the last request can be, and the part of an
	// hour that the hours do not tell.
	countLag = 30 * time.Minute
)

// quarantined learns the usual gap: from the day with most hours with requests of the
// days that are known.
func quarantined(f Facts) (s finding.Sighting, ok bool) {
	hours, last := f.activeHours(), f.authorizedAt()
	most := 0
	for i, begin := range hours {
		n := 0
		for _, h := range hours[i:] {
			if h.Sub(begin) < day {
				n++
			}
		}
		most = max(most, n)
	}
	if most < probedHours || last.IsZero() || f.Directory.Paused {
		return s, false
	}
	silence := f.Now.Sub(last)
	if silence <= max(3*day/time.Duration(most), minSilence)+countLag || silence > maxSilence {
		return s, false
	}
	return finding.Sighting{First: last, Last: last, Count: int64(silence / time.Hour)}, true
}

func mostlyRefused(f Facts) (s finding.Sighting, ok bool) {
	if len(f.Days) == 0 {
		return s, false
	}
	d := f.Days[0]
	if d.Requests < 20 || d.Refused*10 <= d.Requests*4 || f.Now.Sub(d.Last) >= day {
		return s, false
	}
	return finding.Sighting{First: d.Last, Last: d.Last, Count: d.Refused, Detail: strconv.FormatInt(d.Refused*100/d.Requests, 10)}, true
}

func initialCycle(f Facts) (s finding.Sighting, ok bool) {
	hours := f.activeHours()
	if len(hours) == 0 || f.Counts.Users() == 0 || f.written() == 0 || f.Now.Sub(hours[0]) > 2*day || f.Now.Sub(f.authorizedAt()) > 30*time.Minute {
		return s, false
	}
	return finding.Sighting{First: hours[0], Last: f.authorizedAt(), Count: int64(f.Counts.Users())}, true
}

// fewUsers are those of a try: more are the initial cycle.
const fewUsers = 5

func onDemand(f Facts) (finding.Sighting, bool) {
	s, ok := sighted(OnDemand, lasting(time.Hour))(f)
	return s, ok && f.Counts.Users() <= fewUsers
}

const (
	massUsers = 10
	massShare = 5 // a fifth
)

func massDeactivation(f Facts) (finding.Sighting, bool) {
	s, ok := sighted(MassDeactivation, lasting(day))(f)
	return s, ok && f.Counts.Known && s.Count > massUsers && s.Count*massShare > int64(f.Counts.Users())
}

var operationConditions = []Condition{
	{Code: TwoTokens, Severity: Warns, Text: "Two tokens are in use for more than a day.", Remedy: "Finish the rotation: paste the new token in Entra, and revoke the old one.",
		Raised: "two active tokens that were used on the same last day, the newer one made on an earlier day", Ended: "a day on which one was used, or a revocation", find: twoTokens},
	{Code: TokenEnds, Severity: Warns, Text: "The Secret Token ends in {detail} days.", Remedy: "Make a new token and paste it in Entra. Both work meanwhile.",
		Raised: "an active token that expires within 30 days, and none that is in use and lasts longer", Ended: "the use of another token, or the expiry", find: tokenEnds},
	{Code: Paused, Severity: Blocks, Text: "The directory is paused: Entra's requests are refused.", Remedy: "Ask the vendor to resume it.",
		Raised: "the directory is paused", Ended: "it is resumed", find: paused},
	{Code: Throttled, Severity: Warns, Team: true, Text: "Requests were refused because there were too many ({count}).", Remedy: "See docs/operations.md, A directory that floods.",
		Raised: "an answer with 429", Ended: "an hour without another one", find: recorded(time.Hour, 1, refused(429, ""))},
	{Code: Slow, Severity: Warns, Team: true, Text: "Requests took more than five seconds ({count}).", Remedy: "See docs/operations.md, http-latency.",
		Raised: "a request that takes half the time that it has", Ended: "a day without another one", find: sighted(Slow, lasting(day))},
	{Code: LongInactive, Severity: Informs, Text: "Users are inactive for more than 45 days.", Remedy: "Nothing to do. Entra sends no DELETE for some of them.",
		Raised: "one of the newest users, looked up when the findings are read", Ended: "activation or deletion", find: sampled(func(s Sample) []string { return s.LongInactive })},
}

func (f Facts) activeTokens() (active []table.Token) {
	for _, t := range f.Tokens {
		if credential.StateOf(t.Revoked, t.Expires, f.Now) == credential.Active {
			active = append(active, t)
		}
	}
	return active
}

func twoTokens(f Facts) (s finding.Sighting, ok bool) {
	active := f.activeTokens()
	if len(active) < 2 {
		return s, false
	}
	slices.SortFunc(active, func(a, b table.Token) int { return a.Created.Compare(b.Created) })
	old, latest := active[len(active)-2], active[len(active)-1]
	if old.LastUsed == "" || old.LastUsed != latest.LastUsed || latest.Created.UTC().Format(time.DateOnly) >= latest.LastUsed {
		return s, false
	}
	used, err := time.Parse(time.DateOnly, latest.LastUsed)
	if err != nil || f.Now.Sub(used) > 2*day {
		return s, false
	}
	return finding.Sighting{First: latest.Created, Last: used, Count: 2, IDs: []string{old.ID, latest.ID}}, true
}

// endsSoon is when a token is told to end.
const endsSoon = 30 * day

func tokenEnds(f Facts) (s finding.Sighting, ok bool) {
	active := f.activeTokens()
	for _, t := range active {
		left := t.Expires.Sub(f.Now)
		replaced := slices.ContainsFunc(active, func(o table.Token) bool {
			return o.ID != t.ID && o.LastUsed != "" && o.LastUsed >= t.LastUsed && (o.Expires.IsZero() || o.Expires.Sub(f.Now) > endsSoon)
		})
		if t.Expires.IsZero() || left > endsSoon || replaced {
			continue
		}
		if days := int64((left + day - 1) / day); !ok || days < s.Count {
			s = finding.Sighting{First: t.Expires.Add(-endsSoon), Last: f.Now, Count: days, Detail: strconv.FormatInt(days, 10), IDs: []string{t.ID}}
			ok = true
		}
	}
	return s, ok
}

func paused(f Facts) (finding.Sighting, bool) {
	return finding.Sighting{First: f.Directory.Modified, Last: f.Now, Count: 1}, f.Directory.Paused
}
