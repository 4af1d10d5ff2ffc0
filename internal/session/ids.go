package session

import (
	"context"
	"errors"
	"iter"
	"slices"

	"dsync/internal/table"
)

// idSequence iterates over ids in ascending order, each once, after an id; "" is
// from the first. It ends with the first error.
type idSequence func(last string) iter.Seq2[string, error]

// listed is a sequence of ids in any order.
func listed(ids []string) idSequence {
	slices.Sort(ids)
	ids = slices.Compact(ids)
	return func(last string) iter.Seq2[string, error] {
		return func(yield func(string, error) bool) {
			i, found := slices.BinarySearch(ids, last)
			if found {
				i++
			}
			for _, id := range ids[i:] {
				if !yield(id, nil) {
					return
				}
			}
		}
	}
}

// membersOf is a sequence of the ids of the users in a group: none, if there is no
// such group.
func (s *Session) membersOf(ctx context.Context, group string) (idSequence, error) {
	record, err := s.table.Resource(ctx, table.Group, s.directoryID, group)
	if errors.Is(err, table.ErrNotFound) {
		return listed(nil), nil
	}
	return func(last string) iter.Seq2[string, error] {
		return func(yield func(string, error) bool) {
			for m, err := range s.table.Members(ctx, s.directoryID, group, last) {
				if err == nil && m.Version < record.Emptied {
					continue
				}
				if !yield(m.UserID, err) || err != nil {
					return
				}
			}
		}
	}, err
}

// merge is a sequence of the ids of all sequences.
func merge(sequences ...idSequence) idSequence {
	if len(sequences) == 1 {
		return sequences[0]
	}
	return func(last string) iter.Seq2[string, error] {
		return func(yield func(string, error) bool) {
			heads := make([]head, len(sequences))
			for i, sequence := range sequences {
				next, stop := iter.Pull2(sequence(last))
				defer stop()
				heads[i].next = next
				heads[i].advance()
			}
			for {
				least := ""
				for _, h := range heads {
					if h.err != nil {
						yield("", h.err)
						return
					}
					if h.more && (least == "" || h.id < least) {
						least = h.id
					}
				}
				if least == "" || !yield(least, nil) {
					return
				}
				for i := range heads {
					if heads[i].more && heads[i].id == least {
						heads[i].advance()
					}
				}
			}
		}
	}
}

// head is the next id of a sequence, if there is more.
type head struct {
	next func() (string, error, bool)
	id   string
	err  error
	more bool
}

func (h *head) advance() { h.id, h.err, h.more = h.next() }
