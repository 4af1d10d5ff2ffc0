package resource

import (
	"slices"

	"dsync/internal/scim"
)

// address is an element of a user's emails that has a value.
type address struct {
	kind, value string
	primary     bool
}

func addresses(user map[string]any) []address {
	var all []address
	emails, _ := user["emails"].([]any)
	for _, e := range emails {
		email, _ := e.(map[string]any)
		kind, _ := email["type"].(string)
		if value, _ := email["value"].(string); value != "" {
			all = append(all, address{scim.Fold(kind), value, email["primary"] == true})
		}
	}
	return all
}

// WorkEmails are the work e-mail addresses of a user, in the order of the
// user's emails.
func WorkEmails(user map[string]any) []string {
	var work []string
	for _, a := range addresses(user) {
		if a.kind == "work" {
			work = append(work, a.value)
		}
	}
	return work
}

// MaxEmails is how many different e-mail addresses a user may have: each has a
// look-up record, and a change of all of them must fit one transaction of 100
// records, beside the user, the name, the externalId and a job.
const MaxEmails = 40

// Emails are all e-mail addresses of a user, each once in any letter case, the
// work addresses first.
func Emails(user map[string]any) []string {
	all := WorkEmails(user)
	for _, a := range addresses(user) {
		all = append(all, a.value)
	}
	known := make(map[string]bool, len(all))
	return slices.DeleteFunc(all, func(value string) bool {
		folded := scim.Fold(value)
		present := known[folded]
		known[folded] = true
		return present
	})
}

// KeyedEmails are the addresses of a user that have a look-up: MaxEmails at most.
func KeyedEmails(user map[string]any) []string {
	all := Emails(user)
	return all[:min(len(all), MaxEmails)]
}

// MainEmail is the e-mail address that consumers know a user by: the primary one,
// else the first of type work, else the first. It is "" if no e-mail has a value.
func MainEmail(user map[string]any) string {
	return firstOf(addresses(user), isPrimary, isOfType("work"), func(address) bool { return true })
}

// WorkEmail is the e-mail address that a mapping to the type work gives: the first of
// that type, else the primary one, else the first. It is "" if no e-mail has a value.
func WorkEmail(user map[string]any) string {
	return firstOf(addresses(user), isOfType("work"), isPrimary, func(address) bool { return true })
}

// EarlierMainEmail is MainEmail as earlier versions defined it: an address of
// another type than work and home counts only if it is primary.
func EarlierMainEmail(user map[string]any) string {
	return firstOf(addresses(user), isPrimary, isOfType("work"), isOfType("home"))
}

func isPrimary(a address) bool { return a.primary }

func isOfType(kind string) func(address) bool {
	return func(a address) bool { return a.kind == kind }
}

// firstOf is the first address for which the first of the preferences holds that
// holds for any.
func firstOf(all []address, preferences ...func(address) bool) string {
	for _, holds := range preferences {
		for _, a := range all {
			if holds(a) {
				return a.value
			}
		}
	}
	return ""
}
