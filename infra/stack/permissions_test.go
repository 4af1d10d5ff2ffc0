package stack

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"dsync/infra/topology"
	"dsync/internal/table/schema"

	"github.com/google/go-cmp/cmp"
)

// document returns a page of docs/.
func document(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// section returns the text below a heading, up to the next heading of its level.
func section(t *testing.T, text, heading string) string {
	t.Helper()
	_, rest, found := strings.Cut(text, "\n"+heading+"\n")
	if !found {
		t.Fatalf("there is no %q", heading)
	}
	level, _, _ := strings.Cut(heading, " ")
	rest, _, _ = strings.Cut(rest, "\n"+level+" ")
	return rest
}

// rows returns the cells of the tables in a text, without header rows.
func rows(text string) [][]string {
	var all [][]string
	body := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case !strings.HasPrefix(line, "|"):
			body = false
		case strings.HasPrefix(line, "|---"):
			body = true
		case body:
			cells := strings.Split(strings.Trim(line, "|"), " | ")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			all = append(all, cells)
		}
	}
	return all
}

var quoted = regexp.MustCompile("`([^`]+)`")

// code returns the code spans in a text.
func code(text string) []string {
	var all []string
	for _, match := range quoted.FindAllStringSubmatch(text, -1) {
		all = append(all, match[1])
	}
	return all
}

// inWords maps resources in a policy to their names in docs/permissions.md.
func (r *reader) inWords() map[string]string {
	words := map[string]string{
		"${" + r.table + ".Arn}":            "the table",
		"${" + r.table + ".Arn}/index/gsi1": "its index",
		"${" + r.table + ".StreamArn}":      "its stream",
		"${" + r.bus + ".Arn}":              "the bus",
		"arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/${" + r.bus + "}/*": "rules on the bus that the account created",
		"*":                                      "`*`",
		"${" + r.failures + ".Arn}":              "the failure bucket",
		r.failureObjects(""):                     "objects in the failure bucket",
		r.settings.signOn.ClientSecretARN:        "the secret of `oidcClientSecretArn`",
		r.failureObjects(topology.ParkedPrefix):  "`parked/*` in the failure bucket",
		r.failureObjects(topology.GivenUpPrefix): "`aws/lambda/*` in the failure bucket",
	}
	for _, kind := range []struct{ of, ref, words string }{
		{"AWS::SQS::Queue", ".Arn", "the dead-letter queue of "},
		{"AWS::Logs::LogGroup", ".Arn", "the log group of "},
		{"AWS::SNS::Topic", "", "the topic of "},
	} {
		for _, id := range r.of(kind.of) {
			words["${"+id+kind.ref+"}"] = kind.words + r.claimed[id]
		}
	}
	for id, function := range r.queues {
		words["${"+id+".Arn}"] = "the queue of " + function
	}
	for id, f := range r.functions {
		words["${"+id+".Arn}"] = f.Name
	}
	return words
}

func readFull(t *testing.T) *reader {
	t.Helper()
	r := newReader(read(t, synthesized.full))
	r.system()
	return r
}

// permission is one allowed action on one resource.
type permission struct{ Who, Action, On string }

func compare(t *testing.T, documented, template []permission) {
	t.Helper()
	for _, list := range [][]permission{documented, template} {
		slices.SortFunc(list, func(a, b permission) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	}
	if diff := cmp.Diff(documented, template); diff != "" {
		t.Errorf("-docs/permissions.md +template:\n%s", diff)
	}
}

func TestPermissionsOfFunctions(t *testing.T) {
	r := readFull(t)
	words := r.inWords()
	var inTemplate []permission
	for id, f := range r.functions {
		role := r.at(idIn(r.Resources[id].text("Role"), "Arn"))
		for _, policy := range list(role.get("Policies")) {
			all, err := statements(walk(policy, "PolicyDocument"))
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range all {
				for _, action := range s.Actions {
					on := words[s.Resources[0]]
					switch partitions := takePartitions(maps.Clone(s.Conditions)); {
					case slices.Equal(partitions, schema.RelayPartitions()):
						on += ", partitions of the log and of directories"
					case slices.Equal(partitions, schema.APIKeyPartitions()):
						on += ", partitions of API keys and of the audit log"
					case slices.Equal(partitions, schema.SetupReadPartitions()):
						on += ", partitions of setup links, directories, organizations, tokens and the log"
					case slices.Equal(partitions, schema.SetupWritePartitions()):
						on += ", partitions of setup links, directories, tokens and the audit log"
					case slices.Equal(partitions, schema.DirectoryPartitions()):
						on += ", partitions of directories"
					case slices.Equal(partitions, schema.OrganizationPartitions()):
						on += ", partitions of organizations"
					case len(s.Conditions) > 0:
						on += fmt.Sprint(", ", s.Conditions)
					}
					if own, ok := strings.CutSuffix(on, " of "+f.Name); ok {
						on = strings.Replace(own, "the", "its", 1)
					}
					inTemplate = append(inTemplate, permission{f.Name, action, on})
				}
			}
		}
	}
	var documented []permission
	for _, row := range rows(section(t, document(t, "permissions.md"), "## Functions")) {
		who := code(row[0])
		if strings.HasPrefix(row[0], "every function") {
			who = functions(topology.Dsync())
		}
		for _, name := range who {
			for _, action := range code(row[1]) {
				documented = append(documented, permission{name, action, row[2]})
			}
		}
	}
	compare(t, documented, inTemplate)
}

func TestPermissionsOfOthers(t *testing.T) {
	r := readFull(t)
	words := r.inWords()
	names := map[string]string{
		"events.amazonaws.com": "EventBridge", "delivery.logs.amazonaws.com": "log delivery",
		"cloudwatch.amazonaws.com": "CloudWatch", "*": "the accounts of `busPolicyOrganization`",
	}
	for _, account := range settingsOf(t, everything).busAccounts {
		names["arn:${AWS::Partition}:iam::"+account+":root"] = "`busPolicyAccounts`"
	}
	var inTemplate []permission
	for _, id := range r.of("AWS::Lambda::Permission") {
		permitted := r.Resources[id]
		inTemplate = append(inTemplate, permission{"API Gateway", permitted.text("Action"), words[permitted.text("FunctionName")]})
	}
	for _, id := range r.of("AWS::Scheduler::Schedule") {
		role := r.at(idIn(r.Resources[id].text("Target", "RoleArn"), "Arn"))
		for _, policy := range list(role.get("Policies")) {
			all, err := statements(walk(policy, "PolicyDocument"))
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range all {
				for _, action := range s.Actions {
					inTemplate = append(inTemplate, permission{"EventBridge Scheduler", action, words[s.Resources[0]]})
				}
			}
		}
	}
	for _, resource := range r.Resources {
		if resource.Type == "AWS::IAM::Role" {
			continue
		}
		for _, policy := range documents(resource.Properties) {
			all, err := statements(policy)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range all {
				for _, who := range s.Principals {
					for _, action := range s.Actions {
						if p := (permission{names[who], action, words[s.Resources[0]]}); s.Effect == "Allow" && !slices.Contains(inTemplate, p) {
							inTemplate = append(inTemplate, p)
						}
					}
				}
			}
		}
	}
	var documented []permission
	for _, row := range rows(section(t, document(t, "permissions.md"), "## Others")) {
		for _, action := range code(row[1]) {
			for _, on := range strings.Split(row[2], ", ") {
				for _, who := range strings.Split(row[0], ", ") {
					documented = append(documented, permission{who, action, strings.Trim(on, "`")})
				}
			}
		}
	}
	compare(t, documented, inTemplate)
}
