package doctor

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"dsync/internal/credential"
	"dsync/internal/usage"
)

// The codes of what is wrong with a token.
const (
	TokenMissing   = "token_missing"
	TokenBlank     = "token_blank"
	TokenTwice     = "token_bearer_twice"
	TokenCut       = "token_cut"
	TokenMalformed = "token_malformed"
	TokenUnknown   = "token_unknown"
	TokenElsewhere = "token_of_other_directory"
	TokenRevoked   = "token_revoked"
	TokenExpired   = "token_expired"
)

const (
	connectivity = "In the Entra application, open Provisioning → Connectivity (older tenants: Admin Credentials)"
	pasteToken   = connectivity + ", paste the whole Secret Token, press Test Connection, then Save."
	newToken     = "Make a new token, paste it: " + pasteToken
	seenToken    = "a request with a valid token, or 30 days without another one"
)

var tokenConditions = []Condition{
	{Code: TokenMissing, Severity: Blocks, Text: "A request came without a Secret Token.", Remedy: pasteToken,
		Raised: "a request to the Tenant URL without an Authorization header", Ended: seenToken, find: sighted(TokenMissing, untilAuthorized)},
	{Code: TokenBlank, Severity: Blocks, Text: "The Secret Token in Entra is empty: Entra sends a token of its own instead.", Remedy: pasteToken,
		Raised: "a request with a JWT of the issuer sts.windows.net or login.microsoftonline.com", Ended: seenToken, find: sighted(TokenBlank, untilAuthorized)},
	{Code: TokenTwice, Severity: Blocks, Text: "The Secret Token was pasted with the word “Bearer”, which Entra adds itself.", Remedy: "Paste it without the word Bearer and without a blank. " + pasteToken,
		Raised: "a request whose Authorization begins with Bearer Bearer", Ended: seenToken, find: sighted(TokenTwice, untilAuthorized)},
	{Code: TokenCut, Severity: Blocks, Text: "The Secret Token is not complete, or a character of it is wrong ({detail} characters).", Remedy: "Copy it with the button Copy, or make a new one. " + pasteToken,
		Raised: "a request whose token has the prefix of tokens, and another length, alphabet or checksum", Ended: seenToken, find: sighted(TokenCut, untilAuthorized)},
	{Code: TokenMalformed, Severity: Blocks, Text: "What was pasted as Secret Token is none.", Remedy: pasteToken,
		Raised: "a request whose Authorization is not Bearer and a token of dsync", Ended: seenToken, find: sighted(TokenMalformed, untilAuthorized)},
	{Code: TokenUnknown, Severity: Blocks, Text: "The Secret Token is not known. It may have been revoked or have expired more than a week ago.", Remedy: newToken,
		Raised: "a request with a token of the right form that does not exist", Ended: seenToken, find: sighted(TokenUnknown, untilAuthorized)},
	{Code: TokenElsewhere, Severity: Blocks, Text: "The Secret Token belongs to another Tenant URL.", Remedy: "Copy the Tenant URL and the Secret Token from the same page. " + pasteToken,
		Raised: "a request with the valid or former token of another directory", Ended: seenToken, find: sighted(TokenElsewhere, untilAuthorized)},
	{Code: TokenRevoked, Severity: Blocks, Text: "The Secret Token was revoked.", Remedy: newToken,
		Raised: "a request with a revoked token of the directory", Ended: seenToken, find: sighted(TokenRevoked, untilAuthorized)},
	{Code: TokenExpired, Severity: Blocks, Text: "The Secret Token has expired.", Remedy: newToken,
		Raised: "a request with an expired token of the directory", Ended: seenToken, find: sighted(TokenExpired, untilAuthorized)},
}

// TokenCodes are the codes of what is wrong with a token. A valid request ends them.
func TokenCodes() []string { return slices.Clone(tokenCodes) }

var tokenCodes = func() (codes []string) {
	for _, c := range tokenConditions {
		codes = append(codes, c.Code)
	}
	return codes
}()

// Diagnose says what is wrong with the token of a refused request, from its
// Authorization header and the error of the authentication. The observation holds
// nothing of the header but a length.
func Diagnose(authorization string, err error) usage.Observation {
	diagnosis, _ := errors.AsType[credential.Diagnosis](err)
	switch {
	case diagnosis.Reason == credential.Ended && diagnosis.State == credential.Revoked:
		return usage.Observation{Code: TokenRevoked, ID: diagnosis.TokenID}
	case diagnosis.Reason == credential.Ended:
		return usage.Observation{Code: TokenExpired, ID: diagnosis.TokenID}
	case diagnosis.Reason == credential.Elsewhere:
		return usage.Observation{Code: TokenElsewhere}
	case diagnosis.Reason == credential.Unknown:
		return usage.Observation{Code: TokenUnknown}
	}
	scheme, value, _ := strings.Cut(strings.TrimSpace(authorization), " ")
	value = strings.TrimSpace(value)
	second, _, _ := strings.Cut(value, " ")
	switch {
	case scheme == "", value == "" && strings.EqualFold(scheme, "Bearer"):
		return usage.Observation{Code: TokenMissing}
	case !strings.EqualFold(scheme, "Bearer"):
		return usage.Observation{Code: TokenMalformed}
	case strings.EqualFold(second, "Bearer"):
		return usage.Observation{Code: TokenTwice}
	case ofEntra(value):
		return usage.Observation{Code: TokenBlank}
	case strings.HasPrefix(value, string(credential.TokenPrefix)):
		return usage.Observation{Code: TokenCut, Detail: strconv.Itoa(min(len(value), maxTold)) + " of " + strconv.Itoa(credential.TokenPrefix.Length())}
	}
	return usage.Observation{Code: TokenMalformed}
}

const (
	// maxTold bounds the length that is told of a token.
	maxTold = 9_999
	// maxJWT bounds the JWT that is looked into. Those of Entra have about 1,500 bytes.
	maxJWT = 8 << 10
)

// ofEntra reports whether a token is a JWT that Entra has issued. Nobody checks its
// signature: it opens nothing.
func ofEntra(token string) bool {
	parts := strings.Split(token[:min(len(token), maxJWT)], ".")
	if len(token) > maxJWT || len(parts) != 3 || !strings.HasPrefix(token, "eyJ") {
		return false
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return false
	}
	var claims struct {
		Issuer string `json:"iss"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return false
	}
	return strings.HasPrefix(claims.Issuer, "https://sts.windows.net/") || strings.HasPrefix(claims.Issuer, "https://login.microsoftonline.com/")
}
