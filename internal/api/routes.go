package api

import (
	"slices"
	"strings"
)

// Route is one method of one path.
type Route struct {
	Method string
	// Pattern is the path. {name} matches one segment, and {name+} at the end the
	// rest of the path.
	Pattern    string
	Scope      string // that the API key must have, or Public
	Parameters []Parameter
	Body       []Field
	Status     int    // of success
	Object     string // name of the object in the response; "" for none
	List       bool   // the response is a list of such objects
	Summary    string
	serve      func(*request) (response, error)
}

// Public is the scope of routes that need no API key.
const Public = "public"

// Routes are all routes.
func Routes() []Route { return slices.Clone(routes) }

var routes = slices.Concat(organizationRoutes, directoryRoutes, tokenRoutes, userRoutes, eventRoutes, keyRoutes, consoleSessionRoutes, setupLinkRoutes, setupPageRoutes, auditRoutes, documentRoutes)

// path is a pattern with its routes by method.
type path struct {
	pattern string
	methods map[string]Route
}

// paths are all paths by their first segment. (http.ServeMux would serve HEAD
// where a GET is, and redirect external ids with "//" or ".." in them.)
var paths = func() map[string][]path {
	all := map[string][]path{}
	for _, r := range routes {
		first := firstSegment(r.Pattern)
		i := slices.IndexFunc(all[first], func(p path) bool { return p.pattern == r.Pattern })
		if i < 0 {
			i = len(all[first])
			all[first] = append(all[first], path{r.Pattern, map[string]Route{}})
		}
		all[first][i].methods[r.Method] = r
	}
	return all
}()

func firstSegment(path string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return first
}

// find finds the routes of the path of a request, and the values of the
// parameters of the pattern. It returns no methods if there are none.
func find(requestPath string) (path, map[string]string) {
	for _, p := range paths[firstSegment(requestPath)] {
		if parameters, ok := match(p.pattern, requestPath); ok {
			return p, parameters
		}
	}
	return path{}, nil
}

// match matches a path with a pattern. A trailing slash is ignored.
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
