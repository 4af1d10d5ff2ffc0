package consumer_test

import (
	"testing"

	"dsync/events/consumer"
	"dsync/events/consumer/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) consumer.Store { return consumer.NewMemory() })
}
