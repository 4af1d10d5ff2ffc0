package table

import "dsync/internal/redact"

// Redact is redact.Error.
func Redact(err error) string { return redact.Error(err) }
