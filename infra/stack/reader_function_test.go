package stack

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"dsync/infra/topology"
	"dsync/internal/sso"

	"github.com/google/go-cmp/cmp"
)

func (r *reader) readFunction(function string) *topology.Function {
	resource := r.claim(function, "AWS::Lambda::Function", "the system")
	f := &topology.Function{
		Name:        r.binary(resource.text("Code", "S3Key")),
		Description: resource.text("Description"),
		MemoryMiB:   resource.number("MemorySize"),
		Timeout:     time.Duration(resource.number("Timeout")) * time.Second,
		Environment: map[string]topology.Reference{},
		Recursive:   resource.text("RecursiveLoop") == "Allow",
	}
	// A template does not contain the roles of the topology.
	if known := topology.Dsync().Function(f.Name); known != nil {
		f.Role = known.Role
	}
	for name, output := range r.Outputs {
		if resolve(output.Value) == "${"+function+"}" {
			f.Output = name
		}
	}
	references := map[string]topology.Reference{
		"${" + r.table + "}":    topology.TableName,
		"${" + r.bus + "}":      topology.EventBusName,
		"${" + r.failures + "}": topology.FailureBucketName,
	}
	for owner, queue := range r.deadLettersOfFunctions() {
		references["${"+queue+"}"] = topology.DeadLetterQueueURL(owner)
	}
	variables, _ := resource.get("Environment", "Variables").(map[string]any)
	for name, reference := range r.optional(f.Name) {
		f.Environment[name] = reference // which a template may lack
	}
	for name, value := range variables {
		if r.optional(f.Name)[name] != (topology.Reference{}) {
			continue // see readFront
		}
		reference, known := references[resolve(value)]
		if days, err := strconv.Atoi(resolve(value)); err == nil && name == "ERASE_AFTER_DAYS" {
			reference, known, r.settings.eraseAfterDays = topology.EraseAfterDays, true, days
		}
		if !known {
			r.complain("%s: %s holds %s", f.Name, name, resolve(value))
		}
		f.Environment[name] = reference
	}
	logs := idIn(resource.text("LoggingConfig", "LogGroup"), "")
	r.claim(logs, "AWS::Logs::LogGroup", f.Name)
	r.expect(f.Name, resource, map[string]any{
		"Architectures": `["arm64"]`,
		"Handler":       "bootstrap",
		"Runtime":       "provided.al2023",
		"LoggingConfig": `{"LogFormat":"JSON","LogGroup":{"Ref":"` + logs + `"},"SystemLogLevel":"WARN"}`,
	}, "Code", "Description", "MemorySize", "Timeout", "Environment", "Role", "TracingConfig", "ReservedConcurrentExecutions", "RecursiveLoop")
	if loop := resource.text("RecursiveLoop"); loop != "" && !f.Recursive {
		r.complain("%s: RecursiveLoop is %s", f.Name, loop)
	}
	return f
}

// deadLettersOfFunctions maps each function with a dead-letter queue to that queue,
// by the outputs.
func (r *reader) deadLettersOfFunctions() map[string]string {
	queues := map[string]string{}
	for _, id := range r.of("AWS::Lambda::Function") {
		name := r.binary(r.at(id).text("Code", "S3Key"))
		if output, there := r.Outputs[topology.LogicalID(name)+"DeadLetterQueueUrl"]; there {
			queues[name] = idIn(resolve(output.Value), "")
		}
	}
	return queues
}

// readTracing reads the tracing setting, which all functions share.
func (r *reader) readTracing() {
	traced := map[string]bool{}
	for id := range r.functions {
		traced[r.Resources[id].text("TracingConfig")] = true
	}
	switch {
	case len(traced) == 1 && traced[`{"Mode":"Active"}`]:
		r.settings.tracing = true
	case len(traced) != 1 || !traced[""]:
		r.complain("TracingConfig differs from function to function: %v", traced)
	}
}

// optional returns the variables of a function that may be absent.
func (r *reader) optional(function string) map[string]topology.Reference {
	variables := map[string]topology.Reference{}
	if f := topology.Dsync().Function(function); f != nil {
		for name, reference := range f.Environment {
			if reference.Optional() {
				variables[name] = reference
			}
		}
	}
	return variables
}

// readFront reads what is in front of the API, which all functions with routes
// are told alike.
func (r *reader) readFront() {
	told := map[topology.Reference]map[string]bool{topology.PublicURL: {}, topology.OriginSecretHashes: {}, topology.SingleSignOn: {}}
	for id, f := range r.functions {
		for name, reference := range r.optional(f.Name) {
			told[reference][r.Resources[id].text("Environment", "Variables", name)] = true
		}
	}
	for reference, values := range told {
		if len(values) != 1 {
			r.complain("the functions have different values of the %s: %v", reference.Kind, values)
		}
	}
	for value := range told[topology.PublicURL] {
		if domain := r.settings.domainName; domain == "" || value != "https://"+domain {
			r.settings.publicURL = value
		}
	}
	for value := range told[topology.SingleSignOn] {
		var err error
		if r.settings.signOn, err = sso.ParseSettings(value); err != nil {
			r.complain("SINGLE_SIGN_ON is %s: %v", value, err)
		}
	}
	for value := range told[topology.OriginSecretHashes] {
		r.settings.originSecretHashes = value
	}
}

// readReserved reads the reserved concurrency, which all functions with routes
// share, and that of all functions that read the stream. Other functions have none.
func (r *reader) readReserved() {
	requests, stream := map[int]bool{}, map[int]bool{}
	for id, f := range r.functions {
		n := max(r.Resources[id].number("ReservedConcurrentExecutions"), 0)
		switch {
		case len(f.Routes) > 0:
			requests[n] = true
			r.settings.reservedConcurrency = n
		case f.Stream != nil:
			stream[n] = true
			r.settings.streamConcurrency = n
		case n > 0:
			r.complain("%s reserves concurrent executions and serves no requests", f.Name)
		}
	}
	if len(requests) > 1 || len(stream) > 1 {
		r.complain("concurrent executions differ from function to function: %v, %v", requests, stream)
	}
}

// readOperated checks that asynchronous invocations, by an operator or a schedule,
// are not retried.
func (r *reader) readOperated() {
	once := map[string]bool{}
	for _, id := range r.of("AWS::Lambda::EventInvokeConfig") {
		resource := r.claim(id, "AWS::Lambda::EventInvokeConfig", "an operator")
		once[idIn(resource.text("FunctionName"), "")] = true
		r.expect(id, resource, map[string]any{
			"Qualifier": "$LATEST", "MaximumRetryAttempts": "0", "MaximumEventAgeInSeconds": "60",
		}, "FunctionName")
	}
	for id, f := range r.functions {
		if invoked := f.Output != "" || len(f.Schedules) > 0; invoked != once[id] {
			r.complain("%s: an operator or a schedule invokes it: %v; asynchronous invocations are tried once: %v", f.Name, invoked, once[id])
		}
	}
	r.readReserved()
}

// readStreamConsumer reads an event source mapping on the stream. The settings
// that all of them share are those that topology.StreamConsumer promises.
func (r *reader) readStreamConsumer(name string) {
	mapping := r.claim(name, "AWS::Lambda::EventSourceMapping", "the system")
	f := r.functions[idIn(mapping.text("FunctionName"), "Arn")]
	if f == nil || f.Stream != nil || f.Queue != nil {
		r.complain("%s leads to no function, or is its second", name)
		return
	}
	f.Stream = &topology.StreamConsumer{
		BatchSize:       mapping.number("BatchSize"),
		Parallelization: mapping.number("ParallelizationFactor"),
		RetryAttempts:   mapping.number("MaximumRetryAttempts"),
		MaximumAge:      time.Duration(mapping.number("MaximumRecordAgeInSeconds")) * time.Second,
	}
	r.expect(f.Name, mapping, map[string]any{
		"EventSourceArn":             "${" + r.table + ".StreamArn}",
		"StartingPosition":           "TRIM_HORIZON",
		"BisectBatchOnFunctionError": "true",
		"FunctionResponseTypes":      `["ReportBatchItemFailures"]`,
		"MetricsConfig":              `{"Metrics":["EventCount"]}`,
	}, "FunctionName", "BatchSize", "ParallelizationFactor", "MaximumRetryAttempts", "MaximumRecordAgeInSeconds", "FilterCriteria", "DestinationConfig")
	if got, want := mapping.text("DestinationConfig", "OnFailure", "Destination"), "${"+r.failures+".Arn}"; got != want {
		r.complain("%s: what is given up goes to %s, want %s", f.Name, got, want)
	}

	filters := list(mapping.get("FilterCriteria", "Filters"))
	if len(filters) != 1 {
		r.complain("%s has %d filters, not one", f.Name, len(filters))
		return
	}
	var pattern map[string]any
	if err := json.Unmarshal([]byte(resolve(walk(filters[0], "Pattern"))), &pattern); err != nil {
		r.complain("%s: filter: %v", f.Name, err)
	}
	f.Stream.Filter.EventNames = texts(pattern["eventName"])
	keys, _ := walk(pattern, "dynamodb", "Keys").(map[string]any)
	for name, values := range keys {
		f.Stream.Filter.Key = name
		f.Stream.Filter.Prefixes = nil
		for _, value := range list(walk(values, "S")) {
			f.Stream.Filter.Prefixes = append(f.Stream.Filter.Prefixes, resolve(walk(value, "prefix")))
		}
	}
	if diff := cmp.Diff(f.Stream.Filter.Pattern(), pattern); diff != "" {
		r.complain("%s: the filter says more than a topology filter can (-can +says):\n%s", f.Name, diff)
	}
}

// readRole reads a function's grants from its role. The other permissions must be
// exactly those that every function needs: its log group, and for a consumer the
// stream and the failure bucket, or its queue.
func (r *reader) readRole(function string) {
	f, resource := r.functions[function], r.Resources[function]
	role := r.claim(idIn(resource.text("Role"), "Arn"), "AWS::IAM::Role", f.Name)
	r.expect(f.Name, role, map[string]any{}, "AssumeRolePolicyDocument", "Description", "Policies", "PermissionsBoundary")

	trust, err := statements(role.get("AssumeRolePolicyDocument"))
	if diff := cmp.Diff([]statement{{
		Effect: "Allow", Actions: []string{"sts:AssumeRole"}, Principals: []string{"lambda.amazonaws.com"},
	}}, trust, inAnyOrder); err != nil || diff != "" {
		r.complain("%s: who may take the role: %v\n%s", f.Name, err, diff)
	}

	resources := map[string]topology.Resource{"${" + r.bus + ".Arn}": topology.TheBus, "${" + r.table + ".Arn}": topology.TheTable}
	if arn := r.settings.signOn.ClientSecretARN; arn != "" {
		resources[arn] = topology.TheClientSecret
	} else if known := topology.Dsync().Function(f.Name); known != nil {
		for _, grant := range known.Grants {
			if grant.Resource == topology.TheClientSecret {
				f.Grants = append(f.Grants, grant) // which a template may lack
			}
		}
	}
	for owner, queue := range r.deadLettersOfFunctions() {
		resources["${"+queue+".Arn}"] = topology.DeadLetterQueue(owner)
	}
	for _, prefix := range []string{"", topology.ParkedPrefix} {
		resources[r.failureObjects(prefix)] = topology.FailureObjects(prefix)
	}
	if f.Stream == nil { // else: see needs
		resources["${"+r.failures+".Arn}"] = topology.TheFailureBucket
	}
	for _, index := range list(r.at(r.table).get("GlobalSecondaryIndexes")) {
		resources["${"+r.table+".Arn}/index/"+resolve(walk(index, "IndexName"))] = topology.TheIndex
	}
	rest := map[string][]string{}
	for _, policy := range list(role.get("Policies")) {
		all, err := statements(walk(policy, "PolicyDocument"))
		if err != nil {
			r.complain("%s: %v", f.Name, err)
		}
		for _, s := range all {
			partitions := takePartitions(s.Conditions)
			if s.Effect != "Allow" || len(s.Resources) != 1 || len(s.Conditions) > 0 || len(s.Principals) > 0 {
				r.complain("%s: this is not the statement of a grant: %+v", f.Name, s)
				continue
			}
			if granted, ok := resources[s.Resources[0]]; ok {
				f.Grants = append(f.Grants, topology.Grant{Resource: granted, Actions: s.Actions, Partitions: partitions})
			} else if len(partitions) > 0 {
				r.complain("%s: a condition on the keys of %s", f.Name, s.Resources[0])
			} else {
				rest[s.Resources[0]] = append(rest[s.Resources[0]], s.Actions...)
			}
		}
	}
	needs := map[string][]string{
		fmt.Sprintf("${%s.Arn}", idIn(resource.text("LoggingConfig", "LogGroup"), "")): {"logs:CreateLogStream", "logs:PutLogEvents"},
	}
	for _, mapping := range r.of("AWS::Lambda::EventSourceMapping") {
		mapping := r.Resources[mapping]
		if idIn(mapping.text("FunctionName"), "Arn") != function {
			continue
		}
		if queue := r.sourceQueue(mapping); queue != "" {
			needs["${"+queue+".Arn}"] = []string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
		} else {
			needs["${"+r.table+".StreamArn}"] = []string{"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"}
			needs["*"] = []string{"dynamodb:ListStreams"}
			needs["${"+r.failures+".Arn}"] = []string{"s3:ListBucket"}
			needs[r.failureObjects(topology.GivenUpPrefix)] = []string{"s3:PutObject"}
		}
	}
	if r.settings.tracing {
		needs["*"] = append(needs["*"], "xray:PutTelemetryRecords", "xray:PutTraceSegments")
	}
	if diff := cmp.Diff(needs, rest, inAnyOrder); diff != "" {
		r.complain("%s: permissions beyond its grants (-needs +has):\n%s", f.Name, diff)
	}
}

// takePartitions removes the condition on partition keys and returns its prefixes.
func takePartitions(conditions map[string]string) (prefixes []string) {
	const condition = "ForAllValues:StringLike dynamodb:LeadingKeys"
	var patterns []string
	if json.Unmarshal([]byte(conditions[condition]), &patterns) != nil || len(patterns) == 0 {
		return nil
	}
	for _, pattern := range patterns {
		prefix, ok := strings.CutSuffix(pattern, "*")
		if !ok || strings.ContainsAny(prefix, "*?") || prefix == "" {
			return nil
		}
		prefixes = append(prefixes, prefix)
	}
	delete(conditions, condition)
	return prefixes
}
