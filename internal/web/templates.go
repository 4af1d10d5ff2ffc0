package web

import (
	"embed"
	"errors"
	"html/template"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"dsync/internal/scim"
)

//go:embed templates/*.html
var componentFiles embed.FS

// parse returns the pages by name. Each has the components and what the site shares.
func parse(pages fs.FS, assets map[string]asset) map[string]*template.Template {
	functions := template.FuncMap{
		"asset":     func(name string) string { return assets[name].path },
		"integrity": func(name string) string { return assets[name].integrity },
		"text":      Visible,
		"ago":       Ago,
		"until":     Until,
		"json":      func(s string) string { return printable(s, maxJSON, "\n") },
		"quantity":  quantity,
		"dict":      dict,
		"list":      func(items ...any) []any { return items },
		// The exact value of a time, for programs and for hovering.
		"instant": scim.Timestamp,
		"utc":     func(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04:05 UTC") },
	}
	shared := template.Must(template.New("").Funcs(functions).ParseFS(componentFiles, "templates/*.html"))
	shared = template.Must(shared.ParseFS(pages, "shared/*.html"))
	files, err := fs.Glob(pages, "*.html")
	if err != nil {
		panic(err)
	}
	all := map[string]*template.Template{}
	for _, file := range files {
		all[strings.TrimSuffix(path.Base(file), ".html")] = template.Must(template.Must(shared.Clone()).ParseFS(pages, file))
	}
	return all
}

// quantity is a number with what there is of it.
func quantity(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.FormatInt(n, 10) + " " + many
}

// dict makes the argument of a component: names and values by turns.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, errors.New("dict: a name without a value")
	}
	d := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, errors.New("dict: a name that is no string")
		}
		d[name] = pairs[i+1]
	}
	return d, nil
}
