package scim

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
)

// decode reads a body: one JSON object without doubled names.
func decode(body []byte) (map[string]any, error) {
	if len(body) > MaxBody {
		return nil, &Error{Status: http.StatusRequestEntityTooLarge, Detail: "The body is too large."}
	}
	if _, err := tree.Read(&tree.Source{Name: "body", Text: body}, tree.Options{MaxDepth: maxDepth}); err != nil {
		return nil, Bad(InvalidSyntax, "%s", err)
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var out map[string]any
	if err := d.Decode(&out); err != nil || out == nil {
		return nil, Bad(InvalidSyntax, "The body must be a JSON object.")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, Bad(InvalidSyntax, "Something follows the JSON object.")
	}
	return out, nil
}

// say demands that a body names its schema, and none that is not known.
func say(body map[string]any, urn string, others ...string) error {
	list, _ := body["schemas"].([]any)
	if !slices.ContainsFunc(list, func(one any) bool { return strings.EqualFold(textOf(one), urn) }) {
		return Bad(InvalidSyntax, "schemas must hold %s.", urn)
	}
	for _, one := range list {
		if text := textOf(one); !strings.EqualFold(text, urn) && !slices.ContainsFunc(others, func(o string) bool { return strings.EqualFold(o, text) }) {
			return Bad(InvalidSyntax, "The schema %.128q is not known.", text)
		}
	}
	return nil
}

// read is a resource as a body says it, by the names of the schema. What is read-only
// or not kept is left out; what no schema knows is refused.
func (s *Schema) read(body []byte) (map[string]any, error) {
	raw, err := decode(body)
	if err != nil {
		return nil, err
	}
	for name := range raw {
		if strings.EqualFold(name, "schemas") && name != "schemas" {
			raw["schemas"] = raw[name]
			delete(raw, name)
			break
		}
	}
	if err := say(raw, s.urn, enterpriseURN); err != nil {
		return nil, err
	}
	return shape(s.attributes, raw, s.Name)
}

// shape gives an object the names and types of attributes.
func shape(attributes []attribute, raw map[string]any, where string) (map[string]any, error) {
	out := map[string]any{}
	seen := map[*attribute]bool{}
	for name, value := range raw {
		at := find(attributes, name)
		switch {
		case at == nil:
			return nil, Bad(InvalidSyntax, "%s has no attribute %.64q.", where, name)
		case seen[at]:
			return nil, Bad(InvalidSyntax, "%s has %s twice.", where, at.name)
		}
		seen[at] = true
		if at.dropped || at.mutability == readOnly || value == nil {
			continue
		}
		shaped, err := at.shape(value)
		if err != nil {
			return nil, err
		}
		if shaped != nil {
			out[at.name] = shaped
		}
	}
	return out, nil
}

// shape gives a value the type of its attribute; nil for one that stands for nothing.
func (a *attribute) shape(value any) (any, error) {
	if a.multi {
		return a.list(value)
	}
	if list, ok := value.([]any); ok && len(list) == 1 { // as Entra ID writes single values
		if only, ok := list[0].(map[string]any); ok && a.kind != complexKind {
			value = only["value"]
		}
	}
	switch a.kind {
	case complexKind:
		object, ok := value.(map[string]any)
		if !ok {
			return nil, Bad(InvalidValue, "%s must be an object.", a.name)
		}
		return shape(a.subs, object, a.name)
	case boolKind:
		b, ok := truth(value)
		if !ok {
			return nil, Bad(InvalidValue, "%s must be true or false.", a.name)
		}
		return b, nil
	case textKind, timeKind, referenceKind:
	}
	text, ok := value.(string)
	switch {
	case !ok:
		return nil, Bad(InvalidValue, "%s must be a text.", a.name)
	case len(text) > maxText:
		return nil, Bad(InvalidValue, "%s is longer than %d bytes.", a.name, maxText)
	}
	return text, nil
}

func (a *attribute) list(value any) ([]map[string]any, error) {
	items, ok := value.([]any)
	if !ok {
		items = []any{value}
	}
	if len(items) > MaxMembers {
		return nil, Bad(InvalidValue, "%s has more than %d values.", a.name, MaxMembers)
	}
	out := make([]map[string]any, 0, len(items))
	for _, item := range items {
		object, ok := item.(map[string]any)
		if !ok {
			return nil, Bad(InvalidValue, "%s must be a list of objects.", a.name)
		}
		shaped, err := shape(a.subs, object, a.name)
		if err != nil {
			return nil, err
		}
		out = append(out, shaped)
	}
	return out, nil
}
