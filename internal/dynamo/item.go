package dynamo

import (
	"fmt"
	"iter"
	"maps"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Key is a primary key.
type Key struct {
	PK string `dynamodbav:"pk"`
	SK string `dynamodbav:"sk"`
}

// IndexKey is a key of the index. An item without one is not in the index.
type IndexKey struct {
	PK string `dynamodbav:"gsi1pk,omitempty"`
	SK string `dynamodbav:"gsi1sk,omitempty"`
}

// indexName is the name of the index.
const indexName = "gsi1"

// Item is an item: its attributes by name.
type Item = map[string]types.AttributeValue

// Marshal makes one item of a key, an index key and a record. These are plain
// structs of strings, numbers, booleans and times, so marshalling cannot fail: if
// it does, Marshal panics.
func Marshal(parts ...any) Item {
	i := Item{}
	for _, part := range parts {
		attributes, err := attributevalue.MarshalMap(part)
		if err != nil {
			panic(err)
		}
		maps.Copy(i, attributes)
	}
	return i
}

// Unmarshal stores the attributes of an item in a record.
func Unmarshal(i Item, record any) error {
	if err := attributevalue.UnmarshalMap(i, record); err != nil {
		return fmt.Errorf("dynamo: record: %w", err)
	}
	return nil
}

// Records unmarshals the items of a read. An error is the last pair.
func Records[T any](items iter.Seq2[Item, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for i, err := range items {
			var record T
			if err == nil {
				err = Unmarshal(i, &record)
			}
			if err != nil {
				yield(*new(T), err)
				return
			}
			if !yield(record, nil) {
				return
			}
		}
	}
}

// UnmarshalAll unmarshals a list of items.
func UnmarshalAll[T any](items []Item) ([]T, error) {
	list := make([]T, len(items))
	for n, i := range items {
		if err := Unmarshal(i, &list[n]); err != nil {
			return nil, err
		}
	}
	return list, nil
}
