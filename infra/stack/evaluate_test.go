package stack

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/scanner"
	"time"
)

// values is a time series with one value for each period, oldest first. NaN
// stands for no data.
type values []float64

var noData = math.NaN()

// history has what was written to a metric of an alarm, by minute.
type history map[string][]written // by the name of the metric

// written is one value of a metric.
type written struct {
	minute int
	value  float64
}

// state returns the state of an alarm at the end of a minute, by CloudWatch's
// rules: the last periods are compared with the threshold, and a period without
// data counts as TreatMissingData says. CloudWatch may also look at a few periods
// before these, instead of those without data. The metrics of an alarm differ in
// their names or belong to functions that are added up, so a name is enough here.
func (a alarm) state(h history, minute int) (string, error) {
	const before = 2 // periods that DIFF needs
	var series []values
	for i, m := range a.Measures {
		if slices.ContainsFunc(a.Measures[:i], func(other measured) bool { return other.Name == m.Name }) {
			series = append(series, make(values, a.Of+before)) // of another function, which is idle
			for n := range series[i] {
				series[i][n] = noData
			}
			continue
		}
		s, err := a.statistics(h[m.Name], minute, a.Of+before)
		if err != nil {
			return "", err
		}
		series = append(series, s)
	}
	result, err := a.calculate(series)
	if err != nil {
		return "", err
	}
	late := 0
	for _, v := range result[len(result)-a.Of:] {
		if math.IsNaN(v) && a.Missing == breaching || v > a.Threshold {
			late++
		}
	}
	if late >= a.Late {
		return "ALARM", nil
	}
	return "OK", nil
}

// statistics returns the statistic of each of the last n periods.
func (a alarm) statistics(all []written, minute, n int) (values, error) {
	length := int(a.Period / time.Minute)
	periods := make([][]float64, n)
	for _, w := range all {
		if age := (minute - w.minute) / length; w.minute <= minute && age < n {
			periods[n-1-age] = append(periods[n-1-age], w.value)
		}
	}
	result := make(values, n)
	for i, p := range periods {
		result[i] = noData
		if len(p) == 0 {
			continue
		}
		switch a.Statistic {
		case "Sum":
			result[i] = 0
			for _, v := range p {
				result[i] += v
			}
		case "Maximum":
			result[i] = slices.Max(p)
		case "p99":
			slices.Sort(p)
			// CloudWatch evaluates a percentile of too few values unless it is told to
			// ignore it.
			if len(p) < 1000 && a.LowSamples != "evaluate" {
				continue
			}
			result[i] = p[int(math.Ceil(0.99*float64(len(p))))-1]
		default:
			return nil, fmt.Errorf("no statistic %s", a.Statistic)
		}
	}
	return result, nil
}

// calculate returns the value of the alarm in each period.
func (a alarm) calculate(series []values) (values, error) {
	if len(a.Expressions) == 0 {
		return series[0], nil
	}
	m := metricMath{expressions: a.Expressions, series: series, length: len(series[0])}
	return m.value(a.Expressions[0].id)
}

// metricMath evaluates the part of CloudWatch's metric math that the alarms use.
type metricMath struct {
	expressions []expression
	series      []values
	length      int
	tokens      []string
}

// value returns the value of m1, m2, … or of an expression.
func (m metricMath) value(id string) (values, error) {
	if n, err := strconv.Atoi(strings.TrimPrefix(id, "m")); err == nil && n >= 1 && n <= len(m.series) {
		return m.series[n-1], nil
	}
	i := slices.IndexFunc(m.expressions, func(e expression) bool { return e.id == id })
	if i < 0 {
		return nil, fmt.Errorf("no metric or expression %s", id)
	}
	var s scanner.Scanner
	s.Init(strings.NewReader(m.expressions[i].text))
	m.tokens = nil
	for token := s.Scan(); token != scanner.EOF; token = s.Scan() {
		text := s.TokenText()
		if n := len(m.tokens); text == "=" && n > 0 && m.tokens[n-1] == "=" {
			m.tokens[n-1] = "=="
			continue
		}
		m.tokens = append(m.tokens, text)
	}
	v, err := m.binary(0)
	if err == nil && len(m.tokens) > 0 {
		err = fmt.Errorf("%v is left of %s", m.tokens, m.expressions[i].text)
	}
	return v, err
}

// operators are the binary operators, those that bind least first.
var operators = []map[string]func(a, b float64) float64{
	{"AND": func(a, b float64) float64 { return truth(a != 0 && b != 0) }},
	{">": func(a, b float64) float64 { return truth(a > b) }, "==": func(a, b float64) float64 { return truth(a == b) }},
	{"+": func(a, b float64) float64 { return a + b }, "-": func(a, b float64) float64 { return a - b }},
}

func truth(v bool) float64 {
	if v {
		return 1
	}
	return 0
}

func (m *metricMath) binary(level int) (values, error) {
	if level == len(operators) {
		return m.operand()
	}
	left, err := m.binary(level + 1)
	for err == nil && len(m.tokens) > 0 && operators[level][m.tokens[0]] != nil {
		apply := operators[level][m.next()]
		var right values
		if right, err = m.binary(level + 1); err == nil {
			left = combine(apply, left, right)
		}
	}
	return left, err
}

// combine applies a function in each period. Without data on one side, the result
// has none.
func combine(apply func(a, b float64) float64, left, right values) values {
	result := make(values, len(left))
	for i := range left {
		if result[i] = noData; !math.IsNaN(left[i]) && !math.IsNaN(right[i]) {
			result[i] = apply(left[i], right[i])
		}
	}
	return result
}

func (m *metricMath) next() string {
	if len(m.tokens) == 0 {
		return ""
	}
	token := m.tokens[0]
	m.tokens = m.tokens[1:]
	return token
}

func (m *metricMath) operand() (values, error) {
	token := m.next()
	if n, err := strconv.ParseFloat(token, 64); err == nil {
		return m.constant(n), nil
	}
	if len(m.tokens) == 0 || m.tokens[0] != "(" {
		return m.value(token)
	}
	m.next()
	if token == "SUM" && strings.Join(m.tokens, "") == "METRICS())" {
		m.tokens = nil
		return m.sum(), nil
	}
	var arguments []values
	for {
		argument, err := m.binary(0)
		if err != nil {
			return nil, err
		}
		arguments = append(arguments, argument)
		if separator := m.next(); separator == ")" {
			break
		} else if separator != "," {
			return nil, fmt.Errorf("%q in the arguments of %s", separator, token)
		}
	}
	switch {
	case token == "FILL" && len(arguments) == 2:
		return fill(arguments[0], arguments[1]), nil
	case token == "DIFF" && len(arguments) == 1:
		return diff(arguments[0]), nil
	case token == "IF" && len(arguments) == 3:
		return choose(arguments[0], arguments[1], arguments[2]), nil
	}
	return nil, fmt.Errorf("no function %s of %d arguments", token, len(arguments))
}

func (m *metricMath) constant(v float64) values {
	result := make(values, m.length)
	for i := range result {
		result[i] = v
	}
	return result
}

// sum adds up the metrics, as far as they have data.
func (m *metricMath) sum() values {
	result := m.constant(noData)
	for _, s := range m.series {
		for i, v := range s {
			if math.IsNaN(result[i]) {
				result[i] = v
			} else if !math.IsNaN(v) {
				result[i] += v
			}
		}
	}
	return result
}

func fill(v, with values) values {
	result := slices.Clone(v)
	for i := range result {
		if math.IsNaN(v[i]) {
			result[i] = with[i]
		}
	}
	return result
}

// diff is the difference to the value before. The first value has none.
func diff(v values) values {
	result := slices.Clone(v)
	for i := range result {
		if result[i] = noData; i > 0 {
			result[i] = v[i] - v[i-1]
		}
	}
	return result
}

func choose(condition, yes, no values) values {
	result := slices.Clone(condition)
	for i, c := range condition {
		switch {
		case math.IsNaN(c):
		case c != 0:
			result[i] = yes[i]
		default:
			result[i] = no[i]
		}
	}
	return result
}
