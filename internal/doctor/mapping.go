package doctor

import (
	"slices"
	"strings"

	"dsync/internal/dsync"
	"dsync/internal/id"
	"dsync/internal/scim"
	"dsync/internal/scim/resource"
	"dsync/internal/table/finding"
	"dsync/internal/usage"
)

// The codes of attribute mappings.
const (
	ExternalID      = "external_id_not_object_id"
	ExternalIDMixed = "external_id_mixed"
	NoEmail         = "no_email"
	OddEmail        = "odd_email"
	ForeignDomain   = "foreign_domain"
	SharedEmail     = "shared_email"
	ManagerUnknown  = "manager_unknown"
	MappedEmpty     = "mapped_always_empty"
)

const (
	attributeMapping = "Provisioning → Attribute mapping → Provision Microsoft Entra ID Users: "
	restart          = " Then press Restart provisioning."
	mended           = "as many users corrected, deleted or deactivated as were seen; or the first three of them, an hour later; or 30 days without another one"
)

var mappingConditions = []Condition{
	{Code: ExternalID, Severity: Warns, Text: "Users came with an externalId that is not Entra's object id ({count}). Entra's default is mailNickname, which changes and is used again.", Remedy: attributeMapping + "map objectId to externalId." + restart,
		Raised: "a user for a directory of Entra whose externalId is no GUID", Ended: mended, find: func(f Facts) (finding.Sighting, bool) { return externalID(f, false) }},
	{Code: ExternalIDMixed, Severity: Warns, Text: "The mapping of externalId was corrected for {good} of {count} users.", Remedy: "Press Restart provisioning, so that Entra sends the others, too.",
		Raised: "corrections of some of the users of " + ExternalID, Ended: mended, find: func(f Facts) (finding.Sighting, bool) { return externalID(f, true) }},
	{Code: NoEmail, Severity: Warns, Text: "Users came without a work e-mail address ({count}).", Remedy: attributeMapping + "map mail or userPrincipalName to emails[type eq \"work\"].value." + restart,
		Raised: "an active user without an e-mail of type work", Ended: mended, find: sighted(NoEmail, untilMended(wrongly(noEmail)))},
	{Code: OddEmail, Severity: Warns, Text: "Users came with an address of onmicrosoft.com or of a guest, #EXT# ({count}).", Remedy: attributeMapping + "map mail, or leave guests out of scope." + restart,
		Raised: "an active user with such a work e-mail", Ended: mended, find: sighted(OddEmail, untilMended(wrongly(oddEmail)))},
	{Code: ForeignDomain, Severity: Warns, Text: "Users came with an e-mail address whose domain is not one of the organization's verified domains ({count}).", Remedy: "Check the mapping of the e-mail address, or have the domain added to the organization.",
		Raised: "an active user with such a work e-mail, if the organization has verified domains", Ended: mended,
		find: sighted(ForeignDomain, untilMended(func(f Facts, user map[string]any) bool { return foreignDomain(user, f.Domains) }))},
	{Code: SharedEmail, Severity: Warns, Text: "Active users share an e-mail address.", Remedy: "Give each its own address in Entra, or leave one out of scope.",
		Raised: "one of the newest users, looked up when the findings are read", Ended: "another address, deactivation or deletion of one of them", find: sampled(func(s Sample) []string { return s.SharedEmail })},
	{Code: ManagerUnknown, Severity: Warns, Text: "Users came with a manager who is no user here ({count}).", Remedy: "Bring the manager into scope." + restart,
		Raised: "a user whose manager is not the id of a user", Ended: mended, find: sighted(ManagerUnknown, untilMended(wrongly(managerUnknown)))},
	{Code: MappedEmpty, Severity: Warns, Text: "No user has the attribute {detail}, which is mapped here.", Remedy: attributeMapping + "add a mapping for it." + restart,
		Raised: "an attribute mapping of the directory that is empty for all of the newest users, ten at least, looked up when the findings are read", Ended: "a user with a value, or a mapping without it", find: mappedEmpty},
}

func externalID(f Facts, mixed bool) (finding.Sighting, bool) {
	s, ok := sighted(ExternalID, untilMended(wrongly(badExternalID)))(f)
	return s, ok && (s.Good > 0) == mixed
}

// check is something that can be wrong with a user.
type check struct {
	code  string
	wrong func(user map[string]any) bool
}

// wrongly fits a check that needs no other facts.
func wrongly(wrong func(map[string]any) bool) func(Facts, map[string]any) bool {
	return func(_ Facts, user map[string]any) bool { return wrong(user) }
}

// Examine compares a user before and after a change; nil is a user who is not there. It
// observes what has become wrong and what is in order again. domains are the verified
// domains of the organization.
func Examine(userID string, before, after map[string]any, directoryType string, domains []string) (observed []usage.Observation) {
	checks := []check{{NoEmail, noEmail}, {OddEmail, oddEmail}, {ManagerUnknown, managerUnknown}}
	if isEntra(directoryType) {
		checks = append(checks, check{ExternalID, badExternalID})
	}
	if len(domains) > 0 {
		checks = append(checks, check{ForeignDomain, func(user map[string]any) bool { return foreignDomain(user, domains) }})
	}
	for _, c := range checks {
		wrong := func(user map[string]any) bool { return user != nil && dsync.Active(user) && c.wrong(user) }
		if wrong(before) != wrong(after) {
			observed = append(observed, usage.Observation{Code: c.code, ID: userID, Good: wrong(before)})
		}
	}
	switch {
	case before == nil:
		observed = append(observed, usage.Observation{Code: created, ID: userID})
	case dsync.Active(before) && (after == nil || !dsync.Active(after)):
		observed = append(observed, usage.Observation{Code: deactivated, ID: userID})
	}
	return observed
}

// Events that a Watch counts, which are no conditions.
const (
	created     = "created"
	deactivated = "deactivated"
)

func badExternalID(user map[string]any) bool {
	external, _ := user["externalId"].(string)
	return !IsObjectID(external)
}

func noEmail(user map[string]any) bool { return len(resource.WorkEmails(user)) == 0 }

func oddEmail(user map[string]any) bool {
	return slices.ContainsFunc(resource.WorkEmails(user), func(email string) bool {
		folded := strings.ToLower(email)
		return strings.HasSuffix(folded, ".onmicrosoft.com") || strings.Contains(folded, "#ext#")
	})
}

func foreignDomain(user map[string]any, domains []string) bool {
	verified := dsync.Projection{Domains: domains}
	return slices.ContainsFunc(resource.WorkEmails(user), func(email string) bool { return len(domains) > 0 && !verified.Verifies(email) })
}

func managerUnknown(user map[string]any) bool {
	enterprise, _ := user[scim.EnterpriseURN].(map[string]any)
	manager, _ := enterprise["manager"].(map[string]any)
	value, _ := manager["value"].(string)
	return value != "" && !id.User.Valid(value)
}

// sampled finds what was looked up of the newest users and groups.
func sampled(ids func(Sample) []string) func(Facts) (finding.Sighting, bool) {
	return func(f Facts) (finding.Sighting, bool) {
		found := ids(f.Sample)
		return finding.Sighting{First: f.Now, Last: f.Now, Count: int64(len(found)), IDs: found}, len(found) > 0
	}
}

// minMapped is how many users say that nobody has an attribute.
const minMapped = 10

func mappedEmpty(f Facts) (s finding.Sighting, ok bool) {
	if len(f.Sample.Users) < minMapped {
		return s, false
	}
	byDefault := dsync.DefaultMapping()
	var empty []string
	for name, path := range f.Sample.MappedAttributes {
		if byDefault[name] != path && !slices.ContainsFunc(f.Sample.Users, func(u map[string]any) bool { return dsync.Mapped(path, u) != nil }) {
			empty = append(empty, name)
		}
	}
	slices.Sort(empty)
	return finding.Sighting{First: f.Now, Last: f.Now, Count: int64(len(empty)), Detail: strings.Join(empty, ", ")}, len(empty) > 0
}
