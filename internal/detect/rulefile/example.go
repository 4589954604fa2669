package rulefile

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	yaml "go.yaml.in/yaml/v3"
)

// Example is a request, or a part of one, that a rule must or must not match.
type Example struct {
	// Line is where it stands in the file.
	Line int
	// Values are what there is to look at: one, or all of a request.
	Values []Value
}

// Value is a named value of a request.
type Value struct {
	Place Place
	Name  string
	Text  string
}

// Match says whether the rule matches any of the values, or of their names.
func (r *Rule) Match(values []Value) bool {
	return slices.ContainsFunc(values, func(v Value) bool {
		if !r.looksAt(v.Place, v.Name) {
			return false
		}
		p, _ := findPlace(v.Place)
		if r.Names != ValuesOnly && p.names != "" && v.Name != "" && r.Matches(v.Name) {
			return true
		}
		return r.Names != NamesOnly && (r.skip == nil || !r.skip.re.MatchString(v.Name)) && r.Matches(v.Text)
	})
}

// sample is an example and what it was written as, for complaints.
type sample struct {
	node *yaml.Node
	Example
}

var requestLine = regexp.MustCompile(`\A([A-Z]+) (\S+) HTTP/[0-9.]+\r?\n`)

func (d *reader) examples(r *Rule, root, list *yaml.Node, field string) []sample {
	if list == nil {
		d.complain(root, field, "is missing; a rule needs good examples, which must not match, and bad ones, which must")
		return nil
	}
	var all []sample
	for i, item := range d.list(list, field) {
		at := index(field, i)
		s := sample{item, Example{Line: item.Line}}
		if item.Kind == yaml.MappingNode {
			if v, ok := d.value(r, item, at); ok {
				s.Values = []Value{v}
			}
		} else if text := d.text(item, item, at); text != "" {
			switch {
			case requestLine.MatchString(text):
				s.Values = readRequest(text)
			case r.Names == NamesOnly:
				s.Values = []Value{{Place: r.firstPlace(), Name: text}}
			default:
				s.Values = []Value{{Place: r.firstPlace(), Name: "value", Text: text}}
			}
		}
		all = append(all, s)
	}
	return all
}

func (r *Rule) firstPlace() Place {
	if len(r.Places) == 0 {
		return ""
	}
	return r.Places[0]
}

func (d *reader) value(r *Rule, n *yaml.Node, at string) (Value, bool) {
	before := len(d.problems)
	fields := d.fields(n, at, "place", "name", "value")
	v := Value{Place: r.firstPlace()}
	if f := fields["place"]; f != nil {
		v.Place = Place(d.text(f, n, at+".place"))
		if _, ok := findPlace(v.Place); !ok && v.Place != "" {
			d.complain(f, at+".place", "%q: there are %s", v.Place, placeNames())
		}
	}
	if f := fields["name"]; f != nil {
		v.Name = d.text(f, n, at+".name")
	}
	if f := fields["value"]; f != nil {
		v.Text = f.Value
	}
	if v.Name == "" && v.Text == "" && len(d.problems) == before {
		d.complain(n, at, "write a name, a value or both")
	}
	return v, len(d.problems) == before
}

// play asks the rule about its examples.
func (d *reader) play(r *Rule, samples []sample, field string, want bool) []Example {
	var all []Example
	for i, s := range samples {
		if r.Match(s.Values) != want {
			problem := "matches and must not; mend the pattern, or write an exception under unless"
			if want {
				problem = "does not match and must; mend the pattern, or the example"
			}
			d.complain(s.node, index(field, i), "%s", problem)
		}
		all = append(all, s.Example)
	}
	return all
}

// readRequest takes a request apart for an example. It knows what examples
// need; the reader of live requests is another.
func readRequest(text string) []Value {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	head, body, _ := strings.Cut(text, "\n\n")
	first, lines, _ := strings.Cut(head, "\n")
	target := strings.Fields(first)[1]
	path, query, _ := strings.Cut(target, "?")
	values := []Value{{Place: "url", Text: target}}
	for segment := range strings.SplitSeq(path, "/") {
		if s, err := url.PathUnescape(segment); err == nil && s != "" {
			values = append(values, Value{Place: "path", Name: "path", Text: s})
		}
	}
	values = append(values, pairs("query", query)...)
	kind := ""
	for line := range strings.SplitSeq(lines, "\n") {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		values = append(values, Value{Place: "header", Name: name, Text: value})
		switch strings.ToLower(name) {
		case "content-type":
			kind = value
		case "cookie":
			for pair := range strings.SplitSeq(value, ";") {
				name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
				values = append(values, Value{Place: "cookie", Name: name, Text: value})
			}
		}
	}
	if body == "" {
		return values
	}
	switch {
	case strings.Contains(kind, "json"):
		var document any
		if json.Unmarshal([]byte(body), &document) == nil {
			values = leaves(values, "json", document)
		}
	case strings.Contains(kind, "xml"):
		values = append(values, texts(body)...)
	case strings.HasPrefix(kind, "multipart/"):
		values = append(values, parts(kind, body)...)
	case strings.Contains(kind, "form"):
		values = append(values, pairs("form", strings.TrimSpace(body))...)
	}
	return append(values, Value{Place: "body", Text: body})
}

func pairs(at Place, text string) []Value {
	var values []Value
	for pair := range strings.SplitSeq(text, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if pair != "" {
			values = append(values, Value{Place: at, Name: urlDecodeUni(name), Text: urlDecodeUni(value)})
		}
	}
	return values
}

// leaves appends what a JSON document holds, named by the way to it.
func leaves(values []Value, name string, document any) []Value {
	switch d := document.(type) {
	case map[string]any:
		for key, member := range d {
			values = leaves(values, name+"."+key, member)
		}
	case []any:
		for i, item := range d {
			values = leaves(values, name+"."+strconv.Itoa(i), item)
		}
	case string:
		values = append(values, Value{Place: "json", Name: name, Text: d})
	default:
		text, err := json.Marshal(d)
		if err == nil {
			values = append(values, Value{Place: "json", Name: name, Text: string(text)})
		}
	}
	return values
}

// parts gives the fields and file names of a multipart body.
func parts(kind, body string) []Value {
	var values []Value
	_, parameters, err := mime.ParseMediaType(kind)
	if err != nil {
		return nil
	}
	m := multipart.NewReader(strings.NewReader(strings.ReplaceAll(body, "\n", "\r\n")), parameters["boundary"])
	for {
		part, err := m.NextRawPart()
		if err != nil {
			return values
		}
		text, err := io.ReadAll(part)
		if err != nil {
			return values
		}
		at := Place("form")
		if file := part.FileName(); file != "" {
			at = "file-content"
			values = append(values, Value{Place: "filename", Name: part.FormName(), Text: file})
		}
		values = append(values, Value{Place: at, Name: part.FormName(), Text: string(text)})
	}
}

func texts(body string) []Value {
	var values []Value
	d := xml.NewDecoder(strings.NewReader(body))
	d.CharsetReader = func(_ string, input io.Reader) (io.Reader, error) { return input, nil }
	for {
		token, err := d.RawToken()
		if err != nil {
			return values
		}
		switch t := token.(type) {
		case xml.StartElement:
			for _, a := range t.Attr {
				values = append(values, Value{Place: "xml", Name: t.Name.Local + "." + a.Name.Local, Text: a.Value})
			}
		case xml.CharData:
			if s := strings.TrimSpace(string(t)); s != "" {
				values = append(values, Value{Place: "xml", Name: "xml", Text: s})
			}
		case xml.Comment:
			values = append(values, Value{Place: "xml", Name: "xml", Text: string(t)})
		}
	}
}
