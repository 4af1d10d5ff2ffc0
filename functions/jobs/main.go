// Command jobs is the Lambda function that does long work one page at a time.
package main

import (
	"crypto/rand"
	"os"
	"time"

	"dsync/internal/jobs"
	"dsync/internal/lambdaenv"

	"github.com/aws/aws-lambda-go/lambda"
)

func main() { lambdaenv.Start(os.Getenv, build) }

func build(e lambdaenv.Environment) (lambda.Handler, error) {
	t, err := e.Table()
	if err != nil {
		return nil, err
	}
	e.Prime(t)
	return lambda.NewHandler(jobs.New(t, time.Now, rand.Reader, jobs.TokenTrust, e.Log).Handle), nil
}
