package table

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func (d Directory) item() item {
	return marshal(directoryKey(d.ID), indexKey{directoriesIndex(), ulidOf(d.ID)}, d)
}

// token is the record of a token of the directory.
func (d Directory) token(ref TokenRef) Token {
	k := Token{TokenRef: ref, DirectoryID: d.ID, OrganizationID: d.OrganizationID, ExternalKey: d.ExternalKey, SCIMConfig: d.SCIMConfig}
	if !ref.Expires.IsZero() {
		k.TTL = ref.Expires.Add(DeletedRetention).Unix()
	}
	return k
}

// CreateDirectory writes a new directory of an organization with its tokens,
// all or nothing. It fails with ErrNotFound when there is no such organization.
func (t *Table) CreateDirectory(ctx context.Context, d Directory) error {
	parts := []types.TransactWriteItem{
		t.touchOrganization(d.OrganizationID),
		t.putNew(d.item()),
		t.putNew(marshal(ownedKey(d.OrganizationID, d.ID), reference{d.ID})),
	}
	for _, ref := range d.Tokens {
		parts = append(parts, t.putNew(d.token(ref).item()))
	}
	var failed conditionFailed
	if err := t.transact(ctx, parts); !errors.As(err, &failed) || failed.part > 0 {
		return err
	}
	return ErrNotFound
}

// Directory reads a directory. It fails with ErrNotFound.
func (t *Table) Directory(ctx context.Context, id string) (Directory, error) {
	var d Directory
	err := t.get(ctx, directoryKey(id), &d)
	return d, err
}

// ReplaceDirectory writes next over old, and a job that it starts, if any. Its
// tokens follow, all or nothing: those that are new in next are written, those
// that are missing in it are revoked, and the others get its protocol. It
// fails with ErrStale when the directory is no longer as old says.
//
// A token that has expired by the time of the change is of no account: it may
// be missing in next, or not.
func (t *Table) ReplaceDirectory(ctx context.Context, old, next Directory, job *Job) error {
	write := t.current(old.Version)
	write.Item = next.item()
	parts := []types.TransactWriteItem{{Put: &write}}
	for _, ref := range next.Tokens {
		switch {
		case ref.Expired(next.Modified):
		case !holds(old.Tokens, ref):
			parts = append(parts, t.putNew(next.token(ref).item()))
		case !old.SCIMConfig.Equal(next.SCIMConfig):
			parts = append(parts, types.TransactWriteItem{Update: t.follow(ref, next.SCIMConfig)})
		}
	}
	for _, ref := range old.Tokens {
		if !ref.Expired(next.Modified) && !holds(next.Tokens, ref) {
			update := t.revoke(tokenKey(ref.Hash), next.Modified)
			parts = append(parts, types.TransactWriteItem{Update: &update})
		}
	}
	if job != nil {
		parts = append(parts, t.putNew(job.item()))
	}
	var failed conditionFailed
	if err := t.transact(ctx, parts); !errors.As(err, &failed) {
		return err
	}
	return ErrStale
}

// follow writes a directory's protocol into the record of a token.
func (t *Table) follow(ref TokenRef, p SCIMConfig) *types.Update {
	return &types.Update{
		TableName:           &t.name,
		Key:                 marshal(tokenKey(ref.Hash)),
		UpdateExpression:    aws.String("SET extensions = :extensions, settings = :settings, #view = :view, pending = :pending, paused = :paused"),
		ConditionExpression: aws.String("attribute_exists(pk)"),
		ExpressionAttributeNames: map[string]string{
			"#view": "view",
		},
		ExpressionAttributeValues: marshal(struct {
			Extensions string `dynamodbav:":extensions"`
			Settings   string `dynamodbav:":settings"`
			View       string `dynamodbav:":view"`
			Pending    bool   `dynamodbav:":pending"`
			Paused     bool   `dynamodbav:":paused"`
		}{p.Extensions, p.Settings, p.View, p.Pending, p.Paused}),
	}
}

// Equal reports whether two protocols are the same.
func (p SCIMConfig) Equal(o SCIMConfig) bool {
	return p.Extensions == o.Extensions && p.Settings == o.Settings && p.View == o.View &&
		p.Pending == o.Pending && p.Paused == o.Paused
}

// Expired reports whether the token cannot be used any more at that time.
func (r TokenRef) Expired(at time.Time) bool { return !r.Expires.IsZero() && !at.Before(r.Expires) }

func holds(tokens []TokenRef, ref TokenRef) bool {
	return slices.ContainsFunc(tokens, func(r TokenRef) bool { return r.ID == ref.ID })
}

// RemoveDirectory removes the last of a deleted directory for good: its tokens,
// its place in the organization, and then itself. It may be repeated. Its jobs
// go by TTL.
func (t *Table) RemoveDirectory(ctx context.Context, d Directory) error {
	var keys []key
	for k, err := range records[key](t.query(ctx, listIndex(tokensIndex(d.ID)))) {
		if err != nil {
			return err
		}
		keys = append(keys, k)
	}
	if err := t.removeAll(ctx, append(keys, ownedKey(d.OrganizationID, d.ID))); err != nil {
		return err
	}
	return t.removeAll(ctx, []key{directoryKey(d.ID)})
}

func (k Token) item() item {
	return marshal(tokenKey(k.Hash), indexKey{tokensIndex(k.DirectoryID), ulidOf(k.ID)}, k)
}

// Token reads a token by the hash of its secret. It fails with ErrNotFound.
func (t *Table) Token(ctx context.Context, hash string) (Token, error) {
	var k Token
	err := t.get(ctx, tokenKey(hash), &k)
	return k, err
}

func (j Job) item() item {
	return marshal(jobKey(j.ID), indexKey{jobsIndex(j.DirectoryID), ulidOf(j.ID)}, j)
}

// Job reads a job. It fails with ErrNotFound.
func (t *Table) Job(ctx context.Context, id string) (Job, error) {
	var j Job
	err := t.get(ctx, jobKey(id), &j)
	return j, err
}

// StepJob writes a job after a step, unless another invocation has done the
// step already: then it fails with ErrStale.
func (t *Table) StepJob(ctx context.Context, j Job) error {
	err := t.put(ctx, types.Put{
		Item:                      j.item(),
		ConditionExpression:       aws.String("steps = :before"),
		ExpressionAttributeValues: marshal(map[string]int{":before": j.Steps - 1}),
	})
	var failed conditionFailed
	if errors.As(err, &failed) {
		return ErrStale
	}
	return err
}

// Prime opens the connection to DynamoDB by reading a key that is not there,
// so that a function's first request does not wait for it.
func (t *Table) Prime(ctx context.Context) error {
	err := t.get(ctx, key{"-", "-"}, &struct{}{})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}
