package eventsource

import (
	"cmp"
	"context"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Faults is what DynamoDB Streams and Lambda may do, and what DynamoDB Local and
// a plain Mapping do not. All methods accept a nil receiver, which does nothing.
type Faults struct {
	Seed uint64 // of what differs between two runs: delays, order, repetitions
	// Siblings is the number of shards as which the shard of the stream is
	// presented, 0 or 1 to present it as it is. The items are split by the hash of
	// partition key and sort key, so items of one partition are in different
	// shards. Sequence numbers get the form of AWS: those of one shard grow by
	// about 10^20, and those of two shards have nothing in common. A record keeps
	// its event ID and its number when it is read again.
	Siblings int
	// SplitAfter is the mean number of records after which a sibling is split while
	// it is read. The records of the new ones follow after those of the old one.
	SplitAfter int
	// Delay is the longest delay of a batch. Siblings have different usual delays.
	Delay time.Duration
	// Shuffle is how far records of different items may exchange their places,
	// such as those of one transaction.
	Shuffle int
	// Poison is the percentage of records that are followed by a made-up record
	// with malformed content. Its item, and all ids in it, do not exist.
	Poison int
	// Twice is the percentage of batches that are delivered twice, half of them at
	// the same time.
	Twice int
	// OnFault is called for each fault with its name.
	OnFault func(fault string)

	once sync.Once
	mu   sync.Mutex
	dice *rand.Rand
}

// The names of the faults.
const (
	ShardSplit       = "sibling shard split"
	ShardDelayed     = "shard delayed"
	OrderChanged     = "records of different items reordered"
	PoisonRecord     = "poison record"
	TwiceInSequence  = "batch delivered twice in sequence"
	TwiceAtTheSame   = "batch delivered twice concurrently"
	percentDelayed   = 4
	usualDelayFactor = 50 // the usual delay of a sibling is at most this part of Delay
)

func (f *Faults) below(n int) int {
	f.once.Do(func() { f.dice = rand.New(rand.NewPCG(f.Seed, 3)) })
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dice.IntN(n)
}

func (f *Faults) tell(fault string) {
	if f.OnFault != nil {
		f.OnFault(fault)
	}
}

func (f *Faults) siblings() int {
	if f == nil {
		return 1
	}
	return max(1, f.Siblings)
}

func (f *Faults) splits() bool {
	if f == nil || f.SplitAfter == 0 || f.Siblings < 2 || f.below(f.SplitAfter) > 0 {
		return false
	}
	f.tell(ShardSplit)
	return true
}

func (f *Faults) usualDelay() time.Duration {
	if f == nil || f.Delay <= 0 {
		return 0
	}
	return time.Duration(f.below(int(f.Delay/usualDelayFactor) + 1))
}

// pause waits before a batch.
func (f *Faults) pause(ctx context.Context, usual time.Duration) error {
	if f == nil || f.Delay <= 0 {
		return nil
	}
	if f.below(100) < percentDelayed {
		f.tell(ShardDelayed)
		usual = time.Duration(f.below(int(f.Delay)))
	}
	return sleep(ctx, usual)
}

// repeat invokes the function a second time with a batch: now, at the same time
// as the first one, or when the returned function is called. The second response
// is ignored.
func (f *Faults) repeat(call func() ([]byte, error)) (after func()) {
	if f == nil || f.below(100) >= f.Twice {
		return func() {}
	}
	if f.below(2) == 0 {
		f.tell(TwiceInSequence)
		return func() { _, _ = call() }
	}
	f.tell(TwiceAtTheSame)
	var second sync.WaitGroup
	second.Go(func() { _, _ = call() })
	return second.Wait
}

// poisonAfter returns the made-up record that follows a record, or nil.
func (f *Faults) poisonAfter(r record) *record {
	if f == nil || int(hash(r.id+"poison")%100) >= f.Poison {
		return nil
	}
	f.tell(PoisonRecord)
	made := poison(r)
	return &made
}

// shuffle changes the order of a page and keeps that of each item.
func (f *Faults) shuffle(page []record) []record {
	if f == nil || f.Shuffle < 2 || len(page) < 2 {
		return page
	}
	type placed struct {
		record
		place int
	}
	places := make([]placed, len(page))
	last := map[uint64]int{} // item → place of its last record
	for i, r := range page {
		places[i] = placed{r, max(last[r.item], i+f.below(f.Shuffle))}
		last[r.item] = places[i].place
	}
	slices.SortStableFunc(places, func(a, b placed) int { return cmp.Compare(a.place, b.place) })
	f.tell(OrderChanged)
	for i, p := range places {
		page[i] = p.record
	}
	return page
}

// sequenceStep is the difference of two sequence numbers of one shard on AWS.
var sequenceStep = new(big.Int).Exp(big.NewInt(10), big.NewInt(20), nil)

// sequence returns the sequence number that a record is presented with: 21 to 40
// digits.
func (f *Faults) sequence(origin string, item uint64) string {
	n, err := strconv.ParseUint(origin, 10, 64)
	if f.siblings() == 1 || err != nil {
		return origin
	}
	part, _ := rootRange(1, f.Siblings)
	root := min(int(item/part), f.Siblings-1)
	// Each of the first siblings counts from another number, of 1 to 15 digits. The
	// ones that are split from it continue its numbers.
	base := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(root*5%16)), nil)
	base.Mul(base, big.NewInt(int64(hash(fmt.Sprint("root", root))%9+1)))
	sequence := base.Add(base, new(big.Int).SetUint64(n))
	sequence.Mul(sequence, sequenceStep)
	return sequence.Add(sequence, new(big.Int).SetUint64(hash(origin)%10_000_000_000)).String()
}
