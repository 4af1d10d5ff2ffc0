// Package branding checks how the setup page looks to a customer's admin, and where
// it may lead. It is pure.
package branding

import (
	"bytes"
	"encoding/base64"
	"math"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"dsync/internal/fault"
)

const (
	// MaxLogo bounds a logo in bytes: it is in each page.
	MaxLogo = 48 << 10
	// MaxOrigins is how many origins a page may lead to, MaxURL how long a URL on it
	// may be.
	MaxOrigins = 20
	MaxURL     = 1_024
	maxAddress = 254 // of an e-mail address (RFC 5321 section 4.5.3.1.3)
	// minContrast is that of white text on the colour (WCAG 2.2, 1.4.3).
	minContrast = 4.5
)

// images are the beginnings of logos by media type. Others, such as SVG, can hold
// more than a picture.
var images = map[string][]byte{
	"image/png":  []byte("\x89PNG\r\n\x1a\n"),
	"image/jpeg": []byte("\xff\xd8\xff"),
	"image/webp": []byte("RIFF"),
}

// Check adds what is wrong with a change of the page, in the words of the REST API. nil
// is no change, "" the default.
func Check(invalid *fault.Validation, logo, color, support *string, origins *[]string) {
	given := func(s *string) bool { return s != nil && *s != "" }
	if given(logo) && !IsLogo(*logo) {
		invalid.Add("logo", "logo must be a data: URL of a PNG, JPEG or WebP image of at most %d KiB.", MaxLogo>>10)
	}
	if given(color) && !IsColor(*color) {
		invalid.Add("color", "color must be a colour such as #3451d1, dark enough for white text on it (a contrast of 4.5:1).")
	}
	if given(support) && !IsEmail(*support) {
		invalid.Add("support_email", "support_email must be an e-mail address.")
	}
	if origins != nil && (len(*origins) > MaxOrigins || slices.ContainsFunc(*origins, func(o string) bool { return !IsOrigin(o) })) {
		invalid.Add("allowed_origins", "allowed_origins must be at most %d origins such as https://app.example.com.", MaxOrigins)
	}
}

// IsLogo reports whether s is a data: URL of a small PNG, JPEG or WebP image.
func IsLogo(s string) bool {
	if len(s) > base64.StdEncoding.EncodedLen(MaxLogo)+len("data:image/jpeg;base64,") {
		return false
	}
	for mediaType, begin := range images {
		if encoded, ok := strings.CutPrefix(s, "data:"+mediaType+";base64,"); ok {
			image, err := base64.StdEncoding.Strict().DecodeString(encoded)
			return err == nil && len(image) <= MaxLogo && bytes.HasPrefix(image, begin)
		}
	}
	return false
}

// IsColor reports whether s is a colour, such as #3451d1, on which white text can be
// read.
func IsColor(s string) bool {
	if len(s) != len("#rrggbb") || s[0] != '#' {
		return false
	}
	luminance := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(s[1+2*i:3+2*i], 16, 8)
		if err != nil {
			return false
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		luminance += weight * c
	}
	return 1.05/(luminance+0.05) >= minContrast
}

// IsEmail reports whether s is a plain e-mail address.
func IsEmail(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s && len(s) <= maxAddress
}

// IsOrigin reports whether s is an origin to which a page may lead: https, or http
// on this machine, with a host in lower case and nothing after it.
func IsOrigin(s string) bool {
	u, err := url.Parse(s)
	return err == nil && s != "" && len(s) <= MaxURL && Origin(s) == s && u.Path == "" && s == strings.ToLower(s)
}

// Origin is the origin of an absolute URL (RFC 6454 section 6.2), "" if no page may
// lead to it.
func Origin(s string) string {
	u, err := url.Parse(s)
	if err != nil || len(s) > MaxURL || u.Host == "" || u.Hostname() == "" || u.User != nil || strings.ContainsAny(s, "\\ \t\r\n") {
		return ""
	}
	local := u.Scheme == "http" && (u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1")
	if u.Scheme != "https" && !local {
		return ""
	}
	host := strings.ToLower(u.Host)
	if port := map[string]string{"https": ":443", "http": ":80"}[u.Scheme]; strings.HasSuffix(host, port) {
		host = strings.TrimSuffix(host, port)
	}
	return u.Scheme + "://" + host
}

// Allows reports whether a page may lead to a URL: its origin is one of these.
func Allows(origins []string, url string) bool {
	origin := Origin(url)
	return origin != "" && slices.Contains(origins, origin)
}
