// Command example is a Lambda function behind an EventBridge rule. It maintains
// a table of users, groups and memberships. template.yaml deploys it.
package main

import (
	"context"
	"log"
	"log/slog"
	"os"

	"dsync/events/consumer"
	"dsync/events/consumer/dynamostore"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

func main() {
	settings, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	lambda.Start(handler(dynamodb.NewFromConfig(settings), os.Getenv("PEOPLE_TABLE"), os.Getenv("PROGRESS_TABLE")))
}

// handler applies the events that the rule delivers to the application's table.
func handler(api *dynamodb.Client, table, progress string) func(context.Context, events.EventBridgeEvent) error {
	p := people{api, table}
	c := consumer.New(dynamostore.New(api, progress), p.apply, consumer.Options{Gap: logGap})
	return func(ctx context.Context, delivery events.EventBridgeEvent) error {
		e, err := consumer.Parse(delivery.Detail)
		if err != nil {
			return err // after three attempts the event goes to the dead-letter queue
		}
		return c.Consume(ctx, e)
	}
}

// logGap logs a gap. docs/consuming.md says how to fill it.
func logGap(_ context.Context, g consumer.Gap) error {
	slog.Error("events did not arrive", "directory", g.DirectoryID, "from", g.From, "to", g.To)
	return nil
}

// apply writes one resource, or removes it with what belongs to it.
func (p people) apply(ctx context.Context, e consumer.Event) error {
	switch d := e.Data.(type) {
	case consumer.User:
		return p.set(ctx, e, row{d.DirectoryID, d.ID, d.Email, d.Name, d.State == "active"})
	case consumer.Membership: // user and group have their own events
		return p.set(ctx, e, row{Directory: d.DirectoryID, ID: d.Group.ID + "/" + d.User.ID, Active: true})
	case consumer.Group:
		if e.Removes() {
			return p.clear(ctx, d.DirectoryID, d.ID)
		}
		return p.set(ctx, e, row{d.DirectoryID, d.ID, "", d.Name, true})
	case consumer.Directory:
		if e.Removes() {
			return p.clear(ctx, d.ID, "directory_")
		}
	}
	return nil
}
