package dynamostore

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"time"

	"dsync/events/consumer"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// windowSize is how many sequences an item records: the numbers n with the same
// n / windowSize, as a set of n % windowSize. An item with all of them is
// smaller than 1 KB, so Record takes one write unit. It needs no condition,
// because adding to a set can be repeated and done in any order.
const windowSize = 200

// recorded is the prefix of the sort keys of windows.
const recorded = "recorded/"

func windowOf(sequence int64) string { return fmt.Sprintf(recorded+"%019d", sequence/windowSize) }

// Record implements consumer.Store.
func (s *Store) Record(ctx context.Context, directory string, sequence int64, expiry time.Time) error {
	offset := &types.AttributeValueMemberNS{Value: []string{strconv.FormatInt(sequence%windowSize, 10)}}
	_, _, err := s.update(ctx, consumer.Key{Directory: directory, Resource: windowOf(sequence)},
		"ADD offsets :offset SET forget_at = :forget", "", item{":offset": offset, ":forget": number(expiry.Unix())})
	return err
}

// Recorded implements consumer.Store.
func (s *Store) Recorded(ctx context.Context, directory string, after int64) iter.Seq2[int64, error] {
	return func(yield func(int64, error) bool) {
		pages := dynamodb.NewQueryPaginator(s.api, &dynamodb.QueryInput{
			TableName:              &s.table,
			ConsistentRead:         aws.Bool(true),
			KeyConditionExpression: aws.String("pk = :pk AND sk BETWEEN :first AND :last"),
			ExpressionAttributeValues: item{
				":pk": text(partition(directory)), ":first": text(windowOf(after + 1)), ":last": text(recorded + "~"),
			},
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(0, fmt.Errorf("dynamostore: %w", err))
				return
			}
			for _, i := range page.Items {
				sequences, err := sequencesOf(i)
				if err != nil {
					yield(0, err)
					return
				}
				for _, n := range sequences {
					if n > after && !yield(n, nil) {
						return
					}
				}
			}
		}
	}
}

// sequencesOf returns the sequences that an item records, ascending.
func sequencesOf(i item) ([]int64, error) {
	var window int64
	if _, err := fmt.Sscanf(stringOf(i[sortKey]), recorded+"%d", &window); err != nil {
		return nil, fmt.Errorf("dynamostore: %s: %w", stringOf(i[sortKey]), err)
	}
	set, _ := i[offsets].(*types.AttributeValueMemberNS)
	if set == nil {
		return nil, fmt.Errorf("dynamostore: %s has no offsets", stringOf(i[sortKey]))
	}
	list := make([]int64, len(set.Value))
	for at, text := range set.Value {
		offset, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("dynamostore: %s: %w", stringOf(i[sortKey]), err)
		}
		list[at] = window*windowSize + offset
	}
	slices.Sort(list)
	return list, nil
}
