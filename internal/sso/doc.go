// Package sso signs people in with an OpenID Connect provider: the authorization code
// flow with PKCE (RFC 7636), state and nonce.
//
// What it promises:
//   - A person comes back only to the browser that began: the Attempt is kept there, and
//     its state must return. The caller uses the state up, so that it works once.
//   - The ID token is signed by the provider, was issued for this client and this
//     attempt, and has not expired. Who has no claim with a role is refused.
//   - Requests go to https alone, but for a provider on this machine. They follow no
//     redirect, take 5 seconds at most, and read 1 MB at most.
//
// It keeps nothing but what the provider publishes, and is safe for concurrent use.
package sso
