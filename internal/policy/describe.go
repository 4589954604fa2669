package policy

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Setting describes one setting for tables, nested ones by their full name.
type Setting struct {
	// Name is as "rateLimits[].maximumRequests".
	Name, Type, Default, Description string
	Required                         bool
	// Secret says that the value is never shown.
	Secret bool
}

// Settings lists all settings of the policy in order of name, each followed by
// those nested in it.
func (e *Entry) Settings() []Setting { return describe(e.tree, "") }

func describe(schema map[string]any, prefix string) []Setting {
	properties, _ := schema["properties"].(map[string]any)
	required, _ := schema["required"].([]any)
	var list []Setting
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		property, _ := properties[name].(map[string]any)
		s := Setting{Name: prefix + name, Required: slices.Contains(required, any(name))}
		s.Type, _ = property["type"].(string)
		s.Description, _ = property["description"].(string)
		s.Secret, _ = property["writeOnly"].(bool)
		if values, ok := property["enum"].([]any); ok {
			s.Type = oneOf(values)
		}
		if value, ok := property["default"]; ok {
			text, _ := json.Marshal(value) // it was read from JSON
			s.Default = string(text)
		}
		nested, suffix := property, "."
		if items, ok := property["items"].(map[string]any); ok {
			kind, _ := items["type"].(string)
			s.Type, nested, suffix = "list of "+kind, items, "[]."
		}
		list = append(list, s)
		list = append(list, describe(nested, prefix+name+suffix)...)
	}
	return list
}

func oneOf(values []any) string {
	words := make([]string, len(values))
	for i, v := range values {
		text, _ := json.Marshal(v)
		words[i] = string(text)
	}
	return strings.Join(words, " or ")
}
