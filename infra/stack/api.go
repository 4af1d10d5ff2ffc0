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

// accessLog is the format of the access log. It has neither the query string,
// whose filters contain personal data, nor the body.
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
	"integrationError":   "$context.integration.error",
	"ip":                 "$context.identity.sourceIp",
}

// The throttle of the stage, of all routes together. Above it, API Gateway responds
// with 429 and no SCIM JSON. It protects the other APIs of the account, which share a
// quota of 10,000 requests per second with this one. Entra sends tens of requests per
// second for a directory. The functions limit each directory by themselves. The
// throttles of routes keep a flood of one function from the others.
const (
	requestsPerSecond = 2000
	requestsAtOnce    = 1000
)

// addAPI adds the HTTP API and returns the scheme and host of its URLs. The API has no authorizer:
// an authorizer can respond neither with 401 nor with SCIM JSON, so each function
// authenticates its requests.
func (b *builder) addAPI() *string {
	b.api = awsapigatewayv2.NewCfnApi(b.stack, jsii.String("HttpApi"), &awsapigatewayv2.CfnApiProps{
		Name:         b.stack.StackName(),
		Description:  jsii.String("SCIM and REST API of dsync"),
		ProtocolType: jsii.String("HTTP"),
		// A second way in would go past what is in front of the domain.
		DisableExecuteApiEndpoint: b.settings.disableEndpoint,
		IpAddressType:             b.settings.ipAddressType(),
	})
	logs := awslogs.NewLogGroup(b.stack, jsii.String("AccessLog"), &awslogs.LogGroupProps{
		// For log groups without this prefix, API Gateway adds a statement to a
		// resource policy of limited size that the whole account shares.
		LogGroupName:  jsii.String("/aws/vendedlogs/apis/" + *b.stack.StackName()),
		Retention:     b.settings.logRetention,
		EncryptionKey: b.key,
		// The log group has a fixed name. If retained, it would block the next
		// stack with this name.
		RemovalPolicy: awscdk.RemovalPolicy_DESTROY,
	})
	format, err := json.Marshal(accessLog)
	if err != nil {
		panic(err) // a map of strings marshals
	}
	// Only the path of the $default stage does not contain the name of the stage.
	b.stage = awsapigatewayv2.NewCfnStage(b.stack, jsii.String("Stage"), &awsapigatewayv2.CfnStageProps{
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
		RouteSettings: b.routeSettings(),
	})
	endpoint := b.api.AttrApiEndpoint()
	if b.settings.domainName != "" {
		endpoint = b.addDomain(b.stage)
	}
	if b.settings.publicURL == "" {
		return endpoint
	}
	b.output("OriginEndpoint", "Let the CDN of "+b.settings.publicURL+" forward requests to this origin", endpoint)
	return &b.settings.publicURL
}

// routeSettings are the throttles of the routes.
func (b *builder) routeSettings() map[string]any {
	all := map[string]any{}
	for _, f := range b.system.Functions {
		for _, key := range f.Routes {
			all[key] = map[string]any{"ThrottlingRateLimit": f.Throttle.PerSecond, "ThrottlingBurstLimit": f.Throttle.AtOnce}
		}
	}
	return all
}

// addDomain maps a custom domain to the API and returns the endpoint on the
// domain.
func (b *builder) addDomain(stage awsapigatewayv2.CfnStage) *string {
	domain := awsapigatewayv2.NewCfnDomainName(b.stack, jsii.String("Domain"), &awsapigatewayv2.CfnDomainNameProps{
		DomainName: &b.settings.domainName,
		DomainNameConfigurations: []any{&awsapigatewayv2.CfnDomainName_DomainNameConfigurationProperty{
			CertificateArn: &b.settings.certificate,
			EndpointType:   jsii.String("REGIONAL"),
			SecurityPolicy: jsii.String("TLS_1_2"),
			IpAddressType:  b.settings.ipAddressType(),
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

// addRoutes adds the routes to the function. Only this API may invoke it.
func (b *builder) addRoutes(scope constructs.Construct, routes []string, function awslambda.Function) {
	integration := awsapigatewayv2.NewCfnIntegration(scope, jsii.String("Integration"), &awsapigatewayv2.CfnIntegrationProps{
		ApiId:           b.api.Ref(),
		IntegrationType: jsii.String("AWS_PROXY"),
		// AWS also accepts the function's ARN. Every version of sam local
		// understands this longer form.
		IntegrationUri: b.stack.FormatArn(&awscdk.ArnComponents{
			Service:      jsii.String("apigateway"),
			Account:      jsii.String("lambda"),
			Resource:     jsii.String("path/2015-03-31/functions"),
			ResourceName: jsii.String(*function.FunctionArn() + "/invocations"),
		}),
		PayloadFormatVersion: jsii.String("2.0"),
	})
	for _, key := range routes {
		route := awsapigatewayv2.NewCfnRoute(scope, jsii.String("Route "+key), &awsapigatewayv2.CfnRouteProps{
			ApiId:             b.api.Ref(),
			RouteKey:          jsii.String(key),
			AuthorizationType: jsii.String("NONE"),
			Target:            jsii.String("integrations/" + *integration.Ref()),
		})
		b.stage.AddResourceDependency(route, nil) // API Gateway refuses the settings of a route that does not exist
	}
	awslambda.NewCfnPermission(scope, jsii.String("Invoker"), &awslambda.CfnPermissionProps{
		Action:       jsii.String("lambda:InvokeFunction"),
		FunctionName: function.FunctionArn(),
		Principal:    jsii.String("apigateway.amazonaws.com"),
		// Any stage and route of this API.
		SourceArn: b.stack.FormatArn(&awscdk.ArnComponents{
			Service:      jsii.String("execute-api"),
			Resource:     b.api.Ref(),
			ResourceName: jsii.String("*/*"),
		}),
	})
}
