package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"dsync/events/consumer"
)

// An EventBridge target or a reader of GET /events passes each event to
// Consume. Late and repeated events do not reach the handler.
func Example() {
	people := map[string]string{}
	apply := func(_ context.Context, e consumer.Event) error {
		switch d := e.Data.(type) {
		case consumer.User:
			if e.Removes() {
				delete(people, d.ID)
			} else {
				people[d.ID] = d.Email + " " + d.State
			}
		case consumer.Group, consumer.Membership, consumer.Directory, consumer.Token:
			// likewise
		}
		return nil
	}
	c := consumer.New(consumer.NewMemory(), apply, consumer.Options{})

	detail := func(id, name, state string, sequence int) []byte {
		return fmt.Appendf(nil, `{"object":"event","id":%q,"event":%q,"created_at":"2026-11-23T12:00:00.155Z","context":{"sequence":%d},"data":{
			"object":"directory_user","id":"directory_user_01E1X1B89NH8Z3SDFJR4H7RGX7","directory_id":"directory_01ECAZ4NV9QMV47GW873HDCX74",
			"email":"lela.block@example.com","state":%q}}`, id, name, sequence, state)
	}
	for _, delivered := range [][]byte{
		detail("event_01M844RZ20EBR0JMJ6110Q14DM", "dsync.user.updated", "inactive", 42),
		detail("event_01M844RZ20EBR0JMJ6110Q14DK", "dsync.user.created", "active", 41),   // late
		detail("event_01M844RZ20EBR0JMJ6110Q14DM", "dsync.user.updated", "inactive", 42), // again
	} {
		e, err := consumer.Parse(delivered)
		if err != nil {
			fmt.Println(err)
			continue
		}
		if err := c.Consume(context.Background(), e); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(people)
	// Output: map[directory_user_01E1X1B89NH8Z3SDFJR4H7RGX7:lela.block@example.com inactive]
}

func ExampleParse() {
	_, err := consumer.Parse([]byte(`{"object":"event","id":"event_1"}`))
	fmt.Println(errors.Is(err, consumer.ErrMalformed))

	// An unknown event is not an error: ignore names that you do not use.
	e, err := consumer.Parse([]byte(`{"object":"event","id":"event_01M844RZ20EBR0JMJ6110Q14DK","event":"dsync.group.merged","data":{},"created_at":"2026-11-23T12:00:00.155Z"}`))
	fmt.Println(e.Name, err)
	// Output:
	// true
	// dsync.group.merged <nil>
}

// A reconciliation passes the resources that it read from the REST API. Events
// of later changes take precedence, in any order.
func ExampleObserved() {
	apply := func(_ context.Context, e consumer.Event) error {
		fmt.Println(e.Name, e.Data.(consumer.User).Name)
		return nil
	}
	c := consumer.New(consumer.NewMemory(), apply, consumer.Options{})

	const sequence = 42 // GET /events?directory=…&order=desc&limit=1, before the user was read
	user := consumer.User{ID: "directory_user_01E1X1B89NH8Z3SDFJR4H7RGX7", DirectoryID: "directory_01ECAZ4NV9QMV47GW873HDCX74", Name: "Lela Block"}
	if err := c.Consume(context.Background(), consumer.Observed(consumer.UserUpdated, user, sequence)); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	// Output: dsync.user.updated Lela Block
}

// Gaps are events that did not arrive within the grace time.
func ExampleConsumer_FindGaps() {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	c := consumer.New(consumer.NewMemory(), func(context.Context, consumer.Event) error { return nil }, consumer.Options{
		Now: func() time.Time { return now },
		Gap: func(_ context.Context, g consumer.Gap) error {
			fmt.Printf("%s: the events %d to %d are missing\n", g.DirectoryID, g.From, g.To)
			return nil
		},
	})
	const directory = "directory_01ECAZ4NV9QMV47GW873HDCX74"
	group := consumer.Group{ID: "directory_group_01E1X5GPMMXF4T1DCERMVEEPVW", DirectoryID: directory}
	for _, sequence := range []int64{1, 2, 5, 4} {
		e := consumer.Event{ID: fmt.Sprint("event_", sequence), Sequence: sequence, Name: consumer.GroupUpdated, Data: group}
		if err := c.Consume(context.Background(), e); err != nil {
			fmt.Println(err)
		}
	}
	for range 2 { // a schedule
		now = now.Add(time.Hour)
		if err := c.FindGaps(context.Background(), directory); err != nil {
			fmt.Println(err)
		}
	}
	// Output: directory_01ECAZ4NV9QMV47GW873HDCX74: the events 3 to 3 are missing
}

// A handler error keeps the event: call Consume again with it. Lambda does so
// when the function returns the error.
func ExampleConsumer_Consume() {
	available := false
	apply := func(_ context.Context, e consumer.Event) error {
		if !available {
			return errors.New("the database is not available")
		}
		fmt.Println("applied", e.Name)
		return nil
	}
	c := consumer.New(consumer.NewMemory(), apply, consumer.Options{})

	e := consumer.Event{ID: "event_01M844RZ20EBR0JMJ6110Q14DK", Sequence: 1, Name: consumer.GroupCreated,
		Data: consumer.Group{ID: "directory_group_01E1X5GPMMXF4T1DCERMVEEPVW", DirectoryID: "directory_01ECAZ4NV9QMV47GW873HDCX74"}}
	fmt.Println(c.Consume(context.Background(), e))
	available = true
	fmt.Println(c.Consume(context.Background(), e))
	// Output:
	// consumer: dsync.group.created event_01M844RZ20EBR0JMJ6110Q14DK: the database is not available
	// applied dsync.group.created
	// <nil>
}
