package faults

import (
	"net/http"
	"time"
)

// The names of the faults.
const (
	Throttling    = "call throttled"
	Conflicts     = "transaction conflict"
	Unprocessing  = "items left unprocessed"
	ShortPages    = "page cut short"
	TimeoutBefore = "time-out before the effect"
	TimeoutAfter  = "time-out after the effect"
	ServerErrors  = "internal server error"
	StaleIndexes  = "stale index answer"
	HotPartitions = "hot partition throttled"

	UnmetConditions  = "condition ignored"
	HiddenAttributes = "attributes hidden"
)

// throttledCode is the error of a table with on-demand capacity whose partition
// is busy. In a transaction it is a reason of the cancellation.
const (
	throttledCode   = "ProvisionedThroughputExceededException"
	throttledReason = "ThrottlingError"
)

// Throttle refuses a call for its rate. A transaction is cancelled because of
// one of its actions.
func Throttle() Fault {
	return stateless{Throttling, nil, func(c Call, dice *Dice, _ Send) (Answer, error) {
		if c.Operation == "TransactWriteItems" || c.Operation == "TransactGetItems" {
			return cancelledBy(c, throttledReason, dice), nil
		}
		if dice.Below(2) == 0 {
			return refusal("ThrottlingException", "injected"), nil
		}
		return refusal(throttledCode, "injected"), nil
	}}
}

// Conflict refuses a write because a transaction on the item is in progress.
func Conflict() Fault {
	can := Operations("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "TransactGetItems")
	return stateless{Conflicts, can, func(c Call, dice *Dice, _ Send) (Answer, error) {
		if c.Operation == "TransactWriteItems" || c.Operation == "TransactGetItems" {
			return cancelledBy(c, "TransactionConflict", dice), nil
		}
		return refusal("TransactionConflictException", "injected"), nil
	}}
}

// cancelledBy cancels a transaction because of one of its actions.
func cancelledBy(c Call, reason string, dice *Dice) Answer {
	codes := make([]string, len(list(c.Input["TransactItems"])))
	for i := range codes {
		codes[i] = none
	}
	codes[dice.Below(len(codes))] = reason
	return cancelled(codes)
}

// InternalError answers with a server error. Half of the time the call had its
// effect.
func InternalError() Fault {
	return stateless{ServerErrors, nil, func(c Call, dice *Dice, next Send) (Answer, error) {
		if dice.Below(2) == 0 {
			if a, err := next(c); err != nil || a.Status != http.StatusOK {
				return a, err
			}
		}
		a := refusal("InternalServerError", "injected")
		a.Status = http.StatusInternalServerError
		return a, nil
	}}
}

// LoseCall is a time-out of a call that did not reach DynamoDB.
func LoseCall() Fault {
	return stateless{TimeoutBefore, nil, func(Call, *Dice, Send) (Answer, error) { return Answer{}, timeout{} }}
}

// LoseAnswer is a time-out of a call that had its effect.
func LoseAnswer() Fault {
	return stateless{TimeoutAfter, nil, func(c Call, _ *Dice, next Send) (Answer, error) {
		if _, err := next(c); err != nil {
			return Answer{}, err
		}
		return Answer{}, timeout{}
	}}
}

// CutPage answers a query with at most n items and a key to continue.
func CutPage(n int) Fault {
	can := func(c Call) bool {
		limit, set := number(c.Input["Limit"])
		return (c.Operation == "Query" || c.Operation == "Scan") && (!set || limit > n)
	}
	return stateless{ShortPages, can, func(c Call, _ *Dice, next Send) (Answer, error) { return next(c.with("Limit", n)) }}
}

// Unprocessed processes some of the items of a batch, at least one, and returns
// the others.
func Unprocessed() Fault {
	can := func(c Call) bool {
		return (c.Operation == "BatchWriteItem" || c.Operation == "BatchGetItem") && len(c.Targets()) > 1
	}
	return stateless{Unprocessing, can, func(c Call, dice *Dice, next Send) (Answer, error) {
		keep := dice.Below(len(c.Targets()))
		return sendPart(c, next, func(i int, _ Target) bool { return i == keep || dice.Below(2) == 0 })
	}}
}

// sendPart sends the items of a batch that process selects, and answers that the
// others are unprocessed. The order of items is that of Targets for each table.
func sendPart(c Call, next Send, process func(i int, t Target) bool) (Answer, error) {
	sent, left := map[string]any{}, map[string]any{}
	n := 0
	for table, requests := range object(c.Input["RequestItems"]) {
		elements := list(requests)
		if c.Operation == "BatchGetItem" {
			elements = list(object(requests)["Keys"])
		}
		var now, later []any
		for _, e := range elements {
			one := Call{c.Operation, map[string]any{"RequestItems": map[string]any{table: c.rewrap(requests, []any{e})}}}
			if process(n, one.Targets()[0]) {
				now = append(now, e)
			} else {
				later = append(later, e)
			}
			n++
		}
		if len(now) > 0 {
			sent[table] = c.rewrap(requests, now)
		}
		if len(later) > 0 {
			left[table] = c.rewrap(requests, later)
		}
	}
	a, err := next(c.with("RequestItems", sent))
	if err != nil || a.Status != http.StatusOK {
		return a, err
	}
	unprocessed := "UnprocessedItems"
	if c.Operation == "BatchGetItem" {
		unprocessed = "UnprocessedKeys"
	}
	a.Output[unprocessed] = left
	return a, nil
}

// rewrap returns the requests of a table in a batch with other elements.
func (c Call) rewrap(requests any, elements []any) any {
	if c.Operation == "BatchWriteItem" {
		return elements
	}
	return Call{Input: object(requests)}.with("Keys", elements).Input
}

// IgnoreConditions makes writes of some items unconditional. DynamoDB never does
// that: a test shows with it that a promise depends on the condition.
func IgnoreConditions(of func(Target) bool) Fault {
	return stateless{UnmetConditions, Operations("TransactWriteItems", "PutItem", "UpdateItem"), func(c Call, _ *Dice, next Send) (Answer, error) {
		ignore := func(write map[string]any, from string) map[string]any {
			condition := text(write["ConditionExpression"])
			if condition == "" || !of(target(write, from, Target{Write: true})) {
				return write
			}
			// The values of the condition must stay in use.
			return Call{Input: write}.with("ConditionExpression", "("+condition+") OR attribute_not_exists(noSuchAttribute)").Input
		}
		if c.Operation != "TransactWriteItems" {
			from := "Key"
			if c.Operation == "PutItem" {
				from = "Item"
			}
			return next(Call{c.Operation, ignore(c.Input, from)})
		}
		actions := []any{}
		for _, action := range list(c.Input["TransactItems"]) {
			changed := map[string]any{}
			for kind, write := range object(action) {
				from := "Key"
				if kind == "Put" {
					from = "Item"
				}
				changed[kind] = ignore(object(write), from)
			}
			actions = append(actions, changed)
		}
		return next(c.with("TransactItems", actions))
	}}
}

// HideAttributes removes attributes from the items of answers. DynamoDB never
// does that: see IgnoreConditions.
func HideAttributes(of func(Target) bool, names ...string) Fault {
	hide := func(items ...any) {
		for _, i := range items {
			item := object(i)
			if !of(target(map[string]any{"Key": item}, "Key", Target{})) {
				continue
			}
			for _, name := range names {
				delete(item, name)
			}
		}
	}
	return stateless{HiddenAttributes, Operations("GetItem", "BatchGetItem", "Query"), func(c Call, _ *Dice, next Send) (Answer, error) {
		a, err := next(c)
		if err != nil {
			return a, err
		}
		hide(a.Output["Item"])
		hide(list(a.Output["Items"])...)
		for _, items := range object(a.Output["Responses"]) {
			hide(list(items)...)
		}
		return a, nil
	}}
}

// Unkind returns rules for what DynamoDB may do at any time and DynamoDB Local does
// not. lag is how far an answer of the index can be behind.
func Unkind(lag time.Duration, now func() time.Time) []Rule {
	return []Rule{
		{Fault: StaleIndex(lag, now), Percent: 30},
		{Fault: LoseAnswer(), When: Writes, Percent: 1},
		{Fault: LoseCall(), Percent: 1},
		{Fault: InternalError(), Percent: 1},
		{Fault: Throttle(), Percent: 1},
		{Fault: Conflict(), Percent: 2},
		{Fault: Unprocessed(), Percent: 20},
		{Fault: CutPage(7), Percent: 10},
	}
}
