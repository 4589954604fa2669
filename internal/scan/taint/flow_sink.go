package taint

import (
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/mule"
)

// hitKey is what there is one hit for.
type hitKey struct {
	rule    string
	element *document.Element
	what    string
	entry   *mule.Flow
}

type unknownKey struct {
	rule    string
	element *document.Element
}

// sinkAt is a sink in a configuration.
type sinkAt struct {
	element *document.Element
	sink    *Sink
}

// argument is an argument of a sink.
type argument struct {
	value *Value
	at    Place
	mime  string
	// made says that at is only where it comes out: it was put together where its
	// way ends.
	made bool
}

func isOutcome(argument string) bool {
	return argument == "log" || argument == "response" || argument == "response headers" ||
		strings.HasPrefix(argument, "response headers/") || strings.HasPrefix(argument, "response/")
}

// sinksOf looks at the sinks of an element, of what stands in it beside processors,
// and of its configuration.
func (r *run) sinksOf(e *document.Element, ev *event) {
	if len(r.sinks) == 0 {
		return
	}
	r.sinksAt(e, ev)
	if config := r.project.Config(e); config != nil {
		known, ok := r.configs[config]
		if !ok {
			config.Walk(func(c *document.Element) bool {
				for _, s := range r.sinks[c.Name] {
					known = append(known, sinkAt{c, s})
				}
				return true
			})
			r.configs[config] = known
		}
		for _, k := range known {
			r.sinkAt(k.sink, k.element, ev)
		}
	}
}

func (r *run) sinksAt(e *document.Element, ev *event) {
	for _, s := range r.sinks[e.Name] {
		r.sinkAt(s, e, ev)
	}
}

// partsOf looks at the sinks of the elements below an operation.
func (r *run) partsOf(e *document.Element, ev *event) {
	if len(r.sinks) == 0 {
		return
	}
	for _, c := range e.Elements() {
		c.Walk(func(x *document.Element) bool {
			r.sinksAt(x, ev)
			return true
		})
	}
}

func (r *run) sinkAt(s *Sink, e *document.Element, ev *event) {
	if !r.reaches(e, s) {
		return
	}
	for _, a := range r.arguments(e, s.Argument, ev) {
		a.at.Element = e // a child that holds the argument is a part of it
		r.judge(s, a)
	}
}

// arguments are what stands in an element under the name of an argument.
func (r *run) arguments(e *document.Element, name string, ev *event) []argument {
	first, rest, _ := strings.Cut(name, "/")
	switch {
	case first == "." || first == "":
		return r.textOf(e, ev, rest)
	case first[0] == '@':
		a := e.Attr(first[1:])
		if a == nil {
			return nil
		}
		v := r.value(e, &a.Value, ev)
		return []argument{{value: fieldIn(v, rest), at: r.spot(e, &a.Value), mime: r.mimeOf(e, r.codeOf(e, first[1:]))}}
	}
	_, local, ok := strings.Cut(first, ":")
	if !ok {
		local = first
	}
	var out []argument
	children := e.Elements()
	if ref := childNamed(e, "template-query-ref"); ref != nil {
		// The statement of Mule 3 that stands elsewhere runs on this event.
		children = append(children, r.project.Global(ref.Value("name")).Elements()...)
	}
	for _, c := range children {
		if c.Name.Local != local {
			continue
		}
		if rest != "" && len(c.Elements()) > 0 && c.Content() == nil {
			out = append(out, r.arguments(c, rest, ev)...)
			continue
		}
		out = append(out, r.textOf(c, ev, rest)...)
	}
	return out
}

// textOf is the text of an element as an argument.
func (r *run) textOf(e *document.Element, ev *event, field string) []argument {
	f := r.file(e)
	if f == nil {
		return nil
	}
	if code := r.project.Script(f, e); code != nil {
		at := r.place(e)
		if t := e.Content(); t != nil {
			at = r.spot(e, &t.Value)
		}
		return []argument{{value: fieldIn(r.eval(code, e, ev), field), at: at, mime: r.mimeOf(e, code)}}
	}
	t := e.Content()
	if t == nil {
		return nil
	}
	return []argument{{value: fieldIn(r.value(e, &t.Value, ev), field), at: r.spot(e, &t.Value), mime: r.mimeOf(e, nil)}}
}

func fieldIn(v *Value, name string) *Value {
	if name == "" {
		return v
	}
	for n, f := range v.fieldsOf() {
		if strings.EqualFold(n, name) {
			return f
		}
	}
	return Field(v, name)
}

func (v *Value) fieldsOf() map[string]*Value {
	if v == nil {
		return nil
	}
	return v.Fields
}

// spot is the place of a value: its first expression, or else all of it.
func (r *run) spot(e *document.Element, v *document.Value) Place {
	if f := r.file(e); f != nil {
		t := r.project.Template(f, e, v)
		for i := range t.Parts {
			if t.Parts[i].Kind == mule.Expression {
				return r.placeAt(e, v.Part(t.Parts[i].Start, t.Parts[i].End))
			}
		}
	}
	start := len(v.Text) - len(strings.TrimLeft(v.Text, " \t\r\n"))
	end := len(strings.TrimRight(v.Text, " \t\r\n"))
	return r.placeAt(e, v.Part(start, max(start, end)))
}

// judge records what of an argument is data that does harm.
func (r *run) judge(s *Sink, a argument) {
	if a.value == nil || !fits(s, a.mime) {
		return
	}
	marks := r.dangerous(s, a.value)
	for _, m := range marks {
		r.hit(s, a, m)
	}
	if len(marks) == 0 && IsOpaque(a.value) && !Known(a.value) {
		r.unknown(s, a)
	}
}

// fits says whether a value of a media type can do the harm of a sink: HTML only in
// pages, CSV only in tables.
func fits(s *Sink, mime string) bool {
	return (s.Kind != HTML || strings.Contains(mime, "html")) && (s.Kind != CSV || strings.Contains(mime, "csv"))
}

// dangerous are the marks in an argument that a sink is about.
func (r *run) dangerous(s *Sink, v *Value) []Mark {
	var marks []Mark
	add := func(all []Mark) {
		for _, m := range all {
			if s.harms(&m) {
				marks = mergeMarks(marks, []Mark{m})
			}
		}
	}
	switch s.Position {
	case InName:
		add(Marks(v.Keys))
		if v.Keys == nil {
			add(v.Marks)
		}
	case AsWhole:
		if len(v.Pieces) == 0 || len(v.Pieces) == 1 {
			add(v.Marks)
		}
		if items, ok := Exact(v); ok && v.Type == ArrayType {
			for _, i := range items {
				add(i.Marks)
			}
		}
	case InValue, InIdentifier:
		eachHole(v, func(pieces []Piece, i int) {
			if SQLPosition(pieces, i) == s.Position {
				add(Marks(pieces[i].Hole))
				add(bareMarks(s, pieces, i))
			}
		})
	case InHost, InPath:
		eachHole(v, func(pieces []Piece, i int) {
			if URLPosition(pieces, i) == s.Position {
				add(Marks(pieces[i].Hole))
			}
		})
	case Anywhere:
		add(Marks(v))
		if s.Kind&(SQL|SOQL) != 0 {
			eachHole(v, func(pieces []Piece, i int) { add(bareMarks(s, pieces, i)) })
		}
	}
	return marks
}

// bareMarks are the marks of a hole in SQL that were made harmless within quotes and
// stand outside of them.
func bareMarks(s *Sink, pieces []Piece, i int) []Mark {
	if s.Kind&(SQL|SOQL) == 0 || !sqlBare(pieces, i) {
		return nil
	}
	var bare []Mark
	for _, m := range Marks(pieces[i].Hole) {
		if m.Clean&Bare == 0 {
			m.Clean &^= s.Kind
			bare = append(bare, m)
		}
	}
	return bare
}

func eachHole(v *Value, f func([]Piece, int)) {
	for _, pieces := range Texts(v) {
		for i := range pieces {
			if pieces[i].Hole != nil {
				f(pieces, i)
			}
		}
	}
}

func (s *Sink) harms(m *Mark) bool {
	from := s.From
	if from == 0 {
		from = Untrusted
	}
	return m.Source.Label&from != 0 && (s.Kind == 0 || m.Clean&s.Kind != s.Kind)
}

// hit records data that reaches a sink, the shortest way of it.
func (r *run) hit(s *Sink, a argument, m Mark) {
	source := m.Source
	if a.made {
		a.at = madeAt(a.at, &m)
	}
	if from := cameAs(a.value, &m, 0); from != "" && from != source.What {
		c := *source
		c.What = from
		source = &c
	}
	key := hitKey{s.Rule, a.at.Element, source.What, r.entry}
	r.hitAt[unknownKey{s.Rule, a.at.Element}] = true
	i, known := r.hits[key]
	if known && len(r.results.Hits[i].Way) <= m.Way.len()+2 {
		return
	}
	h := Hit{Sink: s, Source: source, At: a.at, Way: r.way(s, a, source, m.Way), Entry: r.entry, Argument: a.value}
	if !known {
		r.hits[key] = len(r.results.Hits)
		r.results.Hits = append(r.results.Hits, h)
	} else if len(h.Way) < len(r.results.Hits[i].Way) {
		r.results.Hits[i] = h
	}
}

func (w *Way) len() int {
	if w == nil {
		return 0
	}
	return w.length
}

// madeAt is where data was last put into something.
func madeAt(at Place, m *Mark) Place {
	if m.Way != nil && m.Way.At.Element != nil {
		return m.Way.At
	}
	if m.Source.At.Element != nil && m.Source.At.Element != at.Element {
		return m.Source.At
	}
	return at
}

// cameAs is the part of the event, as finely as it is known, that a mark in a value
// came as; empty where that is not known.
func cameAs(v *Value, m *Mark, depth int) string {
	if v == nil || depth > 12 || indexOfSource(Marks(v), m.Source) < 0 {
		return ""
	}
	if strings.HasPrefix(v.From, m.Source.What) && indexOfSource(v.Marks, m.Source) >= 0 {
		return v.From
	}
	for _, p := range v.Pieces {
		if from := cameAs(p.Hole, m, depth+1); from != "" {
			return from
		}
	}
	for _, a := range v.Alternatives {
		if from := cameAs(a, m, depth+1); from != "" {
			return from
		}
	}
	for _, f := range sortedFields(v) {
		if from := cameAs(f.value, m, depth+1); from != "" {
			return from
		}
	}
	if from := cameAs(v.Rest, m, depth+1); from != "" {
		return from
	}
	return cameAs(v.Keys, m, depth+1)
}

// unknown records an argument of which it could not be shown where it comes from.
func (r *run) unknown(s *Sink, a argument) {
	key := unknownKey{s.Rule, a.at.Element}
	if have, ok := r.unknowns[key]; ok && !have.Unreached {
		return
	}
	r.unknowns[key] = Unknown{Sink: s, At: a.at, Unreached: r.dark}
}

// called looks at a call of a function in an expression.
func (r *run) called(c *Called) {
	if len(r.functions) == 0 {
		return
	}
	for _, s := range r.functions[c.Name] {
		r.calledAs(s, c)
	}
	if strings.HasPrefix(c.Name, "java!") {
		for _, s := range r.functions["java!"] {
			if r.java.reaches(strings.TrimPrefix(c.Name, "java!"), s.Kind) {
				r.calledAs(s, c)
			}
		}
	}
}

// calledAs looks at the argument of a call; an index below 0 stands for all.
func (r *run) calledAs(s *Sink, c *Called) {
	for i, v := range c.Args {
		if i == s.Index || s.Index < 0 || s.Function == "java!" {
			r.judge(s, argument{value: v, at: c.ArgAt(i)})
		}
	}
}
