package faults

import (
	"cmp"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// staleIndex answers queries of the index as of an earlier time. It sees the
// writes that pass the transport, and takes those younger than the lag out of
// the answers. Writes of other clients are in the answers at once.
type staleIndex struct {
	lag time.Duration
	now func() time.Time

	mu      sync.Mutex
	changes map[string][]change // table and partition of the index → oldest first
}

// change is an entry of the index that appeared or disappeared.
type change struct {
	at      time.Time
	entry   entry
	appears bool
}

// entry is an entry of a keys-only index.
type entry struct{ pk, sk, indexPK, indexSK string }

func entryOf(item map[string]any) entry {
	return entry{
		attribute(item, keyNames.PartitionKey), attribute(item, keyNames.SortKey),
		attribute(item, keyNames.Index.PartitionKey), attribute(item, keyNames.Index.SortKey),
	}
}

func (e entry) item() map[string]any {
	s := func(v string) any { return map[string]any{"S": v} }
	return map[string]any{
		keyNames.PartitionKey: s(e.pk), keyNames.SortKey: s(e.sk),
		keyNames.Index.PartitionKey: s(e.indexPK), keyNames.Index.SortKey: s(e.indexSK),
	}
}

// StaleIndex answers a query of the index as it was before the lag, if a change
// of that time matters.
func StaleIndex(lag time.Duration, now func() time.Time) Fault {
	return &staleIndex{lag: lag, now: now, changes: map[string][]change{}}
}

func (s *staleIndex) Name() string { return StaleIndexes }
func (s *staleIndex) possible(c Call) bool {
	return c.Operation == "Query" && c.Input["IndexName"] != nil
}

func (s *staleIndex) Answer(c Call, fire bool, _ *Dice, next Send) (Answer, bool, error) {
	switch {
	case Writes(c):
		a, err := s.observe(c, next)
		return a, false, err
	case fire:
		return s.query(c, next)
	}
	a, err := next(c)
	return a, false, err
}

// observe sends a write and notes the entries that it changes. It reads the items
// before, and after an update of an index key.
func (s *staleIndex) observe(c Call, next Send) (Answer, error) {
	before, err := entries(c.Targets(), next)
	if err != nil {
		return Answer{}, err
	}
	a, err := next(c)
	if err != nil {
		return a, err // the write may have had its effect; the answers then are not stale
	}
	if a.Status != http.StatusOK {
		return a, nil
	}
	unprocessed := map[entry]bool{}
	for _, t := range (Call{c.Operation, map[string]any{"RequestItems": a.Output["UnprocessedItems"]}}).Targets() {
		unprocessed[entry{pk: t.PartitionKey, sk: t.SortKey}] = true
	}
	for _, t := range c.Targets() {
		k := entry{pk: t.PartitionKey, sk: t.SortKey}
		old, updated := before[k], entryOf(t.item)
		switch {
		case unprocessed[k]:
			continue
		case t.updates && strings.Contains(t.expression, keyNames.Index.PartitionKey):
			after, err := entries([]Target{t}, next)
			if err != nil {
				return a, err
			}
			updated = after[k]
		case !t.deletes && t.item == nil: // another update, or a condition
			continue
		case t.deletes:
			updated = entry{}
		}
		if old.indexPK == updated.indexPK && old.indexSK == updated.indexSK {
			continue
		}
		s.remember(t.Table, old, false)
		s.remember(t.Table, updated, true)
	}
	return a, nil
}

func (s *staleIndex) remember(table string, e entry, appears bool) {
	if e.indexPK == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k := table + "/" + e.indexPK
	s.changes[k] = append(s.young(k), change{s.now(), e, appears})
}

// young returns the changes of a partition that are younger than the lag. The
// caller holds the lock.
func (s *staleIndex) young(partition string) []change {
	now := s.now()
	return slices.DeleteFunc(s.changes[partition], func(c change) bool { return now.Sub(c.at) >= s.lag })
}

// entries reads the entries of items, by their primary keys.
func entries(targets []Target, next Send) (map[entry]entry, error) {
	found := map[entry]entry{}
	keys := map[string]any{}
	for _, t := range targets {
		k := entry{pk: t.PartitionKey, sk: t.SortKey}
		if _, known := found[k]; known {
			continue
		}
		found[k] = entry{}
		item := k.item()
		delete(item, keyNames.Index.PartitionKey)
		delete(item, keyNames.Index.SortKey)
		request := object(keys[t.Table])
		keys[t.Table] = map[string]any{"ConsistentRead": true, "Keys": append(list(request["Keys"]), item)}
	}
	for len(keys) > 0 {
		a, err := next(Call{"BatchGetItem", map[string]any{"RequestItems": keys}})
		if err != nil {
			return nil, err
		}
		if a.Status != http.StatusOK {
			return nil, fmt.Errorf("faults: read the items of a write: %v", a.Output)
		}
		for _, items := range object(a.Output["Responses"]) {
			for _, i := range list(items) {
				e := entryOf(object(i))
				found[entry{pk: e.pk, sk: e.sk}] = e
			}
		}
		keys = object(a.Output["UnprocessedKeys"])
	}
	return found, nil
}

// query answers a query of the index without the young changes.
func (s *staleIndex) query(c Call, next Send) (Answer, bool, error) {
	k := c.condition()
	s.mu.Lock()
	partition := text(c.Input["TableName"]) + "/" + k.partition
	s.changes[partition] = s.young(partition)
	young := slices.Clone(s.changes[partition])
	s.mu.Unlock()
	relevant := func(e entry) bool { return k.holds(e.indexSK) }
	if !slices.ContainsFunc(young, func(x change) bool { return relevant(x.entry) }) {
		a, err := next(c)
		return a, false, err
	}
	now, err := wholePartition(c, next)
	if err != nil {
		return Answer{}, false, err
	}
	for _, x := range slices.Backward(young) {
		if delete(now, x.entry); !x.appears {
			now[x.entry] = true
		}
	}
	var all []entry
	for e := range now {
		if relevant(e) {
			all = append(all, e)
		}
	}
	return page(c, all), true, nil
}

// wholePartition reads all entries of the partition that a query reads.
func wholePartition(c Call, next Send) (map[entry]bool, error) {
	all := map[entry]bool{}
	input := map[string]any{
		"TableName": c.Input["TableName"], "IndexName": c.Input["IndexName"],
		"KeyConditionExpression":    keyNames.Index.PartitionKey + " = :p",
		"ExpressionAttributeValues": map[string]any{":p": map[string]any{"S": c.condition().partition}},
	}
	for {
		a, err := next(Call{"Query", input})
		if err != nil {
			return nil, err
		}
		if a.Status != http.StatusOK {
			return nil, fmt.Errorf("faults: read the index: %v", a.Output)
		}
		for _, i := range list(a.Output["Items"]) {
			all[entryOf(object(i))] = true
		}
		if a.Output["LastEvaluatedKey"] == nil {
			return all, nil
		}
		input["ExclusiveStartKey"] = a.Output["LastEvaluatedKey"]
	}
}

// page returns the answer to a query that has these entries.
func page(c Call, all []entry) Answer {
	order := func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.indexSK, b.indexSK), cmp.Compare(a.pk, b.pk), cmp.Compare(a.sk, b.sk))
	}
	if c.Input["ScanIndexForward"] == false {
		forward := order
		order = func(a, b entry) int { return -forward(a, b) }
	}
	slices.SortFunc(all, order)
	if start := object(c.Input["ExclusiveStartKey"]); start != nil {
		after := entryOf(start)
		all = slices.DeleteFunc(all, func(e entry) bool { return order(e, after) <= 0 })
	}
	out := map[string]any{}
	if limit, set := number(c.Input["Limit"]); set && limit <= len(all) {
		all = all[:limit]
		out["LastEvaluatedKey"] = all[limit-1].item()
	}
	items := make([]any, len(all))
	for i, e := range all {
		items[i] = e.item()
	}
	out["Count"], out["ScannedCount"] = len(all), len(all)
	if c.Input["Select"] != "COUNT" {
		out["Items"] = items
	}
	if c.Input["ReturnConsumedCapacity"] != nil {
		out["ConsumedCapacity"] = map[string]any{"TableName": c.Input["TableName"], "CapacityUnits": 0.5}
	}
	return Answer{http.StatusOK, out}
}

// keyCondition is the condition of a query on its keys.
type keyCondition struct {
	partition string
	operator  string // "", BETWEEN, begins_with, =, <, <=, >, >=
	values    []string
}

var (
	equality    = regexp.MustCompile(`^\s*(\w+)\s*(=|<=|>=|<|>)\s*(:\w+)\s*$`)
	betweenTwo  = regexp.MustCompile(`^\s*(\w+)\s+BETWEEN\s+(:\w+)\s+AND\s+(:\w+)\s*$`)
	beginsWith  = regexp.MustCompile(`^\s*begins_with\s*\(\s*(\w+)\s*,\s*(:\w+)\s*\)\s*$`)
	conjunction = regexp.MustCompile(`\s+AND\s+`)
)

// condition reads the condition of a query. The partition key comes first. It
// panics for a form that package table does not use.
func (c Call) condition() (k keyCondition) {
	values := object(c.Input["ExpressionAttributeValues"])
	value := func(name string) string { return text(object(values[name])["S"]) }
	expression := text(c.Input["KeyConditionExpression"])
	parts := conjunction.Split(expression, 2)
	first := equality.FindStringSubmatch(parts[0])
	if first == nil || first[2] != "=" {
		panic("faults: key condition " + expression)
	}
	k.partition = value(first[3])
	if len(parts) == 1 {
		return k
	}
	if m := betweenTwo.FindStringSubmatch(parts[1]); m != nil {
		k.operator, k.values = "BETWEEN", []string{value(m[2]), value(m[3])}
	} else if m := beginsWith.FindStringSubmatch(parts[1]); m != nil {
		k.operator, k.values = "begins_with", []string{value(m[2])}
	} else if m := equality.FindStringSubmatch(parts[1]); m != nil {
		k.operator, k.values = m[2], []string{value(m[3])}
	} else {
		panic("faults: key condition " + expression)
	}
	return k
}

// holds reports whether a sort key fulfils the condition.
func (k keyCondition) holds(sort string) bool {
	switch k.operator {
	case "BETWEEN":
		return k.values[0] <= sort && sort <= k.values[1]
	case "begins_with":
		return strings.HasPrefix(sort, k.values[0])
	case "=":
		return sort == k.values[0]
	case "<":
		return sort < k.values[0]
	case "<=":
		return sort <= k.values[0]
	case ">":
		return sort > k.values[0]
	case ">=":
		return sort >= k.values[0]
	}
	return true
}
