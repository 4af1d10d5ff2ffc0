package system

import (
	"context"

	"dsync/internal/app"

	"github.com/aws/aws-lambda-go/lambda"
)

// builders holds what functions/<name>/main.go starts, by that name. A test
// holds it and the topology against each other.
var builders = map[string]func(context.Context, app.Environment) (lambda.Handler, error){
	"users":     app.Users,
	"groups":    app.Groups,
	"discovery": app.Discovery,
	"relay":     app.Relay,
	"jobs":      app.Jobs,
	"api":       app.API,
	"apikey":    app.APIKey,
	"redrive":   app.Redrive,
}
