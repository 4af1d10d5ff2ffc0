package relay

import "testing"

// A work gives its turn back when it is done, although the other works of its
// batch are in progress. Two works with one turn keep it until both are done.
func TestTurns(t *testing.T) {
	var all turns
	one, other := &work{directoryID: "directory_1"}, &work{directoryID: "directory_2"}
	if all.of(one) == all.of(other) {
		t.Fatal("the directories share a turn")
	}
	ready, busy, taken := all.take([]*work{one, other, {directoryID: one.directoryID}})
	if len(ready) != 3 || len(busy) != 0 {
		t.Fatalf("%d works have their turn and %d wait", len(ready), len(busy))
	}
	taken.release(other)
	taken.release(one)
	ready, busy, later := all.take([]*work{one, other})
	if len(ready) != 1 || ready[0] != other || len(busy) != 1 {
		t.Fatalf("ready %v, busy %v", ready, busy)
	}
	later.release(other)
	taken.release(one)
	if ready, _, _ := all.take([]*work{one}); len(ready) != 1 {
		t.Error("the turn was not given back")
	}
}
