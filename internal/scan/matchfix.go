package scan

import (
	"regexp"
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/scan/check"
	"farrier.dev/farrier/internal/scan/repair"
	"farrier.dev/farrier/internal/scan/selector"
)

// of is the repair of an element; nil where there is nothing to edit.
func (x *matchFix) of(env *selector.Env, f *mule.File, e *document.Element) *check.Repair {
	if x == nil {
		return nil
	}
	out := &check.Repair{Title: x.title, Safe: x.safe}
	add := func(edit repair.Edit) {
		out.Edits = append(out.Edits, check.Edit{File: f, Span: document.Span{Start: edit.Start, End: edit.End}, Text: edit.Text})
	}
	if x.whole && e.Parent != nil {
		add(repair.RemoveElement(e))
		return out
	}
	for _, path := range x.remove {
		for _, item := range path.Find(env, e) {
			switch {
			case item.Element.Document != e.Document:
			case item.Attr != nil:
				add(repair.RemoveAttribute(item.Element, item.Attr))
			case item.Text == nil && item.Element.Parent != nil:
				add(repair.RemoveElement(item.Element))
			}
		}
	}
	for _, s := range x.set {
		add(repair.SetAttribute(e, s.name, s.value))
	}
	if x.insert != "" {
		add(repair.Insert(e, declared(e, x.insert)))
	}
	if x.replace != "" {
		if edit, ok := repair.SetText(e, x.replace); ok {
			add(edit)
		}
	}
	if len(out.Edits) == 0 {
		return nil
	}
	return out
}

var insertedPrefix = regexp.MustCompile(`</?([A-Za-z_][\w.-]*):`)

var firstName = regexp.MustCompile(`^<[\w.:-]+`)

// declared writes elements that shall stand in another with the prefixes that are
// known there for their namespaces, and declares those that it has none for.
func declared(e *document.Element, elements string) string {
	elements, missing := strings.TrimSpace(elements), ""
	done := map[string]bool{}
	for _, m := range insertedPrefix.FindAllStringSubmatch(elements, -1) {
		prefix := m[1]
		space, _ := selector.Space(prefix)
		if space == "" || done[prefix] {
			continue
		}
		done[prefix] = true
		known, ok := e.PrefixFor(space)
		switch {
		case !ok:
			missing += " xmlns:" + prefix + `="` + space + `"`
		case known != prefix:
			if known != "" {
				known += ":"
			}
			elements = strings.NewReplacer("<"+prefix+":", "<"+known, "</"+prefix+":", "</"+known).Replace(elements)
		}
	}
	return firstName.ReplaceAllStringFunc(elements, func(name string) string { return name + missing })
}
