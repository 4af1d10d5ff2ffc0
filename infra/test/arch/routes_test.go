package arch_test

import (
	"slices"
	"strings"
	"testing"

	"dsync/infra/topology"
	"dsync/internal/api"
)

// What the gateway sends to the API is what the API has, and the reverse.
func TestRoutesOfTheAPI(t *testing.T) {
	f := topology.Dsync().Function("api")
	if f == nil {
		t.Fatal("the topology has no function api")
	}
	led := func(key, pattern string) bool {
		method, path, _ := strings.Cut(key, " ")
		base, greedy := strings.CutSuffix(path, "/{proxy+}")
		return method == "ANY" && (pattern == path || greedy && strings.HasPrefix(pattern, base+"/"))
	}
	for _, r := range api.Routes() {
		if !slices.ContainsFunc(f.Routes, func(key string) bool { return led(key, r.Pattern) }) {
			t.Errorf("%s: no route of the topology leads there", r.Pattern)
		}
	}
	for _, key := range f.Routes {
		base := strings.TrimSuffix(strings.TrimPrefix(key, "ANY "), "/{proxy+}")
		// A base without a route of its own answers as the API does: 404.
		if !slices.ContainsFunc(api.Routes(), func(r api.Route) bool { return led(key, r.Pattern) || strings.HasPrefix(r.Pattern, base+"/") }) {
			t.Errorf("%s: the API has nothing there", key)
		}
	}
}
