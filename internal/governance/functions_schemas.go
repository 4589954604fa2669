package governance

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/governance/spectral"
)

// schemaCheck is the function "schemas": it chooses schemas of requests and
// responses by where they stand, and asks something of them. Its options are:
//
//	in              request, response, or a part of requests: path, query, header, cookie,
//	                body; all by default
//	types           of the schema: string, integer, number, boolean, array, object, file; none for no type
//	formats         only these
//	status          of responses: 2XX, 4XX and the like
//	names, except   regular expressions for the name of property or parameter, in
//	                small letters with hyphens: user-email
//	exceptPaths     one for the paths of operations that are left alone
//	secret          only names of secrets
//	having          only schemas with one of these keywords
//	unless          not those with one of these keywords
//	unlessFormats   not these
//	is              keywords that have these values
//	top             only bodies as a whole
//	need            one of these keywords must be there
//	equal           keywords that must have these values
//	atLeast, atMost keywords that must be there and within a bound
//	matches         keywords whose texts must match a regular expression
//	perOperation    one complaint for each operation, at the first of its schemas
//	say             the words of the complaint; without all of the above a schema that was
//	                chosen is complained of as it is
type schemaCheck struct {
	in, types, formats, status, having, unless, unlessFormats, need []string

	names, except, exceptPaths *regexp.Regexp
	secret, top, perOperation  bool
	is, equal, atLeast, atMost []tree.Member
	matches                    map[string]*regexp.Regexp
	say                        string
}

func schemasFunction(options *tree.Node) (spectral.Check, error) {
	r := readOptions(options)
	c := &schemaCheck{
		in: r.list("in"), types: r.list("types"), formats: r.list("formats"), status: r.list("status"), having: r.list("having"),
		unless: r.list("unless"), unlessFormats: r.list("unlessFormats"), need: r.list("need"), names: r.pattern("names"), except: r.pattern("except"),
		exceptPaths: r.pattern("exceptPaths"), secret: r.flag("secret"), top: r.flag("top"),
		perOperation: r.flag("perOperation"),
		is:           r.object("is"), equal: r.object("equal"), atLeast: r.object("atLeast"), atMost: r.object("atMost"), say: r.get("say").Str(),
		matches: map[string]*regexp.Regexp{},
	}
	for _, m := range r.object("matches") {
		re, err := regexp.Compile(m.Value.Str())
		if err != nil {
			r.wrong(m.Value, "matches must hold regular expressions (RE2)")
		}
		c.matches[m.Name] = re
	}
	for _, m := range slices.Concat(c.atLeast, c.atMost) {
		if _, ok := numberOf(m.Value); !ok {
			r.wrong(m.Value, "bounds must be numbers")
		}
	}
	if err := r.done(); err != nil {
		return nil, err
	}
	return func(in *spectral.Input) []spectral.Problem {
		var out together
		d := walkedIn(in)
		for _, f := range d.all {
			if !c.chosen(d.description, f) {
				continue
			}
			if wrong := c.wrong(d.description, f); wrong != "" {
				out.add(c.perOperation, f, wrong)
			}
		}
		return out.problems()
	}, nil
}

// together are complaints about schemas, in their order.
type together struct {
	all []*wrongFields
	of  map[wrongOf]*wrongFields
}

// wrongFields are the fields of which the same is said together.
type wrongFields struct {
	wrongOf
	first *field
	more  []string
}

type wrongOf struct {
	operation *operation
	request   bool
	wrong     string
}

func (t *together) add(join bool, f *field, wrong string) {
	key := wrongOf{f.operation, f.request, wrong}
	if found := t.of[key]; join && found != nil {
		if f.name != found.first.name && !slices.Contains(found.more[max(0, len(found.more)-told):], f.name) {
			found.more = append(found.more, f.name)
		}
		return
	}
	w := &wrongFields{key, f, nil}
	t.all = append(t.all, w)
	if t.of == nil {
		t.of = map[wrongOf]*wrongFields{}
	}
	t.of[key] = w
}

// told is how many names a complaint lists.
const told = 8

func (t *together) problems() []spectral.Problem {
	var out complaints
	for _, w := range t.all {
		out.add(w.first.at, "%s %s%s", w.first.describe(), w.wrong, alsoOf(w.more))
	}
	return out.found
}

// alsoOf names further places of which the same is said.
func alsoOf(names []string) string {
	switch n := len(names); {
	case n == 0:
		return ""
	case n > told:
		return fmt.Sprintf("; the same goes for %s and %d more", strings.Join(names[:told], ", "), n-told)
	default:
		return "; the same goes for " + strings.Join(names, ", ")
	}
}

func numberOf(n *tree.Node) (float64, bool) {
	if !n.Is(tree.Number) {
		return 0, false
	}
	v, err := strconv.ParseFloat(n.Text, 64)
	return v, err == nil
}

func (c *schemaCheck) chosen(d *description, f *field) bool {
	side := "response"
	if f.request {
		side = "request"
	}
	switch {
	case len(c.in) > 0 && !slices.Contains(c.in, side) && (!f.request || !slices.Contains(c.in, f.in)),
		c.top && (f.name != "" || f.pointer != "" || f.in != "body"),
		len(c.status) > 0 && !c.hasStatus(f.status),
		c.exceptPaths != nil && c.exceptPaths.MatchString(f.operation.path):
		return false
	}
	return c.named(f.name, f.kebab) && c.typed(d, f)
}

// hasStatus knows 2XX as the class of a code.
func (c *schemaCheck) hasStatus(status string) bool {
	for _, s := range c.status {
		if s == status || strings.HasSuffix(s, "XX") && isCode(status, s[0]) {
			return true
		}
	}
	return false
}

func (c *schemaCheck) named(name, kebab string) bool {
	if (c.names != nil || c.secret) && name == "" {
		return false
	}
	switch {
	case c.names != nil && !c.names.MatchString(kebab), c.except != nil && c.except.MatchString(kebab):
		return false
	case c.secret && !holdsSecret(name):
		return false
	}
	return true
}

func (c *schemaCheck) typed(d *description, f *field) bool {
	if len(c.types) > 0 {
		kinds := d.kinds(f)
		if len(kinds) == 0 {
			kinds = []string{"none"}
		}
		if !slices.ContainsFunc(kinds, func(k string) bool { return slices.Contains(c.types, k) }) {
			return false
		}
	}
	for _, m := range c.is {
		if !d.says(f, m) {
			return false
		}
	}
	format := d.keyword(f, "format").Str()
	if len(c.formats) > 0 && !slices.Contains(c.formats, format) || format != "" && slices.Contains(c.unlessFormats, format) {
		return false
	}
	return (len(c.having) == 0 || d.hasAny(f, c.having)) && !d.hasAny(f, c.unless)
}

func (d *description) hasAny(f *field, keywords []string) bool {
	return slices.ContainsFunc(keywords, func(name string) bool { return d.keyword(f, name) != nil })
}

// says tells whether a keyword has a value.
func (d *description) says(f *field, m tree.Member) bool {
	n := d.keyword(f, m.Name)
	return n != nil && n.Kind == m.Value.Kind && n.Text == m.Value.Text
}

// wrong says what is wrong with a schema, empty for nothing.
func (c *schemaCheck) wrong(d *description, f *field) string {
	if len(c.need) > 0 {
		if d.hasAny(f, c.need) {
			return ""
		}
		return "has no " + strings.Join(c.need, " or ")
	}
	for _, m := range c.equal {
		if !d.says(f, m) {
			return fmt.Sprintf("does not say %s: %s", m.Name, m.Value.Str())
		}
	}
	if wrong := bounded(d, f, c.atLeast, c.atMost); wrong != "" {
		return wrong
	}
	for name, re := range c.matches {
		if n := d.keyword(f, name); n.Is(tree.String) && !re.MatchString(n.Text) {
			return c.say
		}
	}
	if len(c.equal)+len(c.atLeast)+len(c.atMost)+len(c.matches) == 0 {
		return c.say
	}
	return ""
}

func bounded(d *description, f *field, atLeast, atMost []tree.Member) string {
	for i, m := range slices.Concat(atLeast, atMost) {
		n := d.keyword(f, m.Name)
		have, ok := numberOf(n)
		bound, _ := numberOf(m.Value)
		least := i < len(atLeast)
		switch {
		case !ok && least:
			return fmt.Sprintf("has no %s; it should be at least %s", m.Name, m.Value.Text)
		case !ok:
			return fmt.Sprintf("has no %s; it should be at most %s", m.Name, m.Value.Text)
		case least && have < bound:
			return fmt.Sprintf("has the %s %s; it should be at least %s", m.Name, n.Text, m.Value.Text)
		case !least && have > bound:
			return fmt.Sprintf("has the %s %s; it should be at most %s", m.Name, n.Text, m.Value.Text)
		}
	}
	return ""
}

// parametersFunction is the function "parameters": it chooses parameters by where
// they stand (in), by their names (names, except, secret) and by their
// operation (methods), and asks that one of the members need is there. Without
// need it complains of those that it chose, with the words of say; booleans are
// then left out, for they only speak about what their name says. What several
// operations share is complained of once, and so are those of one operation that
// lack the same.
func parametersFunction(options *tree.Node) (spectral.Check, error) {
	r := readOptions(options)
	in, methods, need, say := r.list("in"), r.list("methods"), r.list("need"), r.get("say").Str()
	c := &schemaCheck{names: r.pattern("names"), except: r.pattern("except"), secret: r.flag("secret")}
	if err := r.done(); err != nil {
		return nil, err
	}
	return func(input *spectral.Input) []spectral.Problem {
		var out complaints
		d := resolved(input.Value)
		seen := map[*tree.Node]bool{}
		for _, o := range d.operations() {
			var lacking []parameter
			for _, p := range d.parameters(o) {
				if seen[p.node] || len(need) == 0 && isBoolean(p.node) || !oneOf(in, p.in) || !oneOf(methods, strings.ToLower(o.method)) || !c.named(p.name, words(p.name)) {
					continue
				}
				seen[p.node] = true
				if len(need) == 0 {
					out.add(p.at, "the %s parameter %q of %s %s", p.in, p.name, o.name(), say)
				} else if !slices.ContainsFunc(need, func(name string) bool { return !isEmpty(p.node.Get(name)) || !isEmpty(p.node.Get("schema").Get(name)) }) {
					lacking = append(lacking, p)
				}
			}
			if len(lacking) > 0 {
				p := lacking[0]
				out.add(p.at, "the %s parameter %q of %s has no %s%s", p.in, p.name, o.name(), strings.Join(need, " or "), alsoOf(namesOf(lacking[1:])))
			}
		}
		return out.found
	}, nil
}

func namesOf(parameters []parameter) []string {
	names := make([]string, len(parameters))
	for i := range parameters {
		names[i] = parameters[i].name
	}
	return names
}

func isBoolean(parameter *tree.Node) bool {
	return parameter.Get("type").Str() == "boolean" || parameter.Get("schema").Get("type").Str() == "boolean"
}

// isEmpty tells what says nothing: nothing at all, null, and a text of blanks.
func isEmpty(n *tree.Node) bool {
	return n == nil || n.Kind == tree.Null || n.Kind == tree.String && strings.TrimSpace(n.Text) == ""
}
