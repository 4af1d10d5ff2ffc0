package table

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// CreateOrganization writes a new organization.
func (t *Table) CreateOrganization(ctx context.Context, o Organization) error {
	index := indexKey{organizationsIndex(), ulidOf(o.ID)}
	return t.transact(ctx, []types.TransactWriteItem{t.putNew(marshal(organizationKey(o.ID), index, o))})
}

// CreateDirectory writes a new directory and its first token, both or none.
func (t *Table) CreateDirectory(ctx context.Context, d Directory, first Token) error {
	index := indexKey{directoriesIndex(), ulidOf(d.ID)}
	return t.transact(ctx, []types.TransactWriteItem{
		t.putNew(marshal(directoryKey(d.ID), index, d)),
		t.putNew(first.item()),
	})
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

func (j Job) item() item { return marshal(jobKey(j.ID), j) }

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
