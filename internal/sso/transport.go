package sso

import (
	"net/http"
	"time"
)

const (
	requestTime = 5 * time.Second
	// maxAnswer bounds an answer of the provider: its keys and claims have kilobytes.
	maxAnswer = 1 << 20
)

// httpClient asks the provider.
var httpClient = &http.Client{
	Transport:     guarded{&http.Transport{ForceAttemptHTTP2: true, TLSHandshakeTimeout: requestTime, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute}},
	Timeout:       requestTime,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// guarded asks only where requests may go, and bounds the answer.
type guarded struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (g guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := allowed(r.URL); err != nil {
		return nil, err
	}
	response, err := g.next.RoundTrip(r)
	if err == nil {
		response.Body = http.MaxBytesReader(nil, response.Body, maxAnswer)
	}
	return response, err
}
