package system

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"dsync/infra/topology"
	locallambda "dsync/internal/awslocal/lambda"
	"dsync/internal/awslocal/lambda/runtimeapi"
	"dsync/internal/gateway"
	"dsync/internal/lambdaenv"
	"dsync/internal/logline"
	"dsync/internal/management"
	"dsync/internal/sso"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// buildFunctions builds the handlers of all functions.
func (p *parts) buildFunctions(ctx context.Context, o Options) error {
	for _, f := range p.topology.Functions {
		for name, reference := range f.Environment {
			if p.system.values[reference] == "" && !reference.Optional() {
				return fmt.Errorf("function %s: the local machine has no %s %s for %s", f.Name, reference.Kind, reference.Of, name)
			}
		}
	}
	built := map[string]lambda.Handler{}
	if !o.Processes {
		var err error
		if built, err = p.inThisProcess(); err != nil {
			return err
		}
	}
	if err := p.inProcesses(ctx, o, built); err != nil {
		return err
	}
	p.functions = map[string]locallambda.Function{}
	for _, f := range p.topology.Functions {
		p.functions[f.Name] = locallambda.Function{Name: f.Name, Timeout: f.Timeout, Handler: built[f.Name]}
	}
	return nil
}

// inThisProcess builds the handlers of the functions that have a role.
func (p *parts) inThisProcess() (map[string]lambda.Handler, error) {
	front, err := gateway.ParseFront(p.system.values[topology.PublicURL], p.system.values[topology.OriginSecretHashes])
	if err != nil {
		return nil, err
	}
	noSecrets := func(context.Context, string) (string, error) {
		return "", errors.New("this machine has no Secrets Manager: SINGLE_SIGN_ON takes client_secret")
	}
	signOn, err := sso.Open(p.system.values[topology.SingleSignOn], management.Roles, time.Now, noSecrets)
	if err != nil {
		return nil, err
	}
	c := configuration{
		signOn:          signOn,
		front:           front,
		table:           lambdaenv.Table(p.system.db, p.system.values[topology.TableName], nil),
		events:          eventbridge.NewFromConfig(p.aws, func(o *eventbridge.Options) { o.BaseEndpoint = &p.services.EventBridge }),
		bus:             p.system.values[topology.EventBusName],
		queues:          sqs.NewFromConfig(p.aws, func(o *sqs.Options) { o.BaseEndpoint = &p.services.SQS }),
		deadLetterQueue: p.system.values[topology.DeadLetterQueueURL(p.topology.ByRole(topology.RelaysEvents).Name)],
		objects:         s3.NewFromConfig(p.aws, func(o *s3.Options) { o.BaseEndpoint, o.UsePathStyle = &p.services.S3, true }),
		failureBucket:   p.system.values[topology.FailureBucketName],
		log:             slog.New(logline.Bounded(slog.NewJSONHandler(p.functionLog, nil))),
	}
	built := map[string]lambda.Handler{}
	for _, f := range p.topology.Functions {
		if build, ok := handlers[f.Role]; ok {
			built[f.Name] = build(c)
		}
	}
	return built, nil
}

// inProcesses adds the functions that are not built yet: it builds their
// binaries and starts one process of each, to check that it starts.
func (p *parts) inProcesses(ctx context.Context, o Options, built map[string]lambda.Handler) error {
	var functions []topology.Function
	var names []string
	for _, f := range p.topology.Functions {
		if built[f.Name] == nil {
			functions, names = append(functions, f), append(names, f.Name)
		}
	}
	if len(functions) == 0 {
		return nil
	}
	dir, err := p.subfolder("bin")
	if err != nil {
		return err
	}
	if err := runtimeapi.Build(ctx, dir, "", names...); err != nil {
		return err
	}
	failures := make([]error, len(functions))
	var starting sync.WaitGroup
	for i, f := range functions {
		function := runtimeapi.New(runtimeapi.Options{
			Name:      f.Name,
			Binary:    runtimeapi.Bootstrap(dir, f.Name),
			Variables: p.variables(f),
			MemoryMiB: f.MemoryMiB,
			Limit:     o.Environments,
			Log:       p.functionLog,
		})
		p.system.onStop(function.Close)
		built[f.Name] = function
		starting.Go(func() { failures[i] = function.Warm(ctx) })
	}
	starting.Wait()
	return errors.Join(failures...)
}

// subfolder returns a folder of the data folder. Without a data folder it returns
// a temporary one, which is deleted when the system stops.
func (p *parts) subfolder(name string) (string, error) {
	if p.system.folder.kept() {
		return filepath.Abs(p.system.folder.path(name))
	}
	dir, err := os.MkdirTemp("", "dsync-"+name+"-")
	if err == nil {
		p.system.onStop(func() error { return os.RemoveAll(dir) })
	}
	return dir, err
}

// variables returns the whole environment of a function's process.
func (p *parts) variables(f topology.Function) map[string]string {
	variables := p.services.Variables()
	env := p.system.environment(f.Environment)
	for name := range f.Environment {
		variables[name] = env(name)
	}
	return variables
}

// startLambda starts the Invoke endpoint for operators.
func (p *parts) startLambda(ctx context.Context, _ Options) (err error) {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	p.system.LambdaURL, err = p.serveHere(locallambda.NewEndpoint(running, p.functions))
	p.system.onStop(func() error { stop(); return nil })
	return err
}
