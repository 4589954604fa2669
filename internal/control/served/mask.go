package served

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"farrier.dev/farrier/internal/classify"
	"farrier.dev/farrier/internal/secret"
)

// Mask is what is shown in the place of a secret.
const Mask = "••••••••"

// The bounds of what is shown of settings.
const (
	maxSettings = 500
	maxValue    = 400 // bytes
)

// variable is a whole string that names an environment variable.
var variable = regexp.MustCompile(`^\$(?:[A-Za-z_][A-Za-z0-9_]*|\{[A-Za-z_][A-Za-z0-9_]*\})$`)

// masker lists settings with their secrets masked. It is closed: what the
// schema does not know is masked.
type masker struct{ out []Setting }

// masked lists settings field by field. A nil schema masks every value.
func masked(settings json.RawMessage, schema map[string]any) []Setting {
	if len(settings) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(settings))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return []Setting{{Field: "(settings)", Value: Mask, Masked: true}}
	}
	var m masker
	m.walk("", value, schema, schema == nil)
	if len(m.out) > maxSettings {
		m.out = append(m.out[:maxSettings], Setting{Field: "…", Value: fmt.Sprintf("%d more", len(m.out)-maxSettings)})
	}
	return m.out
}

func (m *masker) walk(field string, value any, schema map[string]any, hide bool) {
	hide = hide || schema["writeOnly"] == true
	switch v := value.(type) {
	case map[string]any:
		m.object(field, v, schema, hide)
	case []any:
		items, known := schema["items"].(map[string]any)
		for i, inner := range v {
			m.walk(fmt.Sprintf("%s[%d]", field, i), inner, items, hide || !known)
		}
		if len(v) == 0 {
			m.add(field, "(none)", false)
		}
	case string:
		if at, ok := referenced(v); ok {
			m.put(field, at)
			return
		}
		m.add(field, v, hide)
	case nil:
		m.add(field, "null", false)
	default:
		m.add(field, fmt.Sprint(v), hide)
	}
}

// referenced says where a secret is, not what it is: the name of a variable, or of a
// kept secret without the versions that serve.
func referenced(value string) (string, bool) {
	if kept, err := secret.ParseStored(value); err == nil {
		return kept.Bare().String(), true
	}
	return value, variable.MatchString(value)
}

func (m *masker) object(field string, object, schema map[string]any, hide bool) {
	properties, _ := schema["properties"].(map[string]any)
	others, open := schema["additionalProperties"].(map[string]any)
	paired := namesSecret(object)
	for _, name := range slices.Sorted(maps.Keys(object)) {
		sub, known := properties[name].(map[string]any)
		if !known {
			sub, known = others, open
		}
		at := name
		if field != "" {
			at = field + "." + name
		}
		m.walk(at, object[name], sub, hide || !known || (paired && !naming(name)))
	}
	if len(object) == 0 && field != "" {
		m.add(field, "(none)", false)
	}
}

// naming tells a field that holds the name of a name-value pair.
func naming(field string) bool { return field == "key" || field == "name" }

// namesSecret says whether an object is a pair, as of a header, whose name
// tells that its value is a secret.
func namesSecret(object map[string]any) bool {
	for field, value := range object {
		text, ok := value.(string)
		if ok && naming(field) && (classify.SecretName(text) || sensitiveHeader(text)) {
			return true
		}
	}
	return false
}

func sensitiveHeader(name string) bool {
	switch strings.ToLower(name) {
	case "authorization", "proxy-authorization", "cookie", "set-cookie":
		return true
	}
	return false
}

func (m *masker) add(field, value string, hide bool) {
	if hide {
		m.out = append(m.out, Setting{Field: field, Value: Mask, Masked: true})
		return
	}
	m.put(field, classify.Redact(value))
}

// put lists a value as it is, up to a length.
func (m *masker) put(field, value string) {
	if len(value) > maxValue {
		cut := maxValue
		for !utf8.RuneStart(value[cut]) {
			cut--
		}
		value = value[:cut] + "…"
	}
	m.out = append(m.out, Setting{Field: field, Value: value})
}
