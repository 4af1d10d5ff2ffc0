// Package finding stores what the doctor saw in the traffic of a directory: one
// small record for each directory with something to tell, in the partition of the
// directory, and one record that leads from the external key of a Tenant URL to the
// directory, so that a request with a wrong token is attributed without its token.
//
// A record holds ids of users, groups and tokens, counts and times, and no value of
// an attribute and no part of a secret. It has a bounded size: the codes are those of
// package doctor, and each has MaxIDs ids at most. It expires Retention after the
// last write, and is deleted with its directory.
package finding

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"dsync/internal/dynamo"
	"dsync/internal/id"
	"dsync/internal/table"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const (
	// Retention is how long a record outlives its last write.
	Retention = 60 * 24 * time.Hour
	// MaxIDs is how many ids are stored with a code: the first that were seen.
	MaxIDs = 3
)

// Sighting is what was seen of one condition.
type Sighting struct {
	First  time.Time `dynamodbav:"-"` // of the present episode
	Last   time.Time `dynamodbav:"-"`
	Count  int64     `dynamodbav:"-"` // since First
	Good   int64     `dynamodbav:"-"` // how often the contrary was seen since First
	GoodAt time.Time `dynamodbav:"-"` // the last time; zero for never
	IDs    []string  `dynamodbav:"-"` // the first users, groups or tokens that it was seen of
	Detail string    `dynamodbav:"-"` // a word of the doctor's own, or a number
}

// Record is what was seen in a directory, by code.
type Record map[string]Sighting

// Change is what a process adds to a code.
type Change struct {
	Code   string
	Count  int64    // how often the condition was seen
	Good   int64    // how often the contrary was seen
	IDs    []string // all that are known of the episode
	Detail string
	Begins bool // a new episode: the earlier counts, ids and times are replaced
}

// The record's sort key sorts after the counts of the days (S#2026-01-31), so that
// one query reads the record and the last day. The relay's filter passes neither.
const (
	dayPrefix  = "S#"
	sort       = dayPrefix + "~"
	keyPrefix  = "X#" // of the partition of an external key
	keySort    = "X"
	nameFirst  = "f:"
	nameLast   = "l:"
	nameCount  = "n:"
	nameGood   = "g:"
	nameGoodAt = "h:"
	nameIDs    = "i:"
	nameDetail = "d:"
)

func partition(directoryID string) string { return table.DirectoryPrefix + id.ULID(directoryID) }

func key(directoryID string) dynamo.Key {
	return dynamo.Key{PK: partition(directoryID), SK: sort}
}

// Add adds what a process saw at a time to the record of a directory, in one write.
func Add(ctx context.Context, t *table.Table, directoryID string, at time.Time, changes []Change) error {
	var set, add []string
	names := map[string]string{"#ttl": "ttl"}
	values := map[string]any{":at": at.UnixMilli(), ":ttl": at.Add(Retention).Unix()}
	set = append(set, "#ttl = :ttl")
	for n, c := range changes {
		name := func(prefix string) string {
			placeholder := fmt.Sprintf("#%c%d", prefix[0], n)
			names[placeholder] = prefix + c.Code
			return placeholder
		}
		value := func(prefix string, v any) string {
			placeholder := fmt.Sprintf(":%c%d", prefix[0], n)
			values[placeholder] = v
			return placeholder
		}
		// once sets an attribute for an episode.
		once := func(prefix, v string) {
			attribute := name(prefix)
			if !c.Begins {
				v = fmt.Sprintf("if_not_exists(%s, %s)", attribute, v)
			}
			set = append(set, attribute+" = "+v)
		}
		count := func(prefix string, v int64) {
			if c.Begins {
				set = append(set, name(prefix)+" = "+value(prefix, v))
			} else if v > 0 {
				add = append(add, name(prefix)+" "+value(prefix, v))
			}
		}
		if c.Count > 0 {
			once(nameFirst, ":at")
			set = append(set, name(nameLast)+" = :at")
			if len(c.IDs) > 0 {
				set = append(set, name(nameIDs)+" = "+value(nameIDs, c.IDs[:min(len(c.IDs), MaxIDs)]))
			}
			if c.Detail != "" {
				set = append(set, name(nameDetail)+" = "+value(nameDetail, c.Detail))
			}
		}
		if c.Good > 0 {
			set = append(set, name(nameGoodAt)+" = :at")
		}
		count(nameCount, c.Count)
		count(nameGood, c.Good)
	}
	expression := "SET " + strings.Join(set, ", ")
	if len(add) > 0 {
		expression += " ADD " + strings.Join(add, ", ")
	}
	return t.Client().Update(ctx, types.Update{
		Key: dynamo.Marshal(key(directoryID)), UpdateExpression: &expression,
		ExpressionAttributeNames: names, ExpressionAttributeValues: dynamo.Marshal(values),
	})
}

// Read reads the record of a directory; it is empty if there is none.
func Read(ctx context.Context, t *table.Table, directoryID string) (Record, error) {
	out, err := t.Client().QueryPage(ctx, dynamo.Between(partition(directoryID), sort, sort), 1)
	if err != nil || len(out.Items) == 0 {
		return Record{}, err
	}
	return parse(out.Items[0])
}

// ReadWithDay reads the record and the counts of the last day with requests, at the
// price of the day: one query, of one unit unless the record is large. The day is the
// zero Day if there is none.
func ReadWithDay(ctx context.Context, t *table.Table, directoryID string) (Record, table.Day, error) {
	in := dynamo.WithPrefix(partition(directoryID), dayPrefix)
	in.ScanIndexForward = aws.Bool(false)
	out, err := t.Client().QueryPage(ctx, in, 2)
	if err != nil {
		return nil, table.Day{}, err
	}
	record, items := Record{}, out.Items
	var first dynamo.Key
	if len(items) > 0 {
		if err := dynamo.Unmarshal(items[0], &first); err != nil {
			return nil, table.Day{}, err
		}
	}
	if first.SK == sort {
		if record, err = parse(items[0]); err != nil {
			return nil, table.Day{}, err
		}
		items = items[1:]
	}
	var day table.Day
	if len(items) > 0 {
		err = dynamo.Unmarshal(items[0], &day)
	}
	return record, day, err
}

func parse(i dynamo.Item) (Record, error) {
	record := Record{}
	var errs error
	for name, v := range i {
		prefix, code, ok := strings.Cut(name, ":")
		if !ok {
			continue
		}
		s := record[code]
		into := func(to any) { errs = errors.Join(errs, attributevalue.Unmarshal(v, to)) }
		var at int64
		switch prefix + ":" {
		case nameFirst:
			into(&at)
			s.First = time.UnixMilli(at).UTC()
		case nameLast:
			into(&at)
			s.Last = time.UnixMilli(at).UTC()
		case nameGoodAt:
			into(&at)
			s.GoodAt = time.UnixMilli(at).UTC()
		case nameCount:
			into(&s.Count)
		case nameGood:
			into(&s.Good)
		case nameIDs:
			into(&s.IDs)
		case nameDetail:
			into(&s.Detail)
		}
		record[code] = s
	}
	return record, errs
}

// pointer leads from an external key to its directory.
type pointer struct {
	DirectoryID string `dynamodbav:"dir"`
}

func pointerKey(externalKey string) dynamo.Key {
	return dynamo.Key{PK: keyPrefix + externalKey, SK: keySort}
}

// Point is the write that makes the external key of a directory lead to it.
func Point(d table.Directory) types.TransactWriteItem {
	return dynamo.PutAction(dynamo.Marshal(pointerKey(d.ExternalKey), pointer{d.ID}))
}

// Unpoint is the write that ends Point: from then on nothing is attributed to the
// directory by its key.
func Unpoint(d table.Directory) types.TransactWriteItem {
	return dynamo.DeleteAction(pointerKey(d.ExternalKey))
}

// DirectoryOf is the id of the directory with that external key. It fails with
// table.ErrNotFound.
func DirectoryOf(ctx context.Context, t *table.Table, externalKey string) (string, error) {
	var p pointer
	err := t.Client().Get(ctx, pointerKey(externalKey), &p)
	return p.DirectoryID, err
}
