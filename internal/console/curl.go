package console

import (
	"dsync/internal/web"
	"encoding/json"
	"strings"
)

// curl is the command that does with the REST API what a page does. body is
// anything that JSON has, nil for none.
func (r *request) curl(method, path string, body any) string {
	var command strings.Builder
	command.WriteString("curl ")
	if method != "GET" {
		command.WriteString("-X " + method + " ")
	}
	command.WriteString(`-H "Authorization: Bearer $API_KEY" `)
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			panic(err) // strings and maps marshal
		}
		command.WriteString("-H 'Content-Type: application/json' -d " + quoted(web.Visible(string(b))) + " ")
	}
	command.WriteString(quoted(r.URL(path)))
	return command.String()
}

// quoted is a text as one word of a shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
