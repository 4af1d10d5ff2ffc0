// Command apikey is the Lambda function that creates API keys. It can write
// keys and their audit events, and do nothing else.
package main

import (
	"crypto/rand"
	"os"
	"time"

	"dsync/internal/api"
	"dsync/internal/lambdaenv"

	"github.com/aws/aws-lambda-go/lambda"
)

func main() { lambdaenv.Start(os.Getenv, build) }

func build(e lambdaenv.Environment) (lambda.Handler, error) {
	t, err := e.TableToWrite()
	if err != nil {
		return nil, err
	}
	return lambda.NewHandler(api.KeyMaker(api.Options{Table: t, Now: time.Now, Entropy: rand.Reader})), nil
}
