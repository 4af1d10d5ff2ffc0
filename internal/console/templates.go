package console

import (
	"embed"
	"errors"
	"html/template"
	"io/fs"
	"path"
	"strings"
	"time"

	"dsync/internal/scim"
)

//go:embed templates/*.html
var templateFiles embed.FS

// templates are the pages by name. Each has the layout and the components.
var templates = func() map[string]*template.Template {
	files, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		panic(err)
	}
	shared := template.Must(template.New("").Funcs(functions).ParseFS(templateFiles, "templates/layout.html", "templates/components.html"))
	all := map[string]*template.Template{}
	for _, file := range files {
		name := strings.TrimSuffix(path.Base(file), ".html")
		if name != "layout" && name != "components" {
			all[name] = template.Must(template.Must(shared.Clone()).ParseFS(templateFiles, file))
		}
	}
	return all
}()

var functions = template.FuncMap{
	"asset": func(name string) string { return assets[name].path },
	"text":  visible,
	"ago":   ago,
	"until": until,
	"json":  func(s string) string { return printable(s, maxJSON, "\n") },
	"dict":  dict,
	"list":  func(items ...any) []any { return items },
	// The exact value of a time, for programs and for hovering.
	"instant": scim.Timestamp,
	"utc":     func(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04:05 UTC") },
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
