package judge

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
)

// The kinds of drift.
const (
	ParameterUndocumented = "parameter-undocumented"
	ParameterUnused       = "parameter-unused"
	FieldUndocumented     = "field-undocumented"
	FieldUnused           = "field-unused"
	TypeDiffers           = "type-differs"
	RequiredMissing       = "required-missing"
	EnumDiffers           = "enum-differs"
	StatusUndocumented    = "status-undocumented"
	StatusUnused          = "status-unused"
	MediaUndocumented     = "media-undocumented"
	AuthenticationDiffers = "authentication-differs"
	VersionUndocumented   = "version-undocumented"
)

// DriftKinds are all kinds of drift.
func DriftKinds() []string {
	return []string{
		ParameterUndocumented, ParameterUnused, FieldUndocumented, FieldUnused, TypeDiffers, RequiredMissing,
		EnumDiffers, StatusUndocumented, StatusUnused, MediaUndocumented, AuthenticationDiffers, VersionUndocumented,
	}
}

// maxDrift bounds the drift of one operation.
const maxDrift = 200

// comparison holds one learned operation against the operations that describe it.
type comparison struct {
	*Judging
	op      *discovery.Operation
	matches []match
	views   []*view
	out     []placed
	// headers says that all sources of the operation see header fields and bodies,
	// query that they see queries.
	headers, query bool
}

// placed is a drift and the node that it is at or belongs to, nil for the operation.
type placed struct {
	discovery.Drift
	node *tree.Node
}

// drift compares an operation with its descriptions: those in force, or, for a zombie,
// those that were.
func (j *Judging) drift(out *Judged) {
	c := &comparison{Judging: j, op: out.Operation, headers: true, query: true}
	for _, inForce := range []bool{true, false} {
		for _, m := range out.matches {
			if (j.ended(m) == "") == inForce {
				c.matches = append(c.matches, m)
			}
		}
		if len(c.matches) > 0 {
			break
		}
	}
	c.matches = slices.DeleteFunc(c.matches, func(m match) bool { return m.description.Document.Root == nil })
	for _, m := range c.matches {
		c.views = append(c.views, m.description.views.of(m.operation))
	}
	c.keepNodes()
	if len(c.matches) == 0 {
		return
	}
	for source := range out.Operation.Sources {
		switch source {
		case discovery.FromLog:
			c.headers = false
		case discovery.FromAnalytics, discovery.FromTrace:
			c.headers, c.query = false, false
		case discovery.FromGateway, discovery.FromHAR, discovery.FromCapture, discovery.FromMirror:
		}
	}
	c.parameters()
	c.bodies()
	c.statuses()
	c.authentication()
	c.version()
	slices.SortStableFunc(c.out, func(a, b placed) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Place, b.Place))
	})
	for _, p := range c.out {
		out.Drift, out.nodes = append(out.Drift, p.Drift), append(out.nodes, p.node)
	}
}

// keepNodes leaves out descriptions that say nothing as a tree.
func (c *comparison) keepNodes() {
	kept := 0
	for i, v := range c.views {
		if v.node != nil {
			c.views[kept], c.matches[kept] = v, c.matches[i]
			kept++
		}
	}
	c.views, c.matches = c.views[:kept], c.matches[:kept]
}

// add notes a drift at a node, or where the operation stands.
func (c *comparison) add(kind, place string, at *tree.Node, count uint64, traffic, description string) {
	if len(c.out) >= maxDrift {
		return
	}
	d := discovery.Drift{
		Key: c.op.Key, API: c.op.API, Kind: kind, Place: place, Traffic: traffic, Description: description, Count: count,
		File: c.matches[0].operation.File, Line: c.matches[0].operation.Line,
	}
	if line := c.matches[0].description.views.lineOf(at, d.Line); line > 0 {
		if d.Line = line; at.File() != "" {
			d.File = at.File()
		}
	}
	if d.File == "" {
		d.File = c.matches[0].description.Document.File
	}
	c.out = append(c.out, placed{d, at})
}

// listed says whether so many of the sampled calls are enough to believe it.
func listed(count, of uint64) bool {
	return count >= discovery.AcceptParameterCalls && float64(count) >= discovery.AcceptParameter*float64(of)
}

func times(n uint64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// parameter finds the description of a learned parameter.
func (c *comparison) parameter(in, name string) (*parameter, *views) {
	for i, v := range c.views {
		for k := range v.parameters {
			p := &v.parameters[k]
			if p.in == in && (p.name == name || in == "header" && strings.EqualFold(p.name, name) || in == "query" && plainName(p.name) == plainName(name)) {
				return p, &c.matches[i].description.views
			}
		}
	}
	return nil, nil
}

// plainName is a name of the query without the brackets by which lists and objects are
// written.
func plainName(name string) string {
	name, _, _ = strings.Cut(name, "[")
	return name
}

// inWhole finds a query parameter that is a property of a query described as one object.
func (c *comparison) inWhole(name string) (schema *shapes, described bool) {
	for i, v := range c.views {
		for k := range v.parameters {
			p := &v.parameters[k]
			if p.in != "query" || !p.whole {
				continue
			}
			w := &c.matches[i].description.views
			next, open := w.step(w.shapesOf(p.schema), plainName(name))
			if next != nil || open {
				return next, true
			}
		}
	}
	return nil, false
}

// credential says whether a parameter is known as one by which callers prove who
// they are.
func (c *comparison) credential(in, name string) bool {
	for _, m := range c.matches {
		d := m.description.Document.Description
		for _, k := range d.Credentials {
			if string(k.In) == in && strings.EqualFold(k.Name, name) {
				return true
			}
		}
		for _, s := range d.Schemes {
			if string(s.In) == in && strings.EqualFold(s.Name, name) {
				return true
			}
		}
	}
	return false
}

// parameters compares those of path, query, header and cookie.
func (c *comparison) parameters() {
	seen := map[string]bool{}
	position := 0
	for _, p := range c.op.Parameters {
		in, name := p.In, p.Name
		if in == "path" {
			c.pathParameter(p, position)
			position++
			continue
		}
		if in == "header" && usualHeader(name) || in == "cookie" && usualCookie(name) || c.credential(in, name) || isCredential(in, name) {
			seen[in+" "+strings.ToLower(name)] = true
			continue
		}
		described, v := c.parameter(in, name)
		place := in + " " + name
		switch {
		case described != nil:
			seen[described.key] = true
			c.values(place, v.shapesOf(described.schema), &p.Values, described.node, in != "path")
			c.missing(described, p, place)
		case in == "query":
			schema, ok := c.inWhole(name)
			if ok {
				if schema != nil {
					c.values(place, schema, &p.Values, schema.place(), true)
				}
				continue
			}
			fallthrough
		default:
			if p.Values.Count > 0 && listed(p.Values.Count, c.op.Sampled) {
				c.add(ParameterUndocumented, place, nil, p.Values.Count, fmt.Sprintf("%s, %s of %d", typeName(&p.Values), times(p.Values.Count, "sampled call"), c.op.Sampled), "not described")
			}
		}
	}
	c.unseen(seen)
}

func typeName(v *values) string {
	t := string(v.Type())
	if f := v.Format(); f != "" {
		t += " (" + f + ")"
	}
	if t == "" {
		t = "unknown"
	}
	return t
}

// pathParameter compares the one at a position of the path: names of templates that
// were learned mean nothing.
func (c *comparison) pathParameter(p *discovery.Parameter, position int) {
	names := spec.TemplateNames(c.matches[0].operation.Path)
	learned := spec.TemplateNames(c.op.Path)
	at := slices.Index(learned, p.Name)
	if at < 0 {
		at = position
	}
	// Templates of the base path stand before those of the operation's own path.
	at -= len(learned) - len(names)
	if len(learned) < len(names) || at < 0 || at >= len(names) {
		return
	}
	if described, v := c.parameter("path", names[at]); described != nil {
		c.values("path "+names[at], v.shapesOf(described.schema), &p.Values, described.node, true)
	}
}

// missing tells a parameter that is required and not always there.
func (c *comparison) missing(described *parameter, p *discovery.Parameter, place string) {
	if !described.required || p.Values.Count >= c.op.Sampled || !c.visible(described.in) {
		return
	}
	if absent := c.op.Sampled - p.Values.Count; listed(absent, c.op.Sampled) {
		c.add(RequiredMissing, place, described.node, absent, times(absent, "good call")+" without it", "required")
	}
}

// visible says whether all sources see parameters of a place.
func (c *comparison) visible(in string) bool {
	if in == "query" {
		return c.query
	}
	return c.headers
}

// unseen tells described parameters that no sampled call had.
func (c *comparison) unseen(seen map[string]bool) {
	for i, v := range c.views {
		for k := range v.parameters {
			p := &v.parameters[k]
			if p.in == "path" || p.whole || seen[p.key] || !c.visible(p.in) || c.credential(p.in, p.name) ||
				p.in == "header" && usualHeader(p.name) || p.node.Get(spec.ExtensionRAML).Get("securityScheme") != nil {
				continue
			}
			seen[p.key] = true
			switch {
			case p.required && listed(c.op.Sampled, c.op.Sampled):
				c.add(RequiredMissing, p.in+" "+p.name, p.node, c.op.Sampled, "no sampled call has it, and all were answered well", "required")
			case !p.required && c.op.Sampled >= c.options.UnseenCalls && !c.matches[i].description.views.shapesOf(p.schema).has("deprecated") && !p.node.Get("deprecated").IsTrue():
				c.add(ParameterUnused, p.in+" "+p.name, p.node, c.op.Sampled, fmt.Sprintf("in none of %d sampled calls", c.op.Sampled), "optional")
			}
		}
	}
}

// values compares types, formats and enumerations of scalars. text says that the values
// were written as texts.
func (c *comparison) values(place string, s *shapes, v *values, at *tree.Node, text bool) {
	if v.Count < discovery.AcceptParameterCalls {
		return
	}
	want := s.types()
	if learned := differs(want, typesOf(v), text); learned != "" {
		c.add(TypeDiffers, place, at, v.Count, learned, strings.Join(want, " or "))
		return
	}
	if format := s.format(); v.Count >= leastForFormat && formatDiffers(format, v, want) {
		c.add(TypeDiffers, place, at, v.Count, typeName(v), "format "+format)
		return
	}
	enum := s.enum()
	if enum == nil {
		return
	}
	beyond := 0
	for _, word := range v.Enum() {
		if !enum[word] {
			beyond++
		}
	}
	if beyond > 0 {
		c.add(EnumDiffers, place, at, v.Count, times(uint64(beyond), "value")+" more", times(uint64(len(enum)), "value"))
	}
}

// leastForFormat is how many values there must be before a format is judged.
const leastForFormat = 10

// differs names the learned types that the described ones do not allow; empty for none.
func differs(want, learned []string, text bool) string {
	if len(want) == 0 {
		return ""
	}
	var beyond []string
	for _, t := range learned {
		if !allows(want, t, text) {
			beyond = append(beyond, t)
		}
	}
	return strings.Join(beyond, " and ")
}

func allows(want []string, learned string, text bool) bool {
	if slices.Contains(want, learned) || learned == "integer" && slices.Contains(want, "number") {
		return true
	}
	if !text {
		return false
	}
	// A text may be a string whatever it looks like, an item of a list, or a document.
	return slices.Contains(want, "string") || slices.Contains(want, "array") || slices.Contains(want, "object") || learned == "null" || learned == "array"
}

// formatDiffers says whether values that are all described to have a format have none
// or another one.
func formatDiffers(want string, v *values, types []string) bool {
	have := v.Format()
	switch want {
	case "uuid", "date", "date-time", "email", "ipv4", "ipv6":
		return have != want && !slices.Contains(types, "array") && !slices.Contains(types, "object")
	case "int32":
		return have == "int64" || v.Type() == "number"
	}
	return false
}
