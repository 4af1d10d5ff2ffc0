// Package eventbridge is a local EventBridge event bus. It serves PutEvents
// with EventBridge's limits and errors.
//
// It matches each event against the rules and delivers it to the targets of the
// matching rules before it responds: an entry with an event id in the response
// was delivered. Entries are delivered in their order, and requests one at a
// time, so there is one order of delivery. As on AWS, an event for an unknown
// event bus gets an event id and is dropped. Here it is also logged.
package eventbridge

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"sync"
	"time"

	"dsync/internal/awslocal/awsjson"
	"dsync/internal/awslocal/eventbridge/pattern"
	"dsync/internal/awslocal/uuid"
)

// EventBridge's limits on one PutEvents request.
const (
	MaxEntries = 10
	// MaxSize limits the sum of the sizes of all entries, see Entry.Size, in
	// bytes: 1 MiB since January 2026.
	MaxSize = 1 << 20
)

// A byte of an entry can take six bytes in JSON (\u0000).
const maxBody = 6*MaxSize + 64<<10

const (
	account  = "000000000000"
	protocol = awsjson.V11
)

// Target receives an event in the format of EventBridge. If it returns an
// error, the entry fails and its sender retries.
type Target func(event json.RawMessage) error

// Rule sends matching events to a target.
type Rule struct {
	Name    string
	Pattern map[string]any // event pattern; package pattern documents the supported operators
	Target  Target
}

// Options describe an event bus.
type Options struct {
	Name   string // EVENT_BUS_NAME of the functions
	Region string
	Rules  []Rule
	Now    func() time.Time // nil means time.Now
	Log    *slog.Logger     // nil means slog.Default
}

// Bus is an event bus. It is an http.Handler, and safe for concurrent use.
type Bus struct {
	o       Options
	rules   []rule
	deliver sync.Mutex
}

type rule struct {
	name    string
	pattern pattern.Pattern
	target  Target
}

// New returns an event bus. It rejects a rule without a target, or with an
// unsupported pattern.
func New(o Options) (*Bus, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	b := &Bus{o: o}
	for _, r := range o.Rules {
		p, err := pattern.Compile(r.Pattern)
		if err != nil {
			return nil, fmt.Errorf("eventbridge: rule %s: %w", r.Name, err)
		}
		if r.Target == nil {
			return nil, fmt.Errorf("eventbridge: rule %s has no target", r.Name)
		}
		b.rules = append(b.rules, rule{r.Name, p, r.Target})
	}
	return b, nil
}

// Entry is one entry of a PutEvents request.
type Entry struct {
	Time         *float64 // seconds since 1970
	Source       string
	Resources    []string
	DetailType   string
	Detail       string
	EventBusName string
}

type resultEntry struct {
	EventID      string `json:"EventId,omitempty"`
	ErrorCode    string `json:",omitempty"`
	ErrorMessage string `json:",omitempty"`
}

// Size returns the size of the entry in bytes, by the formula in the EventBridge
// User Guide.
func (e Entry) Size() int {
	size := len(e.Source) + len(e.DetailType) + len(e.Detail)
	if e.Time != nil {
		size += 14
	}
	for _, r := range e.Resources {
		size += len(r)
	}
	return size
}

// ServeHTTP serves PutEvents in the AWS JSON 1.1 protocol.
func (b *Bus) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if operation := r.Header.Get("X-Amz-Target"); operation != "AWSEvents.PutEvents" {
		protocol.WriteError(w, "UnknownOperationException", fmt.Sprintf("the local event bus supports only PutEvents, not %q", operation))
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		protocol.WriteError(w, "ValidationException", sizeMessage)
		return
	}
	var request struct{ Entries []Entry }
	if err != nil || json.Unmarshal(body, &request) != nil {
		protocol.WriteError(w, "SerializationException", "")
		return
	}
	if message := validate(request.Entries); message != "" {
		protocol.WriteError(w, "ValidationException", message)
		return
	}

	b.deliver.Lock()
	defer b.deliver.Unlock()
	var response struct {
		FailedEntryCount int
		Entries          []resultEntry
	}
	for _, e := range request.Entries {
		result := b.putEntry(e)
		if result.ErrorCode != "" {
			response.FailedEntryCount++
		}
		response.Entries = append(response.Entries, result)
	}
	protocol.Write(w, http.StatusOK, response)
}

const sizeMessage = "Total size of the entries in the request is over the limit."

// validate returns the error message for an invalid request, or "".
func validate(entries []Entry) string {
	constraint := func(bound string) string {
		return "1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length " + bound
	}
	switch {
	case len(entries) == 0:
		return constraint("greater than or equal to 1")
	case len(entries) > MaxEntries:
		return constraint(fmt.Sprintf("less than or equal to %d", MaxEntries))
	}
	size := 0
	for _, e := range entries {
		size += e.Size()
	}
	if size > MaxSize {
		return sizeMessage
	}
	return ""
}

func (b *Bus) putEntry(e Entry) resultEntry {
	if code, message := e.validate(); code != "" {
		return resultEntry{ErrorCode: code, ErrorMessage: message}
	}
	id := uuid.New()
	event, err := b.event(e, id)
	if err != nil {
		return resultEntry{ErrorCode: "InternalFailure", ErrorMessage: err.Error()}
	}
	if name := e.EventBusName; name != b.o.Name && !strings.HasSuffix(name, ":event-bus/"+b.o.Name) {
		b.o.Log.Warn("dropped an event for an unknown event bus, as AWS does", "bus", name, "id", id)
		return resultEntry{EventID: id}
	}
	for _, r := range b.rules {
		if !r.pattern.Match(event) {
			continue
		}
		if err := r.target(event); err != nil {
			b.o.Log.Error("cannot deliver an event", "rule", r.name, "id", id, "error", err)
			return resultEntry{ErrorCode: "InternalFailure", ErrorMessage: "the target of rule " + r.name + " failed"}
		}
	}
	return resultEntry{EventID: id}
}

// validate returns the error code and message for an invalid entry, or "".
func (e Entry) validate() (code, message string) {
	for _, required := range []struct{ name, value string }{
		{"Source", e.Source}, {"DetailType", e.DetailType}, {"Detail", e.Detail},
	} {
		if required.value == "" {
			return "InvalidArgument", fmt.Sprintf("Parameter %s is not valid. Reason: %[1]s is a required argument.", required.name)
		}
	}
	if strings.HasPrefix(e.Source, "aws.") {
		return "NotAuthorizedForSource", "Not authorized for the source."
	}
	var detail map[string]json.RawMessage
	if json.Unmarshal([]byte(e.Detail), &detail) != nil || detail == nil {
		return "MalformedDetail", "Detail is malformed."
	}
	return "", ""
}

// event returns the event that a target receives.
func (b *Bus) event(e Entry, id string) (json.RawMessage, error) {
	at := b.o.Now()
	if e.Time != nil {
		seconds, fraction := math.Modf(*e.Time)
		at = time.Unix(int64(seconds), int64(fraction*1e9))
	}
	return marshal(struct {
		Version    string          `json:"version"`
		ID         string          `json:"id"`
		DetailType string          `json:"detail-type"`
		Source     string          `json:"source"`
		Account    string          `json:"account"`
		Time       string          `json:"time"`
		Region     string          `json:"region"`
		Resources  []string        `json:"resources"`
		Detail     json.RawMessage `json:"detail"`
	}{"0", id, e.DetailType, e.Source, account, at.UTC().Format(time.RFC3339), b.o.Region,
		append([]string{}, e.Resources...), json.RawMessage(e.Detail)})
}

// marshal encodes v without escaping <, > and &.
func marshal(v any) (json.RawMessage, error) {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return json.RawMessage(strings.TrimSuffix(text.String(), "\n")), nil
}
