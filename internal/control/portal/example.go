package portal

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"farrier.dev/farrier/internal/encoding/tree"
)

// example makes a value that a schema could mean.
func (r *renderer) example(schema any, depth int, left *int) any {
	*left--
	m := r.defs.Follow(schema)
	if m == nil || *left < 0 || depth > maxDepth {
		return nil
	}
	for _, key := range []string{"const", "default"} {
		if v, ok := m[key]; ok {
			return v
		}
	}
	if list, ok := m["enum"].([]any); ok && len(list) > 0 {
		return list[0]
	}
	kind, _ := m["type"].(string)
	if list, ok := m["type"].([]any); ok && len(list) > 0 {
		kind, _ = list[0].(string)
	}
	switch kind {
	case "string":
		return sample(m)
	case "integer", "number":
		if v, ok := m["minimum"].(json.Number); ok {
			return v
		}
		return 1
	case "boolean":
		return true
	case "array":
		return []any{r.example(m["items"], depth+1, left)}
	case "null":
		return nil
	}
	if properties, ok := m["properties"].(map[string]any); ok {
		out := map[string]any{}
		for _, key := range slices.Sorted(maps.Keys(properties)) {
			if *left <= 0 {
				break
			}
			out[key] = r.example(properties[key], depth+1, left)
		}
		return out
	}
	return map[string]any{}
}

func sample(m map[string]any) string {
	switch m["format"] {
	case "date":
		return "2026-01-31"
	case "date-time":
		return "2026-01-31T12:00:00Z"
	case "uuid":
		return "3f2b1c9e-0d4a-4c7e-9b1a-5e6f7a8b9c0d"
	case "email":
		return "name@example.com"
	case "uri":
		return "https://example.com/"
	}
	return "text"
}

// pretty is a value as JSON that people read.
func pretty(value any) string {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return ""
	}
	return clipped(string(text), maxExample)
}

func scalarText(n *tree.Node) string {
	if n == nil {
		return ""
	}
	switch v := n.Any().(type) {
	case string:
		return clipped(v, 200)
	case nil, map[string]any, []any:
		return ""
	default:
		return clipped(fmt.Sprint(v), 200)
	}
}
