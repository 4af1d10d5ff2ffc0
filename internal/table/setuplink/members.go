package setuplink

import (
	"crypto/sha256"
	"encoding/hex"
)

// Members are the members of the page in audit events: of the logo, its
// hash.
func (p Page) Members() map[string]any {
	m := map[string]any{}
	for name, value := range map[string]string{"name": p.Name, "color": p.Color, "support_email": p.Support} {
		if value != "" {
			m[name] = value
		}
	}
	if p.Logo != "" {
		sum := sha256.Sum256([]byte(p.Logo))
		m["logo_sha256"] = hex.EncodeToString(sum[:])
	}
	for _, o := range p.Origins {
		m["allowed_origins."+o] = true
	}
	return m
}
