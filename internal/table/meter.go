package table

import (
	"context"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Meter counts what the calls under a context cost, as the engine reports it.
// It is safe for concurrent use; read the fields when the calls are over.
type Meter struct {
	mu         sync.Mutex
	RoundTrips int
	ReadUnits  float64
	WriteUnits float64
}

type meterKey struct{}

// WithMeter returns a context whose calls are counted.
func WithMeter(ctx context.Context) (context.Context, *Meter) {
	m := &Meter{}
	return context.WithValue(ctx, meterKey{}, m), m
}

// metered asks the engine for the units of a call, if somebody counts them.
func metered(ctx context.Context) types.ReturnConsumedCapacity {
	if ctx.Value(meterKey{}) != nil {
		return types.ReturnConsumedCapacityTotal
	}
	return types.ReturnConsumedCapacityNone
}

// countRead counts one round trip that read. consumed is nil if it failed.
func countRead(ctx context.Context, consumed ...types.ConsumedCapacity) {
	if m, ok := ctx.Value(meterKey{}).(*Meter); ok {
		m.add(&m.ReadUnits, consumed)
	}
}

// countWrite counts one round trip that wrote.
func countWrite(ctx context.Context, consumed ...types.ConsumedCapacity) {
	if m, ok := ctx.Value(meterKey{}).(*Meter); ok {
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

// one makes a list of an optional value.
func one(c *types.ConsumedCapacity) []types.ConsumedCapacity {
	if c == nil {
		return nil
	}
	return []types.ConsumedCapacity{*c}
}
