package consumer

import (
	"errors"
	"fmt"
	"time"

	"dsync/internal/id"
)

// Directory is a directory. A deleted one has no ExternalKey and no Domains.
type Directory struct {
	ID             string    `json:"id"`
	OrganizationID string    `json:"organization_id"`
	ExternalKey    string    `json:"external_key"`
	Type           string    `json:"type"`
	State          string    `json:"state"`
	Name           string    `json:"name"`
	Domains        []Domain  `json:"domains"`
	CreatedAt      time.Time `json:"created_at"`
	UpdatedAt      time.Time `json:"updated_at"`
}

// Domain is an e-mail domain of a directory's organization.
type Domain struct {
	ID     string `json:"id"`
	Domain string `json:"domain"`
}

// Token is a SCIM token, but for the token itself.
type Token struct {
	ID             string    `json:"id"`
	DirectoryID    string    `json:"directory_id"`
	OrganizationID string    `json:"organization_id"`
	Suffix         string    `json:"token_suffix"`
	CreatedAt      time.Time `json:"created_at"`
}

// User is a user. Names and e-mail address are "" where the event has null.
type User struct {
	ID                 string         `json:"id"`
	DirectoryID        string         `json:"directory_id"`
	OrganizationID     string         `json:"organization_id"`
	IDPID              string         `json:"idp_id"` // Entra's externalId
	Email              string         `json:"email"`
	FirstName          string         `json:"first_name"`
	LastName           string         `json:"last_name"`
	Name               string         `json:"name"`
	State              string         `json:"state"` // active or inactive
	RawAttributes      map[string]any `json:"raw_attributes"`
	CustomAttributes   map[string]any `json:"custom_attributes"`
	PreviousAttributes map[string]any `json:"previous_attributes"` // of dsync.user.updated
	CreatedAt          time.Time      `json:"created_at"`
	UpdatedAt          time.Time      `json:"updated_at"`
}

// Group is a group, without its members.
type Group struct {
	ID                 string         `json:"id"`
	DirectoryID        string         `json:"directory_id"`
	OrganizationID     string         `json:"organization_id"`
	IDPID              string         `json:"idp_id"` // Entra's externalId
	Name               string         `json:"name"`
	RawAttributes      map[string]any `json:"raw_attributes"`
	PreviousAttributes map[string]any `json:"previous_attributes"` // of dsync.group.updated
	CreatedAt          time.Time      `json:"created_at"`
	UpdatedAt          time.Time      `json:"updated_at"`
}

// Membership says that a user is in a group. User and Group are as they were
// when the event was made, which no event id tells: take their ids from here,
// and the rest from events of their own.
type Membership struct {
	DirectoryID string `json:"directory_id"`
	User        User   `json:"user"`
	Group       Group  `json:"group"`
}

func (d Directory) check() error { return require(id.Directory, d.ID) }

func (t Token) check() error {
	return errors.Join(require(id.Token, t.ID), require(id.Directory, t.DirectoryID))
}

func (u User) check() error {
	return errors.Join(require(id.User, u.ID), require(id.Directory, u.DirectoryID))
}

func (g Group) check() error {
	return errors.Join(require(id.Group, g.ID), require(id.Directory, g.DirectoryID))
}

func (m Membership) check() error {
	return errors.Join(require(id.Directory, m.DirectoryID), require(id.User, m.User.ID), require(id.Group, m.Group.ID))
}

// require fails for what is no id of that kind.
func require(k id.Kind, s string) error {
	if !k.Valid(s) {
		return fmt.Errorf("%q is no id of a %s", s, k)
	}
	return nil
}
