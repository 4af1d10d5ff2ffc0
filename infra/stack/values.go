package stack

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
)

// logRetentions are the log retentions of CloudWatch, by days.
var logRetentions = map[int]awslogs.RetentionDays{
	1: awslogs.RetentionDays_ONE_DAY, 3: awslogs.RetentionDays_THREE_DAYS, 5: awslogs.RetentionDays_FIVE_DAYS,
	7: awslogs.RetentionDays_ONE_WEEK, 14: awslogs.RetentionDays_TWO_WEEKS, 30: awslogs.RetentionDays_ONE_MONTH,
	60: awslogs.RetentionDays_TWO_MONTHS, 90: awslogs.RetentionDays_THREE_MONTHS, 120: awslogs.RetentionDays_FOUR_MONTHS,
	150: awslogs.RetentionDays_FIVE_MONTHS, 180: awslogs.RetentionDays_SIX_MONTHS, 365: awslogs.RetentionDays_ONE_YEAR,
	400: awslogs.RetentionDays_THIRTEEN_MONTHS, 545: awslogs.RetentionDays_EIGHTEEN_MONTHS, 731: awslogs.RetentionDays_TWO_YEARS,
	1096: awslogs.RetentionDays_THREE_YEARS, 1827: awslogs.RetentionDays_FIVE_YEARS, 2192: awslogs.RetentionDays_SIX_YEARS,
	2557: awslogs.RetentionDays_SEVEN_YEARS, 2922: awslogs.RetentionDays_EIGHT_YEARS, 3288: awslogs.RetentionDays_NINE_YEARS,
	3653: awslogs.RetentionDays_TEN_YEARS,
}

// unwrap removes the wrappers that the CDK's runtime adds to objects.
func unwrap(value any) any {
	object, ok := value.(map[string]any)
	if !ok {
		return value
	}
	if inner, wrapped := object["$jsii.map"]; wrapped && len(object) == 1 {
		return unwrap(inner)
	}
	unwrapped := make(map[string]any, len(object))
	for key, element := range object {
		unwrapped[key] = unwrap(element)
	}
	return unwrapped
}

// contextText returns a context value as the text that -c on the command line
// would give it. cdk.json may also have numbers, booleans and lists.
func contextText(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	case []any:
		parts := make([]string, len(v))
		for i, element := range v {
			part, err := contextText(element)
			if err != nil {
				return part, err
			}
			parts[i] = part
		}
		return strings.Join(parts, ","), nil
	}
	text, err := json.Marshal(value)
	if err != nil {
		text = fmt.Append(nil, value)
	}
	return string(text), fmt.Errorf("is an object: give it as text")
}

func intBetween(value string, least, most int, of string) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("is not a number of %s: choose %d to %d", of, least, most)
	}
	return n, nil
}

func onOrOff(value string) (bool, error) {
	switch value {
	case "on", "true":
		return true, nil
	case "off", "false":
		return false, nil
	}
	return false, fmt.Errorf("is neither: choose on or off")
}

func match(value string, pattern interface{ MatchString(string) bool }, what string) error {
	if !pattern.MatchString(value) {
		return fmt.Errorf("is not %s", what)
	}
	return nil
}

// enumerate returns the values as text: "a, b or c".
func enumerate[T any](values []T) string {
	var text strings.Builder
	for i, v := range values {
		switch {
		case i > 0 && i == len(values)-1:
			text.WriteString(" or ")
		case i > 0:
			text.WriteString(", ")
		}
		fmt.Fprint(&text, v)
	}
	return text.String()
}

// tagsMost leaves room for the tags that AWS and the CDK add to the 50 of a resource.
const tagsMost = 40

// The syntax of tags that every service of the stack accepts.
var (
	tagKey   = regexp.MustCompile(`^[A-Za-z0-9 _.:/=+@-]{1,128}$`)
	tagValue = regexp.MustCompile(`^[A-Za-z0-9 _.:/=+@-]{0,256}$`)
)

// readTags parses "key=value,key=value".
func readTags(value string) (map[string]string, error) {
	tags := map[string]string{}
	for _, pair := range strings.Split(value, ",") {
		key, of, ok := strings.Cut(strings.TrimSpace(pair), "=")
		switch {
		case !ok || !tagKey.MatchString(key) || !tagValue.MatchString(of):
			return nil, fmt.Errorf("is not a list of tags: write key=value,key=value with letters, digits, spaces and the characters _.:/=+@- alone")
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			return nil, fmt.Errorf("has the tag %s: AWS reserves names with the prefix %q", key, "aws:")
		case tags[key] != "":
			return nil, fmt.Errorf("has the tag %s twice", key)
		}
		tags[key] = of
	}
	if len(tags) > tagsMost {
		return nil, fmt.Errorf("has %d tags: choose %d at most", len(tags), tagsMost)
	}
	return tags, nil
}
