package scim

// Users is the User resource type with the enterprise extension (RFC 7643
// sections 4.1 and 4.3). groups are the memberships of the user: they
// are returned on request only, because they are records of their own.
var Users = &ResourceType{
	Name:        "User",
	Endpoint:    "/Users",
	Description: "User Account",
	Keyed:       "groups",
	NotKept:     usersNotKept,
	Schema: &Schema{
		ID:          UserURN,
		Name:        "User",
		Description: "User Account",
		Attributes: []*Attribute{
			required(&Attribute{Name: "userName", Type: String, Description: "Unique name of the user in the directory, compared without regard to case", Uniqueness: "server"}),
			object("name", "The parts of the user's name",
				text("formatted", "The full name"),
				text("familyName", "The family name"),
				text("givenName", "The given name"),
				text("middleName", "The middle names"),
				text("honorificPrefix", "A title before the name"),
				text("honorificSuffix", "A suffix after the name"),
			),
			text("displayName", "The name as shown to people"),
			text("nickName", "The casual name"),
			{Name: "profileUrl", Type: Reference, Description: "A page about the user", CaseExact: true, ReferenceTypes: []string{"external"}, Mutability: "readWrite", Returned: "default", Uniqueness: "none"},
			text("title", "The job title"),
			text("userType", "The relation of the user to the organization"),
			text("preferredLanguage", "The preferred language, as in Accept-Language"),
			text("locale", "The location for formats of dates, numbers and currency"),
			text("timezone", "The time zone, as in the IANA database"),
			permanent(boolean("active", "Whether the account may be used")),
			list("emails", "E-mail addresses", "work", "home", "other"),
			list("phoneNumbers", "Phone numbers", "work", "home", "mobile", "fax", "pager", "other"),
			list("ims", "Instant messaging addresses", "aim", "gtalk", "icq", "xmpp", "msn", "skype", "qq", "yahoo"),
			{Name: "addresses", Type: Complex, MultiValued: true, Description: "Postal addresses", Mutability: "readWrite", Returned: "default", Uniqueness: "none", SubAttributes: []*Attribute{
				text("formatted", "The whole address"),
				text("streetAddress", "Street and number"),
				text("locality", "City"),
				text("region", "State or region"),
				text("postalCode", "Postal code"),
				text("country", "Country"),
				kind("work", "home", "other"),
				boolean("primary", "Whether this is the preferred address"),
			}},
			list("entitlements", "What the user is entitled to"),
			list("roles", "What the user is in the application, as sent", "WindowsAzureActiveDirectoryRole"),
			{Name: "groups", Type: Complex, MultiValued: true, Description: "The groups that the user is in", Mutability: "readOnly", Returned: "request", Uniqueness: "none", SubAttributes: []*Attribute{
				{Name: "value", Type: String, Description: "The id of the group", CaseExact: true, Mutability: "readOnly", Returned: "default", Uniqueness: "none"},
				reference("The URL of the group", "Group"),
				{Name: "display", Type: String, Description: "The name of the group", Mutability: "readOnly", Returned: "default", Uniqueness: "none"},
				{Name: "type", Type: String, Description: "How the user is in the group", CanonicalValues: []string{"direct"}, Mutability: "readOnly", Returned: "default", Uniqueness: "none"},
			}},
		},
	},
	Extensions: []*Schema{{
		ID:          EnterpriseURN,
		Name:        "EnterpriseUser",
		Description: "Enterprise User",
		Attributes: []*Attribute{
			text("employeeNumber", "The number that the organization gave to the user"),
			text("costCenter", "The cost center"),
			text("organization", "The organization"),
			text("division", "The division"),
			text("department", "The department"),
			manager,
		},
	}},
}

// manager is the attribute of the enterprise extension.
var manager = &Attribute{Name: "manager", Type: Complex, Description: "The user's manager", Mutability: "readWrite", Returned: "default", Uniqueness: "none", Refers: "/Users", SubAttributes: []*Attribute{
	{Name: "value", Type: String, Description: "The id of the manager", CaseExact: true, Mutability: "readWrite", Returned: "default", Uniqueness: "none"},
	{Name: "displayName", Type: String, Description: "The manager's name", Mutability: "readOnly", Returned: "default", Uniqueness: "none"},
}}

// Groups is the Group resource type (RFC 7643 section 4.2).
var Groups = &ResourceType{
	Name:        "Group",
	Endpoint:    "/Groups",
	Description: "Group",
	Keyed:       "members",
	Schema: &Schema{
		ID:          GroupURN,
		Name:        "Group",
		Description: "Group",
		Attributes: []*Attribute{
			required(&Attribute{Name: "displayName", Type: String, Description: "Unique name of the group in the directory, compared without regard to case", Uniqueness: "server"}),
			{Name: "members", Type: Complex, MultiValued: true, Description: "The users in the group", Mutability: "readWrite", Returned: "default", Uniqueness: "none", SubAttributes: []*Attribute{
				{Name: "value", Type: String, Description: "The id of the user", CaseExact: true, Mutability: "immutable", Returned: "default", Uniqueness: "none"},
				reference("The URL of the user", "User"),
				{Name: "type", Type: String, Description: "The kind of member", CanonicalValues: []string{"User"}, Mutability: "immutable", Returned: "default", Uniqueness: "none"},
				{Name: "display", Type: String, Description: "The name that came with the member", Mutability: "immutable", Returned: "default", Uniqueness: "none"},
			}},
		},
	},
}

// ResourceTypes are all resource types, in the order of /ResourceTypes.
var ResourceTypes = []*ResourceType{Users, Groups}

func text(name, description string) *Attribute {
	return &Attribute{Name: name, Type: String, Description: description, Mutability: "readWrite", Returned: "default", Uniqueness: "none"}
}

func boolean(name, description string) *Attribute {
	return &Attribute{Name: name, Type: Boolean, Description: description, Mutability: "readWrite", Returned: "default", Uniqueness: "none"}
}

// permanent makes an attribute Permanent.
func permanent(a *Attribute) *Attribute {
	a.Permanent = true
	return a
}

// reference is a `$ref` that the service provider computes. It is read-only,
// unlike in RFC 7643 section 8.7.1: clients may send it, and it has no effect
// beside a value.
func reference(description, to string) *Attribute {
	return &Attribute{Name: refName, Type: Reference, Description: description, CaseExact: true, ReferenceTypes: []string{to}, Mutability: "readOnly", Returned: "default", Uniqueness: "none"}
}

func kind(canonical ...string) *Attribute {
	a := text("type", "What it is used for")
	a.CanonicalValues = canonical
	return a
}

func required(a *Attribute) *Attribute {
	a.Required, a.Mutability, a.Returned = true, "readWrite", "default"
	return a
}

func object(name, description string, sub ...*Attribute) *Attribute {
	return &Attribute{Name: name, Type: Complex, Description: description, Mutability: "readWrite", Returned: "default", Uniqueness: "none", SubAttributes: sub}
}

// list is a multi-valued attribute with the sub-attributes of RFC 7643
// section 2.4.
func list(name, description string, types ...string) *Attribute {
	a := object(name, description,
		text("value", "The value"),
		text("display", "The value as shown to people"),
		kind(types...),
		boolean("primary", "Whether this is the preferred value"),
	)
	a.MultiValued = true
	return a
}
