package farrier_test

import (
	"go/ast"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

const (
	fileLines     = 400
	functionLines = 60
	decisionLines = 60
)

// checkSizes holds the limits of files and functions that people wrote; tests
// and generated files are free. allowed says which may be longer, and why.
func checkSizes(allowed map[string]string) func(*house, breach) int {
	return func(h *house, report breach) int {
		looked := 0
		needed := map[string]bool{}
		measure := func(what string, lines, limit int) {
			if lines <= limit {
				return
			}
			needed[what] = true
			if allowed[what] == "" {
				report(what, "%d lines, more than %d", lines, limit)
			}
		}
		for _, p := range h.sorted() {
			for _, f := range p.code() {
				looked++
				measure(f.path, f.lines, fileLines)
				for name, lines := range functions(f) {
					measure(f.path+":"+name, lines, functionLines)
				}
			}
		}
		for _, what := range slices.Sorted(maps.Keys(allowed)) {
			if !needed[what] {
				report(what, "stands in oversize but keeps the limits, or is gone")
			}
		}
		return looked
	}
}

// functions returns the length in lines of each function declared in f, from
// the line of its name to the closing brace.
func functions(f *source) map[string]int {
	out := map[string]int{}
	for _, d := range f.ast.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Body == nil {
			continue
		}
		name := fn.Name.Name
		if fn.Recv != nil && len(fn.Recv.List) > 0 {
			name = receiver(fn.Recv.List[0].Type) + "." + name
		}
		first, last := f.set.Position(fn.Pos()).Line, f.set.Position(fn.End()).Line
		out[name] = max(out[name], last-first+1)
	}
	return out
}

func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.IndexListExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	default:
		return "?"
	}
}

// checkDecisions holds that a decision is short and numbered, and that it names
// its price and what would end it.
func checkDecisions(h *house, report breach) int {
	names, err := fs.Glob(h.files, "docs/decisions/*.md")
	if err != nil {
		report("docs/decisions", "%v", err)
	}
	numbers := map[string]bool{}
	for _, name := range names {
		text, err := fs.ReadFile(h.files, name)
		if err != nil {
			report(name, "%v", err)
			continue
		}
		if lines := strings.Count(string(text), "\n"); lines > decisionLines {
			report(name, "%d lines, more than %d", lines, decisionLines)
		}
		number, _, _ := strings.Cut(path.Base(name), "-")
		if len(number) != 4 || strings.Trim(number, "0123456789") != "" || numbers[number] {
			report(name, "does not begin with a number of its own, of four digits")
		}
		numbers[number] = true
		for _, part := range []string{"**Answer.**", "**What we gave up.**", "**What would change our mind.**"} {
			if !strings.Contains(string(text), "\n"+part) {
				report(name, "no paragraph begins with %s", part)
			}
		}
	}
	return len(names)
}

const dependenciesFile = "docs/dependencies.md"

// requirement is a line of a require block of go.mod that names a dependency
// of our own; dependencyLine is a row of the table, with module and version.
var (
	requirement    = regexp.MustCompile(`(?m)^(?:\t|require )(\S+\.\S+) (v\S+)$`)
	dependencyLine = regexp.MustCompile("(?m)^\\| `(\\S+)` \\|(.*)$")
)

// checkDependencies holds that each direct requirement of go.mod has a complete
// row in docs/dependencies.md, of the version required, and each row a
// requirement.
func checkDependencies(h *house, report breach) int {
	mod, err := fs.ReadFile(h.files, "go.mod")
	if err != nil {
		report("go.mod", "%v", err)
		return 0
	}
	table, err := fs.ReadFile(h.files, dependenciesFile)
	if err != nil {
		report(dependenciesFile, "%v", err)
		return 0
	}
	rows := map[string]string{}
	for _, m := range dependencyLine.FindAllStringSubmatch(string(table), -1) {
		rows[m[1]] = m[2]
		cells := strings.Split(strings.Trim(m[2], " |"), "|")
		if len(cells) != 3 || slices.ContainsFunc(cells, func(c string) bool { return strings.TrimSpace(c) == "" }) {
			report(dependenciesFile, "the row of %s lacks licence, last release or reason", m[1])
		}
	}
	looked := 0
	for _, m := range requirement.FindAllStringSubmatch(string(mod), -1) {
		looked++
		switch row, ok := rows[m[1]]; {
		case !ok:
			report(dependenciesFile, "no row for %s, which go.mod requires", m[1])
		case !strings.Contains(row, m[2]+","):
			report(dependenciesFile, "the row of %s is not about %s, which go.mod requires", m[1], m[2])
		}
		delete(rows, m[1])
	}
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		report(dependenciesFile, "a row for %s, which go.mod does not require", name)
	}
	return looked
}
