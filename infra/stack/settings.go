package stack

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// logRetention bounds what a log group costs. Events stay readable longer in
// the table's own log.
const logRetention = awslogs.RetentionDays_ONE_MONTH

// stage is what a deployment is for.
type stage string

const (
	dev  stage = "dev"  // thrown away with its stack
	prod stage = "prod" // its data outlives a mistake
)

// settings are what an operator may choose, as CDK context.
type settings struct {
	stage stage
}

func readSettings(scope constructs.Construct) (settings, error) {
	s := settings{stage: dev}
	if value := scope.Node().TryGetContext(jsii.String("stage")); value != nil {
		name, _ := value.(string)
		s.stage = stage(name)
		if s.stage != dev && s.stage != prod {
			return settings{}, fmt.Errorf("stage %q is not known: choose -c stage=%s or -c stage=%s", fmt.Sprint(value), dev, prod)
		}
	}
	return s, nil
}

// removal is what becomes of a resource that holds what is nowhere else when
// it leaves the stack.
func (s settings) removal() awscdk.RemovalPolicy {
	if s.stage == prod {
		return awscdk.RemovalPolicy_RETAIN
	}
	return awscdk.RemovalPolicy_DESTROY
}
