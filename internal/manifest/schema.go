package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// schema is what an Extension lets its bindings set: the subset of JSON Schema
// that the format knows. A key that it does not name is refused.
type schema struct {
	properties *node
	required   []string
}

// checked are the keywords that are enforced, told those that only tell people
// something. Any other is a warning.
var (
	checked = []string{
		"type", "enum", "items", "properties", "required", "additionalProperties", "format",
		"minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "pattern",
	}
	told        = []string{"title", "description", "default", "examples", "bindings", "@context", "readOnly", "deprecated"}
	schemaTypes = []string{"string", "integer", "number", "boolean", "array", "object"}
)

// checkProperties looks for mistakes in the schema itself.
func (r *reader) checkProperties(properties *node, path string) {
	for _, p := range properties.pairs {
		r.checkSchema(p.value, p.position, join(path, p.key))
	}
}

func (r *reader) checkSchema(n *node, at position, path string) {
	if n.bad {
		return
	}
	if n.kind != mapping {
		r.problems.errorf(at, path, "must be a mapping that describes the property, not %s", n.what())
		return
	}
	for _, p := range n.pairs {
		field := join(path, p.key)
		switch {
		case p.key == "type":
			if text, _ := p.value.value.(string); !slices.Contains(schemaTypes, text) {
				r.problems.errorf(p.position, field, "must be one of %s", strings.Join(schemaTypes, ", "))
			}
		case p.key == "properties" && p.value.kind == mapping:
			r.checkProperties(p.value, field)
		case p.key == "items":
			r.checkSchema(p.value, p.position, field)
		case p.key == "pattern":
			text, _ := p.value.value.(string)
			if _, err := regexp.Compile(text); err != nil {
				r.problems.errorf(p.position, field, "not a regular expression that can be used here (RE2): %v", err)
			}
		case !slices.Contains(checked, p.key) && !slices.Contains(told, p.key):
			r.problems.warnf(p.position, field, "this keyword is not enforced here")
		}
	}
}

func plainJSON(raw json.RawMessage) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, fmt.Errorf("reading settings: %w", err)
	}
	return value, nil
}

// check lists what is wrong with the config of a binding.
func (s schema) check(raw json.RawMessage) []FieldProblem {
	value, err := plainJSON(raw)
	if err != nil {
		return []FieldProblem{{Message: err.Error()}}
	}
	object, ok := value.(map[string]any)
	if !ok {
		return []FieldProblem{{Message: "must be a mapping of keys and values"}}
	}
	return s.checkObject(object, nil)
}

func (s schema) checkObject(object map[string]any, path []string) (found []FieldProblem) {
	under := func(key string) []string { return append(slices.Clone(path), key) }
	for key, value := range object {
		p := s.properties.find(key)
		if p == nil {
			var names []string
			for _, known := range s.properties.pairs {
				names = append(names, known.key)
			}
			mend := "remove it or correct its name"
			if near := closest(key, names); near != "" {
				mend = "did you mean " + near + "?"
			}
			found = append(found, FieldProblem{Path: under(key), Message: "unknown setting; " + mend})
			continue
		}
		found = append(found, checkValue(p.value, value, under(key))...)
	}
	for _, key := range s.required {
		if value, there := object[key]; !there || value == nil {
			found = append(found, FieldProblem{Path: under(key), Message: "required, but missing"})
		}
	}
	return found
}

// inner is the schema of an object's keys.
func inner(n *node) schema {
	var s schema
	if p := n.find("properties"); p != nil && p.value.kind == mapping {
		s.properties = p.value
	}
	if p := n.find("required"); p != nil {
		for _, item := range p.value.items {
			if text, ok := item.value.(string); ok {
				s.required = append(s.required, text)
			}
		}
	}
	return s
}

// word is the text of a keyword.
func (n *node) word(key string) string {
	if p := n.find(key); p != nil {
		text, _ := p.value.value.(string)
		return text
	}
	return ""
}

func checkValue(n *node, value any, path []string) (found []FieldProblem) {
	wrong := func(format string, args ...any) []FieldProblem {
		return append(found, FieldProblem{Path: path, Message: fmt.Sprintf(format, args...)})
	}
	if want := n.word("type"); want != "" && !isType(value, want) {
		return wrong("must be of type %s", want)
	}
	if p := n.find("enum"); p != nil && !slices.ContainsFunc(p.value.items, func(one *node) bool { return reflect.DeepEqual(one.plain(), value) }) {
		var words []string
		for _, one := range p.value.items {
			words = append(words, fmt.Sprint(one.plain()))
		}
		return wrong("must be one of %s", strings.Join(words, ", "))
	}
	switch v := value.(type) {
	case map[string]any:
		s := inner(n)
		if s.properties != nil {
			return s.checkObject(v, path)
		}
	case []any:
		if !n.bounds("minItems", "maxItems", float64(len(v))) {
			return wrong("has %d items, which is too few or too many", len(v))
		}
		if p := n.find("items"); p != nil {
			for i, one := range v {
				found = append(found, checkValue(p.value, one, append(slices.Clone(path), strconv.Itoa(i)))...)
			}
		}
	case json.Number:
		if f, err := v.Float64(); err != nil || !n.bounds("minimum", "maximum", f) {
			return wrong("%s is out of range", v)
		}
	case string:
		return append(found, checkText(n, v, path)...)
	}
	return found
}

func checkText(n *node, text string, path []string) []FieldProblem {
	message := ""
	switch {
	case !n.bounds("minLength", "maxLength", float64(utf8.RuneCountInString(text))):
		message = "is too short or too long"
	case n.word("format") == "service" && !isService(text):
		message = "must be the http or https URL of a service, without credentials"
	case n.word("pattern") != "":
		if re, err := regexp.Compile(n.word("pattern")); err != nil || !re.MatchString(text) {
			message = "does not match " + n.word("pattern")
		}
	}
	if message == "" {
		return nil
	}
	return []FieldProblem{{Path: path, Message: message}}
}

func isService(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && u.User == nil && (u.Scheme == "http" || u.Scheme == "https")
}

func isType(value any, want string) bool {
	switch v := value.(type) {
	case string:
		return want == "string"
	case bool:
		return want == "boolean"
	case json.Number:
		_, err := v.Int64()
		return want == "number" || want == "integer" && err == nil
	case []any:
		return want == "array"
	case map[string]any:
		return want == "object"
	}
	return false
}

// bounds says whether a number is within two keywords.
func (n *node) bounds(least, most string, f float64) bool {
	limit := func(key string) (float64, bool) {
		p := n.find(key)
		if p == nil {
			return 0, false
		}
		number, _ := p.value.value.(json.Number)
		value, err := number.Float64()
		return value, err == nil
	}
	if low, set := limit(least); set && f < low {
		return false
	}
	high, set := limit(most)
	return !set || f <= high
}

// fill sets what is missing to its default.
func (s schema) fill(object map[string]any) {
	for _, p := range s.properties.pairs {
		if p.value.kind != mapping {
			continue
		}
		value, there := object[p.key]
		if preset := p.value.find("default"); !there && preset != nil && !preset.value.null() {
			object[p.key] = preset.value.plain()
		} else if deep, ok := value.(map[string]any); ok && inner(p.value).properties != nil {
			inner(p.value).fill(deep)
		}
	}
}

// visit finds all texts whose schema has this format.
func (s schema) visit(format string, object map[string]any, found func(text string)) {
	var look func(n *node, value any)
	look = func(n *node, value any) {
		switch v := value.(type) {
		case string:
			if n.word("format") == format {
				found(v)
			}
		case []any:
			if p := n.find("items"); p != nil {
				for _, one := range v {
					look(p.value, one)
				}
			}
		case map[string]any:
			if deep := inner(n); deep.properties != nil {
				deep.visit(format, v, found)
			}
		}
	}
	for _, p := range s.properties.pairs {
		if value, there := object[p.key]; there && p.value.kind == mapping {
			look(p.value, value)
		}
	}
}

// services are the URLs that the module may call.
func (s schema) services(object map[string]any) (urls []string) {
	s.visit("service", object, func(text string) {
		if !slices.Contains(urls, text) {
			urls = append(urls, text)
		}
	})
	return urls
}

// warn tells of expressions: nothing here evaluates them for the module.
func (s schema) warn(raw json.RawMessage) (warnings []string) {
	value, err := plainJSON(raw)
	object, ok := value.(map[string]any)
	if err != nil || !ok {
		return nil
	}
	s.visit("dataweave", object, func(text string) {
		if strings.Contains(text, "#[") && len(warnings) == 0 {
			warnings = []string{"a DataWeave expression is given to the module as the text it is; nothing here compiles or evaluates it"}
		}
	})
	return warnings
}
