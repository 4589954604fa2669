// Package form makes the fields of a page from a JSON schema of the kind that
// policies publish, and JSON again from what a browser sends. It works without
// script: lists of objects show one empty group more than they have items, and a
// group that is left empty is no item.
package form

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Kind says how a field is shown.
type Kind string

// The kinds.
const (
	Text    Kind = "text"
	Script  Kind = "script" // an expression, checked by whoever runs it
	Secret  Kind = "secret"
	Number  Kind = "number"
	Choice  Kind = "choice" // also of true and false
	Lines   Kind = "lines"  // a list of texts or numbers, one a line
	Raw     Kind = "raw"    // JSON, of what has no fields of its own
	Group   Kind = "group"  // an object
	Repeats Kind = "repeats"
)

// The bounds of forms.
const (
	maxDepth = 6
	maxItems = 100
	// maxText bounds what is read of one field, in bytes.
	maxText = 256 << 10
)

// Field is one field of a form.
type Field struct {
	// Name is that of the form's value, as "rateLimits.0.maximumRequests"; it is also
	// the id of the field.
	Name  string
	Label string
	Help  string
	Kind  Kind
	// Value is what it holds; of a secret only whether there is one.
	Value    string
	Kept     bool
	Options  []string
	Default  string
	Required bool
	// Fields are those of a group, Items the groups of a list.
	Fields []Field
	Items  []Field
	Error  string
}

// Schema is a JSON schema.
type Schema = map[string]any

// Parse reads a schema.
func Parse(text []byte) (Schema, error) {
	var s Schema
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("reading a schema: %w", err)
	}
	return s, nil
}

// Fields are the fields of a schema of an object with the values of settings, which
// may be empty. errors are texts by field, as "rateLimits[0].maximumRequests".
func Fields(schema Schema, settings json.RawMessage, errors map[string]string) ([]Field, error) {
	var value any
	if len(settings) > 0 {
		d := json.NewDecoder(bytes.NewReader(settings))
		d.UseNumber()
		if err := d.Decode(&value); err != nil {
			return nil, fmt.Errorf("reading settings: %w", err)
		}
	}
	object, _ := value.(map[string]any)
	b := builder{errors: map[string]string{}}
	for field, message := range errors {
		b.errors[strings.NewReplacer("[", ".", "]", "").Replace(field)] = message
	}
	return b.fields("", schema, object, 0), nil
}

type builder struct{ errors map[string]string }

func (b *builder) fields(prefix string, schema Schema, object map[string]any, depth int) []Field {
	properties, _ := schema["properties"].(map[string]any)
	required := texts(schema["required"])
	names := slices.Sorted(maps.Keys(properties))
	// What must be given comes first.
	slices.SortStableFunc(names, func(x, y string) int {
		return btoi(slices.Contains(required, y)) - btoi(slices.Contains(required, x))
	})
	var out []Field
	for _, name := range names {
		sub, _ := properties[name].(map[string]any)
		f := b.field(prefix+name, name, sub, object[name], depth)
		f.Required = slices.Contains(required, name)
		out = append(out, f)
	}
	return out
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func texts(value any) []string {
	list, _ := value.([]any)
	var out []string
	for _, one := range list {
		if text, ok := one.(string); ok {
			out = append(out, text)
		}
	}
	return out
}

// kindOf says how a schema is shown.
func kindOf(s Schema, depth int) Kind {
	switch s["type"] {
	case "string":
		switch {
		case s["writeOnly"] == true:
			return Secret
		case s["format"] == "dataweave":
			return Script
		case s["enum"] != nil:
			return Choice
		}
		return Text
	case "integer", "number":
		return Number
	case "boolean":
		return Choice
	case "object":
		if properties, _ := s["properties"].(map[string]any); len(properties) > 0 && depth < maxDepth {
			return Group
		}
	case "array":
		items, _ := s["items"].(map[string]any)
		switch kindOf(items, depth+1) {
		case Text, Number, Choice:
			if items["type"] != "boolean" {
				return Lines
			}
		case Group:
			return Repeats
		default:
		}
	}
	return Raw
}

func (b *builder) field(name, label string, s Schema, value any, depth int) Field {
	f := Field{Name: name, Label: label, Kind: kindOf(s, depth), Error: b.errors[name]}
	f.Help, _ = s["description"].(string)
	if d, ok := s["default"]; ok {
		f.Default = plain(d)
	}
	switch f.Kind {
	case Secret:
		text, isText := value.(string)
		if f.Kept = isText && text != ""; strings.HasPrefix(text, "$") {
			f.Value = text // it says where the secret is
		}
	case Choice:
		f.Options, f.Value = texts(s["enum"]), plain(value)
		if s["type"] == "boolean" {
			f.Options = []string{"true", "false"}
		}
		if f.Value != "" && !slices.Contains(f.Options, f.Value) {
			f.Options = append(f.Options, f.Value) // a reference, or what is wrong
		}
	case Lines:
		list, isList := value.([]any)
		if !isList && value != nil {
			f.Kind, f.Value = Raw, plain(value)
			return f
		}
		var lines []string
		for _, one := range list {
			text := plain(one)
			if strings.Contains(text, "\n") || text == "" {
				f.Kind, f.Value = Raw, plain(value)
				return f
			}
			lines = append(lines, text)
		}
		f.Value = strings.Join(lines, "\n")
	case Group:
		object, _ := value.(map[string]any)
		f.Fields = b.fields(name+".", s, object, depth+1)
	case Repeats:
		list, _ := value.([]any)
		items, _ := s["items"].(map[string]any)
		for i := range min(len(list)+1, maxItems) {
			var object map[string]any
			if i < len(list) {
				object, _ = list[i].(map[string]any)
			}
			at := name + "." + strconv.Itoa(i)
			f.Items = append(f.Items, Field{Name: at, Label: strconv.Itoa(i + 1), Kind: Group, Error: b.errors[at], Fields: b.fields(at+".", items, object, depth+1)})
		}
	case Raw:
		if value != nil {
			f.Value = jsonText(value)
		}
	case Text, Script, Number:
		f.Value = plain(value)
	}
	return f
}

// plain is a value as a field shows it.
func plain(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return jsonText(value)
}

func jsonText(value any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(value) != nil {
		return ""
	}
	return strings.TrimSpace(b.String())
}
