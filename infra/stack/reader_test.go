package stack

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"dsync/infra/topology"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// reader reads a template back into the topology that it was drawn from.
// What it cannot read, and what nothing in the topology accounts for, it
// complains about.
type reader struct {
	template
	// binary tells whose binary is in the asset of that object key.
	binary func(key string) string

	table, bus, api string            // logical ids
	claimed         map[string]string // logical id → what it belongs to
	functions       map[string]*topology.Function
	complaints      []string
}

// complaints holds a template against a topology, in both directions, and
// against the rules of the house.
func complaints(t template, want topology.System, binary func(key string) string) []string {
	r := &reader{template: t, binary: binary, claimed: map[string]string{}, functions: map[string]*topology.Function{}}
	got := r.system()
	// CloudFormation chooses the table's name, and only publishers use the source.
	got.Table.Name, got.Bus.Source = want.Table.Name, want.Bus.Source
	if diff := cmp.Diff(want, got, inAnyOrder); diff != "" {
		r.complain("the template is not the topology (-topology +template):\n%s", diff)
	}
	for id, resource := range t.Resources {
		if r.claimed[id] == "" {
			r.complain("%s (%s) is in the template and not in the topology", id, resource.Type)
		}
	}
	return append(r.complaints, breaches(t)...)
}

var inAnyOrder = cmp.Options{
	cmpopts.EquateEmpty(),
	cmpopts.SortSlices(func(a, b string) bool { return a < b }),
	cmpopts.SortSlices(func(a, b topology.Function) bool { return a.Name < b.Name }),
	cmpopts.SortSlices(func(a, b topology.Rule) bool { return a.Name < b.Name }),
	cmpopts.SortSlices(func(a, b topology.Grant) bool { return fmt.Sprint(a) < fmt.Sprint(b) }),
}

func (r *reader) complain(format string, arguments ...any) {
	r.complaints = append(r.complaints, fmt.Sprintf(format, arguments...))
}

// claim says that the resource is there for owner, and for no one else.
func (r *reader) claim(id, kind, owner string) *resource {
	resource := r.at(id)
	if resource.Type != kind {
		r.complain("%s: %q is not a %s of the template", owner, id, kind)
		return &missing
	}
	if other := r.claimed[id]; other != "" {
		r.complain("%s belongs to %s and to %s", id, other, owner)
	}
	r.claimed[id] = owner
	return resource
}

// missing stands for a resource that is not there, so that reading goes on.
var missing resource

// at is the resource of that id, or an empty one.
func (r *reader) at(id string) *resource {
	if resource := r.Resources[id]; resource != nil {
		return resource
	}
	return &missing
}

// only claims the one resource of its kind.
func (r *reader) only(kind string) (string, *resource) {
	ids := r.of(kind)
	if len(ids) != 1 {
		r.complain("the template has %d of %s, not one", len(ids), kind)
		return "", &missing
	}
	return ids[0], r.claim(ids[0], kind, "the system")
}

// expect complains about every property that is not as given, and about
// every one that is not given. Those named in read are read elsewhere.
func (r *reader) expect(owner string, resource *resource, want map[string]any, read ...string) {
	rest := map[string]any{}
	for name, value := range resource.Properties {
		rest[name] = resolve(value)
	}
	for _, name := range read {
		delete(rest, name)
	}
	if diff := cmp.Diff(want, rest); diff != "" {
		r.complain("%s: %s (-want +template):\n%s", owner, resource.Type, diff)
	}
}

func (r *reader) system() topology.System {
	var s topology.System
	s.Table = r.readTable()
	var bus *resource
	r.bus, bus = r.only("AWS::Events::EventBus")
	s.Bus.Name = strings.TrimSuffix(bus.text("Name"), "-dev")
	r.readAPI()
	for _, id := range r.of("AWS::Lambda::Function") {
		r.functions[id] = r.readFunction(id)
	}
	for _, id := range r.of("AWS::Lambda::EventSourceMapping") {
		r.readConsumer(id)
	}
	r.readRoutes()
	for _, id := range r.of("AWS::Lambda::Function") {
		r.readRole(id)
		s.Functions = append(s.Functions, *r.functions[id])
	}
	for _, id := range r.of("AWS::Events::Rule") {
		s.Rules = append(s.Rules, r.readRule(id))
	}
	r.readPolicies()
	return s
}

func (r *reader) readTable() topology.Table {
	var table *resource
	r.table, table = r.only("AWS::DynamoDB::Table")
	types := map[string]string{}
	for _, attribute := range list(table.get("AttributeDefinitions")) {
		types[resolve(walk(attribute, "AttributeName"))] = resolve(walk(attribute, "AttributeType"))
	}
	key := func(schema any) (partition, sort string) {
		for _, element := range list(schema) {
			name := resolve(walk(element, "AttributeName"))
			if types[name] != "S" {
				r.complain("key attribute %s is not a string", name)
			}
			if resolve(walk(element, "KeyType")) == "HASH" {
				partition = name
			} else {
				sort = name
			}
		}
		return partition, sort
	}

	t := topology.Table{StreamView: table.text("StreamSpecification", "StreamViewType")}
	t.PartitionKey, t.SortKey = key(table.get("KeySchema"))
	for _, index := range list(table.get("GlobalSecondaryIndexes")) {
		if t.Index.Name != "" || resolve(walk(index, "Projection", "ProjectionType")) != "KEYS_ONLY" {
			r.complain("the table has more than one keys-only index")
		}
		t.Index.Name = resolve(walk(index, "IndexName"))
		t.Index.PartitionKey, t.Index.SortKey = key(walk(index, "KeySchema"))
	}
	if table.get("TimeToLiveSpecification", "Enabled") == true {
		t.TTLAttribute = table.text("TimeToLiveSpecification", "AttributeName")
	}
	return t
}

func (r *reader) readFunction(function string) *topology.Function {
	resource := r.claim(function, "AWS::Lambda::Function", "the system")
	f := &topology.Function{
		Name:        r.binary(resource.text("Code", "S3Key")),
		Description: resource.text("Description"),
		MemoryMiB:   resource.number("MemorySize"),
		Timeout:     time.Duration(resource.number("Timeout")) * time.Second,
		Environment: map[string]topology.Reference{},
	}
	references := map[string]topology.Reference{
		"${" + r.table + "}": topology.TableName,
		"${" + r.bus + "}":   topology.EventBusName,
	}
	variables, _ := resource.get("Environment", "Variables").(map[string]any)
	for name, value := range variables {
		reference, known := references[resolve(value)]
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
	}, "Code", "Description", "MemorySize", "Timeout", "Environment", "Role")
	return f
}

// readConsumer reads an event source mapping. The settings that every
// mapping has are those that topology.StreamConsumer promises.
func (r *reader) readConsumer(name string) {
	mapping := r.claim(name, "AWS::Lambda::EventSourceMapping", "the system")
	f := r.functions[idIn(mapping.text("FunctionName"), "Arn")]
	if f == nil || f.Stream != nil {
		r.complain("%s leads to no function, or is its second", name)
		return
	}
	f.Stream = &topology.StreamConsumer{
		BatchSize:     mapping.number("BatchSize"),
		RetryAttempts: mapping.number("MaximumRetryAttempts"),
		MaximumAge:    time.Duration(mapping.number("MaximumRecordAgeInSeconds")) * time.Second,
	}
	r.expect(f.Name, mapping, map[string]any{
		"EventSourceArn":             "${" + r.table + ".StreamArn}",
		"StartingPosition":           "TRIM_HORIZON",
		"ParallelizationFactor":      "1",
		"BisectBatchOnFunctionError": "true",
		"FunctionResponseTypes":      `["ReportBatchItemFailures"]`,
	}, "FunctionName", "BatchSize", "MaximumRetryAttempts", "MaximumRecordAgeInSeconds", "FilterCriteria", "DestinationConfig")
	r.claim(r.deadLettersOf(mapping), "AWS::SQS::Queue", f.Name)

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

func (r *reader) deadLettersOf(mapping *resource) string {
	return idIn(mapping.text("DestinationConfig", "OnFailure", "Destination"), "Arn")
}
