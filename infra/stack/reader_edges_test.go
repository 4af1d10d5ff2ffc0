package stack

import (
	"slices"
	"strings"

	"dsync/infra/topology"

	"github.com/google/go-cmp/cmp"
)

func (r *reader) readAPI() {
	var api, stage *resource
	r.api, api = r.only("AWS::ApiGatewayV2::Api")
	r.expect("the API", api, map[string]any{"ProtocolType": "HTTP"}, "Name", "Description", "DisableExecuteApiEndpoint", "IpAddressType")
	r.settings.dualStack = api.text("IpAddressType") == "dualstack"
	r.settings.disableEndpoint = api.get("DisableExecuteApiEndpoint") == true
	_, stage = r.only("AWS::ApiGatewayV2::Stage")
	r.expect("the stage", stage, map[string]any{
		"ApiId":      "${" + r.api + "}",
		"StageName":  "$default",
		"AutoDeploy": "true",
		// Below the account quota of 10,000 requests per second.
		"DefaultRouteSettings": `{"ThrottlingBurstLimit":1000,"ThrottlingRateLimit":2000}`,
	}, "AccessLogSettings", "RouteSettings")
	r.stage = stage
	r.claim(idIn(stage.text("AccessLogSettings", "DestinationArn"), "Arn"), "AWS::Logs::LogGroup", "the stage")
	r.readDomain(r.of("AWS::ApiGatewayV2::Stage"))
}

// readDomain reads the custom domain, if there is one.
func (r *reader) readDomain(stages []string) {
	domains := r.of("AWS::ApiGatewayV2::DomainName")
	if len(domains) == 0 || len(stages) != 1 {
		return
	}
	_, domain := r.only("AWS::ApiGatewayV2::DomainName")
	configurations := list(domain.get("DomainNameConfigurations"))
	if len(configurations) != 1 {
		r.complain("the domain has %d configurations", len(configurations))
		return
	}
	r.settings.domainName, r.settings.certificate = domain.text("DomainName"), resolve(walk(configurations[0], "CertificateArn"))
	address := ""
	if r.settings.dualStack {
		address = `"IpAddressType":"dualstack",`
	}
	r.expect("the domain", domain, map[string]any{
		"DomainNameConfigurations": `[{"CertificateArn":"` + r.settings.certificate + `","EndpointType":"REGIONAL",` + address + `"SecurityPolicy":"TLS_1_2"}]`,
	}, "DomainName")
	_, mapping := r.only("AWS::ApiGatewayV2::ApiMapping")
	r.expect("the domain", mapping, map[string]any{
		"ApiId": "${" + r.api + "}", "DomainName": "${" + domains[0] + "}", "Stage": "${" + stages[0] + "}",
	})
}

// readRoutes reads the routes and integrations of functions. API Gateway may invoke
// the functions with routes and no others.
func (r *reader) readRoutes() {
	served := map[string]*topology.Function{} // by integration
	for _, integration := range r.of("AWS::ApiGatewayV2::Integration") {
		resource := r.claim(integration, "AWS::ApiGatewayV2::Integration", "the API")
		uri := resource.text("IntegrationUri")
		uri = strings.TrimPrefix(uri, "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/")
		uri = strings.TrimSuffix(uri, "/invocations")
		f := r.functions[idIn(uri, "Arn")]
		if f == nil {
			r.complain("%s leads to no function", integration)
			continue
		}
		served[integration] = f
		r.expect(f.Name, resource, map[string]any{
			"ApiId":                "${" + r.api + "}",
			"IntegrationType":      "AWS_PROXY",
			"PayloadFormatVersion": "2.0",
		}, "IntegrationUri")
	}
	for _, route := range r.of("AWS::ApiGatewayV2::Route") {
		resource := r.claim(route, "AWS::ApiGatewayV2::Route", "the API")
		f := served[idIn(strings.TrimPrefix(resource.text("Target"), "integrations/"), "")]
		if f == nil {
			r.complain("%s leads to no integration", route)
			continue
		}
		key := resource.text("RouteKey")
		f.Routes = append(f.Routes, key)
		throttle := topology.Throttle{PerSecond: r.stage.number("RouteSettings", key, "ThrottlingRateLimit"), AtOnce: r.stage.number("RouteSettings", key, "ThrottlingBurstLimit")}
		if f.Throttle != (topology.Throttle{}) && f.Throttle != throttle {
			r.complain("the throttles of %s differ", f.Name)
		}
		f.Throttle = throttle
		if !slices.Contains(list(r.stage.DependsOn), any(route)) {
			r.complain("the stage does not wait for %s", route)
		}
		r.expect(f.Name, resource, map[string]any{"ApiId": "${" + r.api + "}", "AuthorizationType": "NONE"}, "RouteKey", "Target")
	}

	callable := map[string]bool{}
	for _, permission := range r.of("AWS::Lambda::Permission") {
		resource := r.claim(permission, "AWS::Lambda::Permission", "the API")
		function := idIn(resource.text("FunctionName"), "Arn")
		if callable[function] {
			r.complain("%s may be called twice over", function)
		}
		callable[function] = true
		r.expect(permission, resource, map[string]any{
			"Action":    "lambda:InvokeFunction",
			"Principal": "apigateway.amazonaws.com",
			"SourceArn": "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${" + r.api + "}/*/*",
		}, "FunctionName")
	}
	for function, f := range r.functions {
		if callable[function] != (len(f.Routes) > 0) {
			r.complain("%s has %d routes; API Gateway may call it: %v", f.Name, len(f.Routes), callable[function])
		}
	}
}

func (r *reader) readRule(rule string) topology.Rule {
	resource := r.claim(rule, "AWS::Events::Rule", "the system")
	out := topology.Rule{Name: resource.text("Name"), Description: resource.text("Description")}
	out.Pattern, _ = resource.get("EventPattern").(map[string]any)
	r.expect(out.Name, resource, map[string]any{"EventBusName": "${" + r.bus + "}"}, "Name", "Description", "EventPattern", "Targets")

	targets := list(resource.get("Targets"))
	if len(targets) != 1 {
		r.complain("%s has %d targets, not one", out.Name, len(targets))
		return out
	}
	queue := idIn(resolve(walk(targets[0], "DeadLetterConfig", "Arn")), "Arn")
	r.claim(queue, "AWS::SQS::Queue", out.Name)
	arn := resolve(walk(targets[0], "Arn"))
	r.expectSenders(out.Name, queue, rule)
	if function := r.queues[idIn(arn, "Arn")]; function != "" {
		out.Target = topology.Target{Function: function}
		return out
	}
	group, ok := strings.CutPrefix(arn, "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:")
	if !ok {
		r.complain("%s delivers to %s", out.Name, arn)
		return out
	}
	out.Target = topology.EventLog
	logs := r.claim(idIn(group, ""), "AWS::Logs::LogGroup", out.Name)
	if !strings.HasPrefix(logs.text("LogGroupName"), "/aws/events/") {
		r.complain("%s: EventBridge does not deliver to log group %s", out.Name, logs.text("LogGroupName"))
	}
	r.expectDelivery(out.Name, rule, idIn(group, ""))
	return out
}

const eventsPrincipal = "events.amazonaws.com"

// expectDelivery checks that EventBridge may write to the rule's log group,
// for that rule only. EventBridge does not report a missing permission.
func (r *reader) expectDelivery(rule, ruleID, logs string) {
	fromRule := map[string]string{"ArnEquals aws:SourceArn": "${" + ruleID + ".Arn}"}
	writers := []string{eventsPrincipal, "delivery.logs.amazonaws.com"}
	group := []string{"${" + logs + ".Arn}"}
	want := []statement{
		{Effect: "Allow", Principals: writers, Actions: []string{"logs:CreateLogStream"}, Resources: group},
		{Effect: "Allow", Principals: writers, Actions: []string{"logs:PutLogEvents"}, Resources: group, Conditions: fromRule},
	}
	found := false
	for _, policy := range r.of("AWS::Logs::ResourcePolicy") {
		got, err := statements(r.Resources[policy].get("PolicyDocument"))
		if err == nil && cmp.Equal(want, got, inAnyOrder) {
			r.claim(policy, "AWS::Logs::ResourcePolicy", rule)
			found = true
		}
	}
	if !found {
		r.complain("%s may not write to its log group", rule)
	}
}

// allowedOn returns the Allow statements of the policies of a queue.
func (r *reader) allowedOn(queue string) []statement {
	var allowed []statement
	for _, policy := range r.of("AWS::SQS::QueuePolicy") {
		if resolve(r.Resources[policy].get("Queues")) != `[{"Ref":"`+queue+`"}]` {
			continue
		}
		all, err := statements(r.Resources[policy].get("PolicyDocument"))
		if err != nil {
			r.complain("%s: %v", policy, err)
		}
		for _, s := range all {
			if s.Effect == "Allow" {
				allowed = append(allowed, s)
			}
		}
	}
	return allowed
}

// readPolicies claims the dead-letter queues of functions, and the policies of
// claimed queues. The dead-letter queue of a function allows no other senders.
func (r *reader) readPolicies() {
	for function, queue := range r.deadLettersOfFunctions() {
		r.claim(queue, "AWS::SQS::Queue", function)
		if allowed := r.allowedOn(queue); len(allowed) > 0 {
			r.complain("the dead letters of %s take messages from others: %+v", function, allowed)
		}
	}
	for _, policy := range r.of("AWS::SQS::QueuePolicy") {
		for _, queue := range list(r.Resources[policy].get("Queues")) {
			if r.claimed[idIn(resolve(queue), "")] != "" {
				r.claim(policy, "AWS::SQS::QueuePolicy", r.claimed[idIn(resolve(queue), "")])
			}
		}
	}
}
