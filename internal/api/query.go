package api

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"dsync/internal/fault"
	"dsync/internal/id"
	"dsync/internal/management"
)

// Kind is the kind of a parameter of the query.
type Kind string

// The kinds of parameters.
const (
	Text   Kind = "text"
	ID     Kind = "id"     // of the kind Of
	Number Kind = "number" // from 1 to MaxLimit
	Choice Kind = "choice" // one of Choices
	Texts  Kind = "texts"  // separated by commas, or repeated, with or without [] after the name
	Time   Kind = "time"   // RFC 3339, or a date: its start in UTC
)

// Parameter is a parameter of the query. An empty value counts as absent.
type Parameter struct {
	Name        string
	Kind        Kind
	Of          id.Kind
	Choices     []string
	Default     string
	Description string
}

const maxText = 1_024 // bytes of a parameter; names and ids are shorter

// pageParameters are the parameters of a list of objects, and more.
func pageParameters(kind id.Kind, more ...Parameter) []Parameter {
	return append([]Parameter{
		{Name: "after", Kind: ID, Of: kind, Description: "Return what follows the object with this ID. Cannot be combined with before."},
		{Name: "before", Kind: ID, Of: kind, Description: "Return what precedes the object with this ID."},
		{Name: "limit", Kind: Number, Default: strconv.Itoa(management.DefaultLimit), Description: "Maximum number of objects. A page can be shorter, even empty, and have a next page."},
		{Name: "order", Kind: Choice, Choices: orders, Default: "desc", Description: "Order by time of creation: oldest first (asc) or newest first (desc, normal)."},
	}, more...)
}

var orders = []string{"asc", "desc", "normal"}

// query is the parameters of a request that were checked.
type query map[string][]string

func (q query) text(name string) string {
	if v := q[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

func (q query) number(name string) int {
	n, _ := strconv.Atoi(q.text(name)) // parseQuery has checked it
	return n
}

func (q query) time(name string) time.Time {
	t, _ := parseTime(q.text(name)) // parseQuery has checked it
	return t
}

func (q query) page() management.PageRequest {
	return management.PageRequest{After: q.text("after"), Before: q.text("before"), Limit: q.number("limit"), Oldest: q.text("order") == "asc"}
}

// parseQuery reads the query string. A parameter that the route does not have is
// an error: if it were ignored, the list would not be what the caller wants.
func (r Route) parseQuery(raw string) (query, error) {
	given, err := url.ParseQuery(raw)
	if err != nil {
		return nil, badRequest("invalid_query", "The query string is not URL-encoded.")
	}
	q := query{}
	var wrong []fault.Field
	for _, p := range r.Parameters {
		values := given[p.Name]
		delete(given, p.Name)
		if p.Kind == Texts {
			values = append(values, given[p.Name+"[]"]...)
			delete(given, p.Name+"[]")
			values = strings.Split(strings.Join(values, ","), ",")
		}
		values = slices.DeleteFunc(values, func(v string) bool { return v == "" })
		if must := p.check(values); must != "" {
			wrong = append(wrong, fault.Field{Name: p.Name, Code: p.Name + " must be " + must + "."})
		}
		if len(values) == 0 && p.Default != "" {
			values = []string{p.Default}
		}
		q[p.Name] = values
	}
	for name := range given {
		wrong = append(wrong, fault.Field{Name: name, Code: fmt.Sprintf("%s must not be given: %s %s has no such parameter.", name, r.Method, r.Pattern)})
	}
	if q.text("after") != "" && q.text("before") != "" {
		wrong = append(wrong, fault.Field{Name: "before", Code: "before must not come with after."})
	}
	if len(wrong) > 0 {
		slices.SortFunc(wrong, func(a, b fault.Field) int { return strings.Compare(a.Name, b.Name) })
		return nil, validation(wrong)
	}
	return q, nil
}

// check returns what the values must be, "" if they are valid.
func (p Parameter) check(values []string) string {
	if len(values) > 1 && p.Kind != Texts {
		return "given once"
	}
	for _, v := range values {
		switch p.Kind {
		case Text, Texts:
			if len(v) > maxText {
				return fmt.Sprintf("at most %d bytes", maxText)
			}
		case ID:
			if !p.Of.Valid(v) {
				return "an id such as " + p.Of.Of(exampleULID)
			}
		case Number:
			if n, err := strconv.Atoi(v); err != nil || n < 1 || n > management.MaxLimit || v != strconv.Itoa(n) {
				return fmt.Sprintf("a number from 1 to %d", management.MaxLimit)
			}
		case Choice:
			if !slices.Contains(p.Choices, v) {
				return "one of " + strings.Join(p.Choices, ", ")
			}
		case Time:
			if _, ok := parseTime(v); !ok {
				return "a time such as 2026-01-31T12:00:00Z, or a date"
			}
		}
	}
	return ""
}

const exampleULID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"

func parseTime(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}
