package validation

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

const (
	// boundedPrefix begins the names under which the functions run that could make
	// much of little in one step, which can't be stopped.
	boundedPrefix = "farrier.bounded."
	// maxMade is how much one of them may make: bytes of a text, or items.
	maxMade = 1 << 20
)

var (
	errMade = errors.New("the result is too long")
	errWide = errors.New("sprintf: widths must be less than 100")
	// wide is a verb with a width or precision that is not small.
	wide = regexp.MustCompile(`%[^a-zA-Z%]*([0-9]{3}|\*)`)
)

// growing are those functions by their names in Rego, each with what it makes of
// its arguments at most.
func growing() map[string]func(args []*ast.Term) int {
	return map[string]func([]*ast.Term) int{
		"concat": func(args []*ast.Term) int {
			n, between := 0, len(textOf(args[0]))
			each(args[1], func(t *ast.Term) { n += len(textOf(t)) + between })
			return n
		},
		"array.concat": func(args []*ast.Term) int { return size(args[0]) + size(args[1]) },
		"replace": func(args []*ast.Term) int {
			text, old := textOf(args[0]), textOf(args[1])
			return len(text) + strings.Count(text, old)*len(textOf(args[2]))
		},
		"regex.replace": func(args []*ast.Term) int {
			text, by := textOf(args[0]), textOf(args[2])
			// What a $ stands for is, of all matches together, no longer than the text.
			return (len(text)+1)*(len(by)+1) + strings.Count(by, "$")*len(text)
		},
		"sprintf": func(args []*ast.Term) int {
			format := textOf(args[0])
			longest := 0
			each(args[1], func(t *ast.Term) { longest = max(longest, weight(t, 0)) })
			return len(format) + strings.Count(format, "%")*longest
		},
		"json.marshal": func(args []*ast.Term) int { return weight(args[0], 0) },
	}
}

func textOf(t *ast.Term) string {
	s, _ := t.Value.(ast.String)
	return string(s)
}

// weight is about how long a value is when it is written, added to what was before;
// beyond maxMade it is not counted. Values share their parts, so that a small one
// may be long.
func weight(t *ast.Term, before int) int {
	n := before + 1
	if n > maxMade {
		return n
	}
	switch v := t.Value.(type) {
	case ast.String:
		n += len(v)
	case *ast.Array, ast.Set:
		each(t, func(item *ast.Term) { n = weight(item, n) })
	case ast.Object:
		v.Foreach(func(key, value *ast.Term) { n = weight(value, weight(key, n)) })
	}
	return n
}

func size(t *ast.Term) int {
	if a, ok := t.Value.(*ast.Array); ok {
		return a.Len()
	}
	return 0
}

// each visits the items of a list or set.
func each(t *ast.Term, visit func(*ast.Term)) {
	switch v := t.Value.(type) {
	case *ast.Array:
		v.Foreach(visit)
	case ast.Set:
		v.Foreach(visit)
	}
}

// boundedBuiltins are the declarations of those functions.
func boundedBuiltins() []*ast.Builtin {
	var all []*ast.Builtin
	for name := range growing() {
		decl := *ast.BuiltinMap[name]
		decl.Name, decl.Infix = boundedPrefix+name, ""
		all = append(all, &decl)
	}
	return all
}

// addBounded adds what runs them.
func addBounded(to map[string]*topdown.Builtin) {
	limits := growing()
	for _, decl := range boundedBuiltins() {
		name := strings.TrimPrefix(decl.Name, boundedPrefix)
		made, run := limits[name], topdown.GetBuiltin(name)
		to[decl.Name] = &topdown.Builtin{Decl: decl, Func: func(b topdown.BuiltinContext, args []*ast.Term, iter func(*ast.Term) error) error {
			switch {
			case name == "sprintf" && wide.MatchString(textOf(args[0])):
				return topdown.Halt{Err: errWide}
			case made(args) > maxMade:
				return topdown.Halt{Err: fmt.Errorf("%s: %w", name, errMade)}
			}
			return run(b, args, iter)
		}}
	}
}

// boundCalls has a module call those functions under the names that are bounded.
func boundCalls(m *ast.Module) error {
	limits := growing()
	_, err := ast.TransformRefs(m, func(r ast.Ref) (ast.Value, error) {
		if name := r.String(); limits[name] != nil {
			return ast.MustParseRef(boundedPrefix + name), nil
		}
		return r, nil
	})
	return err //nolint:wrapcheck // the transformer above gives none
}
