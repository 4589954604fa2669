package governance

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/governance/spectral"
)

// pathParametersFunction is the function "pathParameters": what a path has in
// braces and what its operations declare must be the same.
func pathParametersFunction(options *tree.Node) (spectral.Check, error) {
	if err := readOptions(options).done(); err != nil {
		return nil, err
	}
	return func(in *spectral.Input) []spectral.Problem {
		var out complaints
		d := resolved(in.Value)
		for _, o := range d.operations() {
			if o.webhook {
				continue
			}
			written := templates(o.path)
			declared := map[string]bool{}
			for _, p := range d.parameters(o) {
				if p.in != "path" {
					continue
				}
				declared[p.name] = true
				if !slices.Contains(written, p.name) {
					out.add(p.at, "the path %s has no {%s}, which %s declares", o.path, p.name, o.name())
				}
			}
			for i, name := range written {
				switch {
				case slices.Contains(written[:i], name):
					out.add(o.at[:2], "the path %s has {%s} twice", o.path, name)
				case !declared[name]:
					out.add(o.at, "%s declares no path parameter %q", o.name(), name)
				}
			}
		}
		return out.found
	}, nil
}

var template = regexp.MustCompile(`\{([^{}]*)\}`)

func templates(path string) []string {
	var out []string
	for _, m := range template.FindAllStringSubmatch(path, -1) {
		out = append(out, m[1])
	}
	return out
}

// collection is an operation that answers with a list of things.
type collection struct {
	*operation
	list *tree.Node
	// envelope is the object that the list stands in, nil for a bare list.
	envelope *tree.Node
	// pages are the parameters by which callers choose a part, size the one that
	// says how many.
	pages []parameter
	size  *parameter
}

var (
	pageNames = regexp.MustCompile(`^((page|paging|pagination)(-.*)?|(.*-)?page|per-page|(.*-)?limit|(.*-)?offset|(.*-)?cursor|skip|top|first|last|after|before|start(-?(index|at|after|from))?|from|count|size|max-?(results|items|keys|records|count)|rows|num|(.*-)?page-?(token|size|number|num)|(.*-)?marker|continuation(-?token)?|next(-?token)?|since(-id)?|max-id|range)$`)
	sizeNames = regexp.MustCompile(`^((page-?|batch-?)?size|per-?page|(.*-)?limit|top|first|count|max-?(results|items|keys|records|count)|rows|(.*-)?page-?size)$`)
	listNames = regexp.MustCompile(`^(items|data|results?|records|entries|values|value|content|contents|list|elements|rows|hits|resources|objects|-?embedded)$`)
)

// collections are the operations that read lists.
func (d *description) collections() []collection {
	var out []collection
	for _, o := range d.operations() {
		if o.webhook || o.method != "GET" || strings.HasSuffix(o.path, "}") {
			continue
		}
		c := collection{operation: o}
		for _, r := range d.responses(o) {
			if !isCode(r.status, '2') || c.list != nil {
				continue
			}
			for _, body := range d.contents(r.node, r.at) {
				c.list, c.envelope = d.listIn(o, body.schema)
			}
		}
		if c.list == nil {
			continue
		}
		for _, p := range d.parameters(o) {
			if name := words(p.name); p.in == "query" && pageNames.MatchString(name) || p.in == "header" && name == "range" {
				c.pages = append(c.pages, p)
				if sizeNames.MatchString(name) {
					c.size = &p
				}
			}
		}
		out = append(out, c)
	}
	return out
}

// listIn is the list that a schema is, or that an object holds as its subject.
func (d *description) listIn(o *operation, schema *tree.Node) (list, envelope *tree.Node) {
	f := &field{schema: schema}
	if d.own(schema, "items", 0) != nil {
		return schema, nil
	}
	last := words(o.path[strings.LastIndexByte(o.path, '/')+1:])
	for _, m := range d.keyword(f, "properties").Fields() {
		property := d.follow(m.Value)
		if name := words(m.Name); (listNames.MatchString(name) || name == last) && property.Get("items") != nil {
			return property, schema
		}
	}
	return nil, nil
}

// paginationFunction is the function "pagination", about operations that read
// lists. Its option ask is: pages (callers can choose a part of it), bounds (a
// part has a largest size), defaults (a size when none is asked for), next (the
// answer tells where it goes on), or items (a list that comes whole is bounded).
func paginationFunction(options *tree.Node) (spectral.Check, error) {
	r := readOptions(options)
	ask := r.get("ask")
	if name := ask.Str(); !slices.Contains([]string{"pages", "bounds", "defaults", "next", "items"}, name) {
		r.wrong(ask, "ask must be pages, bounds, defaults, next or items")
	}
	if err := r.done(); err != nil {
		return nil, err
	}
	return func(in *spectral.Input) []spectral.Problem {
		var out complaints
		d := resolved(in.Value)
		for _, c := range d.collections() {
			if wrong := d.unpaged(&c, ask.Text); wrong != "" {
				out.add(c.at, "%s %s", c.name(), wrong)
			}
		}
		return out.found
	}, nil
}

func (d *description) unpaged(c *collection, ask string) string {
	has := func(p *parameter, name string) bool {
		return p.node.Get(name) != nil || d.own(d.follow(p.node.Get("schema")), name, 0) != nil
	}
	bounded := d.own(c.list, "maxItems", 0) != nil
	switch ask {
	case "pages":
		if len(c.pages) == 0 && !bounded {
			return "answers with a whole list, however long it is"
		}
	case "items":
		if len(c.pages) == 0 && !bounded {
			return "answers with a list that has no maxItems"
		}
	case "bounds":
		if c.size != nil && !has(c.size, "maximum") && !has(c.size, "exclusiveMaximum") && !has(c.size, "enum") {
			return fmt.Sprintf("lets callers ask for as many as they like by %q", c.size.name)
		}
	case "defaults":
		if c.size != nil && !c.size.node.Get("required").IsTrue() && !has(c.size, "default") {
			return fmt.Sprintf("does not say how many it gives without %q", c.size.name)
		}
	case "next":
		if len(c.pages) > 0 && c.envelope == nil && !d.hasHeader(c.operation, nextHeaders, []string{"2XX", "206", "default"}) {
			return "gives a part of a list and no way to see whether there is more"
		}
	}
	return ""
}

var nextHeaders = regexp.MustCompile(`^(link|content-range|(x-)?(.*-)?(next|total|count|page|pages|cursor|offset)(-.*)?)$`)

// hasHeader says whether a response of one of the codes has a header field.
func (d *description) hasHeader(o *operation, names *regexp.Regexp, codes []string) bool {
	return slices.ContainsFunc(d.responses(o), func(r response) bool {
		return matchesCode(codes, r.status) && slices.ContainsFunc(r.node.Get("headers").Fields(), func(m tree.Member) bool { return names.MatchString(words(m.Name)) })
	})
}

// matchesCode says whether codes, which may be classes as 4XX, hold a code.
func matchesCode(codes []string, status string) bool {
	return slices.ContainsFunc(codes, func(c string) bool {
		return strings.EqualFold(c, status) || strings.HasSuffix(c, "XX") && isCode(status, c[0])
	})
}

// responsesFunction is the function "responses", about the operations that
// methods, paths, except, withParameters, secured (those that ask who calls) and
// input (those that take any) choose. One of the codes need must be described, a
// code of forbid must not, and responses of the codes status must have one of the
// headers, a regular expression for names in small letters with hyphens, or,
// with body, must say what they hold. What several operations share is complained
// of once. With anywhere it is enough that one operation does; with together it
// complains once where none does.
func responsesFunction(options *tree.Node) (spectral.Check, error) {
	r := readOptions(options)
	c := &responseCheck{
		filter: readFilter(r), secured: r.flag("secured"), input: r.flag("input"), anywhere: r.flag("anywhere"), body: r.flag("body"),
		together: r.flag("together"),
		need:     r.list("need"), forbid: r.list("forbid"), status: r.list("status"), headers: r.pattern("headers"),
	}
	if err := r.done(); err != nil {
		return nil, err
	}
	return c.judge, nil
}

type responseCheck struct {
	filter                                   *operationFilter
	secured, input, anywhere, body, together bool
	need, forbid, status                     []string
	headers                                  *regexp.Regexp
}

func (c *responseCheck) judge(in *spectral.Input) []spectral.Problem {
	var out complaints
	d := resolved(in.Value)
	chosen, wrong := 0, 0
	seen := map[*tree.Node]bool{}
	for _, o := range d.operations() {
		if o.webhook || !c.filter.chooses(o) || c.secured && d.anonymous(o) || c.input && !d.takesInput(o) {
			continue
		}
		chosen++
		before := len(out.found)
		c.operation(d, o, seen, &out)
		if len(out.found) > before {
			wrong++
		} else if c.anywhere {
			return nil
		}
	}
	switch {
	case c.anywhere && chosen > 0:
		return []spectral.Problem{{Message: fmt.Sprintf("none of the %d operations does", chosen)}}
	case c.together && wrong == chosen && chosen > 1:
		return []spectral.Problem{{Message: fmt.Sprintf("none of the %d operations describes a response %s", chosen, strings.Join(c.need, " or ")), Path: []string{"paths"}}}
	}
	return out.found
}

// takesInput says whether callers choose anything that the operation must check.
func (d *description) takesInput(o *operation) bool {
	return len(d.parameters(o)) > 0 || len(d.bodies(o)) > 0
}

func (c *responseCheck) operation(d *description, o *operation, seen map[*tree.Node]bool, out *complaints) {
	at := o.at
	if o.node.Get("responses").Is(tree.Object) {
		at = below(at, "responses")
	}
	responses := d.responses(o)
	described := func(codes []string) bool {
		return slices.ContainsFunc(responses, func(r response) bool { return matchesCode(codes, r.status) })
	}
	if len(c.need) > 0 && !described(c.need) {
		out.add(at, "%s describes no response %s", o.name(), strings.Join(c.need, " or "))
	}
	found := false
	for _, r := range responses {
		if matchesCode(c.forbid, r.status) {
			out.add(r.at, "%s answers with %s", o.name(), r.status)
		}
		if !matchesCode(c.status, r.status) {
			continue
		}
		found = true
		if seen[r.node] && !c.anywhere {
			continue
		}
		seen[r.node] = true
		has := slices.ContainsFunc(r.node.Get("headers").Fields(), func(m tree.Member) bool {
			return c.headers != nil && c.headers.MatchString(words(m.Name))
		})
		if c.headers != nil && !has {
			out.add(r.at, "the response %s of %s has none of the headers", r.status, o.name())
		}
		for _, body := range d.contents(r.node, r.at) {
			if c.body && len(body.schema.Fields()) == 0 {
				out.add(body.at, "the response %s of %s does not say what it holds", r.status, o.name())
			}
		}
	}
	if c.anywhere && len(c.status) > 0 && !found {
		out.add(at, "%s describes no response %s", o.name(), strings.Join(c.status, " or "))
	}
}
