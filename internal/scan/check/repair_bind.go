package check

import (
	"regexp"
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/mule"
)

// injectionRepairs lists the repairs of texts that data becomes part of.
func injectionRepairs() []entry[RepairFunc] {
	return []entry[RepairFunc]{
		{"bind-sql", bindSQL},
		{"bind-soql", bindSOQL},
		{"uri-params", uriParams},
		{"allow-list", allowList},
		{"base-name", baseName},
		{"constant-error", constantError},
	}
}

// valueFollows is SQL behind which a value stands, not a name or a keyword.
var valueFollows = regexp.MustCompile(`(?is)(=|<|>|\b(like|between|limit|offset|then|else)|\bbetween\s+\S+\s+and|\b(values|in)\s*\(([^()]*,)?)\s*$`)

// operationOf is the element whose argument a report points at, or into.
func operationOf(e *document.Element, child string) *document.Element {
	for ; e != nil; e = e.Parent {
		if e.Child(e.Name.Space, child) != nil {
			return e
		}
		if e.Name.Local != child && e.Name.Local != "input-parameters" {
			return nil
		}
	}
	return nil
}

// bindSQL puts placeholders where values stand in SQL and binds the values. It is
// safe where all of them stood in quotes: the others may have been numbers.
func bindSQL(c *Context, r Report) *Repair {
	op := operationOf(r.Element, "sql")
	if op == nil || op.Name.Space != spaceDB || strings.HasPrefix(op.Name.Local, "bulk-") {
		return nil
	}
	b := binding{Context: c, op: op, query: op.Child(spaceDB, "sql"), parameters: "input-parameters"}
	return b.repair()
}

// bindSOQL does so for queries of Salesforce, whose placeholders stay in quotes.
func bindSOQL(c *Context, r Report) *Repair {
	op := operationOf(r.Element, "salesforce-query")
	if op == nil {
		return nil
	}
	b := binding{Context: c, op: op, query: op.Child(op.Name.Space, "salesforce-query"), parameters: "parameters", quoted: true}
	return b.repair()
}

// binding is a query whose values shall be bound.
type binding struct {
	*Context
	op, query  *document.Element
	parameters string
	// quoted says that placeholders for texts stand in quotes.
	quoted bool
}

func (b binding) repair() *Repair {
	f := surveyOf(b.Context).file(b.op)
	content := b.query.Content()
	if f == nil || content == nil {
		return nil
	}
	m, ok := mixtureOf(b.Context, f, b.query, &content.Value)
	if !ok {
		return nil
	}
	old := ""
	if e := b.op.Child(b.op.Name.Space, b.parameters); e != nil {
		if t := e.Content(); t != nil {
			old = t.Value.Text
		}
	}
	names := freeNames(len(m.holes), strings.Join(m.texts, " ")+old)
	text, values, safe, ok := b.bound(m, names)
	if !ok {
		return nil
	}
	if !content.CDATA {
		text = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
	} else if strings.Contains(text, "]]>") {
		return nil
	}
	more, ok := withParameters(b.Context, f, b.op, b.query, b.parameters, names, values)
	if !ok {
		return nil
	}
	return &Repair{
		Title: "bind the values as parameters", Safe: safe && !b.quoted,
		Edits: []Edit{{File: f.File, Span: content.Value.Span, Text: text}, more},
	}
}

// bound is the query with placeholders, and the values of these.
func (b binding) bound(m mixture, names []string) (text string, values []string, safe, ok bool) {
	texts := append([]string(nil), m.texts...)
	safe = true
	for i, h := range m.holes {
		value := h.source()
		before, after := texts[i], texts[i+1]
		begin := strings.TrimSuffix(before, "%")
		end := strings.TrimPrefix(after, "%")
		switch {
		case strings.HasSuffix(begin, "'") && strings.HasPrefix(end, "'"):
			if b.quoted {
				if begin != before || end != after {
					return "", nil, false, false
				}
				break
			}
			if begin != before {
				value = "'%' ++ " + grouped(value)
			}
			if end != after {
				value = grouped(value) + " ++ '%'"
			}
			texts[i], texts[i+1] = strings.TrimSuffix(begin, "'"), strings.TrimPrefix(end, "'")
		case valueFollows.MatchString(before) && strings.Count(strings.Join(texts[:i+1], ""), "'")%2 == 0:
			safe = false
		default:
			return "", nil, false, false
		}
		values = append(values, value)
	}
	for i, name := range names {
		text += texts[i] + ":" + name
	}
	return text + texts[len(names)], values, safe, true
}

func grouped(x string) string {
	if strings.ContainsAny(x, " \t\n") {
		return "(" + x + ")"
	}
	return x
}

// uriParams moves what request data is in a path into uri parameters, which are
// encoded.
func uriParams(c *Context, r Report) *Repair {
	e := r.Element
	a := e.Attr("path")
	f := surveyOf(c).file(e)
	if !e.Is(spaceHTTP, "request") || a == nil || f == nil {
		return nil
	}
	m, ok := mixtureOf(c, f, e, &a.Value)
	if !ok || strings.ContainsAny(strings.Join(m.texts, ""), `?#"'<&`) {
		return nil
	}
	names := freeNames(len(m.holes), strings.Join(m.texts, " ")+contentOf(e.Child(spaceHTTP, "uri-params")))
	path, values := "", make([]string, 0, len(names))
	for i, h := range m.holes {
		if m.texts[i] == "" || !strings.HasSuffix(m.texts[i], "/") || i+1 < len(m.texts) && m.texts[i+1] != "" && !strings.HasPrefix(m.texts[i+1], "/") {
			return nil // a part of a segment, or a path of its own
		}
		path += m.texts[i] + "{" + names[i] + "}"
		values = append(values, h.source())
	}
	behind := e.Child(spaceHTTP, "headers")
	if behind == nil {
		behind = e.Child(spaceHTTP, "body")
	}
	more, ok := withParameters(c, f, e, behind, "uri-params", names, values)
	if !ok {
		return nil
	}
	quote := f.Document.Text[a.Value.Span.Start-1 : a.Value.Span.End+1]
	whole := document.Span{Start: a.Value.Span.Start - 1, End: a.Value.Span.Start - 1 + len(quote)}
	return suggested("hand the values over as uri parameters", Edit{File: f.File, Span: whole, Text: `"` + path + m.texts[len(names)] + `"`}, more)
}

func contentOf(e *document.Element) string {
	if t := e.Content(); t != nil {
		return t.Value.Text
	}
	return ""
}

// allowList checks a value against constants before the step that uses it; which
// ones, people have to say.
func allowList(c *Context, r Report) *Repair {
	f := surveyOf(c).file(r.Element)
	if f == nil {
		return nil
	}
	step := r.Element
	var value *document.Value
	switch op := operationOf(r.Element, "sql"); {
	case op != nil && op.Child(spaceDB, "sql").Content() != nil:
		step, value = op, &op.Child(spaceDB, "sql").Content().Value
	case r.Element.Is(spaceHTTP, "request") && r.Element.Attr("url") != nil:
		value = &r.Element.Attr("url").Value
	default:
		return nil
	}
	m, ok := mixtureOf(c, f, step, value)
	if !ok || len(m.holes) != 1 || pathOf(m.holes[0].x) == "" {
		return nil
	}
	return suggested("accept only values of a list", beforeStep(f, step, m.holes[0].source()))
}

func beforeStep(f *mule.XMLFile, step *document.Element, value string) Edit {
	name, declaration := prefixIn(step.Parent, "http://www.mulesoft.org/schema/mule/validation", "validation")
	text := "<" + name + "is-true" + declaration + ` expression="#[['first', 'second'] contains ` +
		escaped(value) + `]" message="not allowed"/>` + lineLike(f, step)
	return Edit{File: f.File, Span: document.Span{Start: step.Whole.Start, End: step.Whole.Start}, Text: text}
}
