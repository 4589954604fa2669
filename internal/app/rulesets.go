package app

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"farrier.dev/farrier/internal/governance"
)

// Rulesets prints the built-in rulesets, or the rules of one.
func Rulesets(name, format string, out io.Writer) error {
	if !slices.Contains([]string{"text", "md", "json"}, format) {
		return fmt.Errorf("format %q: must be text, md or json", format)
	}
	if name != "" {
		set, err := LoadRuleset(".", name)
		if err != nil {
			return err
		}
		return printRuleset(out, set, format)
	}
	var sets []*governance.Ruleset
	for _, name := range governance.BuiltinNames() {
		set, err := governance.Builtin(name)
		if err != nil {
			return err
		}
		sets = append(sets, set)
	}
	switch format {
	case "json":
		list := make([]map[string]any, len(sets))
		for i, set := range sets {
			list[i] = rulesetJSON(set)
		}
		return writeJSON(out, list)
	case "md":
		for _, set := range sets {
			if err := printRuleset(out, set, format); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "RULESET\tRULES\tTITLE")
	for _, set := range sets {
		_, _ = fmt.Fprintf(w, "%s\t%d\t%s\n", set.Name, len(set.Rules), set.Title)
	}
	return w.Flush()
}

func printRuleset(out io.Writer, set *governance.Ruleset, format string) error {
	switch format {
	case "json":
		return writeJSON(out, rulesetJSON(set))
	case "md":
		return rulesetPage(out, set)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "RULE\tSEVERITY\tFIX\tTITLE")
	for i := range set.Rules {
		r := &set.Rules[i]
		fix := ""
		if r.Fixes {
			fix = "yes"
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.ID, r.Severity, fix, r.Title)
	}
	return w.Flush()
}

// rulesetPage prints a ruleset as a section of a page.
func rulesetPage(out io.Writer, set *governance.Ruleset) error {
	_, _ = fmt.Fprintf(out, "## %s\n\n`%s`: %s\n", set.Title, set.Name, set.Description)
	for i := range set.Rules {
		r := &set.Rules[i]
		_, _ = fmt.Fprintf(out, "\n### %s\n\n**%s** · %s%s\n\n%s\n\n**Mend:** %s\n", r.ID, r.Title, r.Severity, marks(r), r.Why, r.Mend)
		for _, example := range []struct {
			title string
			texts []string
		}{{"Good", r.Good}, {"Bad", r.Bad}} {
			for _, text := range example.texts {
				_, _ = fmt.Fprintf(out, "\n%s:\n\n```yaml\n%s\n```\n", example.title, strings.TrimRight(text, "\n"))
			}
		}
	}
	_, err := fmt.Fprintln(out)
	return err
}

// marks are what auditors look for.
func marks(r *governance.Rule) string {
	var b strings.Builder
	for _, m := range []struct{ name, value string }{{"OWASP API 2023", r.Taxonomy.OWASP2023}, {"OWASP API 2019", r.Taxonomy.OWASP2019}} {
		if m.value != "" {
			fmt.Fprintf(&b, " · %s %s", m.name, m.value)
		}
	}
	if r.Taxonomy.CWE != 0 {
		fmt.Fprintf(&b, " · CWE-%d", r.Taxonomy.CWE)
	}
	if r.Fixes {
		b.WriteString(" · can be mended")
	}
	return b.String()
}

func rulesetJSON(set *governance.Ruleset) map[string]any {
	rules := make([]map[string]any, len(set.Rules))
	for i := range set.Rules {
		r := &set.Rules[i]
		rules[i] = map[string]any{
			"id": r.ID, "title": r.Title, "severity": r.Severity, "violation": r.Violation, "aspect": r.Aspect,
			"why": r.Why, "mend": r.Mend, "taxonomy": r.Taxonomy, "fixes": r.Fixes, "documentation": r.Documentation,
		}
	}
	return map[string]any{"name": set.Name, "title": set.Title, "description": set.Description, "format": set.Format, "rules": rules}
}
