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

// declared writes elements with the prefixes that the document has for their
// namespaces, and declares those that it has none for.
func declared(e *document.Element, elements string) string {
	inUse := map[string]string{}
	e.Document.Root.Walk(func(x *document.Element) bool {
		if inUse[x.Name.Space] == "" && x.Prefix != "" {
			inUse[x.Name.Space] = x.Prefix
		}
		return len(inUse) < 100
	})
	root := e.Document.Root.Tag
	rootTag, missing := string(e.Document.Text[root.Start:root.End]), ""
	for _, m := range insertedPrefix.FindAllStringSubmatch(elements, -1) {
		prefix := m[1]
		space, _ := selector.Space(prefix)
		switch {
		case space == "":
		case inUse[space] != "":
			elements = strings.NewReplacer("<"+prefix+":", "<"+inUse[space]+":", "</"+prefix+":", "</"+inUse[space]+":").Replace(elements)
		case !strings.Contains(rootTag, "xmlns:"+prefix+`="`+space+`"`):
			if d := " xmlns:" + prefix + `="` + space + `"`; !strings.Contains(missing, d) {
				missing += d
			}
		}
	}
	return firstName.ReplaceAllStringFunc(strings.TrimSpace(elements), func(name string) string { return name + missing })
}
