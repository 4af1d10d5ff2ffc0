package admin

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Page is the setup page as a browser without scripts has it.
type Page struct {
	origin string
	client *http.Client
}

// Open opens a setup link by its button.
func Open(ctx context.Context, link string) (*Page, error) {
	u, err := url.Parse(link)
	if err != nil {
		return nil, err
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	p := &Page{origin: u.Scheme + "://" + u.Host, client: &http.Client{Jar: jar}}
	if _, err := p.do(ctx, http.MethodGet, u.RequestURI(), nil); err != nil {
		return nil, err
	}
	_, err = p.do(ctx, http.MethodPost, "/setup/open", url.Values{"token": {u.Query().Get("token")}})
	return p, err
}

func (p *Page) do(ctx context.Context, method, path string, form url.Values) (string, error) {
	r, err := http.NewRequestWithContext(ctx, method, p.origin+path, strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept-Language", "en")
	response, err := p.client.Do(r)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= http.StatusBadRequest {
		err = fmt.Errorf("%s %s: %s", method, path, response.Status)
	}
	return string(b), err
}

var boxes = regexp.MustCompile(`aria-label="(Tenant URL|Secret Token)">([^<]+)</code>`)

// MakeToken presses the button, and returns what the page shows then to be pasted.
func (p *Page) MakeToken(ctx context.Context) (Portal, error) {
	page, err := p.do(ctx, http.MethodPost, "/setup/tokens", nil)
	if err != nil {
		return Portal{}, err
	}
	pasted := map[string]string{}
	for _, m := range boxes.FindAllStringSubmatch(page, -1) {
		pasted[m[1]] = html.UnescapeString(m[2])
	}
	if len(pasted) != 2 {
		return Portal{}, errors.New("the page shows no Tenant URL or no Secret Token")
	}
	return Portal{TenantURL: pasted["Tenant URL"], Token: pasted["Secret Token"]}, nil
}

// polled is how often the page asks for what is live.
const polled = 200 * time.Millisecond

// Told waits until the page says what a step must bring, and returns how long that
// took.
func (p *Page) Told(ctx context.Context, s Step) (time.Duration, error) {
	start := time.Now()
	for {
		page, err := p.do(ctx, http.MethodGet, "/setup/live", nil)
		if err != nil {
			return 0, err
		}
		page = html.UnescapeString(page)
		if strings.Contains(page, s.Says) && (s.Code == "" || strings.Contains(page, `data-code="`+s.Code+`"`)) && (s.Lacks == "" || !strings.Contains(page, s.Lacks)) {
			return time.Since(start), nil
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("%s: the page does not say %q: %w", s.Name, s.Says, ctx.Err())
		case <-time.After(polled):
		}
	}
}

// Done are the numbers of the steps that the page has ticked.
func (p *Page) Done(ctx context.Context) (done int, err error) {
	page, err := p.do(ctx, http.MethodGet, "/setup/live", nil)
	return strings.Count(page, `<li class="good">`), err
}
