package discoverytest

import (
	"fmt"
	"strings"

	"farrier.dev/farrier/internal/spec"
)

// operation is one described operation as it is called.
type operation struct {
	described *spec.Operation
	// key is method and template with the base path as Key makes it; operations
	// that are written otherwise may share it.
	key      string
	template string
	// path is the template below the base path, cut at what is no path.
	path  string
	pools []pool
	// failing is the share of its calls that fail.
	failing float64
	good    []*spec.Response
	bad     []int
}

// world is what traffic is drawn from.
type world struct {
	Options
	description *spec.Description
	checker     *spec.Checker
	validators  *spec.Validators
	matcher     *spec.Matcher
	base        string
	flats       map[uintptr]map[string]any
	operations  []operation
	// callable are the operations that are called.
	callable []int
	clients  []client
	scanners []client
	villains []client
}

// newWorld prepares a description.
func newWorld(d *spec.Description, o Options) (*world, error) {
	w := &world{Options: o, description: d, flats: map[uintptr]map[string]any{}}
	if len(d.BasePaths) > 0 {
		w.base = strings.TrimSuffix(d.BasePaths[0], "/")
	}
	// Slashes that follow one another are one in every request that a gateway
	// passes on, so that nobody could learn that there were two.
	for strings.Contains(w.base, "//") {
		w.base = strings.ReplaceAll(w.base, "//", "/")
	}
	var err error
	kinds := spec.DefaultKinds() | spec.KindsOf(spec.UnknownStatus, spec.ResponseContentType, spec.ResponseBody)
	if w.checker, err = spec.NewChecker(d, spec.Options{Block: kinds, Most: 1}); err != nil {
		return nil, fmt.Errorf("compiling the description: %w", err)
	}
	if w.validators, err = spec.NewValidators(d.Definitions, spec.Requests); err != nil {
		return nil, fmt.Errorf("compiling the description: %w", err)
	}
	seen := map[string]bool{}
	var plain []spec.Operation
	for i := range d.Operations {
		op := &d.Operations[i]
		path, _, _ := strings.Cut(op.Path, "#")
		path, _, _ = strings.Cut(path, "?")
		if path == "" {
			path = "/"
		}
		one := operation{described: op, path: path, template: w.base + path, key: Key(op.Method, w.base+path)}
		one.failing = weighted(seeded(o.Seed, "failing", one.key), []float64{0.005, 0.01, 0.03, 0.1}, []int{4, 4, 3, 1})
		for j := range op.Responses {
			switch r := &op.Responses[j]; {
			case r.From >= 200 && r.From < 400:
				one.good = append(one.good, r)
			case r.From >= 400:
				one.bad = append(one.bad, r.From)
			}
		}
		one.pools = w.pools(op)
		w.operations = append(w.operations, one)
		if !seen[one.key] {
			seen[one.key] = true
			copied := *op
			copied.Path = path
			plain = append(plain, copied)
		}
	}
	if w.matcher, err = spec.NewMatcher(plain); err != nil {
		return nil, fmt.Errorf("matching paths: %w", err)
	}
	for i := range w.operations {
		if w.callableOp(&w.operations[i]) {
			w.callable = append(w.callable, i)
		}
	}
	if len(w.callable) == 0 {
		return nil, fmt.Errorf("none of the %d operations can be called", len(w.operations))
	}
	w.people()
	return w, nil
}

// callableOp tells that requests and answers of an operation can be drawn.
func (w *world) callableOp(op *operation) bool {
	r := seeded(w.Seed, "trial", op.key, op.described.Path)
	return !w.call(r, op, &client{}).Mark.Faithless
}

// Key is an operation as it is compared: the method in upper case, and the
// template without the names of its templates and without a slash at its end.
func Key(method, template string) string {
	return strings.ToUpper(method) + " " + Nameless(template)
}

// Nameless is a template without the names of its templates and without a slash
// at its end.
func Nameless(template string) string {
	var b strings.Builder
	for rest := template; ; {
		before, after, found := strings.Cut(rest, "{")
		b.WriteString(before)
		if !found {
			break
		}
		_, after, _ = strings.Cut(after, "}")
		b.WriteString("{}")
		rest = after
	}
	return strings.TrimRight(b.String(), "/")
}

// part is a literal or a template of a path.
type part struct {
	literal, name string
}

func parts(path string) []part {
	var all []part
	for path != "" {
		before, after, found := strings.Cut(path, "{")
		if before != "" {
			all = append(all, part{literal: before})
		}
		if !found {
			break
		}
		name, rest, _ := strings.Cut(after, "}")
		all = append(all, part{name: name})
		path = rest
	}
	return all
}
