package cache

import (
	"fmt"
	"sync"
	"testing"
)

func TestCache(t *testing.T) {
	c := New[string, int](3)
	if _, ok := c.Get("a"); ok || c.Len() != 0 {
		t.Error("an empty cache has an entry")
	}
	for i, k := range []string{"a", "b", "c"} {
		c.Put(k, i)
	}
	c.Put("b", 20) // no entry more
	if v, ok := c.Get("a"); !ok || v != 0 || c.Len() != 3 {
		t.Errorf("at the limit: %d, %v of %d", v, ok, c.Len())
	}
	// One above the limit: of c, b and a the use of c is longest ago.
	c.Put("d", 3)
	for k, want := range map[string]int{"a": 0, "b": 20, "d": 3} {
		if v, ok := c.Get(k); !ok || v != want {
			t.Errorf("%s is %d, %v, want %d", k, v, ok, want)
		}
	}
	if _, ok := c.Get("c"); ok || c.Len() != 3 {
		t.Errorf("above the limit: %d entries", c.Len())
	}
	c.DeleteFunc(func(_ string, v int) bool { return v < 10 })
	if v, ok := c.Get("b"); !ok || v != 20 || c.Len() != 1 {
		t.Errorf("after a deletion: %d, %v of %d", v, ok, c.Len())
	}
}

func TestConcurrentUse(t *testing.T) {
	c := New[string, int](10)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 1_000 {
				k := fmt.Sprint(i % 20)
				c.Put(k, i%20)
				if v, ok := c.Get(k); ok && v != i%20 {
					t.Errorf("%s is %d", k, v)
				}
				if i%100 == 0 {
					c.DeleteFunc(func(_ string, v int) bool { return v%2 == 0 })
				}
			}
		})
	}
	wg.Wait()
	if c.Len() > 10 {
		t.Errorf("%d entries", c.Len())
	}
}
