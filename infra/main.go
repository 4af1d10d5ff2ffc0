// Command infra is the CDK app of dsync: `npx cdk synth`, `npx cdk deploy`.
package main

import (
	"fmt"
	"os"

	"dsync/events"
	"dsync/infra/stack"
	"dsync/infra/topology"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
)

func main() {
	code := synthesize()
	jsii.Close()
	os.Exit(code)
}

func synthesize() int {
	schemas, err := events.Schemas()
	if err != nil {
		fmt.Fprintln(os.Stderr, "dsync:", err)
		return 1
	}
	app := awscdk.NewApp(nil)
	_, err = stack.New(app, stack.Name, stack.Props{
		StackProps: awscdk.StackProps{
			Description: jsii.String("Directory Sync for Microsoft Entra ID"),
			Env:         environment(),
		},
		Settings: "infra/settings",
		System:   topology.Dsync(),
		Dist:     "dist",
		Schemas:  schemas,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "dsync:", err)
		return 1
	}
	app.Synth(nil)
	return 0
}

// environment returns the account and Region of the CDK CLI's credentials. Without
// credentials it returns nil, which builds the template for any account: the CDK
// rejects an Env with an empty account.
func environment() *awscdk.Environment {
	account, region := os.Getenv("CDK_DEFAULT_ACCOUNT"), os.Getenv("CDK_DEFAULT_REGION")
	if account == "" {
		return nil
	}
	return &awscdk.Environment{Account: &account, Region: &region}
}
