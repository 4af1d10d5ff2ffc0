package eventsource

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	"github.com/google/go-cmp/cmp"
)

func everyType() map[string]types.AttributeValue {
	s := func(v string) types.AttributeValue { return &types.AttributeValueMemberS{Value: v} }
	return map[string]types.AttributeValue{
		"s":          s("Ünal <&> \u2028"),
		"empty":      s(""),
		"n":          &types.AttributeValueMemberN{Value: "12345678901234567890.12345678901234567"},
		"b":          &types.AttributeValueMemberB{Value: []byte{0, 255, 1}},
		"true":       &types.AttributeValueMemberBOOL{Value: true},
		"false":      &types.AttributeValueMemberBOOL{Value: false},
		"null":       &types.AttributeValueMemberNULL{Value: true},
		"m":          &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{"in": &types.AttributeValueMemberL{Value: []types.AttributeValue{s("x")}}}},
		"empty map":  &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{}},
		"l":          &types.AttributeValueMemberL{Value: []types.AttributeValue{s("x"), &types.AttributeValueMemberN{Value: "1"}}},
		"empty list": &types.AttributeValueMemberL{Value: []types.AttributeValue{}},
		"ss":         &types.AttributeValueMemberSS{Value: []string{"a", "b"}},
		"ns":         &types.AttributeValueMemberNS{Value: []string{"1", "2.5"}},
		"bs":         &types.AttributeValueMemberBS{Value: [][]byte{{1}, {2}}},
	}
}

func sample() types.Record {
	key := map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "D#1"}}
	return types.Record{
		EventID: aws.String("e-1"), EventName: types.OperationTypeModify, EventVersion: aws.String("1.1"),
		EventSource: aws.String("aws:dynamodb"), AwsRegion: aws.String("ddblocal"),
		UserIdentity: &types.Identity{Type: aws.String("Service"), PrincipalId: aws.String("dynamodb.amazonaws.com")},
		Dynamodb: &types.StreamRecord{
			ApproximateCreationDateTime: aws.Time(time.Unix(1795450020, 0)),
			Keys:                        key, OldImage: key, NewImage: everyType(),
			SequenceNumber: aws.String("000000000000000000007"), SizeBytes: aws.Int64(99),
			StreamViewType: types.StreamViewTypeNewAndOldImages,
		},
	}
}

// The JSON is the JSON that Lambda sends, key for key.
func TestRecordAsLambdaSendsIt(t *testing.T) {
	r, err := encode(sample(), "eu-west-1", "arn:stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{
		"eventID": "e-1", "eventName": "MODIFY", "eventVersion": "1.1", "eventSource": "aws:dynamodb",
		"awsRegion": "eu-west-1", "eventSourceARN": "arn:stream",
		"userIdentity": {"type": "Service", "principalId": "dynamodb.amazonaws.com"},
		"dynamodb": {
			"ApproximateCreationDateTime": 1795450020,
			"Keys": {"pk": {"S": "D#1"}}, "OldImage": {"pk": {"S": "D#1"}},
			"NewImage": {
				"s": {"S": "Ünal <&> \u2028"}, "empty": {"S": ""},
				"n": {"N": "12345678901234567890.12345678901234567"},
				"b": {"B": "AP8B"}, "true": {"BOOL": true}, "false": {"BOOL": false}, "null": {"NULL": true},
				"m": {"M": {"in": {"L": [{"S": "x"}]}}}, "empty map": {"M": {}},
				"l": {"L": [{"S": "x"}, {"N": "1"}]}, "empty list": {"L": []},
				"ss": {"SS": ["a", "b"]}, "ns": {"NS": ["1", "2.5"]}, "bs": {"BS": ["AQ==", "Ag=="]}
			},
			"SequenceNumber": "000000000000000000007", "SizeBytes": 99, "StreamViewType": "NEW_AND_OLD_IMAGES"
		}
	}`
	if diff := cmp.Diff(tree(t, []byte(want)), tree(t, r.json)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if r.sequence != "000000000000000000007" || r.created.Unix() != 1795450020 {
		t.Errorf("sequence %s, created %v", r.sequence, r.created)
	}
}

// A function decodes the values that the SDK has read, type for type.
func TestRoundTripThroughTheFunctionsTypes(t *testing.T) {
	r, err := encode(sample(), "eu-west-1", "arn:stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	var event events.DynamoDBEvent
	if err := json.Unmarshal(payload([]record{r, r}), &event); err != nil {
		t.Fatal(err)
	}
	if len(event.Records) != 2 {
		t.Fatalf("%d records", len(event.Records))
	}
	got := event.Records[1].Change
	if !got.ApproximateCreationDateTime.Equal(time.Unix(1795450020, 0)) {
		t.Errorf("created %v", got.ApproximateCreationDateTime)
	}
	if diff := cmp.Diff(plainSDK(everyType()), plainEvent(got.NewImage)); diff != "" {
		t.Errorf("(-read +decoded)\n%s", diff)
	}
}

func plainSDK(item map[string]types.AttributeValue) map[string]any {
	out := map[string]any{}
	for name, v := range item {
		out[name] = plainSDKValue(v)
	}
	return out
}

func plainSDKValue(v types.AttributeValue) any {
	switch v := v.(type) {
	case *types.AttributeValueMemberM:
		return plainSDK(v.Value)
	case *types.AttributeValueMemberL:
		list := []any{}
		for _, e := range v.Value {
			list = append(list, plainSDKValue(e))
		}
		return list
	}
	return reflect.ValueOf(v).Elem().FieldByName("Value").Interface()
}

func plainEvent(item map[string]events.DynamoDBAttributeValue) map[string]any {
	out := map[string]any{}
	for name, v := range item {
		out[name] = plainEventValue(v)
	}
	return out
}

func plainEventValue(v events.DynamoDBAttributeValue) any {
	switch v.DataType() {
	case events.DataTypeString:
		return v.String()
	case events.DataTypeNumber:
		return v.Number()
	case events.DataTypeBinary:
		return v.Binary()
	case events.DataTypeBoolean:
		return v.Boolean()
	case events.DataTypeNull:
		return v.IsNull()
	case events.DataTypeStringSet:
		return v.StringSet()
	case events.DataTypeNumberSet:
		return v.NumberSet()
	case events.DataTypeBinarySet:
		return v.BinarySet()
	case events.DataTypeMap:
		return plainEvent(v.Map())
	}
	list := []any{}
	for _, e := range v.List() {
		list = append(list, plainEventValue(e))
	}
	return list
}

func tree(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

func TestFirstFailure(t *testing.T) {
	batch := []record{{sequence: "1"}, {sequence: "2"}, {sequence: "3"}}
	for response, want := range map[string]int{
		"": 3, "null": 3, "{}": 3, `{"batchItemFailures":null}`: 3, `{"batchItemFailures":[]}`: 3,
		`{"batchItemFailures":[{"itemIdentifier":"3"}]}`:                        2,
		`{"batchItemFailures":[{"itemIdentifier":"3"},{"itemIdentifier":"2"}]}`: 1,
		`{"batchItemFailures":[{"itemIdentifier":"2"},{"itemIdentifier":"3"}]}`: 1,
		`{"batchItemFailures":[{"itemIdentifier":"1"}]}`:                        0,
		`{"batchItemFailures":[{"itemIdentifier":""}]}`:                         0,
		`{"batchItemFailures":[{"itemIdentifier":null}]}`:                       0,
		`{"batchItemFailures":[{}]}`:                                            0,
		`{"batchItemFailures":[{"itemIdentifier":"9"}]}`:                        0,
		`"done"`: 0, `{`: 0,
	} {
		got, err := firstFailure([]byte(response), batch)
		if got != want || (err == nil) != (want == len(batch)) {
			t.Errorf("%s: %d, %v; want %d", response, got, err, want)
		}
	}
}

func TestNextBatch(t *testing.T) {
	three := []record{{json: make([]byte, 10)}, {json: make([]byte, 10)}, {json: make([]byte, 10)}}
	if batch, rest := nextBatch(three, 2); len(batch) != 2 || len(rest) != 1 {
		t.Errorf("%d and %d", len(batch), len(rest))
	}
	huge := []record{{json: make([]byte, 5<<20)}, {json: make([]byte, 5<<20)}, {json: make([]byte, 7<<20)}}
	for rest := huge; len(rest) > 0; {
		var batch []record
		if batch, rest = nextBatch(rest, 100); len(batch) != 1 {
			t.Errorf("%d records in a batch, want 1 because of the payload limit", len(batch))
		}
	}
}

func TestAppendTo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "dead-letters.ndjson")
	destination := AppendTo(file)
	for _, sequence := range []string{"1", "2"} {
		if err := destination(InvocationRecord{Batch: StreamBatchInfo{StartSequenceNumber: sequence}}); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var appended []string
	for line := range bytes.Lines(text) {
		var r InvocationRecord
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		appended = append(appended, r.Batch.StartSequenceNumber)
	}
	if diff := cmp.Diff([]string{"1", "2"}, appended); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
