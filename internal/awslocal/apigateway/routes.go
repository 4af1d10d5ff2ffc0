package apigateway

import (
	"fmt"
	"strings"
)

// route is a parsed route key of an HTTP API: a method or ANY, and a path. A
// path segment is exact text, a {parameter}, or, as the last segment, a
// {greedy+} parameter. The $default route has no segments and matches requests
// that no other route matches.
type route struct {
	key      string
	method   string
	segments []segment
}

type segment struct {
	kind kind
	text string // the exact text, or the parameter's name
}

// Segment kinds in the order of precedence in an HTTP API.
type kind int

const (
	exact kind = iota
	parameter
	greedy
)

const defaultRoute = "$default"

func parseRoute(key string) (route, error) {
	if key == defaultRoute {
		return route{key: key}, nil
	}
	method, path, ok := strings.Cut(key, " ")
	if !ok || method == "" || !strings.HasPrefix(path, "/") {
		return route{}, fmt.Errorf("%q is not a route key", key)
	}
	r := route{key: key, method: method}
	parts := strings.Split(path[1:], "/")
	for i, part := range parts {
		s := segment{exact, part}
		if name, ok := strings.CutPrefix(part, "{"); ok {
			name, ok = strings.CutSuffix(name, "}")
			s = segment{parameter, name}
			if all, isGreedy := strings.CutSuffix(name, "+"); isGreedy {
				s = segment{greedy, all}
				ok = ok && i == len(parts)-1
			}
			if !ok || s.text == "" {
				return route{}, fmt.Errorf("%q is not a route key", key)
			}
		}
		if part == "" && path != "/" {
			return route{}, fmt.Errorf("%q: a path must not have empty segments", key)
		}
		r.segments = append(r.segments, s)
	}
	return r, nil
}

// match reports whether the route matches a request, and returns the path
// parameters. A greedy parameter matches the rest of the path. The rest can be
// empty, so a greedy route also matches a trailing slash.
func (r route) match(method, path string) (map[string]string, bool) {
	if r.key == defaultRoute {
		return nil, true
	}
	if r.method != "ANY" && r.method != method || !strings.HasPrefix(path, "/") {
		return nil, false
	}
	parts := strings.Split(path[1:], "/")
	var params map[string]string
	set := func(name, value string) {
		if params == nil {
			params = map[string]string{}
		}
		params[name] = value
	}
	for i, s := range r.segments {
		switch {
		case i >= len(parts):
			return nil, false
		case s.kind == greedy:
			set(s.text, strings.Join(parts[i:], "/"))
			return params, true
		case s.kind == exact && parts[i] != s.text, s.kind == parameter && parts[i] == "":
			return nil, false
		case s.kind == parameter:
			set(s.text, parts[i])
		}
	}
	return params, len(parts) == len(r.segments)
}

// compare orders routes by precedence: segment by segment from the left, exact
// before parameter before greedy; then a method before ANY; $default last.
func compare(a, b route) int {
	if (a.key == defaultRoute) != (b.key == defaultRoute) {
		if b.key == defaultRoute {
			return -1
		}
		return 1
	}
	for i := range min(len(a.segments), len(b.segments)) {
		if d := a.segments[i].kind - b.segments[i].kind; d != 0 {
			return int(d)
		}
	}
	if d := len(b.segments) - len(a.segments); d != 0 {
		return d
	}
	switch {
	case a.method == b.method:
		return 0
	case b.method == "ANY":
		return -1
	case a.method == "ANY":
		return 1
	}
	return 0
}
