package directory

import "dsync/internal/table"

// Discreet is what may be logged of an error that is a failure of ours.
func Discreet(err error) string { return table.Redact(err) }
