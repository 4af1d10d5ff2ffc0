package consumer

import "encoding/json"

// The names of the events that this package knows. There may be others.
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

// eventType is what the package knows of an event.
type eventType struct {
	parse   func(json.RawMessage) (any, error)
	removal string // the event that removes the resource; its own name for that event
}

var eventTypes = map[string]eventType{
	DirectoryActivated: {parseAs[Directory], DirectoryDeleted},
	DirectoryDeleted:   {parseAs[Directory], DirectoryDeleted},
	TokenCreated:       {parseAs[Token], TokenRevoked},
	TokenRevoked:       {parseAs[Token], TokenRevoked},
	UserCreated:        {parseAs[User], UserDeleted},
	UserUpdated:        {parseAs[User], UserDeleted},
	UserDeleted:        {parseAs[User], UserDeleted},
	GroupCreated:       {parseAs[Group], GroupDeleted},
	GroupUpdated:       {parseAs[Group], GroupDeleted},
	GroupDeleted:       {parseAs[Group], GroupDeleted},
	GroupUserAdded:     {parseAs[Membership], GroupUserRemoved},
	GroupUserRemoved:   {parseAs[Membership], GroupUserRemoved},
}

func parseAs[T interface{ validate() error }](raw json.RawMessage) (any, error) {
	var data T
	if err := json.Unmarshal(raw, &data); err != nil {
		return nil, err
	}
	return data, data.validate()
}
