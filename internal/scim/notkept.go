package scim

// usersNotKept are the attributes of RFC 7643 sections 4.1 and 4.3 that no user
// keeps. The `$ref` of a multi-valued attribute is one of its default
// sub-attributes (section 2.4). The sub-attributes beside it are there for
// filters in a path, such as emails[type eq "work"].$ref.
var usersNotKept = &ResourceType{
	Name: "User",
	Schema: &Schema{ID: UserURN, Attributes: []*Attribute{
		notKept(text("password", "")),
		notKept(withRef(list("photos", "", "photo", "thumbnail"))),
		notKept(withRef(list("x509Certificates", ""))),
		withRef(list("emails", "", "work", "home", "other")),
		withRef(list("phoneNumbers", "")),
		withRef(list("ims", "")),
		withRef(list("entitlements", "")),
		withRef(list("roles", "")),
		withRef(list("addresses", "")),
	}},
	Extensions: []*Schema{{ID: EnterpriseURN, Attributes: []*Attribute{withRef(manager)}}},
}

func notKept(a *Attribute) *Attribute {
	a.NotKept = true
	return a
}

// withRef returns a copy of a complex attribute with a `$ref` that is not kept.
func withRef(a *Attribute) *Attribute {
	c := *a
	c.SubAttributes = append([]*Attribute{notKept(&Attribute{Name: refName, Type: Reference, CaseExact: true, Mutability: "readWrite"})}, a.SubAttributes...)
	return &c
}
