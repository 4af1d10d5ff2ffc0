package eventsource

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
)

// ulidForm matches the ids in a record.
var ulidForm = regexp.MustCompile(`[0-7][0-9A-HJKMNP-TV-Z]{25}`)

// PoisonMark begins the ids in poison records, instead of the time of a ULID.
const PoisonMark = "7ZZZZZZZZZ"

// poison returns a record like r whose ids do not exist and whose content is
// malformed. The same record has the same poison.
func poison(r record) record {
	seed := hash(r.id + "content")
	dice := rand.New(rand.NewPCG(seed, 4))
	text := ulidForm.ReplaceAllStringFunc(string(r.json), func(id string) string {
		return PoisonMark + strings.ToUpper(fmt.Sprintf("%016x", hash(r.id+id)))
	})
	var w wireRecord
	if err := json.Unmarshal([]byte(text), &w); err != nil {
		return r // cannot happen: encode wrote the record
	}
	w.EventID = fmt.Sprintf("%032x", seed)
	w.DynamoDB.SequenceNumber = r.sequence + "7"
	if !strings.Contains(text, PoisonMark) { // its item would be a real one
		w.DynamoDB.Keys = map[string]any{"pk": map[string]any{"S": "D#" + PoisonMark}, "sk": map[string]any{"S": "U#" + PoisonMark}}
	}
	kinds := []func(*wireChange, *rand.Rand){dropAttribute, changeType, changeType, damageBinary, noImages, foreignOldImage, shortKey, oversized}
	kinds[dice.IntN(len(kinds))](&w.DynamoDB, dice)
	encoded, err := json.Marshal(w)
	if err != nil {
		return r
	}
	return record{r.id + " poison", w.DynamoDB.SequenceNumber, itemHash(w.DynamoDB.Keys), r.created, encoded}
}

func anyName(image map[string]any, dice *rand.Rand) string {
	names := slices.Sorted(maps.Keys(image))
	if len(names) == 0 {
		return "none"
	}
	return names[dice.IntN(len(names))]
}

func dropAttribute(c *wireChange, dice *rand.Rand) {
	for range 1 + dice.IntN(3) {
		delete(c.NewImage, anyName(c.NewImage, dice))
	}
}

// changeType replaces an attribute with a value of another type or meaning.
func changeType(c *wireChange, dice *rand.Rand) {
	values := []map[string]any{
		{"NULL": true}, {"BOOL": false}, {"N": "-1e125"}, {"N": "0.5"}, {"S": ""}, {"S": "\x00\ufffd<>&"}, {"S": strings.Repeat("[", 20_000)},
		{"SS": []any{"a", "b"}}, {"L": []any{}}, {"L": []any{map[string]any{"NULL": true}}}, {"M": map[string]any{}}, {"B": ""}, {"B": "AAAA"},
	}
	name := anyName(c.NewImage, dice)
	if c.NewImage != nil {
		c.NewImage[name] = values[dice.IntN(len(values))]
	}
	if c.OldImage != nil && dice.IntN(2) == 0 {
		c.OldImage[name] = values[dice.IntN(len(values))]
	}
}

// damageBinary cuts or changes each binary attribute, such as a compressed
// document.
func damageBinary(c *wireChange, dice *rand.Rand) {
	damaged := false
	for _, image := range []map[string]any{c.NewImage, c.OldImage} {
		for _, name := range slices.Sorted(maps.Keys(image)) {
			value, _ := image[name].(map[string]any)
			encoded, _ := value["B"].(string)
			b, err := base64.StdEncoding.DecodeString(encoded)
			if err != nil || len(b) < 4 {
				continue
			}
			if damaged = true; dice.IntN(2) == 0 {
				b = b[:len(b)/2]
			} else {
				b[dice.IntN(len(b))] ^= 0x55
			}
			image[name] = map[string]any{"B": base64.StdEncoding.EncodeToString(b)}
		}
	}
	if !damaged {
		changeType(c, dice)
	}
}

func noImages(c *wireChange, _ *rand.Rand) { c.NewImage, c.OldImage = nil, nil }

// foreignOldImage has an old image that does not fit the new one.
func foreignOldImage(c *wireChange, dice *rand.Rand) {
	c.OldImage = map[string]any{"v": map[string]any{"N": "999999"}, "deleted": map[string]any{"BOOL": true}}
	changeType(c, dice)
}

// shortKey leaves only the prefix of the sort key.
func shortKey(c *wireChange, _ *rand.Rand) {
	value, _ := c.Keys["sk"].(map[string]any)
	sk, _ := value["S"].(string)
	if prefix, _, cut := strings.Cut(sk, "#"); cut {
		c.Keys["sk"] = map[string]any{"S": prefix + "#"}
	}
}

// oversized has images that are larger than a message of SQS and an entry of
// EventBridge, and of the size that DynamoDB allows.
func oversized(c *wireChange, dice *rand.Rand) {
	changeType(c, dice)
	if c.NewImage == nil {
		c.NewImage = map[string]any{}
	}
	c.NewImage["x"] = map[string]any{"S": strings.Repeat("<&>", 100_000)}
}
