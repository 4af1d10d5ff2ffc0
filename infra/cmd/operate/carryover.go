package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"dsync/internal/table/carryover"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// carryOver copies from a table to its restored copy what the restore must not
// take back. It uses the credentials, the Region and the endpoint that the
// environment configures for the AWS SDKs.
func carryOver(ctx context.Context, from, to string, apply bool, out io.Writer) error {
	c, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	o := carryover.Options{DB: dynamodb.NewFromConfig(c), From: from, To: to, Apply: apply, Now: time.Now}
	last := time.Now()
	o.Progress = func(r carryover.Report) {
		if now := time.Now(); now.Sub(last) >= progressInterval {
			last = now
			fmt.Fprintf(out, "%d items read, %d records of the log copied\n", r.Read, r.Copied)
		}
	}
	r, err := carryover.Run(ctx, o)
	if err != nil {
		return fmt.Errorf("%w; what was copied stays, another run continues", err)
	}
	if !apply {
		fmt.Fprintf(out, "Nothing is changed. With apply, the command does this in %s:\n\n", to)
	}
	fmt.Fprintf(out, "%8d tokens and API keys revoked\n%8d records of the log copied\n%8d heads of the log replaced\n%8d versions of directories, users and groups raised\n%8d of these users and groups are deleted in %s\n",
		r.Revoked, r.Copied, r.Heads, r.Versions, r.Revived, from)
	if r.Newer > 0 {
		fmt.Fprintf(out, "\n%d heads of the log are newer in %s and stay: it is in use already, and the log of these directories has two branches.\n", r.Newer, to)
	}
	return nil
}

const progressInterval = 5 * time.Second
