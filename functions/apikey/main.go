// Command apikey is the Lambda function of that name; see infra/topology.
package main

import (
	"os"

	"dsync/internal/app"
)

func main() { app.Start(os.Getenv, app.APIKey) }
