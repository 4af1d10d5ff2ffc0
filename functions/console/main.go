// Command console is the Lambda function that serves the console to people, and
// makes a sign-in link for whoever may invoke it.
package main

import (
	"crypto/rand"
	"os"
	"time"

	"dsync/internal/console"
	"dsync/internal/eventlog"
	"dsync/internal/lambdaenv"
	"dsync/internal/management"
	"dsync/internal/scim"
	"dsync/internal/secret"
	"dsync/internal/sso"

	"github.com/aws/aws-lambda-go/lambda"
)

func main() { lambdaenv.Start(os.Getenv, build) }

func build(e lambdaenv.Environment) (lambda.Handler, error) {
	t, err := e.Table()
	if err != nil {
		return nil, err
	}
	provider, err := sso.Open(os.Getenv("SINGLE_SIGN_ON"), management.Roles, time.Now, secret.NewReader(e.AWS, e.Endpoint("SECRETS_MANAGER"), time.Now).Read)
	if err != nil {
		return nil, err
	}
	o := console.Options{Table: t, Events: eventlog.New(t, time.Now), SSO: provider, SCIMBase: scim.BasePath,
		Now: time.Now, Entropy: rand.Reader, Log: e.Log, Metrics: e.Metrics}
	served, err := e.Serve(console.New(o))
	return console.LinkMaker(o, served), err
}
