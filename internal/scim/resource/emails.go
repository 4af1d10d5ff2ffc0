package resource

import "dsync/internal/scim"

// WorkEmails are the work e-mail addresses of a user, in the order of the
// user's emails.
func WorkEmails(user map[string]any) []string {
	var work []string
	emails, _ := user["emails"].([]any)
	for _, e := range emails {
		email, _ := e.(map[string]any)
		kind, _ := email["type"].(string)
		if value, _ := email["value"].(string); value != "" && scim.Fold(kind) == "work" {
			work = append(work, value)
		}
	}
	return work
}
