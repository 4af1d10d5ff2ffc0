package stream_test

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"dsync/internal/id"
	"dsync/internal/table"
	"dsync/internal/table/stream"

	"github.com/aws/aws-lambda-go/events"
)

// An id that is too long for a key, or that would break a line of a journal, is an
// error of its record: as a part of a key it would fail the reads of a whole batch.
func TestReadChangeChecksIDs(t *testing.T) {
	for value, valid := range map[string]bool{
		"directory_user_01KB0000000000000000000000": true,
		strings.Repeat("x", 100):                    true,
		strings.Repeat("x", 101):                    false,
		"a b":                                       false,
		"a\nb":                                      false,
	} {
		for sk, names := range map[string][]string{"U#1": {"dir", "org", "id"}, "M#1#2": {"dir", "org", "group", "user"}, "D": {"id", "org"}} {
			for _, name := range names {
				_, err := stream.ReadChange(events.DynamoDBStreamRecord{
					Keys:     map[string]events.DynamoDBAttributeValue{"pk": events.NewStringAttribute("D#1"), "sk": events.NewStringAttribute(sk)},
					NewImage: map[string]events.DynamoDBAttributeValue{name: events.NewStringAttribute(value)},
				})
				if (err == nil) != valid {
					t.Errorf("%s %s of %d bytes: %v", sk, name, len(value), err)
				}
			}
		}
	}
}

// A record of the stream has the old image and the new one.
func TestReadChange(t *testing.T) {
	user, err := id.New(id.User, time.Now(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	image := func(name string) map[string]events.DynamoDBAttributeValue {
		return map[string]events.DynamoDBAttributeValue{"id": events.NewStringAttribute(user), "doc": events.NewStringAttribute(name)}
	}
	keys := map[string]events.DynamoDBAttributeValue{"pk": events.NewStringAttribute("D#1"), "sk": events.NewStringAttribute("U#1")}
	c, err := stream.ReadChange(events.DynamoDBStreamRecord{Keys: keys, OldImage: image("old"), NewImage: image("new")})
	if err != nil || c.OldResource == nil || c.OldResource.Document != "old" || c.NewResource.Document != "new" || c.OldResource.Kind != table.User {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err := stream.ReadChange(events.DynamoDBStreamRecord{Keys: keys, OldImage: image("old")}); err != nil || c != (stream.Change{}) {
		t.Errorf("a removal: %+v, %v", c, err)
	}
}

// The ids of a job are checked as those of other records are.
func TestReadJobChecksIDs(t *testing.T) {
	for _, name := range []string{"id", "dir", "subject"} {
		_, err := stream.ReadJob(events.DynamoDBStreamRecord{NewImage: map[string]events.DynamoDBAttributeValue{name: events.NewStringAttribute("a b")}})
		if err == nil {
			t.Errorf("%s: a job with an invalid id is read", name)
		}
	}
}
