package setup

import (
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"path"
	"regexp"
	"strings"
)

//go:embed texts/*.json
var textFiles embed.FS

// Texts are the texts of one language by key. *x* is a word of Entra's portal, `x` is
// something to type, {0} is an argument.
type Texts struct {
	Language string // en
	byKey    map[string]string
}

// fallback is the language of whoever prefers none that there is.
const fallback = "en"

// languages are all languages by their tag.
var languages = func() map[string]Texts {
	files, err := textFiles.ReadDir("texts")
	if err != nil {
		panic(err)
	}
	all := map[string]Texts{}
	for _, f := range files {
		b, err := textFiles.ReadFile("texts/" + f.Name())
		if err != nil {
			panic(err)
		}
		t := Texts{Language: strings.TrimSuffix(path.Base(f.Name()), ".json")}
		if err := json.Unmarshal(b, &t.byKey); err != nil {
			panic(fmt.Sprintf("%s: %v", f.Name(), err))
		}
		all[t.Language] = t
	}
	return all
}()

// Languages are the tags with the names of the languages in themselves.
func (Texts) Languages() map[string]string {
	names := map[string]string{}
	for tag, t := range languages {
		names[tag] = t.byKey["language"]
	}
	return names
}

// Text is a text without marks, with its arguments.
func (t Texts) Text(key string, arguments ...any) string {
	return strings.NewReplacer("*", "", "`", "").Replace(t.filled(key, arguments))
}

// Has reports whether there is a text.
func (t Texts) Has(key string) bool { return t.byKey[key] != "" }

func (t Texts) filled(key string, arguments []any) string {
	text, ok := t.byKey[key]
	if !ok {
		return key
	}
	for i, a := range arguments {
		text = strings.ReplaceAll(text, fmt.Sprintf("{%d}", i), fmt.Sprint(a))
	}
	return text
}

var (
	portalWord = regexp.MustCompile(`\*([^*]+)\*`)
	typed      = regexp.MustCompile("`([^`]+)`")
)

// HTML is a text with its marks. Its arguments are escaped.
func (t Texts) HTML(key string, arguments ...any) template.HTML {
	escaped := template.HTMLEscapeString(t.byKey[key])
	escaped = typed.ReplaceAllString(portalWord.ReplaceAllString(escaped, "<em>$1</em>"), "<code>$1</code>")
	for i, a := range arguments {
		escaped = strings.ReplaceAll(escaped, fmt.Sprintf("{%d}", i), template.HTMLEscapeString(fmt.Sprint(a)))
	}
	return template.HTML(escaped)
}

// List are the texts key.1, key.2 and so on.
func (t Texts) List(key string) []string {
	var keys []string
	for n := 1; t.Has(fmt.Sprintf("%s.%d", key, n)); n++ {
		keys = append(keys, fmt.Sprintf("%s.%d", key, n))
	}
	return keys
}
