package dynamostore_test

import (
	"testing"

	"dsync/events/consumer"
	"dsync/events/consumer/dynamostore"
	"dsync/events/consumer/storetest"
	"dsync/internal/dsynctest"
)

func TestMain(m *testing.M) { dsynctest.Main(m) }

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) consumer.Store { return dynamostore.New(dsynctest.Table(t)) })
}
