package chaos

import (
	"strings"

	"dsync/internal/awslocal/faults"
)

// Sabotage is a mechanism that is switched off. A campaign with it must fail;
// its tests show that the checks see what they promise to see.
type Sabotage string

// The sabotages.
const (
	// IgnoresFence makes the writes of the heads of the log unconditional.
	IgnoresFence Sabotage = "ignores the fence of the log"
	// IgnoresClaims makes the writes of event records unconditional.
	IgnoresClaims Sabotage = "ignores the claims of events"
	// IgnoresDeletions hides from the functions that a record is deleted.
	IgnoresDeletions Sabotage = "ignores deletions"
	// FailsOnPoison fails each batch that has a poison record.
	FailsOnPoison Sabotage = "fails on poison"
	// RevivesTokens restores the tokens as they were before some were revoked.
	RevivesTokens Sabotage = "revives revoked tokens"
	// ForgetsOldStream does not read the rest of the stream before the restore.
	ForgetsOldStream Sabotage = "forgets the old stream"
	// ServesInTurn processes all batches one after the other, and those of an
	// attacker slowly.
	ServesInTurn Sabotage = "serves in turn"
	// LosesSequence delivers an event with another sequence than the log has.
	LosesSequence Sabotage = "loses the sequence"
)

// rules returns the rules of the proxy that switch a mechanism off.
func (s Sabotage) rules() []faults.Rule {
	key := func(prefix string) func(faults.Target) bool {
		return func(t faults.Target) bool { return strings.HasPrefix(t.PartitionKey, prefix) }
	}
	heads := func(t faults.Target) bool {
		return t.SortKey == "HEAD" && (strings.HasPrefix(t.PartitionKey, "L#") || strings.HasPrefix(t.PartitionKey, "EL#"))
	}
	resources := func(t faults.Target) bool {
		return strings.HasPrefix(t.PartitionKey, "D#") && (strings.HasPrefix(t.SortKey, "U#") || strings.HasPrefix(t.SortKey, "G#"))
	}
	switch s {
	case IgnoresFence:
		return []faults.Rule{{Fault: faults.IgnoreConditions(heads)}}
	case IgnoresClaims:
		return []faults.Rule{{Fault: faults.IgnoreConditions(key("E#"))}}
	case IgnoresDeletions:
		return []faults.Rule{{Fault: faults.HideAttributes(resources, "deleted", "hidden"), When: faults.Operations("BatchGetItem")}}
	}
	return nil
}
