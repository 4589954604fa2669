package validation

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/governance/validation/graph"
)

// regoModule gathers the Rego of a profile: each rule is a module of its own, in
// one package, so that mistakes are told at their place.
type regoModule struct {
	parts []regoPart
}

// regoPart is one piece of Rego.
type regoPart struct {
	// file names it in errors of the compiler.
	file, text string
	// at is where it stands in the profile; first is the line of the text that
	// the first line of the code is.
	at    *tree.Node
	first int
	rule  string
}

// regoPolicy is the Rego of a profile, compiled; nil when it has none.
type regoPolicy struct {
	compiler *ast.Compiler
	// wholeInput tells that the code looks at the graph as a whole.
	wholeInput bool
}

const regoPackage = "profile"

// library is the helpers that the code of profiles may call.
//
//go:embed library.rego
var library string

// regoHeader begins each module.
const regoHeader = "package " + regoPackage + "\nimport future.keywords.in\nimport future.keywords.every\n" +
	"import future.keywords.if\nimport future.keywords.contains\n"

// extend adds functions that all rules may call.
func (m *regoModule) extend(at *tree.Node, code string) {
	m.add(regoPart{text: regoHeader + code + "\n", at: at, rule: "rego_extensions"}, strings.Count(regoHeader, "\n"))
}

func (m *regoModule) add(p regoPart, before int) {
	p.file, p.first = "part"+strconv.Itoa(len(m.parts)), before
	m.parts = append(m.parts, p)
}

// regoCheck is a constraint in Rego: $node is the node, or the values of a path;
// $result must be true.
type regoCheck struct {
	name string
	path *path
}

// rego reads code that says whether a constraint holds.
func (l *loader) rego(v *tree.Node, p *path) constraint {
	return l.code(v, l.text(v, "rego"), p)
}

// regoModule reads the same in its longer form.
func (l *loader) regoModule(v *tree.Node, p *path) constraint {
	if v.Is(tree.String) {
		return l.code(v, v.Text, p)
	}
	if !l.known(v, "regoModule", "code", "name", "libraries") {
		return all{}
	}
	if libraries := v.Get("libraries"); libraries != nil {
		l.fail(libraries, "libraries are not read; put the functions into rego_extensions of the profile")
	}
	return l.code(v.Get("code"), l.text(v.Get("code"), "code"), p)
}

func (l *loader) code(at *tree.Node, code string, p *path) constraint {
	if !strings.Contains(code, "$result") {
		l.fail(at, "the Rego does not set $result")
		return all{}
	}
	name := "rule_" + strconv.Itoa(len(l.module.parts))
	head := regoHeader + name + "[farrier_result] {\n  farrier_node = input[\"@node\"]\n"
	body := strings.NewReplacer("$node", "farrier_node", "$result", "farrier_result").Replace(code)
	l.module.add(regoPart{text: head + body + "\n}\n", at: at}, strings.Count(head, "\n"))
	return regoCheck{name, p}
}

// allowed are the built-in functions of Rego that profiles may call: those that
// look at nothing but their arguments. What those make that could make much of
// little is bounded, see growing. Others are unknown to the compiler.
func allowed() []string {
	return strings.Fields(`eq equal neq lt lte gt gte assign plus minus mul div rem and or round ceil floor abs
		count sum product max min sort all any array.concat array.slice array.reverse intersection union
		object.get object.union object.remove object.filter object.keys object.subset set_diff
		concat contains startswith endswith format_int indexof indexof_n lower upper replace strings.replace_n split
		sprintf substring trim trim_left trim_prefix trim_right trim_suffix trim_space
		strings.any_prefix_match strings.any_suffix_match strings.reverse strings.count
		regex.match regex.is_valid regex.find_n regex.find_all_string_submatch_n regex.split regex.replace re_match
		to_number is_number is_string is_boolean is_array is_set is_object is_null type_name cast_array cast_set
		json.marshal json.is_valid internal.member_2 internal.member_3 semver.is_valid semver.compare
		` + builtinNode + " " + builtinSubjects + " " + builtinOfClass)
}

// capabilities are what code may do.
func capabilities() *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion()
	may := allowed()
	c.Builtins = append(append(c.Builtins, graphBuiltins()...), boundedBuiltins()...)
	c.Builtins = slices.DeleteFunc(c.Builtins, func(b *ast.Builtin) bool {
		return !slices.Contains(may, b.Name) && !strings.HasPrefix(b.Name, boundedPrefix)
	})
	c.AllowNet = []string{}
	return c
}

// compile makes the code of all rules ready to run; nil when there is none.
func (m *regoModule) compile(file string) (*regoPolicy, error) {
	if len(m.parts) == 0 {
		return nil, nil //nolint:nilnil // a profile without Rego
	}
	caps := capabilities()
	options := ast.ParserOptions{RegoVersion: ast.RegoV0, Capabilities: caps}
	parsed, err := ast.ParseModuleWithOpts("library", regoHeader+library, options)
	if err != nil {
		return nil, fmt.Errorf("reading the library of Rego: %w", err)
	}
	modules := map[string]*ast.Module{"library": parsed}
	if err := boundCalls(parsed); err != nil {
		return nil, fmt.Errorf("reading the library of Rego: %w", err)
	}
	whole := false
	for _, p := range m.parts {
		if modules[p.file], err = ast.ParseModuleWithOpts(p.file, p.text, options); err != nil {
			return nil, m.wrong(file, err)
		}
		if err = boundCalls(modules[p.file]); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if err = checkGrowth(modules[p.file]); err != nil {
			return nil, fmt.Errorf("%s: rego, %w", file, err)
		}
		whole = whole || strings.Count(p.text, "input") > strings.Count(p.text, `input["@node"]`)
	}
	compiler := ast.NewCompiler().WithCapabilities(caps).WithDefaultRegoVersion(ast.RegoV0)
	if compiler.Compile(modules); compiler.Failed() {
		return nil, m.wrong(file, compiler.Errors)
	}
	return &regoPolicy{compiler, whole}, nil
}

// wrong tells mistakes of the compiler at their place in the profile.
func (m *regoModule) wrong(file string, err error) error {
	mistakes, ok := errors.AsType[ast.Errors](err)
	if !ok {
		return fmt.Errorf("%s: %w", file, err)
	}
	var out []error
	for _, mistake := range mistakes[:min(len(mistakes), maxErrors)] {
		at, line := (*tree.Node)(nil), 0
		if mistake.Location != nil {
			for _, p := range m.parts {
				if p.file == mistake.Location.File {
					at, line = p.at, mistake.Location.Row-p.first
				}
			}
		}
		text := strings.NewReplacer("farrier_node", "$node", "farrier_result", "$result", boundedPrefix, "", regoPackage+".", "").Replace(mistake.Message)
		wrong := tree.Wrong(at, "the Rego is wrong: %s", text)
		if wrong.File == "" {
			wrong.File = file
		}
		if at != nil && strings.Contains(at.Text, "\n") {
			wrong.Line, wrong.Column = int(at.Line)+max(line, 0), 0
		}
		out = append(out, wrong)
	}
	return errors.Join(out...)
}

func (c regoCheck) violated(e *evaluation, n *graph.Node, negated bool) bool {
	results, err := e.rego(c.name, c.node(e, n))
	if err != nil {
		e.fail(err)
		return false
	}
	for _, holds := range results {
		if holds == negated {
			return true
		}
	}
	return false
}

// node is what the code calls $node.
func (c regoCheck) node(e *evaluation, n *graph.Node) *ast.Term {
	x := e.exported()
	if c.path == nil {
		return x.node(n)
	}
	set := ast.NewSet()
	for _, v := range distinct(c.path.values(e, n)) {
		set.Add(value(v))
	}
	return ast.NewTerm(set)
}
