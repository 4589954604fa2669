package patch

import (
	"errors"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/discovery"
)

// field adds an undocumented field to the schema of its object.
func (w *writer) field(t *task) error {
	owner := t.judged.Node(t.drift)
	if owner == nil || owner.Source == nil {
		return errGone
	}
	learned := w.learned(t)
	if learned == nil {
		return errGone
	}
	d, err := w.file(owner.File())
	if err != nil {
		return err
	}
	if before, ok := w.judgement.Embedded(w.description, owner); ok {
		if before <= 0 {
			return errStyle
		}
		i := d.index(before + 1)
		if i < 0 || indentOf(d.lines[i].text) < 0 {
			return errGone
		}
		d = &document{file: d.file, header: before, inside: true, indent: indentOf(d.lines[i].text)}
	}
	root, err := d.read()
	if err != nil {
		return err
	}
	n := d.objectAt(root, int(owner.Line), int(owner.Column))
	if n == nil {
		return errGone
	}
	name := unescape(t.Place[strings.LastIndexByte(t.Place, '/')+1:])
	if name == "*" {
		return errors.New("its names change from call to call; describe it as a map")
	}
	var value any = jsonSchema(learned, w.nullable(), 0)
	if w.raml == 1 && !isJSON(d) {
		value = ramlType(learned, true, 0)
	}
	properties, ok := spot{doc: d, node: n}.child("properties")
	if !ok {
		return w.add(d, nil, n, "properties", object{{name, value}})
	}
	if properties, err = w.open(properties); err != nil {
		return err
	}
	return w.add(properties.doc, properties.around, properties.node, name, value)
}

func isJSON(d *document) bool {
	for _, l := range d.lines[d.begin():d.end()] {
		if text := strings.TrimSpace(l.text); text != "" {
			return strings.HasPrefix(text, "{")
		}
	}
	return false
}

func unescape(step string) string {
	return strings.ReplaceAll(strings.ReplaceAll(step, "~1", "/"), "~0", "~")
}

// learned is what was learned of the field of a drift.
func (w *writer) learned(t *task) *discovery.Schema {
	parts := strings.SplitN(t.Place, " ", 3)
	if len(parts) < 3 {
		return nil
	}
	op := t.judged.Operation
	bodies := op.Bodies
	status := 0
	if parts[0] != "request" {
		status, _ = strconv.Atoi(parts[0])
		bodies = op.Answers
	}
	for _, b := range bodies {
		if b.Status != status || b.Media != parts[1] || b.Schema == nil {
			continue
		}
		s := b.Schema
		for step := range strings.SplitSeq(strings.TrimPrefix(parts[2], "/"), "/") {
			if s == nil {
				return nil
			}
			s = down(s, unescape(step))
		}
		return s
	}
	return nil
}

// down is what was learned one step below.
func down(s *discovery.Schema, step string) *discovery.Schema {
	if step != "*" {
		return s.Member(step)
	}
	switch {
	case s.Items() != nil:
		return s.Items()
	case s.Additional() != nil:
		return s.Additional()
	}
	return s
}
