package spectral

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
)

// schemaFunction holds values against a JSON Schema.
func schemaFunction(options *tree.Node) (Check, error) {
	if err := knownOptions(options, "!schema", "dialect", "allErrors", "prepareResults"); err != nil {
		return nil, err
	}
	all, err := flagOption(options, "allErrors")
	if err != nil {
		return nil, err
	}
	dialect, err := textOption(options, "dialect")
	if err != nil {
		return nil, err
	}
	if dialect != "" && !slices.Contains(dialects, dialect) {
		return nil, tree.Wrong(options.Get("dialect"), "dialect must be one of %s", strings.Join(dialects, ", "))
	}
	root := options.Get("schema")
	if !root.Is(tree.Object) {
		return nil, tree.Wrong(root, "schema must be an object")
	}
	sub, err := compileSchema(root)
	if errors.Is(err, errUnresolved) {
		return func(in *Input) []Problem {
			if in.Value == nil {
				return say(`#{{print("property")}}must exist`)
			}
			return nil
		}, nil
	}
	if err != nil {
		return nil, err
	}
	return func(in *Input) []Problem {
		if in.Value == nil {
			return say(`#{{print("property")}}must exist`)
		}
		v := validation{all: all, left: maxSchemaSteps, check: in.run.check}
		v.validate(sub, in.Value, nil)
		if v.err != nil {
			in.fail(v.err)
			return nil
		}
		if len(v.failures) == 0 {
			return nil
		}
		return explain(v.failures, in)
	}, nil
}

// dialects are the drafts that a rule may name; it is never changed.
var dialects = []string{"auto", "draft4", "draft6", "draft7", "draft2019-09", "draft2020-12"}

// failureTree is failures by where they are, as Spectral sorts them before it
// leaves out those that say nothing new.
type failureTree struct {
	segment  string
	failures []failure
	children []*failureTree
	gone     bool
}

// segments are the parts of a pointer that Spectral tells apart; an index belongs
// to the name before it.
var segments = regexp.MustCompile(`/[\w$-]+(/\d+)?`)

func (t *failureTree) insert(f failure) {
	path := []string{""}
	if len(f.path) > 0 {
		path = segments.FindAllString(tree.Pointer(f.path)[1:], -1)
	}
	for i, segment := range path {
		at := slices.IndexFunc(t.children, func(c *failureTree) bool { return c.segment == segment })
		if at < 0 {
			at = len(t.children)
			t.children = append(t.children, &failureTree{segment: segment})
		}
		if t = t.children[at]; i == len(path)-1 {
			t.failures = append(t.failures, f)
		}
	}
}

// prune drops the failure of anyOf where those of its parts lie below, and wrong
// enumerations beside other failures.
func (t *failureTree) prune(parent *failureTree) {
	if len(t.children) > 0 && slices.ContainsFunc(t.failures, func(f failure) bool { return f.keyword == "anyOf" }) {
		t.failures = nil
	}
	if t.onlyEnumerations() && parent != nil && slices.ContainsFunc(parent.children, func(c *failureTree) bool { return c != t && !c.gone }) {
		t.gone = true
	}
	for _, c := range t.children {
		c.prune(t)
	}
}

func (t *failureTree) onlyEnumerations() bool {
	return len(t.failures) > 0 && !slices.ContainsFunc(t.failures, func(f failure) bool { return f.keyword != "enum" })
}

func (t *failureTree) problems(in *Input) []Problem {
	if t.gone {
		return nil
	}
	var out []Problem
	if t.onlyEnumerations() {
		one := t.failures[0]
		one.allowed = nil
		for _, f := range t.failures {
			for _, n := range f.allowed {
				if !slices.ContainsFunc(one.allowed, func(o *tree.Node) bool { return equalNodes(o, n) }) {
					one.allowed = append(one.allowed, n)
				}
			}
		}
		// What lies below a wrong enumeration isn't told.
		return []Problem{one.problem(in)}
	}
	for _, f := range t.failures {
		out = append(out, f.problem(in))
	}
	for _, c := range t.children {
		out = append(out, c.problems(in)...)
	}
	return out
}

func explain(failures []failure, in *Input) []Problem {
	if len(failures) == 1 {
		return []Problem{failures[0].problem(in)}
	}
	root := &failureTree{}
	for _, f := range failures {
		root.insert(f)
	}
	root.prune(nil)
	return root.problems(in)
}

// problem tells of a failure in the words of Spectral.
func (f *failure) problem(in *Input) Problem {
	name := in.last()
	if len(f.path) > 0 {
		name = f.path[len(f.path)-1]
	}
	subject := `"` + name + `" property`
	if name == "" {
		kind := valueOf(f.value).typeName()
		subject = strings.ToUpper(kind[:1]) + kind[1:]
	}
	p := Problem{Below: f.path}
	switch {
	case f.extra != "":
		p.Message = fmt.Sprintf("Property %q is not expected to be here", f.extra)
	case f.keyword == "type" && name == "":
		p.Message = "Value type " + f.message
	case f.keyword == "type":
		p.Message = subject + " type " + f.message
	case f.keyword == "enum":
		p.Message = subject + " " + f.message + ": " + printValues(f.allowed) + f.suggestion()
	default:
		p.Message = subject + " " + strings.ReplaceAll(strings.ReplaceAll(f.message, "NOT", "not"), "'", `"`)
	}
	if f.unmatched {
		p.Message += ". None of the schemas matched, see the other errors reported for this value"
	}
	if _, err := strconv.ParseUint(name, 10, 64); err == nil && len(f.path) > 0 {
		rest, found := strings.CutPrefix(p.Message, subject)
		if found {
			p.Message = "Item at index " + name + strings.TrimPrefix(rest, " type")
		}
	}
	return p
}

// suggestion names the allowed text that is closest.
func (f *failure) suggestion() string {
	if !f.value.Is(tree.String) {
		return ""
	}
	best, least := "", -1
	for _, n := range f.allowed {
		if n.Kind != tree.String || len(n.Text) > 200 || len(f.value.Text) > 200 {
			continue
		}
		if d := distance(n.Text, f.value.Text); least < 0 || d < least {
			best, least = n.Text, d
		}
	}
	if least < 0 || len(f.allowed) > 1 && least >= len(best) {
		return ""
	}
	return fmt.Sprintf(". Did you mean %q?", best)
}

// distance is that of Levenshtein.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := last
			if a[i] != b[j] {
				cost++
			}
			last = row[j+1]
			row[j+1] = min(cost, last+1, row[j]+1)
		}
	}
	return row[len(b)]
}
