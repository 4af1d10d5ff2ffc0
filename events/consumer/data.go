package consumer

import (
	"errors"
	"time"
)

// Directory is a directory. In DirectoryDeleted, ExternalKey and Domains are
// empty.
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

// Token is a SCIM token, without its secret.
type Token struct {
	ID             string    `json:"id"`
	DirectoryID    string    `json:"directory_id"`
	OrganizationID string    `json:"organization_id"`
	Suffix         string    `json:"token_suffix"` // the last 4 characters of the secret
	CreatedAt      time.Time `json:"created_at"`
}

// User is a user. Names and the e-mail address are "" if the event has null.
//
// EmailDomainVerified says that the domain of the e-mail address was a verified
// domain of the organization. Nobody has verified the address itself: link no
// account by an address whose domain is not verified.
type User struct {
	ID                  string         `json:"id"`
	DirectoryID         string         `json:"directory_id"`
	OrganizationID      string         `json:"organization_id"`
	IDPID               string         `json:"idp_id"` // Entra's externalId
	Email               string         `json:"email"`
	EmailDomainVerified bool           `json:"email_domain_verified"`
	FirstName           string         `json:"first_name"`
	LastName            string         `json:"last_name"`
	Name                string         `json:"name"`
	State               string         `json:"state"` // active or inactive
	RawAttributes       map[string]any `json:"raw_attributes"`
	CustomAttributes    map[string]any `json:"custom_attributes"`
	PreviousAttributes  map[string]any `json:"previous_attributes"` // in UserUpdated
	CreatedAt           time.Time      `json:"created_at"`
	UpdatedAt           time.Time      `json:"updated_at"`
}

// Group is a group, without its members.
type Group struct {
	ID                 string         `json:"id"`
	DirectoryID        string         `json:"directory_id"`
	OrganizationID     string         `json:"organization_id"`
	IDPID              string         `json:"idp_id"` // Entra's externalId
	Name               string         `json:"name"`
	RawAttributes      map[string]any `json:"raw_attributes"`
	PreviousAttributes map[string]any `json:"previous_attributes"` // in GroupUpdated
	CreatedAt          time.Time      `json:"created_at"`
	UpdatedAt          time.Time      `json:"updated_at"`
}

// Membership is the membership of a user in a group.
//
// User and Group are as they were when the event was created, which may be
// later than the change. Use only their ids. Take their attributes from the
// events of users and groups, which have an order.
type Membership struct {
	DirectoryID string `json:"directory_id"`
	User        User   `json:"user"`
	Group       Group  `json:"group"`
}

func (d Directory) validate() error { return requireID(directoryPrefix, d.ID) }

func (t Token) validate() error {
	return errors.Join(requireID(tokenPrefix, t.ID), requireID(directoryPrefix, t.DirectoryID))
}

func (u User) validate() error {
	return errors.Join(requireID(userPrefix, u.ID), requireID(directoryPrefix, u.DirectoryID))
}

func (g Group) validate() error {
	return errors.Join(requireID(groupPrefix, g.ID), requireID(directoryPrefix, g.DirectoryID))
}

func (m Membership) validate() error {
	return errors.Join(requireID(directoryPrefix, m.DirectoryID), requireID(userPrefix, m.User.ID), requireID(groupPrefix, m.Group.ID))
}
