// Command api is the Lambda function that serves the REST API.
package main

import (
	"crypto/rand"
	"os"
	"time"

	"dsync/internal/api"
	"dsync/internal/eventlog"
	"dsync/internal/lambdaenv"
	"dsync/internal/scim"

	"github.com/aws/aws-lambda-go/lambda"
)

func main() { lambdaenv.Start(os.Getenv, build) }

func build(e lambdaenv.Environment) (lambda.Handler, error) {
	t, err := e.Table()
	if err != nil {
		return nil, err
	}
	return e.Serve(api.New(api.Options{
		Table:    t,
		Events:   eventlog.New(t, time.Now),
		Now:      time.Now,
		Entropy:  rand.Reader,
		Log:      e.Log,
		Metrics:  e.Metrics,
		SCIMBase: scim.BasePath,
	}))
}
