package table

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"dsync/internal/dynamo"
	"dsync/internal/scim"
	"dsync/internal/table/journal"
)

// directorySort is the sort key of a directory's own record. It sorts before the
// other sort keys of the directory.
const directorySort = "D"

// Parts of keys for package carryover, which copies records as they are, and for
// package stream, which reads them.
const (
	PartitionKey    = "pk"
	SortKey         = "sk"
	DirectoryPrefix = "D#" // of the partition of a directory
	DirectorySort   = directorySort
	JobPrefix       = jobPrefix
	TokenPrefix     = "T#"
	APIKeyPrefix    = "K#"
	LogHeadSort     = headSort
	DeferralPrefix  = deferralPrefix
)

// StartCountsKey is the key of the job StartCountsID, for package carryover.
func StartCountsKey() (pk, sk string) {
	k := jobKey(StartCountsID)
	return k.PK, k.SK
}

// CountAttributes are the attributes of the head of a directory's log that count
// its users and groups, for package carryover.
var CountAttributes = []string{"n", "nn"}

// Kind is a kind of resource: the first letter of its sort key.
type Kind string

// The kinds of resources.
const (
	User  Kind = "U"
	Group Kind = "G"
)

// ulidOf is the ULID of an id, without the prefix. Keys hold no prefixes: every
// record has keys, and the letter before the ULID says the same.
func ulidOf(id string) string { return id[strings.LastIndexByte(id, '_')+1:] }

// Organizations.

func organizationPartition(organizationID string) string { return "O#" + ulidOf(organizationID) }

func organizationKey(organizationID string) dynamo.Key {
	return dynamo.Key{PK: organizationPartition(organizationID), SK: "O"}
}

func organizationsIndex() string { return "ORGANIZATIONS" }

// organizationExternalIDKey is the claim of an organization's external id.
func organizationExternalIDKey(externalID string) dynamo.Key {
	return dynamo.Key{PK: "OX#" + segment(externalID), SK: "OX"}
}

// domainKey lists an organization under one of its domains.
func domainKey(domain, organizationID string) dynamo.Key {
	return dynamo.Key{PK: domainPartition(domain), SK: domainPrefix + ulidOf(organizationID)}
}

func domainPartition(domain string) string { return "OD#" + segment(scim.Fold(domain)) }

const domainPrefix = "O#"

// organizationDirectoryKey lists a directory in its organization. The prefix is
// not directorySort: the relay's filter passes sort keys that begin with that.
func organizationDirectoryKey(organizationID, directoryID string) dynamo.Key {
	return dynamo.Key{PK: organizationPartition(organizationID), SK: organizationDirectoryPrefix + ulidOf(directoryID)}
}

const organizationDirectoryPrefix = "R#"

// Directories.

// directoryPartition is the partition key of all records of a directory: the
// directory is read consistently and deleted as one partition.
func directoryPartition(directoryID string) string { return DirectoryPrefix + ulidOf(directoryID) }

func directoryKey(directoryID string) dynamo.Key {
	return dynamo.Key{PK: directoryPartition(directoryID), SK: directorySort}
}

func directoriesIndex() string { return "DIRECTORIES" }

// Credentials and jobs. A hash is the SHA-256 of a secret, hexadecimal.

func tokenKey(hash string) dynamo.Key       { return dynamo.Key{PK: TokenPrefix + hash, SK: "T"} }
func tokensIndex(directoryID string) string { return directoryPartition(directoryID) + "#T" }
func jobKey(jobID string) dynamo.Key        { return dynamo.Key{PK: jobPrefix + ulidOf(jobID), SK: "J"} }
func jobsIndex(directoryID string) string   { return directoryPartition(directoryID) + "#J" }

const jobPrefix = "J#"

// runningShards is the number of partitions of the list of running jobs. Each
// deletion of a user writes the list twice in transactions, which cost 2 units
// a record, and a partition takes 1,000 units a second.
const runningShards = 4

func runningPartition(shard int) string { return "RJ#" + strconv.Itoa(shard) }

// runningKey is a job's entry in the list of running jobs.
func runningKey(jobID string) dynamo.Key {
	u := ulidOf(jobID)
	return dynamo.Key{PK: runningPartition(int(u[len(u)-1]) % runningShards), SK: u}
}

// Users, groups and memberships.

func resourceKey(k Kind, directoryID, id string) dynamo.Key {
	return dynamo.Key{PK: directoryPartition(directoryID), SK: k.prefix() + ulidOf(id)}
}

func (k Kind) prefix() string { return string(k) + "#" }

// GroupKey is the key of the record of a group.
func GroupKey(directoryID, groupID string) dynamo.Key {
	return resourceKey(Group, directoryID, groupID)
}

// index is the index partition of the resources of a kind in a directory.
func (k Kind) index(directoryID string) string {
	return directoryPartition(directoryID) + "#" + string(k)
}

// idKey is the claim of the id of a user or group, in the partition of no
// directory: an id is used once in the whole table.
func idKey(k Kind, id string) dynamo.Key {
	return dynamo.Key{PK: "I#" + k.prefix() + ulidOf(id), SK: "I"}
}

// idsIndex is the index partition of the ids that were used in a directory.
func idsIndex(directoryID string) string { return directoryPartition(directoryID) + "#I" }

func membershipKey(directoryID, groupID, userID string) dynamo.Key {
	return dynamo.Key{PK: directoryPartition(directoryID), SK: groupMembersPrefix(groupID) + ulidOf(userID)}
}

const membershipPrefix = "M#"

func groupMembersPrefix(groupID string) string { return membershipPrefix + ulidOf(groupID) + "#" }

// userGroupsIndex is the index partition of the memberships of a user. Its sort
// keys are Group.prefix() and the group's ULID.
func userGroupsIndex(directoryID, userID string) string {
	return User.index(directoryID) + "#" + ulidOf(userID)
}

// Claims and look-ups.

// nameKey is the claim of a userName or a displayName, folded.
func nameKey(k Kind, directoryID, folded string) dynamo.Key {
	return dynamo.Key{PK: directoryPartition(directoryID), SK: string(k) + "N#" + segment(folded)}
}

// sharedNameKey is the look-up of one of the groups that share a name. It
// differs from every claim: a segment has no separator.
func sharedNameKey(k Kind, directoryID, folded, id string) dynamo.Key {
	key := nameKey(k, directoryID, folded)
	key.SK += "#" + ulidOf(id)
	return key
}

// The key of a look-up by a value that is not unique is a prefix that only
// equal values have, followed by the ULID of the resource.
func externalIDPrefix(k Kind, externalID string) string {
	return string(k) + "X#" + segment(externalID) + "#"
}

func emailPrefix(folded string) string { return "UE#" + segment(folded) + "#" }

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

func requestKey(directoryID, requestID string) dynamo.Key {
	return dynamo.Key{PK: directoryPartition(directoryID), SK: requestPrefix + ulidOf(requestID)}
}

func dayKey(directoryID, date string) dynamo.Key {
	return dynamo.Key{PK: directoryPartition(directoryID), SK: dayPrefix + date}
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
func eventKey(k string) dynamo.Key { return dynamo.Key{PK: "E#" + k, SK: "E"} }

// claimKey is the claim of a change that is counted without an event.
func claimKey(k string) dynamo.Key { return dynamo.Key{PK: "E#" + k, SK: "C"} }

// logPartition is the partition of the journal of a directory.
func logPartition(directoryID string) string { return "L#" + ulidOf(directoryID) }

const environmentPrefix = "EL#"

// environmentPartition is the partition of a shard of the environment's journal.
func environmentPartition(shard int) string { return environmentPrefix + strconv.Itoa(shard) }

func journalHeadKey(j Journal) dynamo.Key { return dynamo.Key{PK: j.partition, SK: headSort} }

const (
	headSort       = "HEAD"
	pagePrefix     = "P#"
	deferralPrefix = "W#"
)

func pageKey(j Journal, last journal.Position) dynamo.Key {
	return dynamo.Key{PK: j.partition, SK: pagePrefix + last.String()}
}

// deferralKey is a deferred change of a directory. Deferred changes are in the
// order of the appends that deferred them.
func deferralKey(directoryID string, version int64, n int) dynamo.Key {
	return dynamo.Key{PK: logPartition(directoryID), SK: fmt.Sprintf("%s%016d#%04d", deferralPrefix, version, n)}
}
