package stack

import (
	"encoding/json"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// accessLog is one line of the access log. It has neither the query, whose
// filters name people, nor anything of the body.
var accessLog = map[string]string{
	"requestId":          "$context.requestId",
	"time":               "$context.requestTime",
	"method":             "$context.httpMethod",
	"path":               "$context.path",
	"route":              "$context.routeKey",
	"protocol":           "$context.protocol",
	"status":             "$context.status",
	"responseLength":     "$context.responseLength",
	"responseLatency":    "$context.responseLatency",
	"integrationLatency": "$context.integrationLatency",
	"integrationStatus":  "$context.integration.status",
	"integrationRequest": "$context.integration.requestId",
	"error":              "$context.error.responseType",
}

// What the API lets through before it answers 429 by itself, without SCIM
// JSON. It is a guard for the account, whose other APIs share a quota of
// 10,000 requests a second with this one: Entra sends tens a second for a
// directory, and what one directory may ask for the functions decide.
const (
	requestsPerSecond = 2000
	requestsAtOnce    = 1000
)

// addAPI draws the HTTP API and returns its endpoint. It has no authorizer:
// an authorizer can answer neither 401 nor SCIM JSON, so each function
// authenticates for itself.
func (b *builder) addAPI() *string {
	b.api = awsapigatewayv2.NewCfnApi(b.stack, jsii.String("HttpApi"), &awsapigatewayv2.CfnApiProps{
		Name:         b.stack.StackName(),
		Description:  jsii.String("SCIM and REST API of dsync"),
		ProtocolType: jsii.String("HTTP"),
	})
	logs := awslogs.NewLogGroup(b.stack, jsii.String("AccessLog"), &awslogs.LogGroupProps{
		// API Gateway writes a policy for each log group that is not below
		// this prefix, into a document that an account can fill up.
		LogGroupName: jsii.String("/aws/vendedlogs/apis/" + *b.stack.StackName()),
		Retention:    b.settings.logRetention,
		// Under a fixed name: kept, it would stand in the way of the next
		// stack of this name.
		RemovalPolicy: awscdk.RemovalPolicy_DESTROY,
	})
	format, err := json.Marshal(accessLog)
	if err != nil {
		panic(err) // a map of strings marshals
	}
	// The stage named $default is the only one without its name in the path.
	stage := awsapigatewayv2.NewCfnStage(b.stack, jsii.String("Stage"), &awsapigatewayv2.CfnStageProps{
		ApiId:      b.api.Ref(),
		StageName:  jsii.String("$default"),
		AutoDeploy: true,
		AccessLogSettings: &awsapigatewayv2.CfnStage_AccessLogSettingsProperty{
			DestinationArn: logs.LogGroupArn(),
			Format:         jsii.String(string(format)),
		},
		DefaultRouteSettings: &awsapigatewayv2.CfnStage_RouteSettingsProperty{
			ThrottlingRateLimit:  jsii.Number(requestsPerSecond),
			ThrottlingBurstLimit: jsii.Number(requestsAtOnce),
		},
	})
	if b.settings.domainName == "" {
		return b.api.AttrApiEndpoint()
	}
	return b.addDomain(stage)
}

// addDomain leads a domain of the team's own to the API, and returns the
// endpoint below it. The API's first endpoint goes on answering: Tenant URLs
// that were pasted before the domain stay good.
func (b *builder) addDomain(stage awsapigatewayv2.CfnStage) *string {
	domain := awsapigatewayv2.NewCfnDomainName(b.stack, jsii.String("Domain"), &awsapigatewayv2.CfnDomainNameProps{
		DomainName: &b.settings.domainName,
		DomainNameConfigurations: []any{&awsapigatewayv2.CfnDomainName_DomainNameConfigurationProperty{
			CertificateArn: &b.settings.certificate,
			EndpointType:   jsii.String("REGIONAL"),
			SecurityPolicy: jsii.String("TLS_1_2"),
		}},
	})
	awsapigatewayv2.NewCfnApiMapping(b.stack, jsii.String("DomainMapping"), &awsapigatewayv2.CfnApiMappingProps{
		ApiId:      b.api.Ref(),
		DomainName: domain.Ref(),
		Stage:      stage.Ref(),
	})
	b.output("DomainTarget", "Let a CNAME record of "+b.settings.domainName+" lead here", domain.AttrRegionalDomainName())
	b.output("DomainTargetZone", "The hosted zone of that target, for an alias record in Route 53", domain.AttrRegionalHostedZoneId())
	return jsii.String("https://" + b.settings.domainName)
}

// addRoutes leads the routes to the function and lets this API, and nobody
// else, call it.
func (b *builder) addRoutes(scope constructs.Construct, routes []string, function awslambda.Function) {
	integration := awsapigatewayv2.NewCfnIntegration(scope, jsii.String("Integration"), &awsapigatewayv2.CfnIntegrationProps{
		ApiId:           b.api.Ref(),
		IntegrationType: jsii.String("AWS_PROXY"),
		// The function's ARN alone would do for AWS; this longer form is the
		// one that every version of sam local understands.
		IntegrationUri: b.stack.FormatArn(&awscdk.ArnComponents{
			Service:      jsii.String("apigateway"),
			Account:      jsii.String("lambda"),
			Resource:     jsii.String("path/2015-03-31/functions"),
			ResourceName: jsii.String(*function.FunctionArn() + "/invocations"),
		}),
		PayloadFormatVersion: jsii.String("2.0"),
	})
	for _, key := range routes {
		awsapigatewayv2.NewCfnRoute(scope, jsii.String("Route "+key), &awsapigatewayv2.CfnRouteProps{
			ApiId:             b.api.Ref(),
			RouteKey:          jsii.String(key),
			AuthorizationType: jsii.String("NONE"),
			Target:            jsii.String("integrations/" + *integration.Ref()),
		})
	}
	awslambda.NewCfnPermission(scope, jsii.String("Invoker"), &awslambda.CfnPermissionProps{
		Action:       jsii.String("lambda:InvokeFunction"),
		FunctionName: function.FunctionArn(),
		Principal:    jsii.String("apigateway.amazonaws.com"),
		// Any stage and route: which ones there are is decided above.
		SourceArn: b.stack.FormatArn(&awscdk.ArnComponents{
			Service:      jsii.String("execute-api"),
			Resource:     b.api.Ref(),
			ResourceName: jsii.String("*/*"),
		}),
	})
}
