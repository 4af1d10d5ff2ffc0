package faults

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"dsync/internal/table/schema"
)

// The protocol of DynamoDB is AWS JSON 1.0: the header X-Amz-Target names the
// operation.
const (
	targetHeader = "X-Amz-Target"
	contentType  = "application/x-amz-json-1.0"
	errorPrefix  = "com.amazonaws.dynamodb.v20120810#"
)

func decodeCall(r *http.Request) (c Call, err error) {
	_, c.Operation, _ = strings.Cut(r.Header.Get(targetHeader), ".")
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return c, err
	}
	_ = r.Body.Close()
	return c, decode(body, &c.Input)
}

func decode(text []byte, into *map[string]any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return d.Decode(into)
}

// roundTrip sends a call with the headers of the request. The signature does not
// fit a changed body; DynamoDB Local does not check it.
func roundTrip(base http.RoundTripper, request *http.Request, c Call) (a Answer, err error) {
	body, err := json.Marshal(c.Input)
	if err != nil {
		return a, err
	}
	r := request.Clone(request.Context())
	version, _, _ := strings.Cut(request.Header.Get(targetHeader), ".")
	r.Header.Set(targetHeader, version+"."+c.Operation)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.GetBody = nil
	response, err := base.RoundTrip(r)
	if err != nil {
		return a, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return a, err
	}
	a.Status = response.StatusCode
	if err := decode(text, &a.Output); err != nil {
		return a, fmt.Errorf("faults: response %d of %s: %w", a.Status, c.Operation, err)
	}
	return a, nil
}

// response encodes an answer. It has no X-Amz-Crc32 header: the SDK does not
// demand one.
func (a Answer) response(r *http.Request) (*http.Response, error) {
	body, err := json.Marshal(a.Output)
	if err != nil {
		return nil, err
	}
	return &http.Response{
		Status: fmt.Sprint(a.Status, " ", http.StatusText(a.Status)), StatusCode: a.Status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": {contentType}, "X-Amzn-Requestid": {"INJECTED"}},
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)),
		Request:       r,
	}, nil
}

// refusal is the answer to a call that DynamoDB refuses.
func refusal(code, message string) Answer {
	return Answer{http.StatusBadRequest, map[string]any{"__type": errorPrefix + code, "message": message}}
}

// cancelled is the answer to a transaction that was cancelled. codes has a reason
// for each action, "None" for one that is not the cause.
func cancelled(codes []string) Answer {
	reasons := make([]any, len(codes))
	for i, code := range codes {
		reasons[i] = map[string]any{"Code": code}
		if code != none {
			reasons[i] = map[string]any{"Code": code, "Message": "injected"}
		}
	}
	a := refusal("TransactionCanceledException", "Transaction cancelled, please refer cancellation reasons for specific reasons ["+strings.Join(codes, ", ")+"]")
	a.Output["CancellationReasons"] = reasons
	return a
}

const none = "None"

// Target is an item that a call names, or the partition that a query reads. The
// sort key of a query is "".
type Target struct {
	Table, PartitionKey, SortKey string
	Write                        bool
	Size                         int // bytes of the item of a put, 0 for other calls
	item                         map[string]any
	deletes, updates             bool
	expression                   string // of an update
}

var keyNames = schema.Dsync()

// Targets returns the items that a call names, in the order of the request.
func (c Call) Targets() (all []Target) {
	switch c.Operation {
	case "GetItem":
		all = append(all, target(c.Input, "Key", Target{}))
	case "PutItem":
		all = append(all, target(c.Input, "Item", Target{Write: true}))
	case "UpdateItem":
		all = append(all, target(c.Input, "Key", Target{Write: true, updates: true}))
	case "DeleteItem":
		all = append(all, target(c.Input, "Key", Target{Write: true, deletes: true}))
	case "Query":
		if c.Input["IndexName"] == nil {
			all = append(all, Target{Table: text(c.Input["TableName"]), PartitionKey: c.condition().partition})
		}
	case "TransactWriteItems", "TransactGetItems":
		for _, action := range list(c.Input["TransactItems"]) {
			for kind, x := range object(action) {
				all = append(all, actionTarget(kind, object(x)))
			}
		}
	case "BatchGetItem":
		for table, x := range object(c.Input["RequestItems"]) {
			for _, k := range list(object(x)["Keys"]) {
				all = append(all, target(map[string]any{"TableName": table, "Key": k}, "Key", Target{}))
			}
		}
	case "BatchWriteItem":
		for table, requests := range object(c.Input["RequestItems"]) {
			for _, request := range list(requests) {
				for kind, x := range object(request) {
					t := actionTarget(strings.TrimSuffix(kind, "Request"), object(x))
					t.Table = table
					all = append(all, t)
				}
			}
		}
	}
	return all
}

func actionTarget(kind string, action map[string]any) Target {
	switch kind {
	case "Put":
		return target(action, "Item", Target{Write: true})
	case "Get":
		return target(action, "Key", Target{})
	}
	return target(action, "Key", Target{Write: true, updates: kind == "Update", deletes: kind == "Delete"})
}

func target(in map[string]any, from string, t Target) Target {
	item := object(in[from])
	t.Table = text(in["TableName"])
	t.PartitionKey, t.SortKey = attribute(item, keyNames.PartitionKey), attribute(item, keyNames.SortKey)
	t.expression = text(in["UpdateExpression"])
	if from == "Item" {
		t.item, t.Size = item, sizeOf(item)
	}
	return t
}

func object(v any) map[string]any { m, _ := v.(map[string]any); return m }
func list(v any) []any            { l, _ := v.([]any); return l }
func text(v any) string           { s, _ := v.(string); return s }

// attribute returns the value of a string attribute.
func attribute(item map[string]any, name string) string { return text(object(item[name])["S"]) }

// sizeOf returns the size of an item: its names and values.
func sizeOf(item map[string]any) (n int) {
	for name, v := range item {
		n += len(name) + valueSize(object(v))
	}
	return n
}

func valueSize(v map[string]any) int {
	for kind, x := range v {
		switch kind {
		case "S":
			return len(text(x))
		case "N":
			return len(text(x))/2 + 1
		case "B":
			return len(text(x)) * 3 / 4
		case "M":
			return 3 + sizeOf(object(x)) + len(object(x))
		case "L":
			n := 3
			for _, e := range list(x) {
				n += 1 + valueSize(object(e))
			}
			return n
		case "SS", "NS", "BS":
			n := 0
			for _, e := range list(x) {
				n += len(text(e))
			}
			return n
		}
	}
	return 1
}

// with returns the call with another value of a parameter.
func (c Call) with(name string, value any) Call {
	input := make(map[string]any, len(c.Input)+1)
	for k, v := range c.Input {
		input[k] = v
	}
	input[name] = value
	return Call{c.Operation, input}
}

func number(v any) (int, bool) {
	switch x := v.(type) {
	case json.Number:
		n, err := strconv.Atoi(x.String())
		return n, err == nil
	case int:
		return x, true
	}
	return 0, false
}
