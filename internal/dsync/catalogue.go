package dsync

// The names of the events (workos.md section 2.2).
const (
	DirectoryActivated = "dsync.activated"
	DirectoryDeleted   = "dsync.deleted"
	TokenCreated       = "dsync.token.created"
	TokenRevoked       = "dsync.token.revoked"
	UserCreated        = "dsync.user.created"
	UserUpdated        = "dsync.user.updated"
	UserDeleted        = "dsync.user.deleted"
	GroupCreated       = "dsync.group.created"
	GroupUpdated       = "dsync.group.updated"
	GroupDeleted       = "dsync.group.deleted"
	GroupUserAdded     = "dsync.group.user_added"
	GroupUserRemoved   = "dsync.group.user_removed"
)

// Subject is the kind of resource that an event is about. It decides the form
// of the event's data.
type Subject string

// The subjects.
const (
	SubjectDirectory  Subject = "directory"
	SubjectToken      Subject = "token"
	SubjectUser       Subject = "user"
	SubjectGroup      Subject = "group"
	SubjectMembership Subject = "membership"
)

// State is the state of a subject as consumers know it. A change of a record
// is a transition from one state to another.
type State string

// The states of tokens, users, groups and memberships. An absent one was not
// created yet, was deleted, or is not in the projection.
const (
	Absent  State = ""
	Present State = "present"
)

// The states of a directory, as the REST API and the table name them
// (workos.md section 1.2). A directory that does not exist yet is Absent.
const (
	Validating State = "validating" // no request has come yet
	Linked     State = "linked"
	Deleting   State = "deleting"
)

// Any is every other state than the one that the transition leads to.
const Any State = "*"

// Type is a type of event.
type Type struct {
	Name    string
	Subject Subject
	// From and To are the transition of the subject that the event reports.
	From, To State
	// Removes are the kinds of resources that no longer exist after the event:
	// the subject itself, and those that belong to it, for which no further
	// events follow.
	Removes []Subject
}

// Catalogue has all types of events. The changes (DirectoryChange and so on)
// find in it the event of a transition. Tests compare the JSON Schemas, the
// samples, the patterns, the consumer package, the API's document and the
// documentation with it.
var Catalogue = []Type{
	{Name: DirectoryActivated, Subject: SubjectDirectory, From: Validating, To: Linked},
	{Name: DirectoryDeleted, Subject: SubjectDirectory, From: Any, To: Deleting,
		Removes: []Subject{SubjectDirectory, SubjectToken, SubjectUser, SubjectGroup, SubjectMembership}},
	{Name: TokenCreated, Subject: SubjectToken, From: Absent, To: Present},
	{Name: TokenRevoked, Subject: SubjectToken, From: Present, To: Absent, Removes: []Subject{SubjectToken}},
	{Name: UserCreated, Subject: SubjectUser, From: Absent, To: Present},
	{Name: UserUpdated, Subject: SubjectUser, From: Present, To: Present},
	{Name: UserDeleted, Subject: SubjectUser, From: Present, To: Absent, Removes: []Subject{SubjectUser, SubjectMembership}},
	{Name: GroupCreated, Subject: SubjectGroup, From: Absent, To: Present},
	{Name: GroupUpdated, Subject: SubjectGroup, From: Present, To: Present},
	{Name: GroupDeleted, Subject: SubjectGroup, From: Present, To: Absent, Removes: []Subject{SubjectGroup, SubjectMembership}},
	{Name: GroupUserAdded, Subject: SubjectMembership, From: Absent, To: Present},
	{Name: GroupUserRemoved, Subject: SubjectMembership, From: Present, To: Absent, Removes: []Subject{SubjectMembership}},
}

// Names are the names of all events, in the order of the catalogue.
var Names = func() []string {
	names := make([]string, len(Catalogue))
	for i, t := range Catalogue {
		names[i] = t.Name
	}
	return names
}()

// Updates reports whether the event reports a change of a resource that exists
// before and after it. Its data has previous_attributes.
func (t Type) Updates() bool { return t.From == Present && t.To == Present }

// typeOf returns the event of a transition, and whether there is one.
func typeOf(subject Subject, from, to State) (Type, bool) {
	for _, t := range Catalogue {
		if t.Subject == subject && t.To == to && (t.From == from || t.From == Any && from != to) {
			return t, true
		}
	}
	return Type{}, false
}

// subjectOf returns the subject of the event with that name, "" for none.
func subjectOf(name string) Subject {
	for _, t := range Catalogue {
		if t.Name == name {
			return t.Subject
		}
	}
	return ""
}
