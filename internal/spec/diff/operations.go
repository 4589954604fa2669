package diff

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/classify"
	"farrier.dev/farrier/internal/spec"
)

// pairs gives what two lists have by the same key: those of the old list in its
// order, then those that are only in the new one. Missing ones are nil.
func pairs[T any](old, updated []T, key func(*T) string, each func(o, n *T)) {
	byKey := make(map[string]*T, len(updated))
	for i := range updated {
		if k := key(&updated[i]); byKey[k] == nil {
			byKey[k] = &updated[i]
		}
	}
	seen := make(map[string]bool, len(old))
	for i := range old {
		if k := key(&old[i]); !seen[k] {
			seen[k] = true
			each(&old[i], byKey[k])
		}
	}
	for i := range updated {
		if k := key(&updated[i]); !seen[k] {
			seen[k] = true
			each(nil, &updated[i])
		}
	}
}

// route is the method and the path without the names of its templates: those
// do not make another operation.
func route(o *spec.Operation) string {
	path := o.Path
	for _, name := range spec.TemplateNames(path) {
		path = strings.Replace(path, "{"+name+"}", "{}", 1)
	}
	return o.Method + " " + path
}

func (c *comparer) operations() {
	pairs(c.old.Operations, c.new.Operations, route, func(o, n *spec.Operation) {
		c.at = context{}
		switch {
		case n == nil:
			c.at.operation, c.at.old = o.Method+" "+o.Path, Position{o.File, o.Line}
			c.add(OperationRemoved, Breaking, Narrows, "is no longer described")
		case o == nil:
			c.at.operation, c.at.new = n.Method+" "+n.Path, Position{n.File, n.Line}
			c.added(n)
		default:
			c.at.operation, c.at.old, c.at.new = n.Method+" "+n.Path, Position{o.File, o.Line}, Position{n.File, n.Line}
			c.operation(o, n)
		}
	})
	c.at = context{}
}

func (c *comparer) added(n *spec.Operation) {
	c.add(OperationAdded, Harmless, Widens, "is new")
	if open(n.Security) {
		c.add(OperationUnsecured, Security, Neither, "is new, and asks nobody who calls it")
	}
}

func (c *comparer) operation(o, n *spec.Operation) {
	if o.Deprecated != n.Deprecated {
		if n.Deprecated {
			c.add(OperationDeprecated, Harmless, Neither, "is deprecated now")
		} else {
			c.add(OperationRestored, Harmless, Neither, "is no longer deprecated")
		}
	}
	if o.ID != n.ID {
		c.add(OperationRenamed, Harmless, Neither, "the operation id was %q, is %q", cut(o.ID), cut(n.ID))
	}
	c.security(o.Security, n.Security)
	c.parameters(o, n)
	c.body(o.Body, n.Body)
	c.responses(o, n)
}

func (c *comparer) parameters(o, n *spec.Operation) {
	// A parameter of the path is the same one where it stands at the same place.
	index := map[*spec.Parameter]string{}
	for _, op := range [...]*spec.Operation{o, n} {
		at := map[string]string{}
		for i, name := range spec.TemplateNames(op.Path) {
			at[name] = fmt.Sprint(i)
		}
		for i := range op.Parameters {
			p := &op.Parameters[i]
			index[p] = string(p.In) + " " + p.Name
			if p.In == spec.InHeader {
				index[p] = strings.ToLower(index[p])
			}
			if number, ok := at[p.Name]; ok && p.In == spec.InPath {
				index[p] = "template " + number
			}
		}
	}
	key := func(p *spec.Parameter) string { return index[p] }
	pairs(o.Parameters, n.Parameters, key, func(o, n *spec.Parameter) {
		p := cmp.Or(n, o)
		c.within(string(p.In)+" "+p.Name, false, lineOf(o), lineOf(n), func() { c.parameter(o, n) })
	})
}

func lineOf(p *spec.Parameter) int {
	if p == nil {
		return 0
	}
	return p.Line
}

func (c *comparer) parameter(o, n *spec.Parameter) {
	switch {
	case n == nil && o.In == spec.InPath, o == nil && n.In == spec.InPath:
		// The path has its place all the same: only what it may hold is described
		// or not.
		from, to := cmp.Or(o, &spec.Parameter{}), cmp.Or(n, &spec.Parameter{})
		c.schema(from.Schema, to.Schema)
		return
	case n == nil:
		c.add(ParameterRemoved, Breaking, removal(o.Required).Reversed(), "is no longer described")
		return
	case o == nil:
		c.parameterAdded(n)
		return
	}
	if o.Name != n.Name && n.In == spec.InPath {
		c.add(ParameterRenamed, Harmless, Neither, "was called %q", cut(o.Name))
	}
	switch {
	case n.Required && !o.Required:
		c.add(ParameterRequired, Breaking, Narrows, "is required now")
	case o.Required && !n.Required:
		c.add(ParameterOptional, Harmless, Widens, "is no longer required")
	}
	switch {
	case n.AllowEmpty && !o.AllowEmpty:
		c.add(ParameterEmpty, Harmless, Widens, "may stand without a value now")
	case o.AllowEmpty && !n.AllowEmpty:
		c.add(ParameterEmpty, Breaking, Narrows, "may no longer stand without a value")
	}
	if o.Media != n.Media {
		c.add(ParameterMedia, Breaking, Both, "was written as %s, is written as %s", media(o), media(n))
		return
	}
	if o.Media == "" && (o.Style != n.Style || o.Explode != n.Explode) && (c.old.structured(o) || c.new.structured(n)) {
		c.add(ParameterStyle, Breaking, Both, "its lists and objects were written in the style %s, are in %s", style(o), style(n))
	}
	c.schema(o.Schema, n.Schema)
}

// removal is the effect of taking away what accepts one thing more, and where it
// was required also refuses what lacks it; reversed twice it is itself.
func removal(required bool) Effect {
	if required {
		return Both
	}
	return Widens
}

func (c *comparer) parameterAdded(n *spec.Parameter) {
	if n.Required {
		c.add(ParameterAdded, Breaking, Both, "is new and required")
	} else {
		c.add(ParameterAdded, Harmless, Widens, "is new")
	}
	if n.In == spec.InQuery && classify.SecretName(n.Name) {
		c.add(ParameterSecret, Security, Neither, "is new, and by its name a secret that addresses take to logs")
	}
}

func media(p *spec.Parameter) string { return cut(cmp.Or(p.Media, string(p.Style))) }

func style(p *spec.Parameter) string {
	if p.Explode {
		return string(p.Style) + " exploded"
	}
	return string(p.Style)
}

// structured says whether a parameter may be a list or an object: only these
// are written in several ways. It looks at the schema and its alternatives.
func (s *side) structured(p *spec.Parameter) bool {
	if !p.Schema.Described() {
		return false
	}
	return slices.ContainsFunc(s.variants(s.shapeOf([]any{s.root(p.Schema)})), func(v *shape) bool {
		return v.types != anyType && v.types&(arrayType|objectType) != 0
	})
}

func (c *comparer) body(o, n *spec.Body) {
	lineOf := func(b *spec.Body) int {
		if b == nil || len(b.Content) == 0 {
			return 0
		}
		return b.Content[0].Schema.Line
	}
	c.within("body", false, lineOf(o), lineOf(n), func() {
		switch {
		case o == nil && n == nil:
		case n == nil:
			c.add(BodyRemoved, Breaking, removal(o.Required).Reversed(), "is no longer described")
		case o == nil && n.Required:
			c.add(BodyAdded, Breaking, Both, "is new and required")
		case o == nil:
			c.add(BodyAdded, Harmless, Widens, "is new")
		default:
			if n.Required && !o.Required {
				c.add(BodyRequired, Breaking, Narrows, "is required now")
			}
			if o.Required && !n.Required {
				c.add(BodyOptional, Harmless, Widens, "is no longer required")
			}
			c.content(o.Content, n.Content)
		}
	})
}

// responses compares what is answered. What a client does not know it treats as
// the first status of its hundred (RFC 9110, 15), so that new ones break nobody;
// those that it relies on are the successes. A status that only one description
// names is held against the range or default by which the other describes it.
func (c *comparer) responses(o, n *spec.Operation) {
	pairs(o.Responses, n.Responses, status, func(was, is *spec.Response) {
		named := cmp.Or(was, is)
		if was == nil {
			was = covering(o, is)
		}
		if is == nil {
			is = covering(n, was)
		}
		c.within("response "+status(named), true, lineOfResponse(was, c.at.old), lineOfResponse(is, c.at.new), func() {
			switch {
			case is == nil && named.From >= 200 && named.From < 300 && !within(n, named):
				c.add(ResponseRemoved, Breaking, Narrows, "is no longer described")
			case is == nil:
				c.add(ResponseRemoved, Harmless, Narrows, "is no longer described")
			case was == nil:
				c.add(ResponseAdded, Harmless, Widens, "is new")
				for i := range is.Content {
					c.sensitive([]any{c.new.root(is.Content[i].Schema)}, 0)
				}
			default:
				c.content(was.Content, is.Content)
				c.headers(was.Headers, is.Headers)
			}
		})
	})
}

// headers compares those of a response.
func (c *comparer) headers(old, updated []spec.Parameter) {
	outer := c.at.place
	pairs(old, updated, func(h *spec.Parameter) string { return strings.ToLower(h.Name) }, func(o, n *spec.Parameter) {
		c.within(outer+" header "+cmp.Or(n, o).Name, true, lineOf(o), lineOf(n), func() {
			switch {
			case n == nil:
				c.add(HeaderRemoved, Breaking, Widens, "is no longer described")
			case o == nil:
				c.add(HeaderAdded, Harmless, Narrows, "is new")
			case o.Media != n.Media:
				c.add(HeaderMedia, Breaking, Both, "was written as %s, is written as %s", media(o), media(n))
			default:
				if o.Required && !n.Required {
					c.add(HeaderOptional, Breaking, Widens, "may be missing now")
				}
				if n.Required && !o.Required {
					c.add(HeaderRequired, Harmless, Narrows, "is always there now")
				}
				c.schema(o.Schema, n.Schema)
			}
		})
	})
}

// covering is the response of an operation that describes all that r does.
func covering(o *spec.Operation, r *spec.Response) *spec.Response {
	if r.From == 0 {
		return nil
	}
	if r.From == r.To {
		return o.ResponseTo(r.From)
	}
	for i := range o.Responses {
		if o.Responses[i].From == 0 {
			return &o.Responses[i]
		}
	}
	return nil
}

// within says whether an operation has a response for a part of a range.
func within(o *spec.Operation, r *spec.Response) bool {
	return r.From < r.To && slices.ContainsFunc(o.Responses, func(other spec.Response) bool {
		return r.From <= other.From && other.To <= r.To
	})
}

// lineOfResponse is that of its content, otherwise that of the operation.
func lineOfResponse(r *spec.Response, operation Position) int {
	switch {
	case r == nil:
		return 0
	case len(r.Content) == 0 || r.Content[0].Schema.Line == 0:
		return operation.Line
	}
	return r.Content[0].Schema.Line
}

func status(r *spec.Response) string {
	switch {
	case r.From == 0:
		return "default"
	case r.From < r.To:
		return fmt.Sprintf("%dXX", r.From/100)
	}
	return fmt.Sprint(r.From)
}

// content compares the forms of a body. One that was or is described by a range
// only is held against that.
func (c *comparer) content(old, updated []spec.Media) {
	outer := c.at.place
	key := func(m *spec.Media) string { return m.Range }
	pairs(old, updated, key, func(o, n *spec.Media) {
		m := cmp.Or(n, o)
		if o == nil {
			o = spec.MediaFor(old, m.Range)
		}
		if n == nil {
			n = spec.MediaFor(updated, m.Range)
		}
		was, is := cmp.Or(o, &spec.Media{}), cmp.Or(n, &spec.Media{})
		c.within(outer+" "+m.Range, c.at.answers, was.Schema.Line, is.Schema.Line, func() {
			switch {
			case n == nil:
				c.add(MediaRemoved, Breaking, Narrows, "is no longer described")
			case o == nil:
				c.add(MediaAdded, Harmless, Widens, "is new")
				if c.at.answers {
					c.sensitive([]any{c.new.root(n.Schema)}, 0)
				}
			default:
				c.schema(o.Schema, n.Schema)
			}
		})
	})
}
