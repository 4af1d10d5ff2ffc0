// Command carry copies what a restore must not take back from the table in use to
// a table that was restored to an earlier time: the log of events, and revoked
// tokens and API keys.
//
//	go run ./infra/cmd/carry OLD-TABLE RESTORED-TABLE
//
// The Region and the credentials come from the environment, as
// `aws configure export-credentials --format env` prints them. They need
// dynamodb:Scan on the first table and dynamodb:BatchWriteItem on the second.
// docs/operations.md describes the restore.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"dsync/internal/lambdaenv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := carry(ctx, os.Args[1:], os.Getenv, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "carry:", err)
		os.Exit(1)
	}
}

func carry(ctx context.Context, args []string, env func(string) string, out io.Writer) error {
	if len(args) != 2 || args[0] == args[1] || args[0] == "" || args[1] == "" {
		return errors.New("usage: carry OLD-TABLE RESTORED-TABLE")
	}
	region := cmp.Or(env("AWS_REGION"), env("AWS_DEFAULT_REGION"))
	if region == "" || env("AWS_ACCESS_KEY_ID") == "" {
		return errors.New("set AWS_REGION and credentials: eval \"$(aws configure export-credentials --format env)\"")
	}
	config := lambdaenv.Config(region, aws.Credentials{
		AccessKeyID: env("AWS_ACCESS_KEY_ID"), SecretAccessKey: env("AWS_SECRET_ACCESS_KEY"), SessionToken: env("AWS_SESSION_TOKEN"),
	}, slog.New(slog.DiscardHandler))
	client := dynamodb.NewFromConfig(config, func(o *dynamodb.Options) {
		if url := env("AWS_ENDPOINT_URL_DYNAMODB"); url != "" {
			o.BaseEndpoint = &url
		}
	})
	n, err := copyTable(ctx, client, args[0], args[1])
	fmt.Fprintf(out, "copied %d items of the log, and %d revoked tokens and API keys\n", n.log, n.revoked)
	if err != nil {
		return fmt.Errorf("not complete, run it again: %w", err)
	}
	return nil
}
