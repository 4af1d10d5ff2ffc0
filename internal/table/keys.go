package table

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"dsync/internal/scim"
)

// Names that are not in struct tags.
const (
	sortKey   = "sk"
	indexName = "gsi1"
	// directorySort is the sort key of a directory's own record.
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

// indexKey is a key of the index.
type indexKey struct {
	PK string `dynamodbav:"gsi1pk,omitempty"`
	SK string `dynamodbav:"gsi1sk,omitempty"`
}

// All records of a directory share one partition key: one domain of order in
// the stream. To spread a directory over more keys, change this function.
func directoryPartition(directory string) string { return "D#" + ulidOf(directory) }

func organizationPartition(id string) string { return "O#" + ulidOf(id) }
func organizationKey(id string) key          { return key{organizationPartition(id), "O"} }
func organizationsIndex() string             { return "ORGANIZATIONS" }
func directoryKey(id string) key             { return key{directoryPartition(id), "D"} }
func directoriesIndex() string               { return "DIRECTORIES" }
func tokenKey(hash string) key               { return key{"T#" + hash, "T"} }
func tokensIndex(directoryID string) string  { return directoryPartition(directoryID) + "#T" }
func jobKey(id string) key                   { return key{"J#" + ulidOf(id), "J"} }
func jobsIndex(directoryID string) string    { return directoryPartition(directoryID) + "#J" }
func apiKeyKey(hash string) key              { return key{"K#" + hash, "K"} }
func apiKeysIndex() string                   { return "KEYS" }
func (k Kind) index(directoryID string) string {
	return directoryPartition(directoryID) + "#" + string(k)
}

func resourceKey(k Kind, directoryID, id string) key {
	return key{directoryPartition(directoryID), string(k) + "#" + ulidOf(id)}
}

// nameKey is the claim of a unique name.
func nameKey(k Kind, directoryID, name string) key {
	return key{directoryPartition(directoryID), string(k) + "N#" + segment(scim.Fold(name))}
}

// sharedNameKey is the look-up of one of those who share a name. No claim's key
// begins like it: segments hold no separator.
func sharedNameKey(k Kind, directoryID, name, id string) key {
	return key{directoryPartition(directoryID), sharedNamePrefix(k, name) + ulidOf(id)}
}

func sharedNamePrefix(k Kind, name string) string {
	return string(k) + "N#" + segment(scim.Fold(name)) + "#"
}

// A look-up by a value that is not unique ends with the resource's id, after a
// prefix that only equal values share.
func externalIDPrefix(k Kind, externalID string) string {
	return string(k) + "X#" + segment(externalID) + "#"
}

func emailPrefix(email string) string { return "UE#" + segment(scim.Fold(email)) + "#" }

func membershipPrefix(group string) string { return "M#" + ulidOf(group) + "#" }

func membershipKey(directoryID, group, user string) key {
	return key{directoryPartition(directoryID), membershipPrefix(group) + ulidOf(user)}
}

// membershipIndex lists the groups of a user.
func membershipIndex(directoryID, user string) string {
	return User.index(directoryID) + "#" + ulidOf(user)
}

// The relay takes records of a directory by the beginning of their sort key:
// what follows is none of them.
const (
	requestPrefix = "R#"
	dayPrefix     = "S#"
)

func requestKey(directoryID, id string) key {
	return key{directoryPartition(directoryID), requestPrefix + ulidOf(id)}
}

func dayKey(directoryID, date string) key {
	return key{directoryPartition(directoryID), dayPrefix + date}
}

// maxSegment keeps a sort key below DynamoDB's 1,024 bytes.
const maxSegment = 512

// segment makes any string a part of a key: without the separator, and short.
// Different strings give different segments.
func segment(s string) string {
	s = strings.NewReplacer("%", "%25", "#", "%23", "~", "%7E").Replace(s)
	if len(s) > maxSegment {
		sum := sha256.Sum256([]byte(s))
		return "~" + hex.EncodeToString(sum[:])
	}
	return s
}

// ulidOf is the part of an id after its prefix. Keys hold no prefixes: they
// are in every record, and the letter before says the same.
func ulidOf(id string) string { return id[strings.LastIndexByte(id, '_')+1:] }

// logKey is the record of an event in its directory's log, whose sort keys are
// positions: ULIDs.
func logKey(directoryID, position string) key { return key{logPartition(directoryID), position} }
func logPartition(directoryID string) string  { return "L#" + ulidOf(directoryID) }

// headKey is how far a directory's log is. It sorts behind all positions.
func headKey(directoryID string) key { return key{logPartition(directoryID), "HEAD"} }

// placeKey leads from an event's id to its position, where they differ.
func placeKey(event string) key { return key{"LP#" + ulidOf(event), "P"} }

// bucketKey notes that there are events in a bucket of the environment's log.
func bucketKey(b Bucket) key { return key{bucketsPartition, b.String()} }

const bucketsPartition = "LB"

// bucketIndex lists the events of a bucket by position.
func bucketIndex(b Bucket) string { return "L#" + b.String() }

// ownedKey lists a directory in its organization. Its sort key does not begin
// as a directory's own: the relay takes those.
func ownedKey(organization, directoryID string) key {
	return key{organizationPartition(organization), ownedPrefix + ulidOf(directoryID)}
}

const ownedPrefix = "R#"

// externalOrganizationKey is the claim of an organization's external id.
func externalOrganizationKey(externalID string) key { return key{"OX#" + segment(externalID), "OX"} }

// domainKey lists an organization under a domain of its own.
func domainKey(domain, organization string) key {
	return key{domainPartition(domain), domainPrefix + ulidOf(organization)}
}

func domainPartition(domain string) string { return "OD#" + segment(scim.Fold(domain)) }

const domainPrefix = "O#"
