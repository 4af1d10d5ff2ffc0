package faults

import (
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
)

// Proxy returns a handler that sends calls to a DynamoDB through the transport.
// So clients in several processes share its rules and what they remember. A call
// that times out ends with a closed connection, which the SDK retries, too.
func (t *Transport) Proxy(endpoint string) (http.Handler, error) {
	to, err := url.Parse(endpoint)
	if err != nil {
		return nil, fmt.Errorf("faults: %w", err)
	}
	return &httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport:    t,
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}, nil
}
