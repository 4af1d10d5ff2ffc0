// Command setup is the Lambda function that serves the setup page to the admins of
// customers.
package main

import (
	"crypto/rand"
	"os"
	"time"

	"dsync/internal/lambdaenv"
	"dsync/internal/scim"
	"dsync/internal/setup"

	"github.com/aws/aws-lambda-go/lambda"
)

func main() { lambdaenv.Start(os.Getenv, build) }

func build(e lambdaenv.Environment) (lambda.Handler, error) {
	t, err := e.Table()
	if err != nil {
		return nil, err
	}
	return e.Serve(setup.New(setup.Options{
		Table:    t,
		Now:      time.Now,
		Entropy:  rand.Reader,
		Log:      e.Log,
		Metrics:  e.Metrics,
		SCIMBase: scim.BasePath,
	}))
}
