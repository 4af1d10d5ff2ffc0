package faults

import (
	"net/http"
	"sync"
	"time"
)

// What a partition key can do in a second (DynamoDB Developer Guide, "Best
// practices for designing and using partition keys effectively").
const (
	WriteUnitsPerSecond = 1000
	ReadUnitsPerSecond  = 3000
)

// throughput throttles the partition keys that are used more than they can
// serve. A write costs what its item does, a read what it returned; an update or
// a deletion counts as one unit, because its item is not in the request.
type throughput struct {
	now func() time.Time

	mu     sync.Mutex
	levels map[levelKey]*level
	write  float64
	read   float64
}

type levelKey struct {
	partition string
	write     bool
}

// level is the number of units that are left. It may become negative: a call is
// served while units are left.
type level struct {
	units float64
	at    time.Time
}

// Throughput throttles a partition key that is used more than write and read
// units a second. Unused units of one second are kept.
func Throughput(write, read int, now func() time.Time) Fault {
	return &throughput{now: now, levels: map[levelKey]*level{}, write: float64(write), read: float64(read)}
}

func (t *throughput) Name() string { return HotPartitions }

func (t *throughput) Answer(c Call, fire bool, _ *Dice, next Send) (Answer, bool, error) {
	targets := c.Targets()
	hot := make([]bool, len(targets))
	some, all := false, len(targets) > 0
	for i, x := range targets {
		hot[i] = fire && t.left(x) <= 0
		some, all = some || hot[i], all && hot[i]
	}
	charged := func(c Call) (Answer, error) {
		a, err := next(c)
		t.charge(c, a)
		return a, err
	}
	switch c.Operation {
	case "TransactWriteItems", "TransactGetItems":
		if some {
			codes := make([]string, len(targets))
			for i := range codes {
				if codes[i] = none; hot[i] {
					codes[i] = throttledReason
				}
			}
			return cancelled(codes), true, nil
		}
	case "BatchWriteItem", "BatchGetItem":
		if some && !all {
			a, err := sendPart(c, charged, func(_ int, x Target) bool { return t.left(x) > 0 })
			return a, true, err
		}
	}
	if all {
		return refusal(throttledCode, "Throughput exceeds the current capacity of your table or index."), true, nil
	}
	a, err := charged(c)
	return a, false, err
}

func (t *throughput) left(x Target) float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.level(x).units
}

// level returns the level of the partition of an item. The caller holds the lock.
func (t *throughput) level(x Target) *level {
	limit := t.read
	if x.Write {
		limit = t.write
	}
	k, now := levelKey{x.Table + "/" + x.PartitionKey, x.Write}, t.now()
	l := t.levels[k]
	if l == nil {
		l = &level{limit, now}
		t.levels[k] = l
	}
	l.units, l.at = min(limit, l.units+limit*now.Sub(l.at).Seconds()), now
	return l
}

// Sizes of units, in bytes.
const (
	writeUnit = 1024
	readUnit  = 4096
)

func units(bytes, size int) float64 { return float64(max(1, (bytes+size-1)/size)) }

// charge takes the units of an answered call.
func (t *throughput) charge(c Call, a Answer) {
	if a.Status != http.StatusOK {
		return
	}
	factor := 1.0
	switch {
	case c.Operation == "TransactWriteItems" || c.Operation == "TransactGetItems":
		factor = 2
	case !Writes(c) && !consistent(c):
		factor = 0.5
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	targets := c.Targets()
	for _, x := range targets {
		if x.Write {
			t.level(x).units -= factor * units(x.Size, writeUnit)
			continue
		}
		// What was read is spread over the items that the call names.
		t.level(x).units -= factor * units(a.size()/len(targets), readUnit)
	}
}

// consistent reports whether a read is strongly consistent.
func consistent(c Call) bool {
	for _, request := range object(c.Input["RequestItems"]) {
		if object(request)["ConsistentRead"] == true {
			return true
		}
	}
	return c.Input["ConsistentRead"] == true
}

// size returns the size of the items of an answer.
func (a Answer) size() (n int) {
	n += sizeOf(object(a.Output["Item"]))
	for _, i := range list(a.Output["Items"]) {
		n += sizeOf(object(i))
	}
	for _, items := range object(a.Output["Responses"]) {
		for _, i := range list(items) {
			n += sizeOf(object(i))
		}
	}
	return n
}
