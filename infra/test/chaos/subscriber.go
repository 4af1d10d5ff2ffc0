package chaos

import (
	"encoding/json"
	"sync"
	"time"

	"dsync/internal/dsync"
)

// subscriber is a target of the bus. It stores every event.
type subscriber struct {
	mu    sync.Mutex
	all   []dsync.Event // in the order of delivery
	first map[fact]time.Time
}

func (s *subscriber) deliver(event json.RawMessage) error {
	var e struct{ Detail dsync.Event }
	if err := json.Unmarshal(event, &e); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, e.Detail)
	if s.first == nil {
		s.first = map[fact]time.Time{}
	}
	f := factOf(e.Detail)
	if _, known := s.first[f]; !known {
		s.first[f] = time.Now()
	}
	return nil
}

// arrived returns when the first event with that content arrived.
func (s *subscriber) arrived(f fact) (at time.Time, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok = s.first[f]
	return at, ok
}

// deliveries returns the events so far, in the order of delivery.
func (s *subscriber) deliveries() []dsync.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[:len(s.all):len(s.all)]
}
