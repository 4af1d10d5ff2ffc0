package stack

import (
	"fmt"
	"strings"

	"dsync/infra/topology"
	"dsync/internal/table/schema"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// reader reads a template back into the topology and the settings from which it
// was built. It complains about everything that belongs to neither.
type reader struct {
	template
	// binary returns the function whose binary is in the asset with the object key.
	binary   func(key string) string
	settings settings

	table, bus, api string            // logical ids
	failures        string            // logical id of the failure bucket
	claimed         map[string]string // logical id → owner
	functions       map[string]*topology.Function
	queues          map[string]string // logical id of a queue that a function reads → name of the function
	ruleIDs         map[string]string // name of a rule → logical id
	stage           *resource
	complaints      []string
}

// complaints compares a template with a topology and settings, in both directions,
// and adds the violations.
func complaints(t template, want topology.System, chosen settings) []string {
	r := newReader(t)
	got := r.system()
	// These are no part of a template: TestStackOfAStage checks them.
	r.settings.production, r.settings.account, r.settings.region = chosen.production, chosen.account, chosen.region
	r.settings.protectStack, r.settings.tags = chosen.protectStack, chosen.tags
	if diff := cmp.Diff(chosen, r.settings, exactly); diff != "" {
		r.complain("the template has other settings (-chosen +template):\n%s", diff)
	}
	if !chosen.exampleRule {
		want = withoutEventLogs(want)
	}
	// The template contains neither the logical name of the table nor the source.
	got.Table.Name, got.Bus.Source = want.Table.Name, want.Bus.Source
	if diff := cmp.Diff(want, got, inAnyOrder); diff != "" {
		r.complain("the template is not the topology (-topology +template):\n%s", diff)
	}
	for id, resource := range t.Resources {
		if r.claimed[id] == "" {
			r.complain("%s (%s) is in the template and not in the topology", id, resource.Type)
		}
	}
	return append(r.complaints, violations(t)...)
}

func newReader(t template) *reader {
	return &reader{
		template: t, binary: synthesized.binary, claimed: map[string]string{},
		functions: map[string]*topology.Function{}, queues: map[string]string{}, ruleIDs: map[string]string{},
	}
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

// claim records that the resource belongs to the owner, and only to it.
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

// missing is returned instead of a resource that does not exist.
var missing resource

// only claims the only resource of a type.
func (r *reader) only(kind string) (string, *resource) {
	ids := r.of(kind)
	if len(ids) != 1 {
		r.complain("the template has %d of %s, not one", len(ids), kind)
		return "", &missing
	}
	return ids[0], r.claim(ids[0], kind, "the system")
}

// expect checks that the properties are exactly those given. The caller reads the
// properties named in read.
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
	s.Bus.Name, r.settings.stage, _ = strings.Cut(bus.text("Name"), "-")
	r.readKey()
	r.readBoundary()
	r.readAPI()
	r.readFailures()
	for _, id := range r.of("AWS::Lambda::Function") {
		r.functions[id] = r.readFunction(id)
	}
	r.readTracing()
	r.readFront()
	for _, id := range r.of("AWS::Lambda::EventSourceMapping") {
		r.readMapping(id)
	}
	r.readRoutes()
	r.readSchedules()
	for _, id := range r.of("AWS::Lambda::Function") {
		r.readRole(id)
		s.Functions = append(s.Functions, *r.functions[id])
	}
	for _, id := range r.of("AWS::Events::Rule") {
		rule := r.readRule(id)
		r.ruleIDs[rule.Name] = id
		s.Rules = append(s.Rules, rule)
		r.settings.exampleRule = r.settings.exampleRule || rule.Target == topology.EventLog
	}
	r.readSenders(s.Rules)
	r.readPolicies()
	r.readOperated()
	r.readSharing()
	r.readSchemas(s.Bus.Name)
	r.readLogRetention()
	r.readTopic()
	r.readAlarms(s)
	r.only("AWS::CloudWatch::Dashboard") // its content: TestDashboard
	return s
}

func (r *reader) readTable() schema.Table {
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

	t := schema.Table{StreamView: table.text("StreamSpecification", "StreamViewType")}
	t.PartitionKey, t.SortKey = key(table.get("KeySchema"))
	for _, index := range list(table.get("GlobalSecondaryIndexes")) {
		if t.Index.Name != "" || resolve(walk(index, "Projection", "ProjectionType")) != "KEYS_ONLY" {
			r.complain("the table has more than one keys-only index")
		}
		t.Index.Name = resolve(walk(index, "IndexName"))
		t.Index.PartitionKey, t.Index.SortKey = key(walk(index, "KeySchema"))
	}
	r.settings.retain = table.get("DeletionProtectionEnabled") == true
	r.settings.recoveryDays = table.number("PointInTimeRecoverySpecification", "RecoveryPeriodInDays")
	if table.get("TimeToLiveSpecification", "Enabled") == true {
		t.TTLAttribute = table.text("TimeToLiveSpecification", "AttributeName")
	}
	return t
}
