// Package system is dsync on one machine: it puts the parts together as the
// topology says, with no AWS account.
//
// The functions are the ones that are deployed, built in this process by the
// same code, with the same SDK clients; only the endpoints differ. Or they run
// in processes of their own, from binaries that are built as the deployed ones
// are: slower to start, and as far apart as in Lambda. An event
// is delivered at least once, also when the machine is ended by kill -9
// between the answer to a request and its event, if there is a data folder.
//
// A System reads no environment variable of its process and changes neither
// the environment, the standard streams nor the default logger. One process
// can run several systems, each with its own port and data folder.
package system

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"dsync/infra/topology"
	"dsync/internal/awslocal/awsconfig"
	"dsync/internal/awslocal/lambda/runtimeapi"
	"dsync/internal/lambdaenv"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

const region = "us-east-1"

// Options say how to run a machine.
type Options struct {
	Port    int    // 0 is any free port
	DataDir string // "" keeps everything in memory
	// Extensions are custom schemas that the users of the directory of a first
	// start have, in the JSON form of RFC 7643 section 7.
	Extensions []json.RawMessage
	// Processes runs each function in processes of its own. The working
	// directory is in the module, then, and there is Go on PATH.
	Processes bool
	Log       io.Writer // what its user has to know, and what functions log when there is no DataDir; may be nil
	// OnEvent sees each event as it is handed to a target, in the order of
	// delivery, one at a time; may be nil.
	OnEvent func(json.RawMessage)
}

// System is a machine that runs.
type System struct {
	APIURL         string // http://localhost:port
	TenantURL      string // for Entra
	Token          string // the Secret Token
	DirectoryID    string
	OrganizationID string
	APIKey         string // for the REST API
	LambdaURL      string // where an operator invokes functions

	folder folder
	values map[topology.Reference]string
	db     *dynamodb.Client
	undo   []func() error // the last one first
	stop   func() error
}

// Start brings a machine up: when it returns, requests are answered and events
// are delivered.
func Start(ctx context.Context, o Options) (_ *System, err error) {
	if o.Log == nil {
		o.Log = io.Discard
	}
	s := &System{folder: folder(o.DataDir), values: map[topology.Reference]string{}}
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
	listeners, port, err := listenLocal(o.Port) // early, for a quick "in use"
	if err != nil {
		return nil, err
	}
	for _, l := range listeners {
		s.onStop(func() error { _ = l.Close(); return nil }) // in case it is never served
	}
	functionLog, err := s.openLog(o.Log)
	if err != nil {
		return nil, err
	}
	s.APIURL = fmt.Sprintf("http://localhost:%d", port)
	p := &parts{
		topology: topology.Dsync(), system: s, services: runtimeapi.Services{Region: region},
		functionLog: functionLog, log: ownLogger(functionLog, o.Log),
		aws: lambdaenv.Config(region, awsconfig.Credentials, slog.New(slog.NewJSONHandler(functionLog, nil))),
	}
	for _, step := range []func(context.Context, Options) error{
		p.startEngine, p.startBus, p.startQueues, p.createTable, p.buildFunctions,
		p.connect, p.startMappings, p.startOperator,
	} {
		if err := step(ctx, o); err != nil {
			return nil, err
		}
	}
	if err := p.startFront(listeners); err != nil {
		return nil, err
	}
	if err := s.folder.keep(s.connection(os.Getpid())); err != nil {
		return nil, err
	}
	return s, nil
}

// Stop takes the machine down in order: no more requests, then no more
// batches, then the bus and the engine. It returns when everything that Start
// started has ended.
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

// DynamoDB is a client of the engine, as the functions' are.
func (s *System) DynamoDB() *dynamodb.Client { return s.db }

func (s *System) connection(pid int) connection {
	return connection{s.TenantURL, s.Token, s.DirectoryID, s.OrganizationID, s.APIURL, s.APIKey, s.LambdaURL, pid}
}

// openLog decides where functions log to, also several of them at once.
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

// patience bounds each part of a stop: longer than any function may take that
// a request or the stream invokes. An operator's invocation is ended.
const patience = 70 * time.Second
