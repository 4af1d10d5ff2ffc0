// Package system runs dsync on one machine, as the topology describes it. It
// needs no AWS account.
//
// The functions have the handlers and SDK clients of the deployed functions;
// only the endpoints differ. They run in this process or, with
// Options.Processes, in processes of their own, from binaries that are built
// like the deployed ones. With a data folder, an event is delivered at least
// once, even if kill -9 ends the process between a response and its event.
//
// A System reads no environment variable of its process and changes neither
// the environment, the standard streams nor the default logger. One process
// can run several systems, each with its own port and data folder.
package system

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"dsync/infra/local/runfile"
	"dsync/infra/topology"
	"dsync/internal/awslocal/awsconfig"
	"dsync/internal/awslocal/lambda/runtimeapi"
	"dsync/internal/lambdaenv"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

const (
	region = "us-east-1"
	// eraseAfterDays is the default of the stack.
	eraseAfterDays = "30"
)

// Options configure a system.
type Options struct {
	Port    int    // 0 is any free port
	DataDir string // "" keeps nothing after Stop
	// DynamoDBEndpoint is the endpoint of a running DynamoDB; "" starts one.
	DynamoDBEndpoint string
	// Extensions are custom user schemas of the directory that the first start
	// creates, in the JSON form of RFC 7643 section 7.
	Extensions []json.RawMessage
	// Processes runs each function in processes of its own. It needs Go on PATH
	// and a working directory in the module.
	Processes bool
	// Environments is how many processes of a function serve at a time; 0 is 4.
	Environments int
	// Unkind lets the machine do what AWS may do and DynamoDB Local does not: a
	// stream with several shards and in any order of items, batches that are
	// delivered twice, throttled and lost calls, an index that is behind.
	Unkind bool
	// ScheduleRate is the interval of the schedules that run every minute on AWS;
	// 0 means 2 s, because somebody waits for what they do. Other schedules have
	// the same proportion.
	ScheduleRate time.Duration
	// Step is called with what is being started, before it is; may be nil.
	Step func(what string)
	// TableName is the name of a table with a stream that exists, such as one that
	// was restored; "" creates one.
	TableName string
	Log       io.Writer // messages for the user, and without DataDir the functions' logs; may be nil
	// OnEvent is called with each event that a target gets, in the order of
	// delivery, one call at a time; may be nil.
	OnEvent func(json.RawMessage)
	// SingleSignOn are the settings of an identity provider for the console, in the JSON
	// of package sso; "" is none.
	SingleSignOn string
	Person       string // who signs in by ConsoleURL, as the audit log names them; "" is "local"
}

// System is a running system.
type System struct {
	APIURL         string // http://localhost:port
	TenantURL      string // for Entra
	Token          string // the Secret Token
	DirectoryID    string
	OrganizationID string
	APIKey         string // for the REST API
	ConsoleURL     string // signs an administrator in to the console: once, within five minutes of the start
	LambdaURL      string // where operators invoke functions

	// SignInLink makes a link with which a person signs in to the console: once,
	// within five minutes.
	SignInLink func(ctx context.Context, person, role string) (string, error)

	folder folder
	values map[topology.Reference]string
	db     *dynamodb.Client
	undo   []func() error // the last one first
	stop   func() error
}

// Start starts a system. When it returns, requests are served and events are
// delivered.
func Start(ctx context.Context, o Options) (_ *System, err error) {
	if o.Log == nil {
		o.Log = io.Discard
	}
	s := &System{folder: folder(o.DataDir), values: map[topology.Reference]string{topology.EraseAfterDays: eraseAfterDays}}
	s.stop = sync.OnceValue(s.takeDown)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
		}
	}()

	unlock, err := s.folder.lock()
	if err != nil {
		return nil, err
	}
	s.onStop(unlock)
	listeners, port, err := listenLocal(o.Port) // first, so that a port in use is reported at once
	if err != nil {
		return nil, err
	}
	for _, l := range listeners {
		s.onStop(func() error { _ = l.Close(); return nil }) // if it is never served
	}
	functionLog, err := s.openLog(o.Log)
	if err != nil {
		return nil, err
	}
	accessKey, err := s.folder.accessKey()
	if err != nil {
		return nil, err
	}
	s.APIURL = fmt.Sprintf("http://localhost:%d", port)
	s.values[topology.PublicURL], s.values[topology.SingleSignOn] = s.APIURL, o.SingleSignOn
	p := &parts{
		topology: topology.Dsync(), system: s, services: runtimeapi.Services{Region: region, AccessKey: accessKey},
		functionLog: functionLog, log: ownLogger(functionLog, o.Log),
		aws: lambdaenv.Config(region, awsconfig.WithKey(accessKey), slog.New(slog.NewJSONHandler(functionLog, nil))),
	}
	functions := "the functions"
	if o.Processes {
		functions = "building and starting the processes of the functions"
	}
	for _, step := range []struct {
		what string // for the user, if it takes time
		do   func(context.Context, Options) error
	}{
		{"DynamoDB Local", p.startDynamoDB},
		{"", p.startSQS}, {"", p.startS3}, {"", p.startEventBridge},
		{"the table", p.createTable},
		{functions, p.buildFunctions},
		{"the first directory", p.connect},
		{"the stream", p.startEventSourceMappings},
		{"", p.startScheduler}, {"", p.startLambda},
	} {
		if step.what != "" && o.Step != nil {
			o.Step(step.what)
		}
		if err := step.do(ctx, o); err != nil {
			return nil, err
		}
	}
	if err := p.startAPIGateway(listeners); err != nil {
		return nil, err
	}
	s.SignInLink = p.signInLink
	if s.ConsoleURL, err = p.signInLink(ctx, cmp.Or(o.Person, "local"), "admin"); err != nil {
		return nil, err
	}
	if err := s.folder.keep(s.connection(os.Getpid())); err != nil {
		return nil, err
	}
	return s, nil
}

// Stop stops requests first, then batches, then EventBridge and DynamoDB. It
// returns when everything that Start started has ended.
func (s *System) Stop() error { return s.stop() }

func (s *System) takeDown() error {
	var errs []error
	for i := len(s.undo) - 1; i >= 0; i-- {
		errs = append(errs, s.undo[i]())
	}
	return errors.Join(errs...)
}

func (s *System) onStop(f func() error) { s.undo = append(s.undo, f) }

// TableName is the physical name of the table.
func (s *System) TableName() string { return s.values[topology.TableName] }

func (s *System) environment(variables map[string]topology.Reference) func(string) string {
	return func(name string) string { return s.values[variables[name]] }
}

// DynamoDB returns a client of the system's DynamoDB.
func (s *System) DynamoDB() *dynamodb.Client { return s.db }

func (s *System) connection(pid int) runfile.Run {
	return runfile.Run{
		TenantURL: s.TenantURL, Token: s.Token, DirectoryID: s.DirectoryID, OrganizationID: s.OrganizationID,
		APIURL: s.APIURL, APIKey: s.APIKey, ConsoleURL: s.ConsoleURL, LambdaURL: s.LambdaURL, PID: pid,
	}
}

// openLog returns the writer for the functions' logs. It may be used concurrently.
func (s *System) openLog(user io.Writer) (io.Writer, error) {
	var w io.Writer = &oneByOne{w: user}
	if s.folder.kept() {
		f, err := os.OpenFile(s.folder.path("functions.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return nil, err
		}
		s.onStop(f.Close)
		w = f
	}
	return w, nil
}

// patience bounds each step of Stop. It is longer than the timeout of every
// function that a request or the stream invokes. Invocations of operators are
// aborted.
const patience = 70 * time.Second
