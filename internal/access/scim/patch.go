package scim

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Path says which part of a resource an operation is about (RFC 7644, section 3.5.2).
type Path struct {
	attr, sub *attribute
	within    *node
}

// ParsePath reads a path. Its error is an *Error of type invalidPath.
func ParsePath(s *Schema, text string) (*Path, error) {
	p := &parser{schema: s, kind: InvalidPath}
	if err := p.lex(text); err != nil {
		return nil, err
	}
	attr, sub, err := p.name()
	if err != nil {
		return nil, err
	}
	path := &Path{attr: attr, sub: sub}
	if attr.dropped {
		return path, nil
	}
	if sub == nil && p.take("[") != "" {
		if path.within, path.sub, err = p.bracket(attr, 0); err != nil {
			return nil, err
		}
	}
	if p.at < len(p.tokens) {
		return nil, p.wrong("nothing may follow %.64q", p.tokens[p.at-1].text)
	}
	return path, nil
}

// Operation is one step of a patch.
type Operation struct {
	op    string
	path  *Path
	value any
}

// ParsePatch reads a patch of a resource. Its error is an *Error.
func (s *Schema) ParsePatch(body []byte) ([]Operation, error) {
	raw, err := decode(body)
	if err != nil {
		return nil, err
	}
	message := []attribute{{name: "schemas"}, {name: "Operations"}}
	if raw, err = fold(message, raw, "The patch"); err != nil {
		return nil, err
	}
	if err := say(raw, patchURN); err != nil {
		return nil, err
	}
	list, ok := raw["Operations"].([]any)
	switch {
	case !ok || len(list) == 0:
		return nil, Bad(InvalidSyntax, "Operations must be a list of at least one operation.")
	case len(list) > MaxOperations:
		return nil, &Error{Status: http.StatusRequestEntityTooLarge, Detail: "A patch may have 100 operations at most; send the rest in another."}
	}
	var all []Operation
	for _, item := range list {
		object, ok := item.(map[string]any)
		if !ok {
			return nil, Bad(InvalidSyntax, "An operation must be an object.")
		}
		ops, err := s.operation(object)
		if err != nil {
			return nil, err
		}
		if all = append(all, ops...); len(all) > 10*MaxOperations {
			return nil, &Error{Status: http.StatusRequestEntityTooLarge, Detail: "The patch changes too many attributes."}
		}
	}
	return all, nil
}

// fold gives an object the names of attributes, whatever its values are.
func fold(attributes []attribute, raw map[string]any, where string) (map[string]any, error) {
	out := map[string]any{}
	for name, value := range raw {
		at := find(attributes, name)
		if at == nil {
			return nil, Bad(InvalidSyntax, "%s has no attribute %.64q.", where, name)
		}
		if _, twice := out[at.name]; twice {
			return nil, Bad(InvalidSyntax, "%s has %s twice.", where, at.name)
		}
		out[at.name] = value
	}
	return out, nil
}

// operation reads one; one without a path is one for each name of its value.
func (s *Schema) operation(raw map[string]any) ([]Operation, error) {
	raw, err := fold([]attribute{{name: "op"}, {name: "path"}, {name: "value"}, {name: "name"}}, raw, "An operation")
	if err != nil {
		return nil, err
	}
	op := strings.ToLower(textOf(raw["op"]))
	if op != "add" && op != "replace" && op != "remove" {
		return nil, Bad(InvalidSyntax, "op must be add, replace or remove.")
	}
	if text, is := raw["path"].(string); is && text != "" {
		path, err := ParsePath(s, text)
		switch {
		case err != nil:
			return nil, err
		case path.attr.mutability == readOnly:
			return nil, Bad(Mutability, "%s can not be changed.", path.attr.name)
		case path.attr.name == "password":
			return nil, Bad(Mutability, "Passwords are not set by SCIM; an administrator invites who needs one.")
		}
		return []Operation{{op, path, raw["value"]}}, nil
	} else if raw["path"] != nil && !is {
		return nil, Bad(InvalidPath, "path must be a text.")
	}
	if op == "remove" {
		return nil, Bad(NoTarget, "A removal needs a path.")
	}
	object, ok := raw["value"].(map[string]any)
	if !ok {
		return nil, Bad(InvalidSyntax, "An operation without a path needs an object as its value.")
	}
	var list []Operation
	for _, name := range slices.Sorted(maps.Keys(object)) {
		path, err := ParsePath(s, name)
		if err != nil {
			return nil, err
		}
		if path.attr.mutability != readOnly {
			list = append(list, Operation{op, path, object[name]})
		}
	}
	return list, nil
}

// apply plays operations on a resource, in the form that read gives. It changes the
// lists and objects within.
func apply(resource map[string]any, ops []Operation) error {
	for _, o := range ops {
		if o.path.attr.dropped {
			continue
		}
		if o.value == nil && o.op != "remove" {
			if o.op == "add" {
				continue
			}
			o.op = "remove" // null stands for nothing
		}
		var err error
		switch {
		case o.path.within != nil, o.path.sub != nil && o.path.attr.multi:
			err = o.within(resource)
		case o.path.sub != nil:
			err = o.part(resource)
		default:
			err = o.whole(resource)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// part changes a part of an object.
func (o Operation) part(resource map[string]any) error {
	object, _ := resource[o.path.attr.name].(map[string]any)
	if o.op == "remove" {
		delete(object, o.path.sub.name)
		return nil
	}
	value, err := o.path.sub.shape(o.value)
	if err != nil {
		return err
	}
	if object == nil {
		object = map[string]any{}
		resource[o.path.attr.name] = object
	}
	object[o.path.sub.name] = value
	return nil
}

// whole changes an attribute.
func (o Operation) whole(resource map[string]any) error {
	at := o.path.attr
	if o.op == "remove" {
		if !at.multi || o.value == nil {
			delete(resource, at.name)
			return nil
		}
		gone, err := at.list(o.value) // as Entra ID takes members out
		if err != nil {
			return err
		}
		resource[at.name] = without(elements(resource[at.name]), gone)
		return nil
	}
	value, err := at.shape(o.value)
	if err != nil {
		return err
	}
	old := resource[at.name]
	switch {
	case at.multi && o.op == "add":
		added := elements(value)
		if slices.ContainsFunc(added, isPrimary) {
			demote(elements(old))
		}
		value = append(without(elements(old), added), added...)
	case at.kind == complexKind:
		if object, ok := old.(map[string]any); ok {
			maps.Copy(object, value.(map[string]any))
			value = object
		}
	}
	resource[at.name] = value
	return nil
}

func isPrimary(element map[string]any) bool { return element["primary"] == true }

// demote makes none of these the preferred one.
func demote(list []map[string]any) {
	for _, element := range list {
		delete(element, "primary")
	}
}

// without are the elements of a list whose value none of others has.
func without(list, others []map[string]any) []map[string]any {
	values := make(map[any]bool, len(others))
	for _, other := range others {
		values[other["value"]] = true
	}
	return slices.DeleteFunc(slices.Clone(list), func(element map[string]any) bool { return values[element["value"]] })
}

// within changes those values of an attribute that a filter chooses.
func (o Operation) within(resource map[string]any) error {
	at, list := o.path.attr, elements(resource[o.path.attr.name])
	chosen := func(element map[string]any) bool { return o.path.within == nil || o.path.within.match(element) }
	if o.op == "remove" && o.path.sub == nil {
		resource[at.name] = slices.DeleteFunc(slices.Clone(list), chosen)
		return nil
	}
	var targets []map[string]any
	for _, element := range list {
		if chosen(element) {
			targets = append(targets, element)
		}
	}
	if o.op != "remove" && len(targets) == 0 {
		// Providers fill in what is not there yet this way.
		made := map[string]any{}
		if !o.path.within.describes(made) {
			return Bad(NoTarget, "No value of %s is as the path says.", at.name)
		}
		targets, list = append(targets, made), append(slices.Clone(list), made)
	}
	for _, element := range targets {
		if err := o.set(element); err != nil {
			return err
		}
	}
	resource[at.name] = list
	return nil
}

// set changes one value.
func (o Operation) set(element map[string]any) error {
	if o.path.sub == nil {
		object, ok := o.value.(map[string]any)
		if !ok {
			return Bad(InvalidValue, "A value of %s must be an object.", o.path.attr.name)
		}
		shaped, err := shape(o.path.attr.subs, object, o.path.attr.name)
		maps.Copy(element, shaped)
		return err
	}
	if o.op == "remove" {
		delete(element, o.path.sub.name)
		return nil
	}
	value, err := o.path.sub.shape(o.value)
	if err == nil {
		element[o.path.sub.name] = value
	}
	return err
}

// describes makes the value that equalities ask for; false when they are not all.
func (n *node) describes(made map[string]any) bool {
	switch {
	case n == nil:
		return true
	case n.op == "and":
		return n.left.describes(made) && n.right.describes(made)
	case n.op != "eq" || n.value == nil || n.attr.dropped:
		return false
	}
	made[n.attr.name] = n.value
	return true
}
