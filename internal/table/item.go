package table

import (
	"fmt"
	"iter"
	"maps"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

type item = map[string]types.AttributeValue

// marshal makes one item of a key, an index key and a record. These are plain
// structs of strings, numbers, booleans and times, so marshalling cannot fail.
func marshal(parts ...any) item {
	i := item{}
	for _, part := range parts {
		attributes, err := attributevalue.MarshalMap(part)
		if err != nil {
			panic(err)
		}
		maps.Copy(i, attributes)
	}
	return i
}

func unmarshal(i item, record any) error {
	if err := attributevalue.UnmarshalMap(i, record); err != nil {
		return fmt.Errorf("table: record: %w", err)
	}
	return nil
}

// records unmarshals the items of a read. An error is the last pair.
func records[T any](items iter.Seq2[item, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for i, err := range items {
			var record T
			if err == nil {
				err = unmarshal(i, &record)
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

// unmarshalAll unmarshals a list of items.
func unmarshalAll[T any](items []item) ([]T, error) {
	list := make([]T, len(items))
	for n, i := range items {
		if err := unmarshal(i, &list[n]); err != nil {
			return nil, err
		}
	}
	return list, nil
}
