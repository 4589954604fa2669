package core

import (
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/governance/spectral"
)

// methods are the members of a path that are operations; it is never changed.
var methods = []string{"get", "head", "post", "put", "patch", "delete", "options", "trace"}

// operation is one with its place.
type operation struct {
	path, method string
	node         *tree.Node
}

// operations are those of the object paths, in its order.
func operations(paths *tree.Node) iter.Seq[operation] {
	return func(yield func(operation) bool) {
		for _, p := range paths.Fields() {
			if !p.Value.Is(tree.Object) {
				continue
			}
			for _, m := range p.Value.Members {
				if m.Value.Is(tree.Object) && slices.Contains(methods, m.Name) && !yield(operation{p.Name, m.Name, m.Value}) {
					return
				}
			}
		}
	}
}

func successResponse(in *spectral.Input) []spectral.Problem {
	if !in.Value.Is(tree.Object) {
		return nil
	}
	ranges := version(in.Unresolved) == 3
	for _, m := range in.Value.Members {
		if ranges && (m.Name == "2XX" || m.Name == "3XX") {
			return nil
		}
		if status, err := strconv.ParseFloat(strings.TrimSpace(m.Name), 64); err == nil && status >= 200 && status < 400 {
			return nil
		}
	}
	return []spectral.Problem{below("the operation names no response of success: one of 2xx or 3xx")}
}

func formDataConsumed(in *spectral.Input) []spectral.Problem {
	parameters, consumes := in.Value.Get("parameters"), in.Value.Get("consumes")
	if !parameters.Is(tree.Array) || !consumes.Is(tree.Array) {
		return nil
	}
	form := slices.ContainsFunc(parameters.Items, func(p *tree.Node) bool { return p.Get("in").Is(tree.String) && p.Get("in").Text == "formData" })
	media := slices.ContainsFunc(consumes.Items, func(c *tree.Node) bool {
		return strings.Contains(c.Str(), "application/x-www-form-urlencoded") || strings.Contains(c.Str(), "multipart/form-data")
	})
	if !form || media {
		return nil
	}
	return []spectral.Problem{below("form parameters need application/x-www-form-urlencoded or multipart/form-data in consumes")}
}

func uniqueOperationIDs(in *spectral.Input) []spectral.Problem {
	if !in.Value.Is(tree.Object) {
		return nil
	}
	var out []spectral.Problem
	seen := map[string]operation{}
	for o := range operations(in.Value) {
		key, ok := scalarKey(o.node.Get("operationId"))
		if !ok {
			continue
		}
		if first, twice := seen[key]; twice {
			message := fmt.Sprintf("the operationId is already that of %s %s", strings.ToUpper(first.method), first.path)
			out = append(out, at(message, "paths", o.path, o.method, "operationId"))
			continue
		}
		seen[key] = o
	}
	return out
}

func operationParameters(in *spectral.Input) []spectral.Problem {
	if !in.Value.Is(tree.Array) || len(in.Value.Items) < 2 {
		return nil
	}
	var out, bodies []spectral.Problem
	seen, body, form := map[[2]string]bool{}, 0, false
	for i, p := range in.Value.Items {
		if !p.Is(tree.Object) || p.Get("$ref") != nil {
			continue
		}
		key := [2]string{p.Get("in").Str(), p.Get("name").Str()}
		if seen[key] {
			out = append(out, below("a parameter before this one has the same name and place (in)", strconv.Itoa(i)))
		}
		seen[key] = true
		switch key[0] {
		case "formData":
			form = true
		case "body":
			if body++; body > 1 {
				bodies = append(bodies, below("the operation has more than one parameter in body", strconv.Itoa(i)))
			}
		}
	}
	if body > 0 && form {
		out = append(out, below("the operation has parameters in body and in formData; it can have one kind alone"))
	}
	return append(out, bodies...)
}

func tagsDefined(in *spectral.Input) []spectral.Problem {
	defined := map[string]bool{}
	for _, tag := range in.Value.Get("tags").List() {
		if name := tag.Get("name"); name.Is(tree.String) {
			defined[name.Text] = true
		}
	}
	var out []spectral.Problem
	for o := range operations(in.Value.Get("paths")) {
		tags := o.node.Get("tags")
		if !tags.Is(tree.Array) {
			continue
		}
		for i, tag := range tags.Items {
			if !tag.Is(tree.String) || !defined[tag.Text] {
				out = append(out, at("the tag isn't among the tags of the document", "paths", o.path, o.method, "tags", strconv.Itoa(i)))
			}
		}
	}
	return out
}

// templates are the parameters in the name of a path, with the signs that RFC 6570
// has for them.
var templates = regexp.MustCompile(`\{;?\??[a-zA-Z0-9_-]+\*?\}`)

func pathParameters(in *spectral.Input) []spectral.Problem {
	if !in.Value.Is(tree.Object) {
		return nil
	}
	var out []spectral.Problem
	equal := map[string]string{}
	for _, p := range in.Value.Members {
		if !p.Value.Is(tree.Object) {
			continue
		}
		shape := templates.ReplaceAllLiteralString(p.Name, "%")
		if other, twice := equal[shape]; twice {
			out = append(out, at(fmt.Sprintf("the paths %q and %q match the same requests", other, p.Name), "paths", p.Name))
		} else {
			equal[shape] = p.Name
		}
		c := pathCheck{path: p.Name, out: out}
		c.names()
		c.judge(p.Value)
		out = c.out
	}
	return out
}

// pathCheck is the judging of the parameters of one path.
type pathCheck struct {
	path     string
	expected []string
	out      []spectral.Problem
}

// names reads the parameters that the path itself names.
func (c *pathCheck) names() {
	seen := map[string]bool{}
	for _, found := range templates.FindAllString(c.path, -1) {
		name := strings.Trim(found, "{}?*;")
		if seen[name] {
			c.out = append(c.out, at(fmt.Sprintf("the path %q names the parameter %q more than once", c.path, name), "paths", c.path))
			continue
		}
		seen[name] = true
		c.expected = append(c.expected, name)
	}
}

// named are parameters by their names, with their places.
type named struct {
	order  []string
	places map[string][]string
}

func (c *pathCheck) judge(item *tree.Node) {
	shared := c.read(item.Get("parameters"), []string{"paths", c.path})
	for _, m := range item.Members {
		if !m.Value.Is(tree.Object) || !slices.Contains(methods, m.Name) {
			continue
		}
		place := []string{"paths", c.path, m.Name}
		own := c.read(m.Value.Get("parameters"), place)
		c.unused(shared, own)
		c.unused(own, named{})
		for _, name := range c.expected {
			if own.places[name] == nil && shared.places[name] == nil {
				c.out = append(c.out, at(fmt.Sprintf("the operation lacks the parameter %q that the path %q names", name, c.path), place...))
			}
		}
	}
}

// unused tells of parameters that the path doesn't name, unless others hide them.
func (c *pathCheck) unused(list, hiding named) {
	for _, name := range list.order {
		if hiding.places[name] == nil && !slices.Contains(c.expected, name) {
			c.out = append(c.out, at(fmt.Sprintf("the path %q doesn't name the parameter %q", c.path, name), list.places[name]...))
		}
	}
}

// read collects the parameters in path of a list.
func (c *pathCheck) read(list *tree.Node, base []string) named {
	out := named{places: map[string][]string{}}
	if !list.Is(tree.Array) {
		return out
	}
	for i, p := range list.Items {
		name := p.Get("name")
		if p.Get("in").Str() != "path" || name == nil {
			continue
		}
		place := path(base, "parameters", strconv.Itoa(i))
		if !p.Get("required").IsTrue() {
			c.out = append(c.out, at(fmt.Sprintf("the path parameter %q must have required: true", name.Str()), place...))
		}
		if out.places[name.Str()] != nil {
			c.out = append(c.out, at(fmt.Sprintf("the path parameter %q is defined more than once", name.Str()), place...))
			continue
		}
		out.places[name.Str()] = place
		out.order = append(out.order, name.Str())
	}
	return out
}
