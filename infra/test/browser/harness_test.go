package browser

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"dsync/infra/local/system"
	"dsync/internal/dsynctest"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

func TestMain(m *testing.M) { dsynctest.Main(m) }

// patience bounds what a test waits for.
const patience = time.Minute

// chromium is the path of the browser. The test is skipped without one, unless it
// runs in CI.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const missing = "Chromium is not installed: the console is not tested in a browser (Debian: apt-get install chromium)"
	if os.Getenv("CI") != "" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

// start starts a system.
func start(t *testing.T) *system.System { return startWith(t, "") }

// startWith starts a system with an identity provider for the console.
func startWith(t *testing.T, singleSignOn string) *system.System {
	t.Helper()
	s, err := system.Start(t.Context(), system.Options{Log: t.Output(), SingleSignOn: singleSignOn})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// tab is a tab of a browser. Whatever the browser reports as an error, such as a
// violation of the Content-Security-Policy, fails the test.
type tab struct {
	t      *testing.T
	ctx    context.Context
	clicks int

	mu       sync.Mutex
	expected []string // texts of errors that are expected
}

// open opens a browser with an empty profile.
func open(t *testing.T) *tab {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium(t)),
		chromedp.NoSandbox, // as root there is none; the pages are ours
		chromedp.WindowSize(1280, 900), chromedp.Flag("disable-dev-shm-usage", true))
	allocator, closeBrowser := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, closeTab := chromedp.NewContext(allocator)
	t.Cleanup(func() { closeTab(); closeBrowser() })
	b := &tab{t: t, ctx: ctx}
	err := chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *log.EventEntryAdded:
			if e.Entry.Level == log.EntryLevelError {
				b.report(e.Entry.Text + " " + e.Entry.URL)
			}
		case *runtime.EventExceptionThrown:
			b.report(e.ExceptionDetails.Text)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// expect says that the browser may report an error with that text.
func (b *tab) expect(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expected = append(b.expected, text)
}

func (b *tab) report(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.expected {
		if strings.Contains(text, e) {
			return
		}
	}
	b.t.Errorf("the browser reports: %s", text)
}

// act performs actions within the patience, and shows the page if they fail.
func (b *tab) act(what string, actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.failed(what, err)
	}
}

func (b *tab) failed(what string, err error) {
	b.t.Helper()
	text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string](`location.href + "\n" + document.body.innerText`))
	b.t.Fatalf("%s: %v\n%.2000s", what, err, text)
}

// eval is the value of an expression in the page.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.failed(expression, err)
	}
	return value
}

// click clicks on the link or button, or chooses the option, with that label.
func (b *tab) click(label string) {
	b.t.Helper()
	b.clicks++
	b.act("click "+label, chromedp.Click(labelled(label)))
}

// labelled is the XPath of what has that label.
func labelled(label string) string {
	return fmt.Sprintf(`//*[self::a or self::button or self::label][normalize-space(.)=%[1]q or .//strong[normalize-space(.)=%[1]q]][not(@hidden)]`, label)
}

// typeInto types into the field with that label.
func (b *tab) typeInto(label, text string) {
	b.t.Helper()
	b.act("type into "+label, chromedp.SendKeys(fmt.Sprintf(`//label[starts-with(normalize-space(.),%q)]/following-sibling::input[1]`, label), text))
}

// code is the value of the box with that label.
func (b *tab) code(label string) string {
	b.t.Helper()
	return eval[string](b, fmt.Sprintf("document.querySelector('code[aria-label=%q]').textContent", label))
}

// see waits until the page has a text.
func (b *tab) see(text string) {
	b.t.Helper()
	b.await("see "+text, fmt.Sprintf(`document.readyState != 'loading' && document.body.innerText.includes(%q)`, text))
}

// await waits until a condition holds, over navigations.
func (b *tab) await(what, condition string) {
	b.t.Helper()
	for deadline := time.After(patience); ; {
		if holds, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](condition)); err == nil && holds {
			return
		}
		select {
		case <-deadline:
			b.failed(what, context.DeadlineExceeded)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// visit opens a path, and returns when the page is there.
func (b *tab) visit(s *system.System, path string) {
	b.t.Helper()
	b.act("visit "+path, chromedp.Navigate(s.APIURL+path), chromedp.WaitReady("main"))
}

// signIn signs a person in.
func (b *tab) signIn(s *system.System, person, role string) {
	b.t.Helper()
	link, err := s.SignInLink(b.t.Context(), person, role)
	if err != nil {
		b.t.Fatal(err)
	}
	b.act("open the link", chromedp.Navigate(link), chromedp.WaitReady("main"))
	b.click("Continue")
	b.see("Home")
}

// look sets the width of the page and the colours.
func (b *tab) look(width int64, scheme string) {
	b.t.Helper()
	b.act("look", chromedp.EmulateViewport(width, 900))
	features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features}); err != nil {
		b.t.Fatal(err)
	}
}

// scim sends a SCIM request, and returns its status.
func scim(t *testing.T, method, endpoint, token, body string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, endpoint, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/scim+json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}
