package dynamo

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
)

const (
	// minRangeKeys is the smallest number of keys that a range read is tried for.
	minRangeKeys = 500
	// minRangeHits is how many keys a page of 1 MB must hold for the next page to be
	// read. A page costs 256 read units, an item read by key costs one.
	minRangeHits = 256
	// maxRangePage is about the number of small items in a page of 1 MB.
	maxRangePage = 3_000
)

// GetRange reads attributes of items of a partition by their sort keys, which are
// sorted and distinct: the range that they span, while that is cheaper than reading
// them by key. It returns the items that it found, and the sort keys that are left to
// be read by key. Few keys are all left. names are those of the projection, which has
// the sort key.
func (c *Client) GetRange(ctx context.Context, pk string, sorted []string, projection string, names map[string]string) (found []Item, rest []string, err error) {
	if len(sorted) < minRangeKeys {
		return nil, sorted, nil
	}
	in := Between(pk, sorted[0], sorted[len(sorted)-1])
	in.ProjectionExpression = aws.String(projection)
	in.ExpressionAttributeNames = names
	for {
		out, err := c.QueryPage(ctx, in, maxRangePage)
		if err != nil {
			return nil, nil, err
		}
		before := len(found)
		for _, i := range out.Items {
			var k Key
			if err := Unmarshal(i, &k); err != nil {
				return nil, nil, err
			}
			for len(sorted) > 0 && sorted[0] < k.SK {
				sorted = sorted[1:] // there is no such item
			}
			if len(sorted) > 0 && sorted[0] == k.SK {
				found, sorted = append(found, i), sorted[1:]
			}
		}
		switch {
		case out.LastEvaluatedKey == nil:
			return found, nil, nil
		case len(found)-before < minRangeHits:
			return found, sorted, nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}
