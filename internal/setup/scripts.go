package setup

import (
	"bytes"
	"cmp"
	"embed"
	"net/http"
	"strings"
	"text/template"

	"dsync/internal/fault"
)

//go:embed scripts
var scriptFiles embed.FS

// script is a script that does what the page tells to click. None has been tried on a
// real tenant by its authors, and each says so.
type script struct {
	Name  string // of the file that is downloaded
	Label string
	quote func(string) string // a text as one word of its language
}

var scripts = []script{
	{"connect-entra.ps1", "PowerShell (Microsoft Graph)", quotePowerShell},
	{"connect-entra.sh", "Azure CLI (Bash)", quoteShell},
}

// Scripts are the scripts that the page offers.
func (page) Scripts() []script { return scripts }

var scriptTemplates = template.Must(template.New("").Delims("[[", "]]").ParseFS(scriptFiles, "scripts/*"))

// nonGallery is the application template of Entra for applications that are not in its
// gallery.
const nonGallery = "8adf8e6e-67b2-4cf2-a259-e3dc5476c621"

// quotePowerShell is a text as a string of PowerShell, in which nothing is expanded. The
// other apostrophes of Unicode end such a string, too.
func quotePowerShell(s string) string {
	return "'" + strings.NewReplacer("'", "''", "‘", "‘‘", "’", "’’", "‚", "‚‚", "‛", "‛‛").Replace(s) + "'"
}

// quoteShell is a text as one word of a POSIX shell.
func quoteShell(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// oneLine is a text without what ends a line: it is in the code of a script.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 {
			return ' '
		}
		return r
	}, s)
}

// showScript answers with a script for the directory. It has no token: it asks for it.
func showScript(r *request) error {
	d, err := r.session.Directory(r.Request.Context())
	if err != nil {
		return err
	}
	p, _, _, err := r.session.Page(r.Request.Context())
	if err != nil {
		return err
	}
	for _, s := range scripts {
		if s.Name != r.Request.PathValue("script") {
			continue
		}
		var b bytes.Buffer
		if err := scriptTemplates.ExecuteTemplate(&b, s.Name, scriptData(s, r.URL(r.site.scimBase+d.ExternalKey), cmp.Or(p.Name, d.Name))); err != nil {
			return err
		}
		r.Header().Set("Content-Type", "text/plain; charset=utf-8")
		r.Header().Set("Content-Disposition", `attachment; filename="`+s.Name+`"`)
		r.Write(http.StatusOK, b.Bytes())
		return nil
	}
	return fault.Missing("Script", "")
}

// scriptData are the values of a script, as words of its language.
func scriptData(s script, tenantURL, application string) map[string]any {
	return map[string]any{
		"Application": s.quote(oneLine(application)), "TenantURL": s.quote(tenantURL), "Template": s.quote(nonGallery),
		"Source": s.quote(mappings[0].Source), "Target": s.quote(mappings[0].Target),
	}
}
