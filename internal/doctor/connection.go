package doctor

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"dsync/internal/scim"
	"dsync/internal/settings"
	"dsync/internal/table/finding"
	"dsync/internal/usage"
)

// Codes of the connection. Served is no condition: under it the time of the last
// request that succeeded is stored during the setup.
const (
	Served            = "served"
	TestConnection    = "test_connection"
	MatchingAttribute = "matching_attribute"
	URLWrong          = "url_wrong"
	Dialect           = "dialect"
	NotStarted        = "saved_not_started"
	NobodyInScope     = "nobody_in_scope"
	NotEntra          = "not_entra"
	Validator         = "validator_seen"
)

// Details of Dialect.
const (
	defaultDialect = "default"
	flagDialect    = "aadOptscim062020"
)

var connectionConditions = []Condition{
	{Code: TestConnection, Severity: Informs, Text: "Test Connection was received at {at} UTC.", Remedy: "Press Save in Entra.",
		Raised: "during the setup, a query for a user by a GUID that finds nobody", Ended: "a day later", find: sighted(TestConnection, lasting(day))},
	{Code: MatchingAttribute, Severity: Informs, Text: "Entra matches users by {detail}.", Remedy: "Nothing to do. It is set in Provisioning → Attribute mapping, Matching precedence.",
		Raised: "during the setup, a query for a user by one attribute", Ended: "a week later", find: sighted(MatchingAttribute, lasting(7*day))},
	{Code: URLWrong, Severity: Blocks, Text: "The Tenant URL is not right: its key and the token are, and what follows the key is not.", Remedy: "Remove what follows the key in the Tenant URL, such as /Users. " + connectivity + ", and press Test Connection.",
		Raised: "a request with a valid token to a path that is no endpoint", Ended: "a request that succeeds, or 30 days without another one", find: sighted(URLWrong, untilServed)},
	{Code: Dialect, Severity: Informs, Text: "Entra sends PATCH in the dialect {detail}.", Remedy: "Nothing to do: both dialects are supported.",
		Raised: "during the setup, a PATCH", Ended: "a week later", find: sighted(Dialect, lasting(7*day))},
	{Code: NotStarted, Severity: Informs, Text: "The connection is saved, and provisioning has not started.", Remedy: "Set Provisioning Status to On, or press Start provisioning, and Save.",
		Raised: "requests in one or two hours, none of which changed anything, the last 15 minutes ago", Ended: "the first user, group, or third hour with requests", find: notStarted},
	{Code: NobodyInScope, Severity: Warns, Text: "Entra asks and sends nobody: no user or group is in scope.", Remedy: "Assign users and groups: Enterprise application → Users and groups → Add. Provisioning → Settings → Scope must be “Sync only assigned users and groups”.",
		Raised: "requests in three different hours, none of which changed anything, and no users", Ended: "the first user or group", find: nobodyInScope},
	{Code: NotEntra, Severity: Warns, Text: "The requests come from {detail}, and the directory is for Entra.", Remedy: "Create a directory of the right type, and use its Tenant URL and token.",
		Raised: "a request with the User-Agent of another identity provider", Ended: "a week without another one", find: sighted(NotEntra, lasting(7*day))},
	{Code: Validator, Severity: Informs, Text: "Microsoft's SCIM validator, or another test, creates users and deletes them at once.", Remedy: "Nothing to do. It leaves nothing behind.",
		Raised: "during the setup, the deletion of a user who is not older than five minutes", Ended: "a day later", find: sighted(Validator, lasting(day))},
}

// probed are the hours with requests of a directory that has received nothing; nil if
// it has.
func (f Facts) probed() []time.Time {
	if !f.Counts.Known || f.Counts.Users() > 0 || f.Counts.Groups > 0 || f.written() > 0 || f.Directory.Paused {
		return nil
	}
	return f.activeHours()
}

const (
	// startWait is how long a saved connection may wait for its start.
	startWait = 15 * time.Minute
	// probedHours are so many hours that Entra, which probes every 40 minutes, runs.
	probedHours = 3
)

func notStarted(f Facts) (s finding.Sighting, ok bool) {
	hours := f.probed()
	if len(hours) == 0 || len(hours) >= probedHours || f.Now.Sub(f.authorizedAt()) < startWait {
		return s, false
	}
	return finding.Sighting{First: hours[0], Last: f.authorizedAt(), Count: 1}, true
}

func nobodyInScope(f Facts) (s finding.Sighting, ok bool) {
	hours := f.probed()
	if len(hours) < probedHours {
		return s, false
	}
	return finding.Sighting{First: hours[0], Last: f.authorizedAt(), Count: int64(len(hours))}, true
}

// isEntra reports whether a directory is for Entra. Tokens of earlier versions have no
// type.
func isEntra(directoryType string) bool {
	return directoryType == "" || directoryType == settings.Entra
}

// others are identity providers by what their User-Agent contains, folded.
var others = map[string]string{"okta": "Okta", "onelogin": "OneLogin", "jumpcloud": "JumpCloud", "pingone": "PingOne", "pingfederate": "PingFederate", "google": "Google", "rippling": "Rippling"}

// maxAgent bounds what is looked at of a User-Agent.
const maxAgent = 256

// otherProvider is the name of the identity provider that a User-Agent tells; "" for
// Entra and for what is not known.
func otherProvider(userAgent string) string {
	folded := scim.Fold(userAgent[:min(len(userAgent), maxAgent)])
	for part, name := range others {
		if strings.Contains(folded, part) {
			return name
		}
	}
	return ""
}

// IsObjectID reports whether s has the form of an object id of Entra, a GUID: 8-4-4-4-12
// hexadecimal digits.
func IsObjectID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		hyphen := i == 8 || i == 13 || i == 18 || i == 23
		digit := s[i] >= '0' && s[i] <= '9' || s[i]|0x20 >= 'a' && s[i]|0x20 <= 'f'
		if hyphen != (s[i] == '-') || !hyphen && !digit {
			return false
		}
	}
	return true
}

// matchedBy are the attributes that MatchingAttribute names.
var matchedBy = []string{"userName", "externalId", "emails", "displayName", "id"}

// ExamineLookUp observes a query for users by one attribute, or a read by id, and how
// many it has found.
func ExamineLookUp(attribute, value string, found int) (observed []usage.Observation) {
	if i := slices.IndexFunc(matchedBy, func(name string) bool { return strings.EqualFold(name, attribute) }); i >= 0 {
		observed = append(observed, usage.Observation{Code: MatchingAttribute, Detail: matchedBy[i]})
	}
	switch {
	case found == 0 && IsObjectID(value):
		observed = append(observed, usage.Observation{Code: TestConnection})
	case found == 1:
		observed = append(observed, usage.Observation{Code: LookedUp})
	}
	return observed
}

// maxHead is how much of a PATCH is looked at.
const maxHead = 1 << 10

// ExaminePatch observes the dialect of a PATCH.
func ExaminePatch(body []byte) []usage.Observation {
	head := body[:min(len(body), maxHead)]
	detail := flagDialect
	for _, op := range []string{`"Add"`, `"Replace"`, `"Remove"`} {
		if bytes.Contains(head, []byte(op)) {
			detail = defaultDialect
		}
	}
	return []usage.Observation{{Code: Dialect, Detail: detail}}
}

// ExamineDeletion observes the deletion of a user that was created just before.
func ExamineDeletion(userID string, created, at time.Time) []usage.Observation {
	if at.Sub(created) > 5*time.Minute {
		return nil
	}
	return []usage.Observation{{Code: Validator}}
}
