package session_test

import (
	"crypto/rand"
	"fmt"
	"sync"
	"testing"
	"time"

	"dsync/internal/id"
	"dsync/internal/session"
)

// Of many imports of one id, in several directories at once, one succeeds.
func TestConcurrentImports(t *testing.T) {
	w := open(t)
	worlds := []world{w, w.connect(t), w.connect(t)}
	user, err := id.New(id.User, time.Now(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	results := map[string]int{}
	var mu sync.Mutex
	var wait sync.WaitGroup
	for i := range 12 {
		wait.Go(func() {
			w := worlds[i%len(worlds)]
			_, err := w.session.Import(t.Context(), session.Users, user, map[string]any{"userName": fmt.Sprint(i)}, nil)
			mu.Lock()
			defer mu.Unlock()
			results[problem(err)]++
		})
	}
	wait.Wait()
	if results[""] != 1 || results["conflict: uniqueness"] != 11 {
		t.Errorf("%v", results)
	}
}
