package table

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"dsync/internal/scim"
)

// Key attributes and the index: package schema describes the same ones.
const (
	partitionKey = "pk"
	sortKey      = "sk"
	indexName    = "gsi1"
	// directorySort is the sort key of a directory's own record. It sorts before
	// the other sort keys of the directory.
	directorySort = "D"
)

// Kind is a kind of resource: the first letter of its sort key.
type Kind string

// The kinds of resources.
const (
	User  Kind = "U"
	Group Kind = "G"
)

// key is a primary key.
type key struct {
	PK string `dynamodbav:"pk"`
	SK string `dynamodbav:"sk"`
}

// indexKey is a key of the index. A record without one is not in the index.
type indexKey struct {
	PK string `dynamodbav:"gsi1pk,omitempty"`
	SK string `dynamodbav:"gsi1sk,omitempty"`
}

// ulidOf is the ULID of an id, without the prefix. Keys hold no prefixes: every
// record has keys, and the letter before the ULID says the same.
func ulidOf(id string) string { return id[strings.LastIndexByte(id, '_')+1:] }

// Organizations.

func organizationPartition(organizationID string) string { return "O#" + ulidOf(organizationID) }

func organizationKey(organizationID string) key {
	return key{organizationPartition(organizationID), "O"}
}

func organizationsIndex() string { return "ORGANIZATIONS" }

// organizationExternalIDKey is the claim of an organization's external id.
func organizationExternalIDKey(externalID string) key { return key{"OX#" + segment(externalID), "OX"} }

// domainKey lists an organization under one of its domains.
func domainKey(domain, organizationID string) key {
	return key{domainPartition(domain), domainPrefix + ulidOf(organizationID)}
}

func domainPartition(domain string) string { return "OD#" + segment(scim.Fold(domain)) }

const domainPrefix = "O#"

// organizationDirectoryKey lists a directory in its organization. The prefix is
// not directorySort: the relay's filter passes sort keys that begin with that.
func organizationDirectoryKey(organizationID, directoryID string) key {
	return key{organizationPartition(organizationID), organizationDirectoryPrefix + ulidOf(directoryID)}
}

const organizationDirectoryPrefix = "R#"

// Directories.

// directoryPartition is the partition key of all records of a directory: the
// directory is read consistently and deleted as one partition.
func directoryPartition(directoryID string) string { return "D#" + ulidOf(directoryID) }

func directoryKey(directoryID string) key { return key{directoryPartition(directoryID), directorySort} }

func directoriesIndex() string { return "DIRECTORIES" }

// Credentials and jobs. A hash is the SHA-256 of a secret, hexadecimal.

func tokenKey(hash string) key              { return key{"T#" + hash, "T"} }
func tokensIndex(directoryID string) string { return directoryPartition(directoryID) + "#T" }
func apiKeyKey(hash string) key             { return key{"K#" + hash, "K"} }
func apiKeysIndex() string                  { return "KEYS" }
func jobKey(jobID string) key               { return key{jobPrefix + ulidOf(jobID), "J"} }
func jobsIndex(directoryID string) string   { return directoryPartition(directoryID) + "#J" }

const jobPrefix = "J#"

// runningShards is the number of partitions of the list of running jobs. Each
// deletion of a user writes the list twice in transactions, which cost 2 units
// a record, and a partition takes 1,000 units a second.
const runningShards = 4

func runningPartition(shard int) string { return "RJ#" + strconv.Itoa(shard) }

// runningKey is a job's entry in the list of running jobs.
func runningKey(jobID string) key {
	u := ulidOf(jobID)
	return key{runningPartition(int(u[len(u)-1]) % runningShards), u}
}

// Users, groups and memberships.

func resourceKey(k Kind, directoryID, id string) key {
	return key{directoryPartition(directoryID), k.prefix() + ulidOf(id)}
}

func (k Kind) prefix() string { return string(k) + "#" }

// index is the index partition of the resources of a kind in a directory.
func (k Kind) index(directoryID string) string {
	return directoryPartition(directoryID) + "#" + string(k)
}

func membershipKey(directoryID, groupID, userID string) key {
	return key{directoryPartition(directoryID), groupMembersPrefix(groupID) + ulidOf(userID)}
}

const membershipPrefix = "M#"

func groupMembersPrefix(groupID string) string { return membershipPrefix + ulidOf(groupID) + "#" }

// userGroupsIndex is the index partition of the memberships of a user. Its sort
// keys are Group.prefix() and the group's ULID.
func userGroupsIndex(directoryID, userID string) string {
	return User.index(directoryID) + "#" + ulidOf(userID)
}

// Claims and look-ups.

// nameKey is the claim of a userName or a displayName.
func nameKey(k Kind, directoryID, name string) key {
	return key{directoryPartition(directoryID), string(k) + "N#" + segment(scim.Fold(name))}
}

// sharedNameKey is the look-up of one of the groups that share a name. It
// differs from every claim: a segment has no separator.
func sharedNameKey(k Kind, directoryID, name, id string) key {
	return key{directoryPartition(directoryID), sharedNamePrefix(k, name) + ulidOf(id)}
}

func sharedNamePrefix(k Kind, name string) string {
	return string(k) + "N#" + segment(scim.Fold(name)) + "#"
}

// The key of a look-up by a value that is not unique is a prefix that only
// equal values have, followed by the ULID of the resource.
func externalIDPrefix(k Kind, externalID string) string {
	return string(k) + "X#" + segment(externalID) + "#"
}

func emailPrefix(email string) string { return "UE#" + segment(scim.Fold(email)) + "#" }

// maxSegment keeps a sort key below DynamoDB's limit of 1,024 bytes.
const maxSegment = 512

var segmentEscaper = strings.NewReplacer("%", "%25", "#", "%23", "~", "%7E")

// segment makes any string a part of a key: without the separator, and at most
// maxSegment bytes. Different strings give different segments.
func segment(s string) string {
	s = segmentEscaper.Replace(s)
	if len(s) > maxSegment {
		sum := sha256.Sum256([]byte(s))
		return "~" + hex.EncodeToString(sum[:])
	}
	return s
}

// Records of SCIM requests. The relay's filter passes records of a directory by
// the prefix of their sort key, and passes none of these prefixes.
const (
	requestPrefix = "R#"
	dayPrefix     = "S#"
)

func requestKey(directoryID, requestID string) key {
	return key{directoryPartition(directoryID), requestPrefix + ulidOf(requestID)}
}

func dayKey(directoryID, date string) key {
	return key{directoryPartition(directoryID), dayPrefix + date}
}

// The log of events.

// EventKey is the key of an event in the log: the 16 characters of its id that
// identify the change. The other characters are the time.
func EventKey(eventID string) string {
	u := ulidOf(eventID)
	return u[max(len(u)-16, 0):]
}

// eventKey is the record of an event. It is the claim of its change, too: a
// change is logged when this record exists. Every event has a partition of its
// own, so the largest events of one directory do not slow its other records.
func eventKey(k string) key { return key{"E#" + k, "E"} }

// logPartition is the partition of the journal of a directory.
func logPartition(directoryID string) string { return "L#" + ulidOf(directoryID) }

const environmentPrefix = "EL#"

// environmentPartition is the partition of a shard of the environment's journal.
func environmentPartition(shard int) string { return environmentPrefix + strconv.Itoa(shard) }

func journalHeadKey(j Journal) key { return key{j.partition, headSort} }

const (
	headSort       = "HEAD"
	pagePrefix     = "P#"
	deferralPrefix = "W#"
)

func pageKey(j Journal, last Position) key { return key{j.partition, pagePrefix + last.String()} }

// deferralKey is a deferred change of a directory. Deferred changes are in the
// order of the appends that deferred them.
func deferralKey(directoryID string, version int64, n int) key {
	return key{logPartition(directoryID), fmt.Sprintf("%s%016d#%04d", deferralPrefix, version, n)}
}
