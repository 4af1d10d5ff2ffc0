package dynamo

import (
	"context"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Meter counts the cost of the calls under a context, as DynamoDB reports it.
// It is safe for concurrent use; read the fields when the calls have returned.
type Meter struct {
	mu         sync.Mutex
	RoundTrips int
	ReadUnits  float64 // read request units
	WriteUnits float64 // write request units
	outer      *Meter  // of the context around this one; nil for none
}

// Units are the read and write units so far.
func (m *Meter) Units() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ReadUnits + m.WriteUnits
}

type meterKey struct{}

// WithMeter returns a context whose calls are counted, and their meter. A meter
// that the context has already counts them, too.
func WithMeter(ctx context.Context) (context.Context, *Meter) {
	m := &Meter{}
	m.outer, _ = ctx.Value(meterKey{}).(*Meter)
	return context.WithValue(ctx, meterKey{}, m), m
}

// metered requests the consumed capacity of a call if the context has a meter.
func metered(ctx context.Context) types.ReturnConsumedCapacity {
	if ctx.Value(meterKey{}) != nil {
		return types.ReturnConsumedCapacityTotal
	}
	return types.ReturnConsumedCapacityNone
}

// countRead counts a round trip and the read units that it consumed.
func countRead(ctx context.Context, consumed ...types.ConsumedCapacity) {
	for m, _ := ctx.Value(meterKey{}).(*Meter); m != nil; m = m.outer {
		m.add(&m.ReadUnits, consumed)
	}
}

// countWrite counts a round trip and the write units that it consumed.
func countWrite(ctx context.Context, consumed ...types.ConsumedCapacity) {
	for m, _ := ctx.Value(meterKey{}).(*Meter); m != nil; m = m.outer {
		m.add(&m.WriteUnits, consumed)
	}
}

func (m *Meter) add(units *float64, consumed []types.ConsumedCapacity) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.RoundTrips++
	for _, c := range consumed {
		*units += aws.ToFloat64(c.CapacityUnits)
	}
}

// optional is a list of one value, or an empty list for nil.
func optional(c *types.ConsumedCapacity) []types.ConsumedCapacity {
	if c == nil {
		return nil
	}
	return []types.ConsumedCapacity{*c}
}
