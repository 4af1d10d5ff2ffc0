// Command users is the Lambda function of that name; see infra/topology.
package main

import (
	"context"
	"log"
	"os"

	"dsync/internal/app"

	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	handler, err := app.Users(context.Background(), os.Getenv)
	if err != nil {
		log.Fatal(err)
	}
	lambda.Start(handler)
}
