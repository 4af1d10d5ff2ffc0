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

// maxEraseDays is the retention of events in days: older ones have expired.
const maxEraseDays = 90

func main() { lambdaenv.Start(os.Getenv, build) }

func build(e lambdaenv.Environment) (lambda.Handler, error) {
	t, err := e.Table()
	if err != nil {
		return nil, err
	}
	eraseAfter, err := e.Days("ERASE_AFTER_DAYS", jobs.DefaultEraseAfter, 0, maxEraseDays)
	if err != nil {
		return nil, err
	}
	w := jobs.New(t, time.Now, rand.Reader, jobs.TokenTrust, e.Log, jobs.EraseAfter(eraseAfter), jobs.Metrics(e.Metrics))
	return lambda.NewHandler(w.Invoke), nil
}
