package topology

import (
	"time"

	"dsync/internal/table/schema"
)

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

// relays is what turning records into logged events takes.
var relays = []string{"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:BatchWriteItem"}

// api is the routes of the REST API.
var api = []string{
	"ANY /organizations", "ANY /organizations/{proxy+}",
	"ANY /directories", "ANY /directories/{proxy+}",
	"ANY /directory_users", "ANY /directory_users/{proxy+}",
	"ANY /directory_groups", "ANY /directory_groups/{proxy+}",
	"ANY /events",
	"ANY /jobs", "ANY /jobs/{proxy+}",
	"ANY /api_keys", "ANY /api_keys/{proxy+}",
	"ANY /openapi.json",
}

// Dsync is the system.
func Dsync() System {
	table := map[string]Reference{"TABLE_NAME": TableName}
	publisher := map[string]Reference{
		"TABLE_NAME":            TableName,
		"EVENT_BUS_NAME":        EventBusName,
		"DEAD_LETTER_QUEUE_URL": RelayDeadLettersURL,
	}
	return System{
		Table: schema.Dsync(),
		Bus:   Bus{Name: "dsync", Source: "dsync"},
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
				Description: "Stream records to the log of events and to the bus",
				MemoryMiB:   512,
				Timeout:     time.Minute,
				Stream: &StreamConsumer{
					BatchSize: 100,
					// It parks what can never be an event by itself, so what
					// fails here is an outage: the stream waits for a day.
					RetryAttempts: Unlimited,
					MaximumAge:    23 * time.Hour,
					Filter:        schema.ResourceChanges(),
				},
				Environment: publisher,
				Grants: []Grant{
					{TheTable, relays},
					{TheBus, []string{"events:PutEvents"}},
					{TheRelayDeadLetters, []string{"sqs:SendMessage"}},
				},
			},
			{
				Name:        "jobs",
				Description: "Long work, one page a step, such as the purge of a deleted directory",
				MemoryMiB:   256,
				Timeout:     time.Minute,
				Stream: &StreamConsumer{
					BatchSize:     1,
					RetryAttempts: 10,
					MaximumAge:    6 * time.Hour,
					Filter:        schema.JobChanges(),
				},
				Environment: table,
				Grants: []Grant{
					{TheTable, []string{
						"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query",
						"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem",
					}},
					{TheIndex, []string{"dynamodb:Query"}},
				},
			},
			{
				Name:        "api",
				Description: "The REST API: directories, users, groups, events, and their management",
				MemoryMiB:   apiMemory,
				Timeout:     apiTimeout,
				Routes:      api,
				Environment: table,
				Grants: []Grant{
					{TheTable, []string{
						"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query",
						"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem",
					}},
					{TheIndex, []string{"dynamodb:Query"}},
				},
			},
			{
				Name:        "apikey",
				Description: "Makes an API key, for whoever may invoke it",
				MemoryMiB:   apiMemory,
				Timeout:     apiTimeout,
				Environment: table,
				Grants:      []Grant{{TheTable, []string{"dynamodb:PutItem"}}},
			},
			{
				Name:        "redrive",
				Description: "Publishes parked events, or a range of the log, once more",
				MemoryMiB:   512,
				Timeout:     15 * time.Minute,
				Environment: publisher,
				Grants: []Grant{
					{TheTable, append([]string{"dynamodb:Query"}, relays...)},
					{TheIndex, []string{"dynamodb:Query"}},
					{TheBus, []string{"events:PutEvents"}},
					{TheRelayDeadLetters, []string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:SendMessage"}},
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
