package api

import (
	"slices"
	"strings"
)

// Route is what the API does with one method of one path.
type Route struct {
	Method string
	// Pattern is the path. {name} stands for one segment, and {name+} at the
	// end for all that is left.
	Pattern    string
	Scope      string // that the key must have; Public needs none
	Parameters []Parameter
	Body       []Field
	Status     int    // of success
	Answer     string // the object that is answered; "" for none
	List       bool   // a list of such objects
	About      string
	serve      func(*request) (answer, error)
}

// Public is the scope of what is answered to whoever asks.
const Public = "public"

// Routes are all routes.
func Routes() []Route { return slices.Clone(routes) }

var routes = slices.Concat(organizationRoutes, directoryRoutes, tokenRoutes, consumerRoutes, eventRoutes, keyRoutes, documentRoutes)

// byPattern are the routes of a path by method.
var byPattern = func() map[string]map[string]Route {
	all := map[string]map[string]Route{}
	for _, r := range routes {
		if all[r.Pattern] == nil {
			all[r.Pattern] = map[string]Route{}
		}
		all[r.Pattern][r.Method] = r
	}
	return all
}()

// find is the pattern of a path, its routes by method, and what stands for the
// parameters of the pattern; nil if there are none.
func find(path string) (pattern string, methods map[string]Route, parameters map[string]string) {
	for pattern, methods := range byPattern {
		if parameters, ok := match(pattern, path); ok {
			return pattern, methods, parameters
		}
	}
	return "", nil, nil
}

// match takes a path apart as the pattern says. A slash may trail.
func match(pattern, path string) (map[string]string, bool) {
	parameters := map[string]string{}
	pattern, path = strings.TrimPrefix(pattern, "/"), strings.TrimPrefix(path, "/")
	for pattern != "" {
		var want, is string
		want, pattern, _ = strings.Cut(pattern, "/")
		if name, all := strings.CutSuffix(want, "+}"); all {
			parameters[name[1:]] = path
			return parameters, path != ""
		}
		is, path, _ = strings.Cut(path, "/")
		switch {
		case is == "":
			return nil, false
		case strings.HasPrefix(want, "{"):
			parameters[strings.Trim(want, "{}")] = is
		case want != is:
			return nil, false
		}
	}
	return parameters, path == ""
}
