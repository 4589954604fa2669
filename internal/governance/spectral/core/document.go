package core

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/governance/spectral"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/asyncapi"
	"farrier.dev/farrier/internal/spec/openapi"
)

// told are problems of the readers that other rules of these rulesets, or Spectral
// itself, have, or that are none of the structure; it is never changed.
var told = []string{
	"duplicate-operation-id", "duplicate-id", "duplicate-parameter", "duplicate-tag", "equal-paths", "path-parameter",
	"path-template", "channel-parameter", "server", "security-scheme", "reference", "media-type", "not-enforceable",
}

// documentSchema tells what is wrong with the structure of a description.
func documentSchema(in *spectral.Input) []spectral.Problem {
	var out []spectral.Problem
	for _, p := range structure(in.Document) {
		_, rule, _ := strings.Cut(p.Rule, "-")
		if p.Warning || p.Path == nil || slices.Contains(told, rule) {
			continue
		}
		out = append(out, at(strings.TrimSuffix(p.Message, "."), p.Path...))
	}
	return out
}

// structure are the problems of a description: those known, or what its reader
// says of one that was read as a tree alone. A RAML description has its own.
func structure(doc *spec.Document) []spec.Problem {
	switch {
	case doc.Language != "":
		if doc.Language == spec.RAML08 || doc.Language == spec.RAML10 {
			return nil
		}
		return doc.Problems
	case doc.Project == nil:
		return nil
	case doc.Root.Get("asyncapi") != nil:
		return asyncapi.Read(doc.Project, doc.File).Problems
	}
	return openapi.Read(doc.Project, doc.File).Problems
}

// reusable are the kinds of components that references lead to; it is never
// changed.
var reusable = []string{"schemas", "responses", "parameters", "examples", "requestBodies", "headers", "links", "callbacks"}

func unusedComponent(*tree.Node) (spectral.Check, error) {
	checks := make([]spectral.Check, len(reusable))
	for i, kind := range reusable {
		options := tree.NewObject(nil)
		options.Set("reusableObjectsLocation", tree.NewText(nil, "#/components/"+kind))
		var err error
		if checks[i], err = spectral.CoreFunction("unreferencedReusableObject")(options); err != nil {
			return nil, err
		}
	}
	return func(in *spectral.Input) []spectral.Problem {
		var out []spectral.Problem
		for i, kind := range reusable {
			if n := in.Value.At("components", kind); n.Is(tree.Object) {
				out = append(out, checks[i](in.At(n, "components", kind))...)
			}
		}
		return out
	}, nil
}

func discriminator(in *spectral.Input) []spectral.Problem {
	name := in.Value.Get("discriminator")
	if !in.Value.Is(tree.Object) || !name.Is(tree.String) {
		return nil
	}
	var out []spectral.Problem
	if in.Value.Get("properties").Get(name.Text) == nil {
		out = append(out, below("the property that discriminates isn't among the properties of the schema", "properties"))
	}
	required := slices.ContainsFunc(in.Value.Get("required").List(), func(n *tree.Node) bool { return n.Is(tree.String) && n.Text == name.Text })
	if !required {
		out = append(out, below("the property that discriminates isn't required by the schema", "required"))
	}
	return out
}

func securityDefined(in *spectral.Input) []spectral.Problem {
	if !in.Value.Is(tree.Object) || slices.ContainsFunc(in.Value.Members, func(m tree.Member) bool { return !textsOnly(m.Value) }) {
		return nil
	}
	schemes, where := in.Unresolved.At("components", "securitySchemes"), "components.securitySchemes"
	if version(in.Unresolved) == 2 {
		schemes, where = in.Unresolved.Get("securityDefinitions"), "securityDefinitions"
	}
	var out []spectral.Problem
	for _, m := range in.Value.Members {
		scheme := schemes.Get(m.Name)
		if scheme == nil {
			out = append(out, below("the security scheme isn't defined in "+where, m.Name))
			continue
		}
		for i, scope := range m.Value.Items {
			if !hasScope(scheme, scope.Text) {
				out = append(out, below(fmt.Sprintf("the security scheme has no scope %q", scope.Text), m.Name, strconv.Itoa(i)))
			}
		}
	}
	return out
}

func hasScope(scheme *tree.Node, name string) bool {
	if scheme.Get("scopes").Get(name) != nil {
		return true
	}
	return slices.ContainsFunc(scheme.Get("flows").Fields(), func(m tree.Member) bool { return m.Value.Get("scopes").Get(name) != nil })
}

func referenceSiblings(in *spectral.Input) []spectral.Problem {
	place := in.Path()
	if len(place) == 0 {
		return nil
	}
	base := place[:len(place)-1]
	var out []spectral.Problem
	for _, m := range in.Unresolved.At(base...).Fields() {
		if m.Name != "$ref" {
			out = append(out, at("stands beside a $ref, which hides it", path(base, m.Name)...))
		}
	}
	return out
}

func typedEnum(in *spectral.Input) []spectral.Problem {
	list, kind := in.Value.Get("enum"), in.Value.Get("type")
	if !list.Is(tree.Array) || !kind.Is(tree.String) && !textsOnly(kind) {
		return nil
	}
	types := []string{kind.Str()}
	if kind.Is(tree.Array) {
		types = nil
		for _, one := range kind.Items {
			types = append(types, one.Text)
		}
	}
	names := strings.Join(types, ", ")
	if root := in.Unresolved; in.Value.Get("nullable").IsTrue() && strings.HasPrefix(root.Get("openapi").Str(), "3.0") ||
		in.Value.Get("x-nullable").IsTrue() && version(root) == 2 {
		types = append(types, "null")
	}
	var out []spectral.Problem
	for i, n := range list.Items {
		if !slices.Contains(types, typeOf(n, slices.Contains(types, "integer"))) {
			out = append(out, below("the value of the enumeration isn't of the type "+names, "enum", strconv.Itoa(i)))
		}
	}
	return out
}

// typeOf is the type of a value; numbers without a fraction are integers where
// those are asked for.
func typeOf(n *tree.Node, integers bool) string {
	switch n.Kind {
	case tree.Null:
		return "null"
	case tree.Bool:
		return "boolean"
	case tree.Array:
		return "array"
	case tree.Object:
		return "object"
	case tree.Number:
		if f, err := strconv.ParseFloat(n.Text, 64); integers && err == nil && f == math.Trunc(f) {
			return "integer"
		}
		return "number"
	case tree.String, tree.Include:
	}
	return "string"
}

func uniqueTags(in *spectral.Input) []spectral.Problem {
	tags := in.Value
	if !tags.Is(tree.Array) || slices.ContainsFunc(tags.Items, func(t *tree.Node) bool { return !t.Get("name").Is(tree.String) }) {
		return nil
	}
	var out []spectral.Problem
	seen := map[string]bool{}
	for i, tag := range tags.Items {
		name := tag.Get("name").Text
		if seen[name] {
			out = append(out, below(fmt.Sprintf("a tag before this one has the name %q", name), strconv.Itoa(i), "name"))
		}
		seen[name] = true
	}
	return out
}
