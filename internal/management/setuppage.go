package management

import (
	"context"
	"reflect"

	"dsync/internal/branding"
	"dsync/internal/fault"
	"dsync/internal/table/setuplink"
)

// SetupPage is how the setup page looks to the admins of all customers, and where it
// may lead.
type SetupPage = setuplink.Page

// SetupPageUpdate is a change of the setup page; nil is no change, "" the default.
type SetupPageUpdate struct {
	Name    *string // of the vendor; not "" but with NoName
	NoName  bool
	Logo    *string   // data: URL of an image
	Color   *string   // #rrggbb
	Support *string   // e-mail address
	Origins *[]string // to which return_url and success_url may lead
}

// SetupPage reads how the setup page looks.
func (s *Session) SetupPage(ctx context.Context) (SetupPage, error) {
	if err := s.reach.setupPage(); err != nil {
		return SetupPage{}, err
	}
	return setuplink.ReadPage(ctx, s.table)
}

// UpdateSetupPage changes the setup page.
func (s *Session) UpdateSetupPage(ctx context.Context, u SetupPageUpdate) (changed SetupPage, err error) {
	if err := s.reach.setupPage(); err != nil {
		return SetupPage{}, err
	}
	if err := u.check(); err != nil {
		return SetupPage{}, err
	}
	err = retryStale(func() error {
		old, err := setuplink.ReadPage(ctx, s.table)
		if err != nil {
			return err
		}
		changed = u.applied(old)
		if reflect.DeepEqual(old, changed) {
			return nil
		}
		changed.Version++
		event, err := s.changeOf(setupPageUpdated, setupPageID, s.timestamp(), old.Members(), changed.Members())
		if err != nil {
			return err
		}
		return setuplink.WritePage(ctx, s.table, changed, event.Actions()...)
	})
	return changed, err
}

// setupPageID is the id of the one setup page in audit events.
const setupPageID = "setup_page"

func (u SetupPageUpdate) applied(p SetupPage) SetupPage {
	for to, value := range map[*string]*string{&p.Name: u.Name, &p.Logo: u.Logo, &p.Color: u.Color, &p.Support: u.Support} {
		if value != nil {
			*to = *value
		}
	}
	if u.Origins != nil {
		p.Origins = *u.Origins
	}
	return p
}

func (u SetupPageUpdate) check() error {
	var invalid fault.Validation
	if u.Name != nil && !u.NoName {
		checkName(&invalid, "name", *u.Name)
	}
	branding.Check(&invalid, u.Logo, u.Color, u.Support, u.Origins)
	return invalid.Err()
}
