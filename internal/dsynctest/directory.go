package dsynctest

import (
	"crypto/rand"
	"testing"
	"time"

	"dsync/internal/management"
	"dsync/internal/table"
)

// Connect creates an organization with a directory for Entra. It returns the
// directory and the secret of its token.
func Connect(t testing.TB, tab *table.Table) (table.Directory, string) {
	t.Helper()
	s := management.Bootstrap(tab, time.Now, rand.Reader)
	name := "Acme"
	o, err := s.CreateOrganization(t.Context(), management.OrganizationUpdate{Name: &name})
	if err != nil {
		t.Fatal(err)
	}
	d, _, secret, err := s.CreateDirectory(t.Context(), management.NewDirectory{OrganizationID: o.ID, Name: "Entra"})
	if err != nil {
		t.Fatal(err)
	}
	return d, secret
}
