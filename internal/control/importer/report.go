package importer

import (
	"fmt"
	"strings"
)

// Markdown writes a result as a page for people.
func (r *Result) Markdown() string {
	var b strings.Builder
	b.WriteString("# Import report\n\n| environment | known there as | manifests | tiers | contracts | alerts | runtimes | variables to set |\n|---|---|---|---|---|---|---|---|\n")
	for i := range r.Environments {
		e := &r.Environments[i]
		fmt.Fprintf(&b, "| %s | %s | %d | %d | %d | %d | %d | %d |\n", cell(e.Name), cell(e.Source), len(e.Documents), len(e.Tiers), len(e.Contracts), len(e.Alerts), len(e.Runtimes), len(e.Variables))
	}
	fmt.Fprintf(&b, "\nClient applications: %d.\n", len(r.Applications))
	for _, part := range []struct {
		level Level
		title string
	}{{Lost, "Not imported"}, {Changed, "Means something else now"}, {Todo, "To do"}, {Note, "Worth knowing"}} {
		r.section(&b, part.level, part.title)
	}
	if r.Unlisted > 0 {
		fmt.Fprintf(&b, "\n%d more findings are not listed.\n", r.Unlisted)
	}
	r.rest(&b)
	return b.String()
}

func (r *Result) section(b *strings.Builder, level Level, title string) {
	first := true
	for _, f := range r.Findings {
		if f.Level != level {
			continue
		}
		if first {
			fmt.Fprintf(b, "\n## %s\n\n| environment | what | why | what to do | where |\n|---|---|---|---|---|\n", title)
			first = false
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", cell(f.Environment), cell(f.What), cell(f.Why), cell(f.Do), cell(f.File+" "+f.Path))
	}
}

// rest lists variables and runtimes.
func (r *Result) rest(b *strings.Builder) {
	for i := range r.Environments {
		e := &r.Environments[i]
		if len(e.Variables) > 0 {
			fmt.Fprintf(b, "\n## Variables of %s\n\n| variable | needed for | its value stood in |\n|---|---|---|\n", cell(e.Name))
			for _, v := range e.Variables {
				fmt.Fprintf(b, "| %s | %s | %s |\n", cell(v.Name), cell(v.Used), cell(v.File+" "+v.Path))
			}
		}
		if len(e.Runtimes) > 0 {
			fmt.Fprintf(b, "\n## Runtimes of %s\n\n| name | kind | version | status |\n|---|---|---|---|\n", cell(e.Name))
			for _, t := range e.Runtimes {
				fmt.Fprintf(b, "| %s | %s | %s | %s |\n", cell(t.Name), cell(t.Kind), cell(t.Version), cell(t.Status))
			}
		}
	}
}

// cell makes text fit for a table: nothing in it is read as markup.
func cell(text string) string {
	if text == "" {
		return " "
	}
	return strings.NewReplacer(`\`, `\\`, "|", `\|`, "<", "&lt;", "`", "\\`", "[", `\[`, "*", `\*`, "_", `\_`).Replace(oneLine(text, 500))
}
