package main

import (
	"bytes"
	"strings"
	"testing"

	"dsync/internal/dsynctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func TestMain(m *testing.M) { dsynctest.Main(m) }

func TestCarry(t *testing.T) {
	api, old := dsynctest.Table(t)
	_, restored := dsynctest.Table(t)
	key := map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "L#1"}, "sk": &types.AttributeValueMemberS{Value: "HEAD"}}
	if _, err := api.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &old, Item: key}); err != nil {
		t.Fatal(err)
	}
	variables := map[string]string{
		"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local",
		"AWS_ENDPOINT_URL_DYNAMODB": aws.ToString(api.Options().BaseEndpoint),
	}
	env := func(name string) string { return variables[name] }
	var out bytes.Buffer
	if err := carry(t.Context(), []string{old, restored}, env, &out); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(out.String(), "copied 1 items of the log, and 0 revoked") {
		t.Error(out.String())
	}
	found, err := api.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &restored, Key: key})
	if err != nil || found.Item == nil {
		t.Errorf("the item was not copied: %v", err)
	}

	for _, args := range [][]string{nil, {old}, {old, old}, {old, ""}} {
		if err := carry(t.Context(), args, env, &out); err == nil || !strings.Contains(err.Error(), "usage") {
			t.Errorf("%q: %v", args, err)
		}
	}
	if err := carry(t.Context(), []string{old, "none"}, env, &out); err == nil || !strings.Contains(err.Error(), "run it again") {
		t.Errorf("to a table that is not there: %v", err)
	}
	delete(variables, "AWS_REGION")
	if err := carry(t.Context(), []string{old, restored}, env, &out); err == nil || !strings.Contains(err.Error(), "AWS_REGION") {
		t.Errorf("without a Region: %v", err)
	}
}
