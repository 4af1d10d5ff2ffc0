package stack

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"dsync/infra/topology"

	"github.com/google/go-cmp/cmp"
)

// The runbook has an entry for each type of alarm. The alarms and thresholds in
// the entries are those of the template, in both directions.
func TestRunbook(t *testing.T) {
	r := readFull(t)
	template := map[string]string{} // alarm → what it measures and when it goes off
	for _, id := range r.of("AWS::CloudWatch::Alarm") {
		resource := r.Resources[id]
		a := readAlarm(resource)
		var metrics []string
		for _, m := range a.Measures {
			if name := "`" + m.Name + "`"; !slices.Contains(metrics, name) {
				metrics = append(metrics, name)
			}
		}
		name, joint, above := strings.TrimPrefix(resource.text("AlarmName"), "dsync-dev-"), " + ", fmt.Sprintf("above %g", a.Threshold)
		if len(a.Expressions) > 1 {
			joint = " and "
		}
		if a.Threshold == silence {
			above = "no data"
		}
		template[name] = fmt.Sprintf("`%s` %s %s | %s in %d of %d periods of %g s",
			a.Measures[0].Namespace, strings.Join(metrics, joint), a.Statistic, above, a.Late, a.Of, a.Period.Seconds())
	}

	text := section(t, document(t, "operations.md"), "## Alarms")
	runbook := map[string]string{}
	for _, k := range alarmTypes {
		entry := section(t, text, "### "+k.name)
		table := rows(entry)
		if len(table) == 0 || len(table[0]) != 3 {
			t.Errorf("%s has no table of its alarms", k.name)
			continue
		}
		for _, name := range alarmNames(code(table[0][0])) {
			if strings.TrimSuffix(name, k.name) == name {
				t.Errorf("%s stands under %s", name, k.name)
			}
			if runbook[name] != "" {
				t.Errorf("%s stands there twice", name)
			}
			runbook[name] = table[0][1] + " | " + table[0][2]
		}
		without := "**Without data.** No alarm: "
		if k.withoutData == breaching {
			without = "**Without data.** Alarm: "
		}
		for _, part := range []string{"**Means.** ", "**Look at.** ", "**Do.** ", without} {
			if strings.Count(entry, part) != 1 {
				t.Errorf("%s: %d times %q", k.name, strings.Count(entry, part), part)
			}
		}
	}
	if diff := cmp.Diff(runbook, template); diff != "" {
		t.Errorf("-docs/operations.md +template:\n%s", diff)
	}
	for _, heading := range regexp.MustCompile(`(?m)^### (.*)$`).FindAllStringSubmatch(text, -1) {
		if !slices.ContainsFunc(alarmTypes, func(k alarmType) bool { return k.name == heading[1] }) {
			t.Errorf("there is no alarm %s", heading[1])
		}
	}
}

// The pages link to headings that exist.
func TestLinksOfTheRunbook(t *testing.T) {
	text := document(t, "operations.md")
	headings := map[string]bool{}
	for _, match := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		headings[strings.ReplaceAll(strings.ToLower(match[1]), " ", "-")] = true
	}
	for _, match := range regexp.MustCompile(`\]\(#([^)]+)\)`).FindAllStringSubmatch(text, -1) {
		if !headings[match[1]] {
			t.Errorf("there is no heading %s", match[1])
		}
	}
}

// The functions log the lines that the runbook tells to look for.
func TestLogLinesOfTheRunbook(t *testing.T) {
	text := document(t, "operations.md")
	var source strings.Builder
	for _, folder := range []string{"relay", "jobs", "provider"} {
		files, err := filepath.Glob("../../internal/" + folder + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatal(folder, err)
		}
		for _, file := range files {
			code, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			source.Write(code)
		}
	}
	for _, line := range []string{
		"a directory is left for a retry", "event parked in the dead-letter queue", "record parked in the dead-letter queue",
		"job step", "job step failed", "job failed", "request",
	} {
		if !strings.Contains(text, "`"+line+"`") {
			t.Errorf("the runbook does not name the line %q", line)
		}
		if !strings.Contains(source.String(), `"`+line+`"`) {
			t.Errorf("no function logs %q", line)
		}
	}
}

// alarmNames replaces the placeholders of the page: <function>, <consumer> of
// the stream, <rule>, and <owner> of a dead-letter queue.
func alarmNames(written []string) (names []string) {
	system := topology.Dsync()
	owners := map[string][]string{"<function>": functions(system), "<consumer>": streamConsumers(system), "<rule>": rules(system), "<owner>": system.DeadLetterOwners()}
	for _, name := range written {
		placeholder, rest, found := strings.Cut(name, ">")
		if !found {
			names = append(names, name)
			continue
		}
		for _, owner := range owners[placeholder+">"] {
			names = append(names, owner+rest)
		}
	}
	return names
}

// The commands on the pages refer to existing outputs and resources.
func TestCommandsOfThePages(t *testing.T) {
	r := readFull(t)
	system := topology.Dsync()
	text := document(t, "operations.md") + document(t, "deploy.md")
	for _, match := range regexp.MustCompile("[(`]out (\\w+)[)`]").FindAllStringSubmatch(text, -1) {
		if _, known := r.Outputs[match[1]]; !known {
			t.Errorf("the stack puts out no %s", match[1])
		}
	}
	for _, match := range regexp.MustCompile("[(`]res (\\w+)[)`]").FindAllStringSubmatch(text, -1) {
		found := slices.ContainsFunc(slices.Collect(maps.Keys(r.Resources)), func(id string) bool { return strings.HasPrefix(id, match[1]) })
		if !found {
			t.Errorf("no resource begins with %s", match[1])
		}
	}
	for _, want := range []string{
		fmt.Sprintf("point-in-time recovery (%d days)", recoveryDaysMost),
		fmt.Sprintf("where it stays for %d days", failureDays),
		fmt.Sprintf("`eraseAfterDays` (%d)", settingsOf(t, nil).eraseAfterDays),
		"below `" + topology.GivenUpPrefix + "`", "below `" + topology.ParkedPrefix + "`",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the restored table is not given %s", strings.TrimSpace(want))
		}
	}
	relay, jobs := system.ByRole(topology.RelaysEvents).Stream, system.ByRole(topology.RunsJobs).Stream
	for _, want := range []string{
		fmt.Sprintf("The relay gives up on a record after %g hours", relay.MaximumAge.Hours()),
		fmt.Sprintf("`jobs` after %d attempts or %g hours", jobs.RetryAttempts, jobs.MaximumAge.Hours()),
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the pages do not say %q", want)
		}
	}
	if relay.RetryAttempts != topology.Unlimited {
		t.Error("the pages do not say how often the relay tries")
	}
}
