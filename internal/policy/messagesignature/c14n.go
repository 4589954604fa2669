package messagesignature

import (
	"bytes"
	"slices"

	"farrier.dev/farrier/internal/encoding/xmltext"
)

// excC14N is the exclusive canonical form without comments (Exclusive XML
// Canonicalization 1.0) of one element of a document, straight from the bytes of
// that document: what is hashed is what the service reads. inclusive are the
// prefixes of an InclusiveNamespaces list, "#default" for none.
func excC14N(doc []byte, start int, inclusive []string) ([]byte, error) {
	c := canonical{inclusive: inclusive}
	r := xmltext.NewReader(doc, xmltext.DefaultLimits())
	apex := -1
	for {
		t, err := r.Next()
		if err != nil {
			return nil, err
		}
		switch {
		case t.Kind == xmltext.StartTag:
			c.open(&t, apex < 0 && t.Offset != start)
			if apex < 0 && t.Offset == start {
				apex = r.Depth()
			}
		case t.Kind == xmltext.EndTag:
			if apex >= 0 {
				c.out = append(append(append(c.out, "</"...), t.Name...), '>')
			}
			c.close()
			if r.Depth() < apex {
				return c.out, nil
			}
		case apex < 0:
		case t.Kind == xmltext.Text || t.Kind == xmltext.CDATA:
			c.text(t.Decoded(nil))
		case t.Kind == xmltext.ProcInst:
			c.out = append(append(c.out, "<?"...), t.Name...)
			if len(t.Content) > 0 {
				c.out = append(append(c.out, ' '), bytes.ReplaceAll(t.Decoded(nil), []byte("\r\n"), []byte("\n"))...)
			}
			c.out = append(c.out, "?>"...)
		}
	}
}

// declaration is one namespace declaration.
type declaration struct{ prefix, space string }

// frame remembers how long the lists were before an element.
type frame struct{ scope, rendered int }

type canonical struct {
	inclusive []string
	out       []byte
	// scope are the declarations in scope, rendered those that were written, the
	// innermost last.
	scope, rendered []declaration
	frames          []frame
}

func lookUp(list []declaration, prefix string) (string, bool) {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].prefix == prefix {
			return list[i].space, true
		}
	}
	return "", false
}

// attribute is one attribute on its way out.
type attribute struct {
	space, local string
	name         []byte
	value        []byte
}

// open writes a start tag; outside the element it only brings declarations into
// scope.
func (c *canonical) open(t *xmltext.Token, outside bool) {
	c.frames = append(c.frames, frame{len(c.scope), len(c.rendered)})
	for i := range t.Attrs {
		a := &t.Attrs[i]
		if !a.IsNamespace() {
			continue
		}
		prefix, local := xmltext.SplitName(a.Name)
		if len(prefix) == 0 {
			local = nil
		}
		c.scope = append(c.scope, declaration{string(local), string(a.Decoded(nil))})
	}
	if outside {
		return
	}
	prefix, _ := xmltext.SplitName(t.Name)
	used := []string{string(prefix)}
	var attributes []attribute
	for i := range t.Attrs {
		a := &t.Attrs[i]
		if a.IsNamespace() {
			continue
		}
		p, local := xmltext.SplitName(a.Name)
		one := attribute{local: string(local), name: a.Name, value: a.Decoded(nil)}
		if len(p) > 0 {
			one.space = xmltext.XMLNamespace
			if string(p) != "xml" {
				used = append(used, string(p))
				one.space, _ = lookUp(c.scope, string(p))
			}
		}
		attributes = append(attributes, one)
	}
	for _, p := range c.inclusive {
		if p == "#default" {
			p = ""
		}
		if _, ok := lookUp(c.scope, p); ok {
			used = append(used, p)
		}
	}
	slices.Sort(used)
	c.out = append(append(c.out, '<'), t.Name...)
	c.declare(slices.Compact(used))
	slices.SortFunc(attributes, func(a, b attribute) int {
		if a.space != b.space {
			return compare(a.space, b.space)
		}
		return compare(a.local, b.local)
	})
	for _, a := range attributes {
		c.out = append(append(append(c.out, ' '), a.name...), `="`...)
		c.value(a.value)
		c.out = append(c.out, '"')
	}
	c.out = append(c.out, '>')
}

func compare(a, b string) int { return bytes.Compare([]byte(a), []byte(b)) }

// declare writes the declarations of the prefixes that no element around has
// written with the same meaning.
func (c *canonical) declare(prefixes []string) {
	for _, p := range prefixes {
		if p == "xml" {
			continue
		}
		space, _ := lookUp(c.scope, p)
		written, ok := lookUp(c.rendered, p)
		if ok && written == space || !ok && p == "" && space == "" {
			continue
		}
		c.rendered = append(c.rendered, declaration{p, space})
		c.out = append(c.out, " xmlns"...)
		if p != "" {
			c.out = append(append(c.out, ':'), p...)
		}
		c.out = append(c.out, `="`...)
		c.value([]byte(space))
		c.out = append(c.out, '"')
	}
}

func (c *canonical) close() {
	last := c.frames[len(c.frames)-1]
	c.frames = c.frames[:len(c.frames)-1]
	c.scope, c.rendered = c.scope[:last.scope], c.rendered[:last.rendered]
}

func (c *canonical) value(text []byte) {
	for _, b := range text {
		switch b {
		case '&':
			c.out = append(c.out, "&amp;"...)
		case '<':
			c.out = append(c.out, "&lt;"...)
		case '"':
			c.out = append(c.out, "&quot;"...)
		case '\t':
			c.out = append(c.out, "&#x9;"...)
		case '\n':
			c.out = append(c.out, "&#xA;"...)
		case '\r':
			c.out = append(c.out, "&#xD;"...)
		default:
			c.out = append(c.out, b)
		}
	}
}

func (c *canonical) text(text []byte) {
	for _, b := range text {
		switch b {
		case '&':
			c.out = append(c.out, "&amp;"...)
		case '<':
			c.out = append(c.out, "&lt;"...)
		case '>':
			c.out = append(c.out, "&gt;"...)
		case '\r':
			c.out = append(c.out, "&#xD;"...)
		default:
			c.out = append(c.out, b)
		}
	}
}
