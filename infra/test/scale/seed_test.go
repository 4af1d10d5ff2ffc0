package scale

import (
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"dsync/internal/dsynctest"
	"dsync/internal/id"
	"dsync/internal/management"
	"dsync/internal/table"
	"dsync/internal/table/count"
	"dsync/internal/table/idclaim"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"
)

// shape is how much a table has: directories with ten users and a group of them,
// and one directory with many users in one group.
type shape struct{ directories, users int }

const usersOfEach = 10

type item = map[string]types.AttributeValue

// seed writes the records of a shape.
type seed struct {
	testing.TB
	db    *dynamodb.Client
	name  string
	table *table.Table
	at    time.Time

	writers errgroup.Group
	batch   []types.WriteRequest

	template template // of fill
	people   int      // users so far
}

// newSeed is an empty table without a stream, which the engine would keep.
func newSeed(t testing.TB) *seed {
	db, name := dsynctest.Table(t)
	off := &types.StreamSpecification{StreamEnabled: aws.Bool(false)}
	if _, err := db.UpdateTable(t.Context(), &dynamodb.UpdateTableInput{TableName: &name, StreamSpecification: off}); err != nil {
		t.Fatal(err)
	}
	db = dynamodb.New(db.Options(), record)
	s := &seed{TB: t, db: db, name: name, table: table.New(db, name), at: time.Now().UTC().Truncate(time.Millisecond)}
	s.writers.SetLimit(4)
	s.do(idclaim.SetComplete(t.Context(), s.table))
	return s
}

func (s *seed) do(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *seed) id(k id.Kind) string {
	s.Helper()
	// Ids of one millisecond have no order.
	s.at = s.at.Add(time.Millisecond)
	made, err := id.New(k, s.at, rand.Reader)
	s.do(err)
	return made
}

// put writes records, several batches at a time.
func (s *seed) put(items ...item) {
	s.Helper()
	for _, i := range items {
		s.batch = append(s.batch, types.WriteRequest{PutRequest: &types.PutRequest{Item: i}})
		if len(s.batch) == 25 {
			s.flush()
		}
	}
}

func (s *seed) flush() {
	rest := s.batch
	s.batch = nil
	s.writers.Go(func() error {
		for len(rest) > 0 {
			out, err := s.db.BatchWriteItem(s.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{s.name: rest}})
			if err != nil {
				return err
			}
			rest = out.UnprocessedItems[s.name]
		}
		return nil
	})
}

// done waits until everything is written.
func (s *seed) done() {
	s.Helper()
	if len(s.batch) > 0 {
		s.flush()
	}
	s.do(s.writers.Wait())
}

// records are the records whose values have a text.
func (s *seed) records(text string) (found []item) {
	s.Helper()
	scan := dynamodb.NewScanPaginator(s.db, &dynamodb.ScanInput{TableName: &s.name, ConsistentRead: aws.Bool(true)})
	for scan.HasMorePages() {
		page, err := scan.NextPage(s.Context())
		s.do(err)
		for _, i := range page.Items {
			if slices.ContainsFunc(slices.Collect(maps.Values(i)), func(v types.AttributeValue) bool {
				value, ok := v.(*types.AttributeValueMemberS)
				return ok && strings.Contains(value.Value, text)
			}) {
				found = append(found, i)
			}
		}
	}
	return found
}

// copies are records with other texts: pairs of an old one and a new one.
func copies(of []item, pairs ...string) []item {
	replacer := strings.NewReplacer(pairs...)
	list := make([]item, len(of))
	for n, i := range of {
		list[n] = make(item, len(i))
		for name, v := range i {
			if text, ok := v.(*types.AttributeValueMemberS); ok {
				v = &types.AttributeValueMemberS{Value: replacer.Replace(text.Value)}
			}
			list[n][name] = v
		}
	}
	return list
}

// template is a directory with a user and a group of it, whose records are copied.
type template struct {
	directory, user, group string // ULIDs
	users, groups, members []item
}

// fill writes a shape around a directory that has a user, a group and its
// membership: the directory gets the many users.
func (s *seed) fill(d table.Directory, userID, groupID string, to shape) (users []string) {
	s.Helper()
	t := template{directory: id.ULID(d.ID), user: id.ULID(userID), group: id.ULID(groupID)}
	of := func(text, without string) (list []item) {
		for _, i := range s.records(text) {
			if key := i["pk"].(*types.AttributeValueMemberS).Value + " " + i["sk"].(*types.AttributeValueMemberS).Value; without == "" || !strings.Contains(key, without) {
				list = append(list, i)
			}
		}
		return list
	}
	t.users, t.groups = of(t.user, t.group), of(t.group, t.user)
	for _, i := range s.records(t.user) {
		if strings.Contains(i["sk"].(*types.AttributeValueMemberS).Value, t.group) {
			t.members = append(t.members, i)
		}
	}
	if len(t.users) < 5 || len(t.groups) < 3 || len(t.members) != 1 {
		s.Fatalf("%d, %d and %d records", len(t.users), len(t.groups), len(t.members))
	}
	session := management.Bootstrap(s.table, time.Now, rand.Reader)
	var creators errgroup.Group
	creators.SetLimit(4)
	others := make([]string, to.directories)
	for n := range others {
		creators.Go(func() error {
			created, _, _, err := session.CreateDirectory(s.Context(), management.NewDirectory{OrganizationID: d.OrganizationID, Name: fmt.Sprint("directory ", n)})
			others[n] = created.ID
			return err
		})
	}
	s.do(creators.Wait())
	s.template = t
	for _, directoryID := range others {
		group := id.ULID(s.id(id.Group))
		s.put(copies(t.groups, t.directory, id.ULID(directoryID), t.group, group)...)
		for range usersOfEach {
			s.user(directoryID, group)
		}
	}
	for range to.users {
		users = append(users, s.user(d.ID, t.group))
	}
	s.done()
	cut := time.Now()
	s.do(s.table.BeginCount(s.Context(), d.ID, cut))
	s.do(s.table.FinishCount(s.Context(), d.ID, count.Counts{Known: true, Active: to.users + 1, Groups: 1, Cut: cut.UnixMilli()}))
	return users
}

// user writes a user of a directory who is in a group of it, by its ULID.
func (s *seed) user(directoryID, group string) string {
	s.Helper()
	s.people++
	t, userID := s.template, s.id(id.User)
	pairs := []string{t.directory, id.ULID(directoryID), t.user, id.ULID(userID), t.group, group, templateName, fmt.Sprint("person", s.people)}
	s.put(copies(t.users, pairs...)...)
	s.put(copies(t.members, pairs...)...)
	return userID
}

const templateName = "template"
