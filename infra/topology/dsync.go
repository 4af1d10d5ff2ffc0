package topology

import (
	"maps"
	"time"

	"dsync/internal/table/schema"
)

const (
	base = "/scim/v2.0/{external_key}"

	apiMemory  = 256
	apiTimeout = 10 * time.Second
)

// resources are the permissions to read and write users and groups.
// TransactWriteItems is authorized by the actions of its items.
var resources = []Grant{
	{Resource: TheTable, Actions: []string{
		"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query",
		"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem",
	}},
	{Resource: TheIndex, Actions: []string{"dynamodb:Query"}},
}

// management are the permissions to manage organizations, directories, tokens, keys
// and sessions, and to read everything.
var management = []Grant{
	{Resource: TheTable, Actions: []string{
		"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:ConditionCheckItem",
		"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem",
	}},
	{Resource: TheIndex, Actions: []string{"dynamodb:Query"}},
}

// onboards are the permissions to serve the setup page: to read directories, tokens
// and what was received, to open setup links, and to create and revoke tokens.
var onboards = []Grant{
	{Resource: TheTable, Actions: []string{"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"}, Partitions: schema.SetupReadPartitions()},
	{Resource: TheTable, Actions: []string{"dynamodb:PutItem", "dynamodb:UpdateItem"}, Partitions: schema.SetupWritePartitions()},
	{Resource: TheIndex, Actions: []string{"dynamodb:Query"}, Partitions: schema.DirectoryPartitions()},
}

// relays are the permissions to derive events and to log them: all records are
// read, and the log and memberships are written. Deferred memberships are found by
// a query and deleted when they are logged.
var relays = []Grant{
	{Resource: TheTable, Actions: []string{"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:ConditionCheckItem"}},
	{Resource: TheTable, Actions: []string{"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem"},
		Partitions: schema.RelayPartitions()},
}

// api lists the routes of the REST API.
var api = []string{
	"ANY /organizations", "ANY /organizations/{proxy+}",
	"ANY /directories", "ANY /directories/{proxy+}",
	"ANY /directory_users", "ANY /directory_users/{proxy+}",
	"ANY /directory_groups", "ANY /directory_groups/{proxy+}",
	"ANY /events",
	"ANY /jobs", "ANY /jobs/{proxy+}",
	"ANY /api_keys", "ANY /api_keys/{proxy+}",
	"ANY /console_sessions", "ANY /console_sessions/{proxy+}",
	"ANY /portal/generate_link",
	"ANY /setup_page",
	"ANY /audit_events",
	"ANY /openapi.json",
}

// Dsync returns the system.
func Dsync() System {
	const relay = "relay" // its dead-letter queue is used by two functions
	table := map[string]Reference{"TABLE_NAME": TableName}
	server := map[string]Reference{"TABLE_NAME": TableName, "PUBLIC_URL": PublicURL, "ORIGIN_SECRET_HASHES": OriginSecretHashes}
	console := maps.Clone(server)
	console["SINGLE_SIGN_ON"] = SingleSignOn
	publisher := map[string]Reference{
		"TABLE_NAME":            TableName,
		"EVENT_BUS_NAME":        EventBusName,
		"DEAD_LETTER_QUEUE_URL": DeadLetterQueueURL(relay),
		"FAILURE_BUCKET_NAME":   FailureBucketName,
	}
	return System{
		Table: schema.Dsync(),
		Bus:   Bus{Name: "dsync", Source: "dsync"},
		Functions: []Function{
			{
				Name:        "users",
				Role:        ServesUsers,
				Description: "SCIM /Users of every directory",
				MemoryMiB:   apiMemory,
				Timeout:     apiTimeout,
				Routes:      resource("Users"),
				Throttle:    Throttle{PerSecond: 1000, AtOnce: 500},
				Environment: server,
				Grants:      resources,
			},
			{
				Name:        "groups",
				Role:        ServesGroups,
				Description: "SCIM /Groups of every directory",
				MemoryMiB:   apiMemory,
				Timeout:     apiTimeout,
				Routes:      resource("Groups"),
				Throttle:    Throttle{PerSecond: 1000, AtOnce: 500},
				Environment: server,
				Grants:      resources,
			},
			{
				Name:        "discovery",
				Role:        ServesDiscovery,
				Description: "SCIM discovery, and every path that no route names",
				MemoryMiB:   apiMemory,
				Timeout:     apiTimeout,
				// A Tenant URL that ends in a slash turns /Users into //Users, which
				// matches no other route. So this function serves resources, too.
				Routes: []string{"$default"},
				// Few requests of healthy directories come here, and every request
				// of a scanner.
				Throttle:    Throttle{PerSecond: 200, AtOnce: 200},
				Environment: server,
				Grants:      resources,
			},
			{
				Name:        relay,
				Role:        RelaysEvents,
				Description: "Stream records to the log of events and to the bus",
				MemoryMiB:   512,
				Timeout:     time.Minute,
				Stream: &StreamConsumer{
					BatchSize: 100,
					// A shard holds the records of many directories, and one
					// directory may fill batch after batch. Four at a time let the
					// batches of others pass. The log needs the order of one item
					// alone.
					Parallelization: 4,
					// The function parks records that can never become events. So a
					// failure is an outage, and the stream waits for almost a day.
					RetryAttempts: Unlimited,
					MaximumAge:    23 * time.Hour,
					Filter:        schema.ResourceChanges(),
				},
				Environment: publisher,
				Grants: append([]Grant{
					{Resource: TheBus, Actions: []string{"events:PutEvents"}},
					{Resource: DeadLetterQueue(relay), Actions: []string{"sqs:SendMessage"}},
					{Resource: FailureObjects(ParkedPrefix), Actions: []string{"s3:PutObject"}},
				}, relays...),
			},
			{
				Name:        "jobs",
				Role:        RunsJobs,
				Description: "Long work, one page a step, such as the purge of a deleted directory",
				MemoryMiB:   256,
				Timeout:     time.Minute,
				Stream: &StreamConsumer{
					BatchSize: 1,
					// So that a job that fails does not hold up the other jobs of its
					// shard. A job is one item, so its steps stay in order.
					Parallelization: 4,
					// The sweep starts again what is given up.
					RetryAttempts: 10,
					MaximumAge:    6 * time.Hour,
					Filter:        schema.JobChanges(),
				},
				Schedules: []Schedule{{
					Name:        "sweep",
					Description: "Starts jobs that wait or have stopped",
					Rate:        time.Minute,
					Payload:     `{"sweep":true}`,
				}},
				Recursive:   true, // a step writes the record of the job, which starts the next step
				Environment: map[string]Reference{"TABLE_NAME": TableName, "ERASE_AFTER_DAYS": EraseAfterDays},
				Grants: []Grant{
					{Resource: TheTable, Actions: []string{
						"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:ConditionCheckItem",
						"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem",
					}},
					{Resource: TheIndex, Actions: []string{"dynamodb:Query"}},
				},
			},
			{
				Name:        "api",
				Role:        ServesREST,
				Description: "The REST API: directories, users, groups, events, and their management",
				MemoryMiB:   apiMemory,
				Timeout:     apiTimeout,
				Routes:      api,
				Throttle:    Throttle{PerSecond: 500, AtOnce: 250},
				Environment: server,
				Grants:      management,
			},
			{
				Name:        "console",
				Role:        ServesConsole,
				Output:      "ConsoleFunctionName",
				Description: "The console for people, and sign-in links for whoever may invoke it",
				MemoryMiB:   apiMemory,
				Timeout:     apiTimeout,
				Routes:      []string{"ANY /console", "ANY /console/{proxy+}"},
				Throttle:    Throttle{PerSecond: 100, AtOnce: 100}, // of people
				Environment: console,
				Grants:      append([]Grant{{Resource: TheClientSecret, Actions: []string{"secretsmanager:GetSecretValue"}}}, management...),
			},
			{
				Name:        "setup",
				Role:        ServesSetup,
				Description: "The setup page for the admins of customers",
				MemoryMiB:   apiMemory,
				Timeout:     apiTimeout,
				Routes:      []string{"ANY /setup", "ANY /setup/{proxy+}"},
				Throttle:    Throttle{PerSecond: 100, AtOnce: 100}, // of people
				Environment: server,
				Grants:      onboards,
			},
			{
				Name:        "apikey",
				Role:        CreatesAPIKeys,
				Output:      "ApiKeyFunctionName",
				Description: "Makes an API key, for whoever may invoke it",
				MemoryMiB:   apiMemory,
				Timeout:     apiTimeout,
				Environment: table,
				Grants: []Grant{
					{Resource: TheTable, Actions: []string{"dynamodb:PutItem"}, Partitions: schema.APIKeyPartitions()},
					{Resource: TheTable, Actions: []string{"dynamodb:ConditionCheckItem"}, Partitions: schema.OrganizationPartitions()},
				},
			},
			{
				Name:        "redrive",
				Role:        RedrivesEvents,
				Output:      "RedriveFunctionName",
				Description: "Publishes parked events, batches that were given up, or a range of the log",
				MemoryMiB:   512,
				Timeout:     15 * time.Minute,
				Environment: publisher,
				Grants: append([]Grant{
					{Resource: TheBus, Actions: []string{"events:PutEvents"}},
					{Resource: DeadLetterQueue(relay), Actions: []string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:SendMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"}},
					{Resource: TheFailureBucket, Actions: []string{"s3:ListBucket"}},
					{Resource: FailureObjects(""), Actions: []string{"s3:GetObject", "s3:DeleteObject"}},
					{Resource: FailureObjects(ParkedPrefix), Actions: []string{"s3:PutObject"}}, // what cannot be published again
				}, relays...),
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

// resource returns the routes of one SCIM endpoint. The greedy route also matches
// a trailing slash, which the route key of an HTTP API cannot contain.
func resource(endpoint string) []string {
	return []string{"ANY " + base + "/" + endpoint, "ANY " + base + "/" + endpoint + "/{proxy+}"}
}
