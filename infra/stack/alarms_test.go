package stack

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"dsync/internal/metric"
)

// at returns values at these minutes.
func at(value float64, minutes ...int) (all []written) {
	for _, minute := range minutes {
		all = append(all, written{minute, value})
	}
	return all
}

// each returns a value for each minute from first to last.
func each(value float64, first, last int) (all []written) {
	for minute := first; minute <= last; minute++ {
		all = append(all, written{minute, value})
	}
	return all
}

// The alarms go off, and only then. Each row has the metrics as AWS documents that
// it writes them, or as package metric writes them, and the state of the alarm at
// the end of minute 59.
func TestAlarmsGoOff(t *testing.T) {
	const now, ring, quiet = 59, "ALARM", "OK"
	rows := []struct {
		alarm, name string
		history     history
		want        string
	}{
		{"relay-errors", "one invocation failed", history{"Errors": at(1, 56)}, ring},
		{"relay-errors", "invocations succeed", history{"Errors": each(0, 0, now)}, quiet},
		{"relay-errors", "no invocations", nil, quiet},
		{"relay-errors", "failed an hour ago", history{"Errors": at(1, 5)}, quiet},
		{"users-throttles", "for ten minutes", history{"Throttles": each(3, 50, now)}, ring},
		{"users-throttles", "one peak", history{"Throttles": at(100, 57)}, quiet},

		{"relay-iterator-age", "behind", history{"IteratorAge": each(90_000, 50, now)}, ring},
		// A batch that is retried has a value each time it is tried.
		{"relay-iterator-age", "one batch retried, minutes without a value", history{"IteratorAge": at(600_000, 55, 57, 59)}, ring},
		{"relay-iterator-age", "the oldest of many batches", history{"IteratorAge": append(each(200, 50, now), each(90_000, 50, now)...)}, ring},
		{"relay-iterator-age", "one late batch", history{"IteratorAge": append(each(200, 50, now), at(90_000, 57)...)}, quiet},
		{"relay-iterator-age", "idle", nil, quiet},

		// Batch item failures: the function returns no error.
		{"relay-failed-records", "one record fails", history{"FailedInvokeEventCount": at(1, 55, 57, 58)}, ring},
		{"relay-failed-records", "one record fails once", history{"FailedInvokeEventCount": append(each(0, 50, now), at(1, 57)...)}, quiet},
		{"jobs-failed-records", "idle", nil, quiet},
		{"jobs-given-up", "a batch", history{"OnFailureDestinationDeliveredEventCount": at(1, 57)}, ring},
		{"jobs-given-up", "none", history{"OnFailureDestinationDeliveredEventCount": each(0, 0, now)}, quiet},
		// Lambda writes both when it cannot write to the destination.
		{"relay-lost-records", "no permission on the bucket", history{"DestinationDeliveryFailures": at(1, 57), "DroppedEventCount": at(40, 57)}, ring},
		{"relay-lost-records", "one of the two", history{"DroppedEventCount": at(1, 57)}, ring},
		{"relay-lost-records", "none", history{"DroppedEventCount": each(0, 0, now)}, quiet},
		// Lambda writes 0 for a poll without records, and nothing if the mapping is
		// disabled.
		{"relay-not-polling", "the mapping is disabled", history{"PolledEventCount": each(7, 0, 40)}, ring},
		{"relay-not-polling", "the mapping never was", nil, ring},
		{"relay-not-polling", "idle", history{"PolledEventCount": each(0, 0, now)}, quiet},
		{"relay-not-polling", "busy", history{"PolledEventCount": each(60_000, 0, now)}, quiet},
		{"relay-not-polling", "ten minutes without metrics", history{"PolledEventCount": each(0, 0, 49)}, quiet},

		{"relay-stopped", "one change, and nothing after it", history{"ChangesWritten": at(1, 40)}, ring},
		{"relay-stopped", "many changes, none processed", history{"ChangesWritten": each(5, 20, now), "RecordsProcessed": each(9, 0, 20)}, ring},
		{"relay-stopped", "a change in the last second of a period, processed in the next", history{"ChangesWritten": at(1, 44), "RecordsProcessed": at(1, 45)}, quiet},
		{"relay-stopped", "a change just now", history{"ChangesWritten": at(1, now)}, quiet},
		{"relay-stopped", "busy", history{"ChangesWritten": each(5, 0, now), "RecordsProcessed": each(11, 0, now)}, quiet},
		// Records of which no event is made are processed, too.
		{"relay-stopped", "processed, nothing logged", history{"ChangesWritten": each(5, 0, now), "RecordsProcessed": each(5, 0, now), "EventsLogged": each(0, 0, now)}, quiet},
		{"relay-stopped", "idle", nil, quiet},

		{"relay-dead-letters", "one message", history{"ApproximateNumberOfMessagesVisible": at(1, 55)}, ring},
		{"relay-dead-letters", "an empty queue", history{"ApproximateNumberOfMessagesVisible": each(0, 0, now)}, quiet},
		{"relay-dead-letters", "a queue that SQS does not measure, because it is not in use", nil, quiet},
		{"every-event-failed-deliveries", "no way to the queue", history{"InvocationsFailedToBeSentToDlq": at(1, 57)}, ring},
		{"every-event-failed-deliveries", "none", history{"FailedInvocations": each(0, 0, now)}, quiet},

		{"events-parked", "one event", history{"EventsParked": at(1, 57)}, ring},
		{"events-parked", "none", history{"EventsLogged": each(5, 0, now)}, quiet},
		{"relay-lag", "one batch of many is late, again and again", history{"RelayLag": append(each(400, 50, now), at(90_000, 55, 57, 59)...)}, ring},
		{"relay-lag", "one late batch", history{"RelayLag": append(each(400, 50, now), at(90_000, 57)...)}, quiet},

		{"oldest-job", "a job stopped", history{"OldestJobAge": each(4000, 30, now)}, ring},
		{"oldest-job", "the sweep does not run", history{"OldestJobAge": each(0, 0, 30)}, ring},
		{"oldest-job", "jobs in progress", history{"OldestJobAge": each(3, 0, now)}, quiet},
		{"oldest-job", "no jobs", history{"OldestJobAge": each(0, 0, now)}, quiet},
		{"failed-jobs", "one job", history{"JobsFailed": at(1, 57)}, ring},
		{"failed-jobs", "none", history{"OldestJobAge": each(0, 0, now)}, quiet},

		{"table-throttles", "on the index", history{"WriteThrottleEvents": each(2, 50, now)}, ring},
		{"table-throttles", "one peak", history{"WriteThrottleEvents": at(50, 57)}, quiet},
		{"table-errors", "for ten minutes", history{"SystemErrors": each(1, 50, now)}, ring},
		{"table-errors", "one", history{"SystemErrors": at(1, 57)}, quiet},
		{"http-errors", "six", history{"5xx": at(1, 55, 55, 56, 57, 58, 59)}, ring},
		{"http-errors", "five", history{"5xx": at(1, 55, 55, 56, 57, 58)}, quiet},
		{"http-errors", "no requests", nil, quiet},
		{"unauthorized", "a flood of forged tokens", history{"Unauthorized": each(101, 45, now)}, ring},
		{"unauthorized", "at the threshold", history{"Unauthorized": each(100, 45, now)}, quiet},
		{"unauthorized", "one burst", history{"Unauthorized": each(5_000, 57, now)}, quiet},
		{"unauthorized", "no requests", nil, quiet},
		{"rate-limited", "a directory that floods", history{"RateLimited": each(101, 45, now)}, ring},
		{"rate-limited", "at the threshold", history{"RateLimited": each(100, 45, now)}, quiet},
		{"rate-limited", "one burst", history{"RateLimited": each(5_000, 57, now)}, quiet},
		{"http-latency", "of three requests an hour each is slow", history{"Latency": at(8_000, 38, 47, 58)}, ring},
		{"http-latency", "one slow request", history{"Latency": append(each(20, 0, now), at(8_000, 57)...)}, quiet},
	}

	r := readFull(t)
	alarms := map[string]alarm{}
	for _, id := range r.of("AWS::CloudWatch::Alarm") {
		alarms[strings.TrimPrefix(r.Resources[id].text("AlarmName"), "dsync-dev-")] = readAlarm(r.Resources[id])
	}
	tried := map[string]map[string]bool{} // type → state
	for _, row := range rows {
		a, known := alarms[row.alarm]
		if !known {
			t.Errorf("there is no alarm %s", row.alarm)
			continue
		}
		got, err := a.state(a.received(t, row.history), now)
		if err != nil {
			t.Errorf("%s: %v", row.alarm, err)
		}
		if got != row.want {
			t.Errorf("%s, %s: %s, want %s", row.alarm, row.name, got, row.want)
		}
		for _, k := range alarmTypes {
			if row.alarm == k.name || strings.HasSuffix(row.alarm, "-"+k.name) {
				if tried[k.name] == nil {
					tried[k.name] = map[string]bool{}
				}
				tried[k.name][row.want] = true
			}
		}
	}
	for _, k := range alarmTypes {
		if len(tried[k.name]) != 2 {
			t.Errorf("%s is tried in the states %v alone", k.name, tried[k.name])
		}
	}
}

// received returns what CloudWatch receives of a history. Metrics of dsync go through
// a log line in the embedded metric format. What is written without the dimensions
// of the alarm, or in another unit, does not arrive.
func (a alarm) received(t *testing.T, h history) history {
	t.Helper()
	arrived := history{}
	for name, all := range h {
		for _, m := range a.Measures {
			if m.Name != name || len(arrived[name]) > 0 {
				continue
			}
			if m.Namespace != metric.Namespace {
				arrived[name] = all // of AWS
				continue
			}
			i := slices.IndexFunc(metric.All(), func(m metric.Metric) bool { return m.Name == name })
			if i < 0 {
				t.Errorf("nobody writes %s", name)
				continue
			}
			declared := metric.All()[i]
			for _, w := range all {
				arrived[name] = append(arrived[name], a.extracted(t, m, declared, w)...)
			}
		}
	}
	return arrived
}

// extracted writes a value as the function of the alarm's metric does, and returns
// what CloudWatch extracts from the log line for that metric.
func (a alarm) extracted(t *testing.T, m measured, declared metric.Metric, w written) (all []written) {
	t.Helper()
	start := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	var out bytes.Buffer
	metric.New(&out, m.Dimensions[string(metric.Function)], func() time.Time { return start.Add(time.Duration(w.minute) * time.Minute) }).
		Write(nil, nil, declared.Of(w.value))
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	for _, directive := range list(walk(line, "_aws", "CloudWatchMetrics")) {
		for _, set := range list(walk(directive, "Dimensions")) {
			fits := walk(directive, "Namespace") == m.Namespace && len(list(set)) == len(m.Dimensions)
			for _, name := range texts(set) {
				fits = fits && line[name] == m.Dimensions[name]
			}
			value, has := line[m.Name].(float64)
			if stamp, _ := walk(line, "_aws", "Timestamp").(float64); fits && has {
				all = append(all, written{int(time.UnixMilli(int64(stamp)).Sub(start).Minutes()), value})
			}
		}
	}
	return all
}

// The evaluator can fail: a broken alarm is not in the state that is expected of it.
func TestBrokenAlarmsAreNoticed(t *testing.T) {
	r := readFull(t)
	find := func(name string) alarm {
		for _, id := range r.of("AWS::CloudWatch::Alarm") {
			if r.Resources[id].text("AlarmName") == "dsync-dev-"+name {
				return readAlarm(r.Resources[id])
			}
		}
		t.Fatalf("no alarm %s", name)
		return alarm{}
	}
	for _, row := range []struct {
		name, alarm string
		broken      func(a *alarm)
		history     history
	}{
		{"five of five", "relay-iterator-age", func(a *alarm) { a.Late = 5 }, history{"IteratorAge": at(600_000, 55, 57, 59)}},
		{"silence is good", "relay-not-polling", func(a *alarm) { a.Missing = "notBreaching" }, nil},
		{"percentile of few", "http-latency", func(a *alarm) { a.LowSamples = "ignore" }, history{"Latency": at(8_000, 38, 47, 58)}},
		{"sum of a metric", "relay-stopped", func(a *alarm) { a.Expressions = added(0) }, nil},
		{"other function", "events-parked", func(a *alarm) { a.Measures[0].Dimensions = map[string]string{"Function": "x"} }, history{"EventsParked": at(1, 57)}},
	} {
		whole, broken := find(row.alarm), find(row.alarm)
		row.broken(&broken)
		if row.history == nil && row.alarm == "relay-stopped" {
			row.history = history{"RecordsProcessed": each(3, 0, 59)} // healthy
		}
		a, err := whole.state(whole.received(t, row.history), 59)
		if err != nil {
			t.Fatal(err)
		}
		b, err := broken.state(broken.received(t, row.history), 59)
		if err != nil {
			t.Fatal(err)
		}
		if a == b {
			t.Errorf("%s: %s is %s, broken and whole", row.name, row.alarm, a)
		}
	}
	for _, text := range []string{"IF(m1, 1)", "m3", "m1 m2", "FILL(m1; 0)", "(m1"} {
		m := metricMath{expressions: []expression{{"e", text}}, series: []values{{1}, {1}}, length: 1}
		if v, err := m.value("e"); err == nil {
			t.Errorf("%s is %v", text, v)
		}
	}
}
