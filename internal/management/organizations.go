package management

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"unicode/utf8"

	"dsync/internal/fault"
	"dsync/internal/id"
	"dsync/internal/scim"
	"dsync/internal/table"
)

// Limits of an organization (workos.md section 1.6).
const (
	MaxMetadata      = 50
	maxMetadataKey   = 40  // characters
	maxMetadataValue = 600 // characters
	MaxDomains       = table.MaxDomains
	// MaxExternalID bounds an external id in characters: it is part of a key.
	MaxExternalID = 128
	// MaxDomainFilter is how many domains the filter of a list may have: each is
	// a list of its own.
	MaxDomainFilter = 10
)

// NewDomain is a domain of an organization.
type NewDomain struct {
	Domain string
	State  string // verified or pending; "" is pending
}

// DomainStates are the states that a team may give a domain.
var DomainStates = []string{table.DomainVerified, pending}

const pending = "pending"

// OrganizationUpdate is a change of an organization. nil is no change.
type OrganizationUpdate struct {
	Name       *string
	ExternalID *string            // "" removes it
	Domains    *[]NewDomain       // all of them
	Metadata   map[string]*string // by key; nil removes the key
}

// CreateOrganization creates a customer. The name must be given.
func (s *Session) CreateOrganization(ctx context.Context, u OrganizationUpdate) (Organization, error) {
	at := s.timestamp()
	o := Organization{Version: 1, Created: at, Modified: at}
	if err := s.reach.changesOrganizations(); err != nil {
		return o, err
	}
	if u.Name == nil {
		u.Name = new(string)
	}
	if err := s.apply(&o, u); err != nil {
		return o, err
	}
	var err error
	if o.ID, err = id.New(id.Organization, at, s.entropy); err != nil {
		return o, fmt.Errorf("management: %w", err)
	}
	event, err := s.organizationChange(organizationCreated, at, nil, &o)
	if err != nil {
		return o, err
	}
	return o, externalIDTaken(s.table.CreateOrganization(ctx, o, event.Actions()...))
}

func externalIDTaken(err error) error {
	if errors.Is(err, table.ErrTaken) {
		return conflict("external_id_taken", "Another organization has this external_id.")
	}
	return busy(err)
}

// domainName matches a host name of at least two labels, in lower case.
var domainName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// maxDomainName is the limit of DNS.
const maxDomainName = 253

func validDomain(name string) bool { return len(name) <= maxDomainName && domainName.MatchString(name) }

// apply applies a change to an organization, if it is valid.
func (s *Session) apply(o *Organization, u OrganizationUpdate) error {
	var invalid fault.Validation
	if u.Name != nil {
		checkName(&invalid, "name", *u.Name)
		o.Name = *u.Name
	}
	if u.ExternalID != nil {
		if utf8.RuneCountInString(*u.ExternalID) > MaxExternalID || hasControls(*u.ExternalID) {
			invalid.Add("external_id", "external_id must be at most %d characters, none of them a control character.", MaxExternalID)
		}
		o.ExternalID = *u.ExternalID
	}
	if u.Domains != nil {
		domains, err := s.domains(o.Domains, *u.Domains, &invalid)
		if err != nil {
			return err
		}
		o.Domains = domains
	}
	if u.Metadata != nil {
		o.Metadata = maps.Clone(o.Metadata)
		if o.Metadata == nil {
			o.Metadata = map[string]string{}
		}
		for _, key := range slices.Sorted(maps.Keys(u.Metadata)) {
			v := u.Metadata[key]
			switch {
			case key == "" || utf8.RuneCountInString(key) > maxMetadataKey:
				invalid.Add("metadata", "metadata must have keys of 1 to %d characters.", maxMetadataKey)
			case v == nil:
				delete(o.Metadata, key)
			case utf8.RuneCountInString(*v) > maxMetadataValue:
				invalid.Add("metadata", "metadata must have values of at most %d characters.", maxMetadataValue)
			default:
				o.Metadata[key] = *v
			}
		}
		if len(o.Metadata) > MaxMetadata {
			invalid.Add("metadata", "metadata must have at most %d keys.", MaxMetadata)
		}
	}
	return invalid.Err()
}

// domains are the records of domains. One that exists keeps its id.
func (s *Session) domains(old []table.Domain, updated []NewDomain, invalid *fault.Validation) ([]table.Domain, error) {
	if len(updated) > MaxDomains {
		invalid.Add("domain_data", "domain_data must have at most %d domains.", MaxDomains)
		return nil, nil
	}
	var domains []table.Domain
	for n, domain := range updated {
		d := table.Domain{Domain: scim.Fold(domain.Domain), State: domain.State}
		if d.State == "" {
			d.State = pending
		}
		field := fmt.Sprintf("domain_data.%d", n)
		same := func(other table.Domain) bool { return other.Domain == d.Domain }
		switch {
		case !validDomain(d.Domain):
			invalid.Add(field+".domain", "%s.domain must be a domain, such as example.com.", field)
		case slices.ContainsFunc(domains, same):
			invalid.Add(field+".domain", "%s.domain must not be there twice.", field)
		case !slices.Contains(DomainStates, d.State):
			invalid.Add(field+".state", "%s.state must be verified or pending.", field)
		}
		if i := slices.IndexFunc(old, same); i >= 0 {
			d.ID = old[i].ID
		} else {
			var err error
			if d.ID, err = id.New(id.Domain, s.timestamp(), s.entropy); err != nil {
				return nil, fmt.Errorf("management: %w", err)
			}
		}
		domains = append(domains, d)
	}
	return domains, nil
}

// Organization reads an organization.
func (s *Session) Organization(ctx context.Context, organizationID string) (Organization, error) {
	if !id.Organization.Valid(organizationID) {
		return Organization{}, fault.Missing(organization, organizationID)
	}
	found, err := s.reach.organization(ctx, organizationID)
	if errors.Is(err, table.ErrNotFound) {
		err = fault.Missing(organization, organizationID)
	}
	return found, err
}

// OrganizationByExternalID reads an organization by the id that the team gave it.
func (s *Session) OrganizationByExternalID(ctx context.Context, externalID string) (Organization, error) {
	found, err := s.reach.organizationByExternalID(ctx, externalID)
	if errors.Is(err, table.ErrNotFound) {
		err = fault.Missing(organization, externalID)
	}
	return found, err
}

// Organizations lists the organizations, or those that have one of the domains,
// whose name contains the search text; "" lists all.
func (s *Session) Organizations(ctx context.Context, domains []string, search string, p PageRequest) (Page[Organization], error) {
	var invalid fault.Validation
	if len(domains) > MaxDomainFilter {
		invalid.Add("domains", "domains must be at most %d.", MaxDomainFilter)
	}
	var folded []string
	for _, d := range domains {
		if d = scim.Fold(d); !validDomain(d) {
			invalid.Add("domains", "domains must be domains, such as example.com.")
		}
		folded = append(folded, d)
	}
	if err := invalid.Err(); err != nil {
		return Page[Organization]{}, err
	}
	return list(ctx, p, s.reach.organizations(folded), nameContains(search, func(o Organization) string { return o.Name }))
}

// UpdateOrganization changes an organization. If that changes its verified domains,
// a job gives them to its directories and their users.
func (s *Session) UpdateOrganization(ctx context.Context, organizationID string, u OrganizationUpdate) (changed Organization, err error) {
	if err := s.reach.changesOrganizations(); err != nil {
		return changed, err
	}
	err = retryStale(func() error {
		old, err := s.Organization(ctx, organizationID)
		if err != nil {
			return err
		}
		updated := old
		if err := s.apply(&updated, u); err != nil {
			return err
		}
		changed = old
		if sameOrganization(old, updated) {
			return nil
		}
		updated.Version++
		updated.Modified = s.timestamp()
		changed = updated
		event, err := s.organizationChange(organizationUpdated, updated.Modified, &old, &updated)
		if err != nil {
			return err
		}
		actions := event.Actions()
		if !slices.Equal(old.VerifiedDomains(), updated.VerifiedDomains()) {
			job, err := table.NewJob(table.ApplyDomains, "", updated.Modified, s.actor(), s.entropy)
			if err != nil {
				return err
			}
			job.Subject = updated.ID
			actions = append(actions, job.Actions()...)
		}
		return externalIDTaken(s.table.ReplaceOrganization(ctx, old, updated, actions...))
	})
	return changed, err
}

func sameOrganization(a, b Organization) bool {
	return a.Name == b.Name && a.ExternalID == b.ExternalID && slices.Equal(a.Domains, b.Domains) && maps.Equal(a.Metadata, b.Metadata)
}

// DeleteOrganization deletes an organization that has no directories.
func (s *Session) DeleteOrganization(ctx context.Context, organizationID string) error {
	if err := s.reach.changesOrganizations(); err != nil {
		return err
	}
	return retryStale(func() error {
		old, err := s.Organization(ctx, organizationID)
		if err != nil {
			return err
		}
		c, err := s.reach.directories(organizationID)(ctx, "", true, 1)
		if err != nil {
			return err
		}
		if c.Last != "" {
			return conflict("organization_has_directories", "The organization has directories: delete them first, and wait until they are gone.")
		}
		event, err := s.organizationChange(organizationDeleted, s.timestamp(), &old, nil)
		if err != nil {
			return err
		}
		return s.table.DeleteOrganization(ctx, old, event.Actions()...)
	})
}
