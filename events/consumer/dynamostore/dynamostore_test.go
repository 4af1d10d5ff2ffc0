package dynamostore_test

import (
	"testing"

	"dsync/events/consumer"
	"dsync/events/consumer/dynamostore"
	"dsync/events/consumer/storetest"
	"dsync/infra/local/enginetest"
)

func TestMain(m *testing.M) { enginetest.Main(m) }

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) consumer.Store { return dynamostore.New(enginetest.Table(t)) })
}
