// Command docgen writes the pages of the policies: docs/policies.md, one page
// for each policy in docs/policies, and docs/compatibility.md. All of it comes
// from the catalogue, the comments of the policies' folders, the examples and
// the two tables beside this file. It is run by go generate; its tests hold that
// the tables and the conversations are complete.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/catalogue"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: docgen ROOT")
		os.Exit(2)
	}
	if err := generate(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "docgen:", err)
		os.Exit(1)
	}
}

// generate writes all pages of the repository at root.
func generate(root string) error {
	known, err := catalogue.New(nil)
	if err != nil {
		return err
	}
	pages, err := render(root, known.All())
	if err != nil {
		return err
	}
	docs := filepath.Join(root, "docs")
	stale, err := filepath.Glob(filepath.Join(docs, "policies", "*.md"))
	if err != nil {
		return err
	}
	for _, path := range stale {
		if _, ok := pages["policies/"+filepath.Base(path)]; !ok {
			if err := os.Remove(path); err != nil {
				return fmt.Errorf("removing the page of a policy that is gone: %w", err)
			}
		}
	}
	if err := os.MkdirAll(filepath.Join(docs, "policies"), 0o755); err != nil { //nolint:gosec // Documents anyone may read.
		return fmt.Errorf("making the folder of pages: %w", err)
	}
	for name, text := range pages {
		if err := os.WriteFile(filepath.Join(docs, filepath.FromSlash(name)), []byte(text), 0o644); err != nil { //nolint:gosec // A document anyone may read.
			return fmt.Errorf("writing a page: %w", err)
		}
	}
	return nil
}

// render gives the text of every page by its path below docs.
func render(root string, entries []*policy.Entry) (map[string]string, error) {
	comments, err := readComments(filepath.Join(root, "internal", "policy"))
	if err != nil {
		return nil, err
	}
	exceptions, err := readExceptions(exceptionsTable)
	if err != nil {
		return nil, err
	}
	compared, err := readCompatibility(compatibilityTable)
	if err != nil {
		return nil, err
	}
	pages := map[string]string{
		"policies.md":      overview(entries),
		"compatibility.md": compared.page(entries),
	}
	for _, e := range entries {
		p := page{Entry: e, root: root, about: comments.of(e.Name), compared: compared, played: exceptions.played(e.Name)}
		text, err := p.text()
		if err != nil {
			return nil, fmt.Errorf("the page of %s: %w", e.Name, err)
		}
		pages["policies/"+e.Name+".md"] = text
	}
	return pages, nil
}

func overview(entries []*policy.Entry) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Policies

%d policies. Their names are those of Flex Gateway manifests; the ending -flex may
be left out, and -mule may stand in its place (SOAP requests then get SOAP
faults). Phase decides only between standalone bindings of equal order. Each has
a page with its settings and an example that a test plays.

[compatibility.md](compatibility.md) compares them with those of MuleSoft. `+"`farrier\npolicies NAME`"+` prints the settings of one, and `+"`--format json`"+` its JSON Schema.

| Policy | Title | Category | Phase | Direction |
|---|---|---|---|---|
`, len(entries))
	for _, e := range entries {
		fmt.Fprintf(&b, "| [%s](policies/%s.md) | %s | %s | %s | %s |\n", e.Name, e.Name, e.Title, e.Category, phase(e), direction(e))
	}
	return b.String()
}

func direction(e *policy.Entry) string {
	if e.Outbound {
		return "outbound"
	}
	return "inbound"
}

// phase is that of a policy with steps.
func phase(e *policy.Entry) string {
	if e.Structural {
		return "none"
	}
	return e.Phase.String()
}
