package apigateway

import (
	"fmt"
	"strings"
)

// route is one route key of an HTTP API: a method (or ANY) and a path whose
// segments are exact, {parameters}, or a last {greedy+} one. The $default
// route has no segments and takes what nothing else does.
type route struct {
	key      string
	method   string
	segments []segment
}

type segment struct {
	kind kind
	text string // the exact text, or the parameter's name
}

// Kinds in the order in which an HTTP API prefers them.
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
			return route{}, fmt.Errorf("%q: a path does not have empty segments", key)
		}
		r.segments = append(r.segments, s)
	}
	return r, nil
}

// match says whether the route takes a request, and with which path
// parameters. A greedy parameter takes the rest of the path, also an empty
// one, so that it catches a trailing slash.
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

// compare orders routes by how specific they are, the most specific first:
// exact before parameter before greedy from the left, a method before ANY,
// $default last.
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
