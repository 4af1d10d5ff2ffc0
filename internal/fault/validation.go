package fault

import "fmt"

// Validation collects all wrong fields of a request. The zero value is ready;
// it is not safe for concurrent use.
type Validation struct {
	fields []Field // at most MaxFields
	others int     // wrong fields beyond them
	cause  error
}

// Add adds a wrong field. The text says what the field must be.
func (v *Validation) Add(field, format string, args ...any) {
	if len(v.fields) == MaxFields {
		v.others++
		return
	}
	v.fields = append(v.fields, Field{field, fmt.Sprintf(format, args...)})
}

// Cause sets the error that made a field wrong, for errors.As.
func (v *Validation) Cause(err error) { v.cause = err }

// Failed reports whether a field is wrong.
func (v *Validation) Failed() bool { return len(v.fields) > 0 }

// Err is an Invalid error with the fields, nil if there are none.
func (v *Validation) Err() error {
	if !v.Failed() {
		return nil
	}
	return &Error{Kind: Invalid, Fields: bounded(v.fields, v.others), cause: v.cause}
}

// Invalids is an Invalid error with these fields, at least one.
func Invalids(fields []Field) *Error { return &Error{Kind: Invalid, Fields: bounded(fields, 0)} }
