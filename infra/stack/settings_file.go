package stack

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// withFile returns the context with the settings of its stage, from
// <folder>/<stage>.json, which may be missing. A setting of the context takes
// precedence.
func withFile(context map[string]any, folder string) (map[string]any, error) {
	stage := dev
	if text, err := contextText(context["stage"]); err == nil && context["stage"] != nil {
		stage = text
	}
	if folder == "" || !stageName.MatchString(stage) {
		return context, nil // readSettings rejects such a name
	}
	file := filepath.Join(folder, stage+".json")
	document, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return context, nil
	} else if err != nil {
		return nil, err
	}
	var own map[string]any
	if err := json.Unmarshal(document, &own); err != nil {
		return nil, fmt.Errorf("%s is no JSON object: %w", file, err)
	}
	if own["stage"] != nil {
		return nil, fmt.Errorf("%s: its name is that of the stage: take stage out", file)
	}
	if err := rejectUnknown(own); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	maps.Copy(own, context)
	return own, nil
}

// rejectUnknown fails for a key that is not a setting.
func rejectUnknown(context map[string]any) error {
	var known []string
	for _, setting := range allSettings {
		known = append(known, setting.key)
	}
	slices.Sort(known)
	for _, key := range slices.Sorted(maps.Keys(context)) {
		if slices.Contains(known, key) || strings.ContainsAny(key, ":@") || key == "cli-telemetry" {
			continue
		}
		if _, section := context[key].(map[string]any); section && stageName.MatchString(key) {
			return fmt.Errorf("%q holds settings of a stage: move them to infra/settings/%s.json", key, key)
		}
		return fmt.Errorf("%q is not a setting: choose among %s", key, enumerate(known))
	}
	return nil
}
