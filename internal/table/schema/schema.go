// Package schema describes the DynamoDB table: its key attributes, its index,
// its TTL attribute and its stream. The stack, the local machine and the tests
// create the table from this description. The package does no I/O.
package schema

// Table describes a DynamoDB table. All key attributes are strings.
type Table struct {
	Name         string // logical name; functions get the physical name as TABLE_NAME
	PartitionKey string
	SortKey      string
	Index        Index
	TTLAttribute string
	StreamView   string // StreamViewType
}

// Index describes a keys-only global secondary index.
type Index struct {
	Name         string
	PartitionKey string
	SortKey      string
}

// Dsync returns the description of the table that package table reads and
// writes.
func Dsync() Table {
	return Table{
		Name:         "dsync",
		PartitionKey: "pk",
		SortKey:      "sk",
		Index:        Index{Name: "gsi1", PartitionKey: "gsi1pk", SortKey: "gsi1sk"},
		TTLAttribute: "ttl",
		StreamView:   "NEW_AND_OLD_IMAGES",
	}
}

// Filter passes a stream record when its event name is listed and the key
// attribute Key begins with one of Prefixes.
type Filter struct {
	EventNames []string // INSERT, MODIFY, REMOVE
	Key        string   // name of a key attribute
	Prefixes   []string
}

// Pattern returns the filter as an event source mapping takes it.
func (f Filter) Pattern() map[string]any {
	prefixes := make([]any, len(f.Prefixes))
	for i, p := range f.Prefixes {
		prefixes[i] = map[string]any{"prefix": p}
	}
	names := make([]any, len(f.EventNames))
	for i, n := range f.EventNames {
		names[i] = n
	}
	return map[string]any{
		"eventName": names,
		"dynamodb":  map[string]any{"Keys": map[string]any{f.Key: map[string]any{"S": prefixes}}},
	}
}

// ResourceChanges passes the changes of directories, users, groups and
// memberships. A record is soft-deleted before it is removed, so REMOVE means
// nothing.
func ResourceChanges() Filter {
	return Filter{EventNames: []string{"INSERT", "MODIFY"}, Key: "sk", Prefixes: []string{"U#", "G#", "M#", "D"}}
}

// JobChanges passes the changes of jobs.
func JobChanges() Filter {
	return Filter{EventNames: []string{"INSERT", "MODIFY"}, Key: "pk", Prefixes: []string{"J#"}}
}

// LogPartitions returns the prefixes of the partition keys of the log of events.
// The last two are those of earlier versions.
func LogPartitions() []string { return []string{"L#", "E#", "EL#", "LP#", "LB"} }

// AuditPartitions returns the prefixes of the partition keys of the audit log.
func AuditPartitions() []string { return []string{"A#", "AO#", "AD#"} }

// APIKeyPartitions returns the prefixes of the partition keys that the creation
// of an API key writes.
func APIKeyPartitions() []string { return append(AuditPartitions(), "K#") }

// OrganizationPartitions returns the prefix of the partition keys of
// organizations.
func OrganizationPartitions() []string { return []string{"O#"} }

// DirectoryPartitions returns the prefix of the partition keys of directories, in the
// table and in the index.
func DirectoryPartitions() []string { return []string{"D#"} }

// SetupReadPartitions returns the prefixes of the partition keys that the setup page
// reads: setup links and their sessions, how the page looks, directories with their
// users and groups, organizations, tokens, the heads of the logs of directories, and
// the version of the table.
func SetupReadPartitions() []string {
	return []string{"SL#", "SS#", "SETUP_PAGE", "D#", "O#", "T#", "L#", "V#"}
}

// SetupWritePartitions returns the prefixes of the partition keys that the setup page
// writes: setup links and their sessions, directories, tokens and the audit log.
func SetupWritePartitions() []string {
	return append(AuditPartitions(), "SL#", "SS#", "D#", "T#")
}

// RelayPartitions returns the prefixes of the partition keys that the relay writes:
// those of the log, and those of directories, in whose memberships it notes what
// it has announced.
func RelayPartitions() []string { return append(LogPartitions(), "D#") }
