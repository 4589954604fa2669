package mule

import (
	"strings"
	"sync"

	"farrier.dev/farrier/internal/dataweave/syntax"
	"farrier.dev/farrier/internal/encoding/xmltext/document"
)

const (
	eeSpace = "http://www.mulesoft.org/schema/mule/ee/core"
	dwSpace = "http://www.mulesoft.org/schema/mule/ee/dw"
)

// parsed keeps what was taken apart already.
type parsed struct {
	mutex       sync.Mutex
	templates   map[*document.Value]*Template
	expressions map[*document.Value]*Code
	scripts     map[*document.Element]*Code
}

// Template takes a value of an element of a file apart: an attribute's, or that of
// a text. It is done once for each value. The result must not be changed.
func (p *Project) Template(f *XMLFile, e *document.Element, v *document.Value) *Template {
	p.parsed.mutex.Lock()
	t := p.parsed.templates[v]
	p.parsed.mutex.Unlock()
	if t != nil {
		return t
	}
	t = p.template(f, e, v)
	p.parsed.mutex.Lock()
	defer p.parsed.mutex.Unlock()
	if first := p.parsed.templates[v]; first != nil {
		return first
	}
	if p.parsed.templates == nil {
		p.parsed.templates = map[*document.Value]*Template{}
	}
	p.parsed.templates[v] = t
	return t
}

func (p *Project) template(f *XMLFile, e *document.Element, v *document.Value) *Template {
	form, pieces := split(v.Text)
	t := &Template{Form: form, Parts: make([]Part, len(pieces))}
	for i, s := range pieces {
		part := Part{Kind: s.kind, Start: s.start, End: s.end}
		switch s.kind {
		case Expression:
			part.Code = p.code(f, e, v, s.from, s.to)
		case Placeholder, SecurePlaceholder, FileReference:
			part.Placeholder = v.Text[s.from:s.to]
		case Empty, Literal, Mixed, Encrypted:
			part.Text = s.text
		}
		t.Parts[i] = part
	}
	return t
}

// Expression is a value that Mule takes for an expression whether or not it stands
// in "#[…]", as the condition of a choice; nil for an empty one.
func (p *Project) Expression(f *XMLFile, e *document.Element, v *document.Value) *Code {
	t := p.Template(f, e, v)
	if c := t.Code(); c != nil || t.Form == Empty {
		return c
	}
	p.parsed.mutex.Lock()
	c := p.parsed.expressions[v]
	p.parsed.mutex.Unlock()
	if c == nil {
		c = p.code(f, e, v, 0, len(v.Text))
		p.parsed.mutex.Lock()
		defer p.parsed.mutex.Unlock()
		if p.parsed.expressions == nil {
			p.parsed.expressions = map[*document.Value]*Code{}
		}
		p.parsed.expressions[v] = c
	}
	return c
}

// code reads a part of a value.
func (p *Project) code(f *XMLFile, e *document.Element, v *document.Value, from, to int) *Code {
	c := &Code{File: f.File, Element: e, Language: DataWeave2}
	if p.Major == 3 {
		c.Language = MEL
	}
	inner := v.Text[from:to]
	switch {
	case strings.HasPrefix(inner, "mel:"):
		c.Language, from = MEL, from+len("mel:")
	case strings.HasPrefix(inner, "dw:") && !strings.HasPrefix(inner, "dw::"): // which begins the name of a module
		from += len("dw:")
		c.Language = p.dataWeave()
	case p.Major == 3 && strings.HasPrefix(strings.TrimSpace(inner), "%dw"):
		c.Language = p.scriptLanguage([]byte(inner))
	case p.Major == 3:
		if start, end, ok := dwCall(v.Text, from, to); ok {
			c.Language, from, to = DataWeave1, start, end
		}
	}
	c.Text = v.Text[from:to]
	c.Tree = parseCode(c.Text, c.Language)
	c.place = func(i int) int {
		if i >= len(c.Text) {
			return v.Offset(to)
		}
		return v.Offset(from + max(i, 0))
	}
	return c
}

// dataWeave is the version of the language that the project's Mule has.
func (p *Project) dataWeave() Language {
	if p.Major == 3 {
		return DataWeave1
	}
	return DataWeave2
}

// dwCall finds the script of "dw('…')", of which it must be all; a script with
// escapes is left to MEL.
func dwCall(s string, from, to int) (start, end int, ok bool) {
	inner := s[from:to]
	trimmed := strings.TrimSpace(inner)
	rest, ok := strings.CutPrefix(trimmed, "dw(")
	rest, closed := strings.CutSuffix(rest, ")")
	if !ok || !closed {
		return 0, 0, false
	}
	literal := strings.TrimSpace(rest)
	if len(literal) < 2 || literal[0] != '\'' && literal[0] != '"' || closingQuote(literal, 0, len(literal)) != len(literal)-1 || strings.Contains(literal, `\`) {
		return 0, 0, false
	}
	start = from + strings.Index(inner, literal) + 1
	return start, start + len(literal) - 2, true
}

// parseCode reads an expression.
func parseCode(text string, language Language) *syntax.Script {
	switch language {
	case MEL:
		return parseMEL(text)
	case DataWeave1:
		return syntax.ParseAs(text, syntax.One)
	default:
		return syntax.ParseExpression(text)
	}
}

// Script is the code of an element whose text is a script or one expression, or
// that names a file with it in "resource" or "file"; nil where it is neither, or
// the file isn't there.
func (p *Project) Script(f *XMLFile, e *document.Element) *Code {
	p.parsed.mutex.Lock()
	c, known := p.parsed.scripts[e]
	p.parsed.mutex.Unlock()
	if known {
		return c
	}
	c = p.script(f, e)
	p.parsed.mutex.Lock()
	defer p.parsed.mutex.Unlock()
	if p.parsed.scripts == nil {
		p.parsed.scripts = map[*document.Element]*Code{}
	}
	p.parsed.scripts[e] = c
	return c
}

func (p *Project) script(f *XMLFile, e *document.Element) *Code {
	for _, attribute := range [...]string{"resource", "file"} {
		if name := e.Value(attribute); strings.HasSuffix(name, ".dwl") {
			return p.scriptFile(e, name)
		}
	}
	content := e.Content()
	if content == nil {
		return nil
	}
	v := &content.Value
	t := p.Template(f, e, v)
	if c := t.Code(); c != nil {
		return c
	}
	if t.Form == FileReference && strings.HasSuffix(t.Parts[0].Placeholder, ".dwl") {
		return p.scriptFile(e, t.Parts[0].Placeholder)
	}
	if !holdsScript(e) && !strings.HasPrefix(strings.TrimSpace(v.Text), "%dw ") {
		return nil
	}
	c := &Code{File: f.File, Element: e, Text: v.Text, Language: p.scriptLanguage([]byte(v.Text)), place: v.Offset}
	if e.Is(coreSpace, "expression-component") {
		c.Language = MEL
	}
	c.Tree = parseScript(c.Text, c.Language)
	return c
}

// scriptFile is the code of a file of the class path.
func (p *Project) scriptFile(e *document.Element, name string) *Code {
	f := p.Resource(name)
	if f == nil || f.Text == nil {
		return nil
	}
	if s := p.Scripts[f.ClassPath]; s != nil && s.File == f {
		return &Code{File: f, Element: e, Language: p.scriptLanguage(f.Text), Text: string(f.Text), Tree: s.Tree}
	}
	c := &Code{File: f, Element: e, Language: p.scriptLanguage(f.Text), Text: string(f.Text)}
	c.Tree = parseScript(c.Text, c.Language)
	return c
}

// holdsScript says whether the text of an element is a script without any marks.
func holdsScript(e *document.Element) bool {
	switch e.Name.Space {
	case eeSpace, dwSpace:
		return strings.HasPrefix(e.Name.Local, "set-")
	case coreSpace:
		return e.Name.Local == "expression-component"
	}
	return false
}

// Module is a DataWeave file by the name that it is imported by, as
// "modules::user", as code; nil where there is none.
func (p *Project) Module(name string) *Code {
	s := p.Modules[name]
	if s == nil {
		return nil
	}
	return &Code{File: s.File, Language: p.scriptLanguage(s.Text), Text: string(s.Text), Tree: s.Tree}
}

// parseScript reads DataWeave. A script that says its version has it.
func parseScript(text string, language Language) *syntax.Script {
	switch language {
	case MEL:
		return parseMEL(text)
	case DataWeave1:
		return syntax.ParseAs(text, syntax.One)
	default:
		return syntax.Parse(text)
	}
}

// scriptLanguage is that of a DataWeave file of the project.
func (p *Project) scriptLanguage(text []byte) Language {
	head := strings.TrimSpace(string(text[:min(len(text), 200)]))
	switch {
	case strings.HasPrefix(head, "%dw 1"):
		return DataWeave1
	case p.Major == 3 && !strings.HasPrefix(head, "%dw"):
		return DataWeave1
	}
	return DataWeave2
}
