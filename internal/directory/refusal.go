package directory

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"dsync/internal/id"
)

// Reason is why a request of the team is refused.
type Reason int

// The reasons.
const (
	// Unauthorized: the key does not let anybody in.
	Unauthorized Reason = iota
	// Missing: there is no such object.
	Missing
	// Conflict: the state of the object does not allow it.
	Conflict
	// Invalid: a value of the request is wrong.
	Invalid
)

// Refusal is what the team's application gets to see when it asks for what
// cannot be. It holds nothing internal.
type Refusal struct {
	Reason  Reason
	Entity  string  // of Missing: "Directory"; "" where the kind is not told
	ID      string  // of Missing
	Code    string  // of Conflict, for machines
	Message string  // of Conflict
	Fields  []Field // of Invalid
	cause   error
}

// Field is a parameter or a member of a body, and what it must be.
type Field struct {
	Name string `json:"field"`
	Code string `json:"code"`
}

func (r *Refusal) Error() string {
	switch r.Reason {
	case Missing:
		return r.Entity + " not found"
	case Conflict:
		return r.Message
	case Invalid:
		codes := make([]string, len(r.Fields))
		for i, f := range r.Fields {
			codes[i] = f.Code
		}
		return strings.Join(codes, " ")
	}
	return "unauthorized"
}

// Unwrap is the error of the schemas, if it was one.
func (r *Refusal) Unwrap() error { return r.cause }

func missing(entity, id string) *Refusal { return &Refusal{Reason: Missing, Entity: entity, ID: id} }

func conflict(code, format string, args ...any) *Refusal {
	return &Refusal{Reason: Conflict, Code: code, Message: fmt.Sprintf(format, args...)}
}

// invalid refuses one value. The code tells what it must be.
func invalid(field, format string, args ...any) *Refusal {
	var p problems
	p.add(field, format, args...)
	return &Refusal{Reason: Invalid, Fields: p.fields}
}

// problems collects all that is wrong with a request.
type problems struct {
	fields []Field
	cause  error
}

func (p *problems) add(field, format string, args ...any) {
	p.fields = append(p.fields, Field{field, fmt.Sprintf(format, args...)})
}

// err is nil if nothing is wrong.
func (p *problems) err() error {
	if len(p.fields) == 0 {
		return nil
	}
	return &Refusal{Reason: Invalid, Fields: p.fields, cause: p.cause}
}

// MaxName bounds the name of an organization, directory or key, in characters.
const MaxName = 256

func (p *problems) name(field, name string) {
	if strings.TrimSpace(name) == "" || utf8.RuneCountInString(name) > MaxName || controls(name) {
		p.add(field, "%s must be 1 to %d characters, none of them a control character.", field, MaxName)
	}
}

func controls(s string) bool { return strings.ContainsFunc(s, unicode.IsControl) }

func (p *problems) id(field string, kind id.Kind, name string) {
	if !kind.Valid(name) {
		p.add(field, "%s must be the id of an object, such as %s.", field, kind.Of("01ARZ3NDEKTSV4RRFFQ69G5FAV"))
	}
}
