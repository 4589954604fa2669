package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// DecodeWithDefaults reads settings as Decode does, after what is not set took
// the default that the policy's schema gives, nested settings included.
func DecodeWithDefaults(schema []byte, settings json.RawMessage, into any) error {
	var tree map[string]any
	if err := json.Unmarshal(schema, &tree); err != nil {
		return fmt.Errorf("reading the schema: %w", err)
	}
	var value any = map[string]any{}
	if len(settings) > 0 {
		numbers := json.NewDecoder(bytes.NewReader(settings))
		numbers.UseNumber()
		if err := numbers.Decode(&value); err != nil {
			return fmt.Errorf("reading settings: %w", err)
		}
	}
	filled, err := json.Marshal(withDefaults(value, tree))
	if err != nil {
		return fmt.Errorf("writing the settings: %w", err)
	}
	return Decode(filled, into)
}

func withDefaults(value any, schema map[string]any) any {
	switch v := value.(type) {
	case map[string]any:
		properties, _ := schema["properties"].(map[string]any)
		for name, property := range properties {
			inner, _ := property.(map[string]any)
			if given, ok := v[name]; ok {
				v[name] = withDefaults(given, inner)
			} else if standard, ok := inner["default"]; ok {
				v[name] = standard
			}
		}
	case []any:
		items, _ := schema["items"].(map[string]any)
		for i := range v {
			v[i] = withDefaults(v[i], items)
		}
	}
	return value
}
