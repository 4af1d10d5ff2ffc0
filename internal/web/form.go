package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"dsync/internal/fault"
)

// Form is a form with what was typed, and what is wrong with it. The zero Form is
// empty.
type Form struct {
	values  url.Values
	Errors  map[string]string // by the name of a field
	Problem string            // what is wrong with the form as a whole
}

// Filled is a form with these values.
func Filled(values url.Values) Form { return Form{values: values} }

// Value is what was typed into a field.
func (f Form) Value(field string) string { return f.values.Get(field) }

// Error is what is wrong with a field that has that label, "" for nothing.
func (f Form) Error(field, label string) string {
	text := f.Errors[field]
	if strings.HasPrefix(text, "must ") {
		return label + " " + text
	}
	return text
}

// Failed reports whether the form was refused.
func (f Form) Failed() bool { return f.Problem != "" || len(f.Errors) > 0 }

// Status is the status of the page that shows the form.
func (f Form) Status() int {
	if f.Failed() {
		return http.StatusUnprocessableEntity
	}
	return http.StatusOK
}

// Invalid notes what a field must be.
func (f *Form) Invalid(field, text string) {
	if f.Errors == nil {
		f.Errors = map[string]string{}
	}
	f.Errors[field] = text
}

// Refused notes why a change was refused. It reports whether the person can mend that
// in the form: then the form is shown again, else the error is.
func (f *Form) Refused(err error) bool {
	var e *fault.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Kind {
	case fault.Invalid:
		for _, field := range e.Fields {
			name, _, _ := strings.Cut(strings.TrimPrefix(field.Name, "settings."), ".")
			f.Invalid(name, strings.TrimPrefix(strings.TrimPrefix(field.Code, field.Name+" "), "settings."))
		}
	case fault.Conflict, fault.Busy:
		f.Problem = e.Detail
	default:
		return false
	}
	return true
}

// Confirmed notes that a name was not typed into the field confirmation, if so. What a
// page shows of a name counts as the name: nobody can type characters that have no
// shape.
func (f *Form) Confirmed(name string) bool {
	typed := strings.TrimSpace(f.Value("confirmation"))
	if typed == strings.TrimSpace(name) || typed == Visible(name) {
		return true
	}
	f.Invalid("confirmation", "This is not the name. Nothing was deleted.")
	return false
}
