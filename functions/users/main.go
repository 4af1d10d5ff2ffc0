// Command users is the Lambda function of that name; see infra/topology.
package main

import (
	"context"
	"log"
	"log/slog"
	"os"

	"dsync/internal/app"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

func main() {
	slog.SetDefault(lambdacontext.NewLogger())
	handler, err := app.Users(context.Background(), os.Getenv)
	if err != nil {
		log.Fatal(err)
	}
	lambda.Start(handler)
}
