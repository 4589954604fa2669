package governance

import (
	"slices"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/governance/spectral"
)

// examplesFunction is the function "examples": parameters, request bodies and
// responses, as its option of says, must have an example. Of the parameters of an
// operation it complains once.
func examplesFunction(options *tree.Node) (spectral.Check, error) {
	r := readOptions(options)
	of := r.get("of")
	if !slices.Contains([]string{"parameters", "requests", "responses"}, of.Str()) {
		r.wrong(of, "of must be parameters, requests or responses")
	}
	if err := r.done(); err != nil {
		return nil, err
	}
	return func(in *spectral.Input) []spectral.Problem {
		var out complaints
		d := resolved(in.Value)
		for _, o := range d.operations() {
			switch of.Text {
			case "parameters":
				d.parametersWithoutExample(&out, o)
			case "requests":
				d.withoutExample(&out, d.bodies(o), "the request body of "+o.name())
			case "responses":
				for _, r := range d.responses(o) {
					if isCode(r.status, '2') && r.node.Get("examples") == nil {
						d.withoutExample(&out, d.contents(r.node, r.at), "the response "+r.status+" of "+o.name())
					}
				}
			}
		}
		return out.found
	}, nil
}

// parametersWithoutExample complains once of an operation, at the first of them.
func (d *description) parametersWithoutExample(out *complaints, o *operation) {
	var lacking []parameter
	for _, p := range d.parameters(o) {
		if p.in == "body" || hasExample(p.node) || d.exemplified(p.node, 0) || d.exemplified(d.follow(p.node.Get("schema")), 0) {
			continue
		}
		lacking = append(lacking, p)
	}
	if len(lacking) > 0 {
		p := lacking[0]
		out.add(p.at, "the %s parameter %q of %s has no example%s", p.in, p.name, o.name(), alsoOf(namesOf(lacking[1:])))
	}
}

func (d *description) withoutExample(out *complaints, bodies []content, what string) {
	for _, b := range bodies {
		if !hasExample(b.node) && !d.exemplified(b.schema, 0) {
			out.add(b.at, "%s has no example", what)
			return
		}
	}
}

func hasExample(n *tree.Node) bool {
	for _, name := range [...]string{"example", "examples", "x-example", "x-examples", "default", "enum", "const"} {
		if n.Get(name) != nil {
			return true
		}
	}
	return false
}

// exemplified says whether a schema has an example, or all that it consists of.
func (d *description) exemplified(schema *tree.Node, depth int) bool {
	const deepest = 8
	if schema == nil || depth > deepest {
		return false
	}
	if hasExample(schema) || schema.Get("type").Str() == "boolean" {
		return true
	}
	if items := schema.Get("items"); items != nil {
		return d.exemplified(d.follow(items), depth+1)
	}
	properties := schema.Get("properties").Fields()
	for _, m := range properties {
		if !d.exemplified(d.follow(m.Value), depth+1) {
			return false
		}
	}
	for _, part := range schema.Get("allOf").List() {
		if !d.exemplified(d.follow(part), depth+1) {
			return false
		}
	}
	return len(properties)+len(schema.Get("allOf").List()) > 0
}
