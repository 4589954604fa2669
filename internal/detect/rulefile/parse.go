package rulefile

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	yaml "go.yaml.in/yaml/v3"

	"farrier.dev/farrier/internal/finding"
)

// The limits of a rule.
const (
	maxPattern      = 8 << 10 // bytes of one compiled regular expression
	maxAlternatives = Stride  // each has a number
	maxTitle        = 80
)

var (
	nameForm = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	idForm   = regexp.MustCompile(`^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$`)
	// byteEscape finds \x80 and above, which SecLang reads as bytes and RE2 as
	// characters.
	byteEscape = regexp.MustCompile(`(?i)\\x(?:[89a-f][0-9a-f]|\{0*[89a-f][0-9a-f]\})|\\[0-3][0-7]{2}`)
)

// Parse reads one rule and plays its examples. The error joins all that is
// wrong, each an *Error. The rule has no Number, and "custom-" in its Name.
func Parse(file string, text []byte) (*Rule, error) {
	if len(text) > maxFile {
		return nil, &Error{File: file, Line: 1, Problem: fmt.Sprintf("%d bytes, more than %d; write several rules", len(text), maxFile)}
	}
	d := &reader{file: file}
	root := d.document(text)
	if root == nil {
		return nil, errors.Join(d.problems...)
	}
	r := &Rule{File: file}
	fields := d.fields(root, "", "id", "title", "severity", "class", "description", "fix",
		"places", "names", "skip", "decode", "any", "unless", "good", "bad")
	d.head(r, root, fields)
	d.target(r, fields)
	d.condition(r, root, fields)
	good, bad := d.examples(r, root, fields["good"], "good"), d.examples(r, root, fields["bad"], "bad")
	if len(d.problems) == 0 {
		r.Good, r.Bad = d.play(r, good, "good", false), d.play(r, bad, "bad", true)
	}
	if len(d.problems) > 0 {
		return nil, errors.Join(d.problems...)
	}
	return r, nil
}

func (d *reader) head(r *Rule, root *yaml.Node, fields map[string]*yaml.Node) {
	get := func(name string) string { return d.text(fields[name], root, name) }
	r.ID, r.Title, r.Description, r.Fix = get("id"), get("title"), get("description"), get("fix")
	r.Name = "custom-" + r.ID
	if r.ID != "" && (!idForm.MatchString(r.ID) || len(r.ID) > 64) {
		d.complain(fields["id"], "id", "%q: write at most 64 lower-case letters and digits, joined by hyphens", r.ID)
	}
	if len(r.Title) > maxTitle || strings.ContainsAny(r.Title, "\"'\\`%") || strings.ContainsFunc(r.Title, unicode.IsControl) {
		d.complain(fields["title"], "title", "write one line of at most %d bytes without quotes, backslashes and percent signs", maxTitle)
	}
	if name := get("severity"); name != "" {
		s, err := finding.ParseSeverity(name)
		if err != nil {
			d.complain(fields["severity"], "severity", "%q: write critical, high, medium, low or info", name)
		}
		r.Severity = s
	}
	if name := get("class"); name != "" {
		i := slices.IndexFunc(classes[:], func(c Class) bool { return c.Name == name })
		if i < 0 {
			d.complain(fields["class"], "class", "%q: there are %s", name, classNames())
			return
		}
		r.Class = classes[i]
	}
}

func (d *reader) target(r *Rule, fields map[string]*yaml.Node) {
	r.Places = defaultPlaces[:]
	if n := fields["places"]; n != nil {
		r.Places = nil
		for i, item := range d.list(n, "places") {
			name := Place(d.text(item, item, index("places", i)))
			if _, ok := findPlace(name); !ok && name != "" {
				d.complain(item, index("places", i), "%q: there are %s", name, placeNames())
			}
			r.Places = append(r.Places, name)
		}
	}
	if n := fields["names"]; n != nil {
		switch n.Value {
		case "false":
		case "true":
			r.Names = NamesToo
		case "only":
			r.Names = NamesOnly
		default:
			d.complain(n, "names", "%q: write true, false or only", n.Value)
		}
		if r.Names == NamesOnly && len(d.problems) == 0 && r.variables() == "" {
			d.complain(n, "names", "these places have no names; write other places, or false")
		}
	}
	if n := fields["skip"]; n != nil {
		d.skip(r, n)
	}
	if n := fields["decode"]; n != nil {
		for i, item := range d.list(n, "decode") {
			name := d.text(item, item, index("decode", i))
			if name != "" && !slices.ContainsFunc(transformations[:], func(t transformation) bool { return t.name == name }) {
				d.complain(item, index("decode", i), "%q: there are %s", name, transformationNames())
			}
			r.Decode = append(r.Decode, name)
		}
	}
}

// skip reads names; they stand at the end of the names that decoders give, as
// "json.0.client.redirect_uri" or "client[redirect_uri]".
func (d *reader) skip(r *Rule, n *yaml.Node) {
	for i, item := range d.list(n, "skip") {
		name := d.text(item, item, index("skip", i))
		if name != "" && !nameForm.MatchString(name) {
			d.complain(item, index("skip", i), "%q: write a name of letters, digits, hyphens and underscores", name)
		}
		r.Skip = append(r.Skip, name)
	}
	expr := `(?i)(?:^|[.\x5b\x2f])(?:` + strings.Join(r.Skip, "|") + `)\x5d?$`
	if len(d.problems) == 0 {
		r.skip = &term{expr, regexp.MustCompile(expr)}
	}
}

// condition reads any and unless. Alternatives of one pattern become one
// regular expression.
func (d *reader) condition(r *Rule, root *yaml.Node, fields map[string]*yaml.Node) {
	if fields["any"] == nil {
		d.complain(root, "any", "is missing; write at least one pattern")
		return
	}
	var simple []string
	for i, item := range d.list(fields["any"], "any") {
		at := index("any", i)
		found := d.fields(item, at, "rx", "words", "all")
		if len(found) != 1 {
			if found != nil {
				d.complain(item, at, "write one of rx, words and all")
			}
			continue
		}
		if found["all"] == nil {
			simple = append(simple, d.pattern(item, at))
			continue
		}
		var a alternative
		for k, part := range d.list(found["all"], at+".all") {
			here := index(at+".all", k)
			a = append(a, d.term(part, here, d.pattern(part, here)))
		}
		r.alternatives = append(r.alternatives, a)
	}
	if simple != nil {
		r.alternatives = append(r.alternatives, alternative{d.term(fields["any"], "any", strings.Join(simple, "|"))})
	}
	if len(r.alternatives) > maxAlternatives {
		d.complain(fields["any"], "any", "%d alternatives with all, at most %d; write several rules", len(r.alternatives), maxAlternatives-1)
	}
	if n := fields["unless"]; n != nil {
		var any []string
		for i, item := range d.list(n, "unless") {
			any = append(any, d.pattern(item, index("unless", i)))
		}
		t := d.term(n, "unless", strings.Join(any, "|"))
		r.unless = &t
	}
}

// pattern reads a mapping with rx or words and gives a regular expression.
func (d *reader) pattern(n *yaml.Node, at string) string {
	found := d.fields(n, at, "rx", "words")
	switch {
	case len(found) != 1:
		if found != nil {
			d.complain(n, at, "write one of rx and words")
		}
		return ""
	case found["rx"] != nil:
		return d.rx(found["rx"], n, at+".rx")
	}
	var quoted []string
	for i, item := range d.list(found["words"], at+".words") {
		if word := d.text(item, item, index(at+".words", i)); word != "" {
			quoted = append(quoted, regexp.QuoteMeta(word))
		}
	}
	return "(?i:" + strings.Join(quoted, "|") + ")"
}

func (d *reader) rx(n, parent *yaml.Node, at string) string {
	expr := d.text(n, parent, at)
	if expr == "" {
		return ""
	}
	if byteEscape.MatchString(expr) {
		d.complain(n, at, "escapes of bytes from \\x80 on mean different things to different engines; write the characters themselves")
		return ""
	}
	re, err := regexp.Compile("(?sm)" + expr)
	switch {
	case err != nil:
		d.complain(n, at, "not a regular expression of RE2: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		return ""
	case re.MatchString(""):
		d.complain(n, at, "matches the empty text, and so all; demand at least one character")
		return ""
	}
	return "(?:" + expr + ")"
}

// term compiles an expression as the engine does: a dot takes line breaks, ^
// and $ match at lines, \A and \z at the ends of the text. SecLang cannot hold
// quotes and control characters: they are written as escapes.
func (d *reader) term(n *yaml.Node, at, expr string) term {
	if len(d.problems) > 0 {
		return term{}
	}
	var b strings.Builder
	for _, c := range expr {
		if c == '"' || c == '`' || c < ' ' || c == 0x7f {
			fmt.Fprintf(&b, "\\x%02x", c)
			continue
		}
		b.WriteRune(c)
	}
	expr = b.String()
	re, err := regexp.Compile("(?sm)" + expr)
	switch {
	case err != nil:
		d.complain(n, at, "not a regular expression of RE2 when quotes are escaped: %s; write \\x22 for quotes", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	case len(expr) > maxPattern:
		d.complain(n, at, "%d bytes, more than %d; write several rules", len(expr), maxPattern)
	}
	return term{expr, re}
}
