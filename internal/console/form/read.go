package form

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Wrong is a field that can not be read; its Field is as in the errors of Fields.
type Wrong struct{ Field, Message string }

// Read makes settings of what a browser sent. Fields that are left empty are left
// out; an empty secret stays what it was before. What is wrong by the schema, but can
// be written as JSON, is for whoever knows the schema to refuse.
func Read(schema Schema, values url.Values, before json.RawMessage) (json.RawMessage, []Wrong) {
	var old any
	if len(before) > 0 {
		d := json.NewDecoder(bytes.NewReader(before))
		d.UseNumber()
		if err := d.Decode(&old); err != nil {
			return nil, []Wrong{{"", "the settings before can't be read: " + err.Error()}}
		}
	}
	r := &reader{values: values, present: map[string]bool{}}
	for name := range values {
		for at := name; at != ""; {
			r.present[at] = true
			cut := strings.LastIndexByte(at, '.')
			if cut < 0 {
				break
			}
			at = at[:cut]
		}
	}
	object, _ := old.(map[string]any)
	out := r.object("", schema, object, 0)
	if out == nil {
		out = map[string]any{}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(out); err != nil {
		return nil, append(r.wrong, Wrong{"", err.Error()})
	}
	return bytes.TrimSpace(b.Bytes()), r.wrong
}

type reader struct {
	values  url.Values
	present map[string]bool // the names of values, and of the groups around them
	wrong   []Wrong
}

func (r *reader) fail(name, format string, args ...any) {
	var b strings.Builder
	for step := range strings.SplitSeq(name, ".") {
		switch {
		case step != "" && strings.Trim(step, "0123456789") == "":
			b.WriteString("[" + step + "]")
		case b.Len() > 0:
			b.WriteString("." + step)
		default:
			b.WriteString(step)
		}
	}
	r.wrong = append(r.wrong, Wrong{b.String(), fmt.Sprintf(format, args...)})
}

// object is nil when all of its fields are empty.
func (r *reader) object(prefix string, schema Schema, old map[string]any, depth int) map[string]any {
	properties, _ := schema["properties"].(map[string]any)
	out := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		sub, _ := properties[name].(map[string]any)
		at := prefix + name
		if !r.present[at] {
			// The form did not have it, as what no field can show.
			if was, there := old[name]; there && kindOf(sub, depth) != Choice {
				out[name] = was
			}
			continue
		}
		if value, ok := r.value(at, sub, old[name], depth); ok {
			out[name] = value
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

func (r *reader) value(name string, s Schema, old any, depth int) (any, bool) {
	text := strings.ReplaceAll(r.values.Get(name), "\r\n", "\n")
	if len(text) > maxText {
		r.fail(name, "must be at most %d KiB", maxText>>10)
		return nil, false
	}
	kind := kindOf(s, depth)
	switch kind {
	case Group:
		was, _ := old.(map[string]any)
		object := r.object(name+".", s, was, depth+1)
		return object, object != nil
	case Repeats:
		return r.items(name, s, old, depth)
	case Secret:
		if text == "" {
			return old, old != nil
		}
		return text, true
	default:
	}
	if strings.TrimSpace(text) == "" {
		return nil, false
	}
	switch kind {
	case Number:
		return r.number(name, strings.TrimSpace(text))
	case Choice:
		if s["type"] == "boolean" && (text == "true" || text == "false") {
			return text == "true", true
		}
		return text, true
	case Lines:
		// A list whose texts have several lines is shown as JSON.
		if list, ok := asJSON(text).([]any); ok {
			return list, true
		}
		return r.lines(name, s, text)
	case Raw:
		value, err := readJSON(text)
		if err != nil {
			r.fail(name, "must be JSON: %v", err)
			return nil, false
		}
		return value, true
	default:
		return text, true
	}
}

func (r *reader) items(name string, s Schema, old any, depth int) (any, bool) {
	items, _ := s["items"].(map[string]any)
	was, _ := old.([]any)
	var list []any
	for i := range maxItems {
		at := name + "." + strconv.Itoa(i)
		if !r.present[at] {
			break
		}
		var before map[string]any
		if i < len(was) {
			before, _ = was[i].(map[string]any)
		}
		if r.values.Get(at+".remove") != "" || !r.filled(at) {
			continue
		}
		if object := r.object(at+".", items, before, depth+1); object != nil {
			list = append(list, object)
		}
	}
	return list, len(list) > 0
}

// filled says whether anything was written into a group.
func (r *reader) filled(group string) bool {
	for name, values := range r.values {
		if strings.HasPrefix(name, group+".") && len(values) > 0 && strings.TrimSpace(values[0]) != "" {
			return true
		}
	}
	return false
}

// number reads a number, or a reference to one.
func (r *reader) number(name, text string) (any, bool) {
	if strings.HasPrefix(text, "$") {
		return text, true
	}
	value := asJSON(text)
	if _, ok := value.(json.Number); !ok {
		r.fail(name, "must be a number")
		return nil, false
	}
	return value, true
}

func (r *reader) lines(name string, s Schema, text string) (any, bool) {
	items, _ := s["items"].(map[string]any)
	var list []any
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if len(list) >= 10_000 {
			r.fail(name, "has too many lines")
			return nil, false
		}
		if kindOf(items, 0) == Number {
			value, ok := r.number(name, line)
			if !ok {
				return nil, false
			}
			list = append(list, value)
			continue
		}
		list = append(list, line)
	}
	return list, true
}

// asJSON is the value of JSON text, nil for what is none.
func asJSON(text string) any {
	value, err := readJSON(text)
	if err != nil {
		return nil
	}
	return value
}

func readJSON(text string) (any, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the value")
	}
	return value, nil
}
