// Command users is the Lambda function that serves SCIM /Users.
package main

import (
	"crypto/rand"
	"os"
	"time"

	"dsync/internal/lambdaenv"
	"dsync/internal/provider"

	"github.com/aws/aws-lambda-go/lambda"
)

func main() { lambdaenv.Start(os.Getenv, build) }

func build(e lambdaenv.Environment) (lambda.Handler, error) {
	t, err := e.Table()
	if err != nil {
		return nil, err
	}
	return e.Serve(provider.Options{
		Table:   t,
		Now:     time.Now,
		Entropy: rand.Reader,
		Log:     e.Log,
		Metrics: e.Metrics,
		Limits:  provider.DefaultLimits,
	}.Users())
}
