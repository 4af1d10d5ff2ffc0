package eventsource

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

// record is a stream record in the format that a function receives.
type record struct {
	id       string // sequence number in the stream; another text if the record is made up
	sequence string // sequence number that the function receives
	item     uint64 // hash of the primary key of the item
	created  time.Time
	json     []byte
}

// The JSON format of stream records in a Lambda event. The types of the SDK
// have the same fields but do not marshal to this format.
type (
	wireRecord struct {
		EventID        string        `json:"eventID"`
		EventName      string        `json:"eventName"`
		EventVersion   string        `json:"eventVersion"`
		EventSource    string        `json:"eventSource"`
		AWSRegion      string        `json:"awsRegion"`
		DynamoDB       wireChange    `json:"dynamodb"`
		UserIdentity   *wireIdentity `json:"userIdentity,omitempty"`
		EventSourceARN string        `json:"eventSourceARN"`
	}
	wireChange struct {
		ApproximateCreationDateTime int64          `json:"ApproximateCreationDateTime"`
		Keys                        map[string]any `json:"Keys,omitempty"`
		NewImage                    map[string]any `json:"NewImage,omitempty"`
		OldImage                    map[string]any `json:"OldImage,omitempty"`
		SequenceNumber              string         `json:"SequenceNumber"`
		SizeBytes                   int64          `json:"SizeBytes"`
		StreamViewType              string         `json:"StreamViewType"`
	}
	wireIdentity struct {
		Type        string `json:"type"`
		PrincipalID string `json:"principalId"`
	}
)

func encode(r types.Record, region, streamARN string, faults *Faults) (record, error) {
	change := r.Dynamodb
	if change == nil || change.SequenceNumber == nil {
		return record{}, fmt.Errorf("record %s has no sequence number", aws.ToString(r.EventID))
	}
	keys, err := attributes(change.Keys)
	if err != nil {
		return record{}, fmt.Errorf("record %s: %w", *change.SequenceNumber, err)
	}
	item := itemHash(keys)
	sequence := faults.sequence(*change.SequenceNumber, item)
	w := wireRecord{
		EventID:        aws.ToString(r.EventID),
		EventName:      string(r.EventName),
		EventVersion:   aws.ToString(r.EventVersion),
		EventSource:    aws.ToString(r.EventSource),
		AWSRegion:      region,
		EventSourceARN: streamARN,
		DynamoDB: wireChange{
			Keys:           keys,
			SequenceNumber: sequence,
			SizeBytes:      aws.ToInt64(change.SizeBytes),
			StreamViewType: string(change.StreamViewType),
		},
	}
	created := aws.ToTime(change.ApproximateCreationDateTime)
	w.DynamoDB.ApproximateCreationDateTime = created.Unix()
	if r.UserIdentity != nil {
		w.UserIdentity = &wireIdentity{aws.ToString(r.UserIdentity.Type), aws.ToString(r.UserIdentity.PrincipalId)}
	}
	for _, part := range []struct {
		from map[string]types.AttributeValue
		to   *map[string]any
	}{
		{change.NewImage, &w.DynamoDB.NewImage}, {change.OldImage, &w.DynamoDB.OldImage},
	} {
		item, err := attributes(part.from)
		if err != nil {
			return record{}, fmt.Errorf("record %s: %w", *change.SequenceNumber, err)
		}
		*part.to = item
	}
	text, err := json.Marshal(w)
	if err != nil {
		return record{}, fmt.Errorf("record %s: %w", *change.SequenceNumber, err)
	}
	return record{*change.SequenceNumber, sequence, item, created, text}, nil
}

// itemHash returns a hash of the keys of an item.
func itemHash(keys map[string]any) uint64 {
	text, _ := json.Marshal(keys) // sorted by name; keys are strings, numbers or bytes
	return hash(string(text))
}

func hash(text string) uint64 {
	sum := sha256.Sum256([]byte(text))
	return binary.BigEndian.Uint64(sum[:])
}

func attributes(item map[string]types.AttributeValue) (map[string]any, error) {
	out := make(map[string]any, len(item))
	for name, value := range item {
		v, err := attribute(value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out[name] = v
	}
	return out, nil
}

// attribute returns the DynamoDB JSON of a value, for example {"S": "text"}.
// encoding/json encodes binary values as base64.
func attribute(value types.AttributeValue) (map[string]any, error) {
	switch v := value.(type) {
	case *types.AttributeValueMemberS:
		return map[string]any{"S": v.Value}, nil
	case *types.AttributeValueMemberN:
		return map[string]any{"N": v.Value}, nil
	case *types.AttributeValueMemberB:
		return map[string]any{"B": v.Value}, nil
	case *types.AttributeValueMemberBOOL:
		return map[string]any{"BOOL": v.Value}, nil
	case *types.AttributeValueMemberNULL:
		return map[string]any{"NULL": v.Value}, nil
	case *types.AttributeValueMemberSS:
		return map[string]any{"SS": v.Value}, nil
	case *types.AttributeValueMemberNS:
		return map[string]any{"NS": v.Value}, nil
	case *types.AttributeValueMemberBS:
		return map[string]any{"BS": v.Value}, nil
	case *types.AttributeValueMemberM:
		m, err := attributes(v.Value)
		return map[string]any{"M": m}, err
	case *types.AttributeValueMemberL:
		list := make([]any, len(v.Value))
		for i, element := range v.Value {
			var err error
			if list[i], err = attribute(element); err != nil {
				return nil, err
			}
		}
		return map[string]any{"L": list}, nil
	}
	return nil, fmt.Errorf("attribute of type %T", value)
}
