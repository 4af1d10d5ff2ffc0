package gateway

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// OriginHeader is the header in which a CDN in front of API Gateway sends the
// origin secret.
const OriginHeader = "X-Origin-Secret"

// maxOriginSecrets is how many origin secrets are valid at a time: the one in use
// and the one that replaces it.
const maxOriginSecrets = 2

// Front is what is in front of API Gateway. With the zero Front nothing is.
type Front struct {
	// publicURL is the scheme and host of absolute URLs; nil for the domain name of
	// API Gateway.
	publicURL *url.URL
	// secrets are the SHA-256 of the origin secrets, one of which a request must
	// have; none if every request is served.
	secrets [][]byte
}

var sha256Hex = regexp.MustCompile(`^[0-9a-f]{64}$`)

// ParseFront reads a front from texts, each of which may be empty: the public URL,
// such as https://scim.example.com, and one or two SHA-256 of origin secrets,
// hexadecimal and separated by a comma.
func ParseFront(publicURL, secretHashes string) (Front, error) {
	var f Front
	if publicURL != "" {
		u, err := url.Parse(publicURL)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.String() != u.Scheme+"://"+u.Host {
			return Front{}, errors.New("gateway: the public URL is not a scheme and a host, such as https://scim.example.com")
		}
		f.publicURL = u
	}
	if secretHashes == "" {
		return f, nil
	}
	for hash := range strings.SplitSeq(secretHashes, ",") {
		sum, err := hex.DecodeString(hash)
		if err != nil || !sha256Hex.MatchString(hash) {
			return Front{}, errors.New("gateway: the hash of an origin secret is not a SHA-256 in lower-case hexadecimal digits")
		}
		f.secrets = append(f.secrets, sum)
	}
	if len(f.secrets) > maxOriginSecrets {
		return Front{}, fmt.Errorf("gateway: %d origin secrets: at most %d are valid at a time", len(f.secrets), maxOriginSecrets)
	}
	return f, nil
}

// NewHandler returns a Handler that serves with h what came through the front.
func (f Front) NewHandler(h http.Handler) Handler { return Handler{h, f} }

// address sets the scheme and the host of a request's URL.
func (f Front) address(u *url.URL) {
	if f.publicURL != nil {
		u.Scheme, u.Host = f.publicURL.Scheme, f.publicURL.Host
	}
}

// passed reports whether a request came through the front. It takes the secret
// away, so that nothing behind it can log it.
func (f Front) passed(h http.Header) bool {
	secret := h.Get(OriginHeader)
	h.Del(OriginHeader)
	if len(f.secrets) == 0 {
		return true
	}
	sum := sha256.Sum256([]byte(secret))
	return slices.ContainsFunc(f.secrets, func(s []byte) bool { return subtle.ConstantTimeCompare(s, sum[:]) == 1 })
}

// forbid is the answer to a request that went past the front, in the form of API
// Gateway's own errors.
func (w *response) forbid() {
	w.header.Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusForbidden)
	_, _ = w.Write([]byte(`{"message":"Forbidden"}`))
}

// protect adds the headers that every response has.
func protect(h http.Header, scheme string) {
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
	h.Set("X-Content-Type-Options", "nosniff")
	if scheme == "https" {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// methods are the methods that are logged by name.
var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
}

// LoggedMethod is what is logged of a method: a client may send any text.
func LoggedMethod(method string) string {
	if slices.Contains(methods, method) {
		return method
	}
	return "OTHER"
}
