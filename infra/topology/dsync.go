package topology

import "time"

const (
	base = "/scim/v2.0/{external_key}"

	apiMemory  = 256
	apiTimeout = 10 * time.Second
)

// resources is what reading and writing users and groups takes.
// TransactWriteItems is authorized by the actions of its parts.
var resources = []Grant{
	{TheTable, []string{
		"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query",
		"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem",
	}},
	{TheIndex, []string{"dynamodb:Query"}},
}

// Dsync is the system.
func Dsync() System {
	table := map[string]Reference{"TABLE_NAME": TableName}
	return System{
		Table: Table{
			Name:         "dsync",
			PartitionKey: "pk",
			SortKey:      "sk",
			Index:        Index{Name: "gsi1", PartitionKey: "gsi1pk", SortKey: "gsi1sk"},
			TTLAttribute: "ttl",
			StreamView:   "NEW_AND_OLD_IMAGES",
		},
		Bus: Bus{Name: "dsync", Source: "dsync"},
		Functions: []Function{
			{
				Name:        "users",
				Description: "SCIM /Users of every directory",
				MemoryMiB:   apiMemory,
				Timeout:     apiTimeout,
				Routes:      resource("Users"),
				Environment: table,
				Grants:      resources,
			},
			{
				Name:        "groups",
				Description: "SCIM /Groups of every directory",
				MemoryMiB:   apiMemory,
				Timeout:     apiTimeout,
				Routes:      resource("Groups"),
				Environment: table,
				Grants:      resources,
			},
			{
				Name:        "discovery",
				Description: "SCIM discovery, and every path that no route names",
				MemoryMiB:   apiMemory,
				Timeout:     apiTimeout,
				// A Tenant URL pasted with a slash at its end makes //Users of
				// /Users, which matches no route: so it serves resources, too.
				Routes:      []string{"$default"},
				Environment: table,
				Grants:      resources,
			},
			{
				Name:        "relay",
				Description: "Stream records to dsync events on the bus",
				MemoryMiB:   512,
				Timeout:     time.Minute,
				Stream: &StreamConsumer{
					BatchSize:     100,
					RetryAttempts: 10,
					MaximumAge:    6 * time.Hour,
					Filter: Filter{
						// A record is marked before it is removed, so REMOVE means nothing.
						EventNames: []string{"INSERT", "MODIFY"},
						Key:        "sk",
						Prefixes:   []string{"U#", "G#", "M#"},
					},
				},
				Environment: map[string]Reference{"TABLE_NAME": TableName, "EVENT_BUS_NAME": EventBusName},
				Grants: []Grant{
					{TheTable, []string{"dynamodb:BatchGetItem", "dynamodb:BatchWriteItem"}},
					{TheBus, []string{"events:PutEvents"}},
				},
			},
			{
				Name:        "jobs",
				Description: "Long work, one page a step: the memberships of what was deleted",
				MemoryMiB:   256,
				Timeout:     time.Minute,
				Stream: &StreamConsumer{
					BatchSize:     1,
					RetryAttempts: 10,
					MaximumAge:    6 * time.Hour,
					Filter:        Filter{EventNames: []string{"INSERT", "MODIFY"}, Key: "pk", Prefixes: []string{"J#"}},
				},
				Environment: table,
				Grants: []Grant{
					{TheTable, []string{"dynamodb:GetItem", "dynamodb:Query", "dynamodb:BatchWriteItem", "dynamodb:PutItem"}},
					{TheIndex, []string{"dynamodb:Query"}},
				},
			},
		},
		Rules: []Rule{{
			Name:        "every-event",
			Description: "Writes every dsync event to a log, as an example of a rule",
			Pattern:     map[string]any{"source": []any{"dsync"}, "detail-type": []any{map[string]any{"prefix": "dsync."}}},
			Target:      EventLog,
		}},
	}
}

// resource is the routes of one SCIM endpoint. The greedy one also catches a
// trailing slash, which no HTTP API route key may end with.
func resource(endpoint string) []string {
	return []string{"ANY " + base + "/" + endpoint, "ANY " + base + "/" + endpoint + "/{proxy+}"}
}
