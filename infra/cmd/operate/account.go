package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"dsync/infra/topology"
)

// leastBootstrap is the version of the bootstrap stack that the CDK asks for: its
// synthesizer needs 6 for assets, and 8 since it checks the lookup role.
const leastBootstrap = 8

func (e *examination) bootstrapped(ctx context.Context) {
	const do = "Run make bootstrap STAGE=%s, once per account and Region."
	text, err := e.CLI().Text(ctx, "ssm", "get-parameter", "--name", "/cdk-bootstrap/hnb659fds/version", "--query", "Parameter.Value", "--output", "text")
	if err != nil {
		e.say(failed("CDK bootstrap", err, fmt.Sprintf(do, e.Stage)))
		return
	}
	f := finding{Check: "CDK bootstrap", Result: "version " + text}
	if n, err := strconv.Atoi(text); err != nil || n < leastBootstrap {
		f.Do = fmt.Sprintf(do+" It updates the stack CDKToolkit.", e.Stage)
	}
	e.say(f)
}

// AWS keeps 100 executions unreserved, and the usual quota is 1,000.
const leastConcurrency = 100

func (e *examination) concurrency(ctx context.Context) {
	var settings struct {
		AccountLimit struct{ ConcurrentExecutions, UnreservedConcurrentExecutions int }
	}
	if err := e.CLI().JSON(ctx, &settings, "lambda", "get-account-settings"); err != nil {
		e.say(failed("concurrency", err, "Allow lambda:GetAccountSettings, or look at Service Quotas."))
		return
	}
	l := settings.AccountLimit
	f := finding{Check: "concurrency", Result: fmt.Sprintf("%d concurrent executions, %d unreserved", l.ConcurrentExecutions, l.UnreservedConcurrentExecutions)}
	if l.ConcurrentExecutions < leastConcurrency {
		f.Do = "Request an increase of the quota Concurrent executions of Lambda before customers connect: a new account has 10."
	}
	e.say(f)
}

// maxLogPolicies is the quota of CloudWatch Logs for an account and Region. The
// example rule needs one.
const maxLogPolicies = 10

func (e *examination) logPolicies(ctx context.Context) {
	var list struct{ ResourcePolicies []struct{ PolicyName string } }
	if err := e.CLI().JSON(ctx, &list, "logs", "describe-resource-policies"); err != nil {
		e.say(failed("log policies", err, "Allow logs:DescribeResourcePolicies."))
		return
	}
	n := len(list.ResourcePolicies)
	f := finding{Check: "log policies", Result: fmt.Sprintf("%d of %d resource policies of CloudWatch Logs", n, maxLogPolicies)}
	// With ten, a stack that has its own already is fine.
	own := slices.ContainsFunc(list.ResourcePolicies, func(p struct{ PolicyName string }) bool {
		return strings.HasPrefix(p.PolicyName, e.Stack+"-")
	})
	if n >= maxLogPolicies && !own {
		f.Do = "A deployment with exampleRule would fail: set exampleRule to off, or delete a policy that nothing uses."
	}
	e.say(f)
}

// deployed reports whether the stack is deployed.
func (e *examination) deployed(ctx context.Context) bool {
	status, err := e.CLI().Text(ctx, "cloudformation", "describe-stacks", "--stack-name", e.Stack, "--query", "Stacks[0].StackStatus", "--output", "text")
	switch {
	case err != nil && strings.Contains(err.Error(), "does not exist"):
		e.say(finding{"stack", e.Stack + " does not exist", fmt.Sprintf("Run make deploy STAGE=%s.", e.Stage), false})
		return false
	case err != nil:
		e.say(failed("stack", err, "Allow cloudformation:DescribeStacks and cloudformation:ListStackResources on the stack."))
		return false
	case strings.HasSuffix(status, "_COMPLETE"):
		f := finding{Check: "stack", Result: e.Stack + " is " + status}
		if strings.Contains(status, "ROLLBACK") {
			f.Do = "The last deployment failed: its reason is in the events of the stack in CloudFormation."
		}
		e.say(f)
	default:
		e.say(finding{"stack", e.Stack + " is " + status, "Wait until the deployment has ended, or look at the events of the stack in CloudFormation.", false})
	}
	return true
}

// certificateTime is how long a certificate must be valid: ACM renews it 60 days
// before its end, so one that is nearer to it is not renewed.
const certificateTime = 45 * 24 * time.Hour

// domain checks the custom domain of the stack, if it has one.
func (e *examination) domain(ctx context.Context) {
	domain, err := e.CLI().Text(ctx, "cloudformation", "list-stack-resources", "--stack-name", e.Stack, "--output", "text",
		"--query", "StackResourceSummaries[?ResourceType=='AWS::ApiGatewayV2::DomainName'].PhysicalResourceId | [0]")
	if err != nil {
		e.say(failed("domain", err, "Allow cloudformation:ListStackResources on the stack."))
		return
	}
	if domain == "" || domain == "None" {
		e.say(finding{Check: "domain", Result: "none: the Tenant URL has API Gateway's own domain", Skip: true})
		return
	}
	var d struct {
		DomainNameConfigurations []struct{ ApiGatewayDomainName, CertificateArn, DomainNameStatus string }
	}
	if err := e.CLI().JSON(ctx, &d, "apigatewayv2", "get-domain-name", "--domain-name", domain); err != nil || len(d.DomainNameConfigurations) == 0 {
		e.say(finding{"domain", fmt.Sprintf("%s: %v", domain, err), "Deploy again, or allow apigateway:GET on the domain.", false})
		return
	}
	c := d.DomainNameConfigurations[0]
	var certificate struct {
		Certificate struct {
			Status   string
			NotAfter time.Time
		}
	}
	if err := e.CLI().JSON(ctx, &certificate, "acm", "describe-certificate", "--certificate-arn", c.CertificateArn); err != nil {
		e.say(failed("certificate", err, "Allow acm:DescribeCertificate."))
	} else {
		f := finding{Check: "certificate", Result: fmt.Sprintf("%s, until %s", certificate.Certificate.Status, certificate.Certificate.NotAfter.Format(time.DateOnly))}
		switch left := time.Until(certificate.Certificate.NotAfter); {
		case certificate.Certificate.Status != "ISSUED":
			f.Do = "Validate the certificate in ACM: its page names the DNS record."
		case left < certificateTime:
			f.Do = "ACM has not renewed the certificate: check that its DNS validation record is there."
		}
		e.say(f)
	}
	// An alias record of Route 53 has no canonical name; any address will do.
	name, err := e.host(ctx, domain)
	switch {
	case err != nil:
		e.say(failed("domain", err, fmt.Sprintf("Point a CNAME record of %s at %s.", domain, c.ApiGatewayDomainName)))
	case strings.TrimSuffix(name, ".") != c.ApiGatewayDomainName && strings.TrimSuffix(name, ".") != domain:
		e.say(finding{"domain", fmt.Sprintf("%s leads to %s", domain, name), fmt.Sprintf("If nothing such as a CDN is there on purpose, point a CNAME record at %s.", c.ApiGatewayDomainName), false})
	default:
		e.say(finding{Check: "domain", Result: domain + " leads to API Gateway"})
	}
}

// mappings checks that Lambda reads the stream of the table for each function that
// consumes it.
func (e *examination) mappings(ctx context.Context) {
	d := &deployed{target: e.Target, now: time.Now}
	table, err := d.Table(ctx)
	if err != nil {
		e.say(failed("table", err, "Allow lambda:GetFunctionConfiguration, or deploy again."))
		return
	}
	for _, f := range topology.Dsync().Functions {
		if f.Stream == nil {
			continue
		}
		check := "stream to " + f.Name
		name, err := e.Resource(ctx, &f, "Function")
		var m mapping
		if err == nil {
			m, err = mappingOf(ctx, e.CLI(), name, table)
		}
		switch {
		case err != nil:
			e.say(failed(check, err, "Deploy again: without a mapping there are no events. See not-polling in docs/operations.md."))
		case m.State == "Creating" || m.State == "Enabling" || m.State == "Updating":
			e.say(finding{check, m.State, "Wait some minutes: until then, events are late.", false})
		case m.State != "Enabled":
			e.say(finding{check, m.State + ": " + m.StateTransitionReason, fmt.Sprintf("Enable it: aws lambda update-event-source-mapping --uuid %s --enabled", m.UUID), false})
		case strings.HasPrefix(m.LastProcessingResult, "PROBLEM"):
			e.say(finding{check, m.State + ", " + m.LastProcessingResult, fmt.Sprintf("See make logs FUNCTION=%s STAGE=%s, and failed-records in docs/operations.md.", f.Name, e.Stage), false})
		default:
			e.say(finding{Check: check, Result: m.State})
		}
	}
}

// alarms lists the alarms of the stack that ring, and those that tell nobody.
func (e *examination) alarms(ctx context.Context) {
	var list struct {
		MetricAlarms []struct {
			AlarmName, StateValue string
			AlarmActions          []string
		}
	}
	if err := e.CLI().JSON(ctx, &list, "cloudwatch", "describe-alarms", "--alarm-name-prefix", e.Stack+"-", "--alarm-types", "MetricAlarm"); err != nil {
		e.say(failed("alarms", err, "Allow cloudwatch:DescribeAlarms."))
		return
	}
	var ringing []string
	silent := 0
	for _, a := range list.MetricAlarms {
		if a.StateValue == "ALARM" {
			ringing = append(ringing, strings.TrimPrefix(a.AlarmName, e.Stack+"-"))
		}
		if len(a.AlarmActions) == 0 {
			silent++
		}
	}
	f := finding{Check: "alarms", Result: fmt.Sprintf("%d, %d in alarm", len(list.MetricAlarms), len(ringing))}
	switch {
	case len(ringing) > 0:
		f.Do = "docs/operations.md has an entry for each: " + strings.Join(ringing, ", ")
	case silent > 0 && e.Stage != "dev":
		f.Do = fmt.Sprintf("%d alarms tell nobody: set alarmEmail or alarmTopic, and deploy.", silent)
	}
	e.say(f)
}
