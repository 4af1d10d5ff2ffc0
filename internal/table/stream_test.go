package table_test

import (
	"strings"
	"testing"

	"dsync/internal/table"

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
				_, err := table.ReadChange(events.DynamoDBStreamRecord{
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
