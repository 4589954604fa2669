package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"farrier.dev/farrier/internal/policy"
)

// seeAbove begins a note that leans on the row before it, or on one further up.
const seeAbove = "As above."

// page is that of one policy.
type page struct {
	*policy.Entry
	root     string
	about    *about
	compared *compatibility
	// played names the test that plays the example where no conversation does.
	played string
}

func (p *page) text() (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n`%s`%s · %s · %s, phase %s\n\n", p.Title, p.Name, p.aliases(), p.Category, direction(p.Entry), phase(p.Entry))
	if p.about.summary != "" {
		fmt.Fprintf(&b, "%s\n\n", p.about.summary)
	}
	for _, paragraph := range p.about.text {
		fmt.Fprintf(&b, "%s\n\n", paragraph)
	}
	for _, line := range p.traits() {
		fmt.Fprintf(&b, "- %s\n", line)
	}
	b.WriteString("\n")
	p.settings(&b)
	p.differences(&b)
	if err := p.example(&b); err != nil {
		return "", err
	}
	return strings.TrimRight(b.String(), "\n") + "\n", nil
}

func (p *page) aliases() string {
	if len(p.Aliases) == 0 {
		return ""
	}
	return ", also `" + strings.Join(p.Aliases, "`, `") + "`"
}

// traits are what its place in the catalogue says.
func (p *page) traits() []string {
	where := "Bind it to an API, to a part of one by `rules`, or to many by a Selector."
	switch {
	case p.Structural && p.Outbound:
		where = "Bind it to a Service. It shapes the connection and runs no step, so it has no order."
	case p.Structural:
		where = "Bind it to an API. It is a part of the revision and runs no step, so it has no order among other policies."
	case p.Outbound:
		where = "Bind it to a Service: it runs when the service of a request is known."
	}
	lines := []string{where}
	if p.First {
		lines = append(lines, "It always runs before all other policies.")
	}
	if p.Identifies {
		lines = append(lines, "It establishes who calls; policies behind it know the caller.")
	}
	return lines
}

func (p *page) settings(b *strings.Builder) {
	b.WriteString("## Settings\n\n")
	settings := p.Settings()
	if len(settings) == 0 {
		b.WriteString("It has none.\n\n")
		return
	}
	b.WriteString("| Setting | Type | Default | Meaning |\n|---|---|---|---|\n")
	for _, s := range settings {
		kind := s.Type
		if s.Required {
			kind += ", required"
		}
		if s.Secret {
			kind += ", secret"
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", cell(s.Name), cell(kind), code(s.Default), cell(s.Description))
	}
	b.WriteString("\n")
}

// differences are those to MuleSoft's policy.
func (p *page) differences(b *strings.Builder) {
	b.WriteString("## Compared with MuleSoft\n\n")
	rows := p.compared.of(p.Name)
	if len(rows) == 0 {
		b.WriteString("Not compared yet.\n\n")
	}
	for i, r := range rows {
		switch {
		case r.state == beyond:
			fmt.Fprintf(b, "Farrier's own. %s\n\n", r.note)
		case i > 0 && (r.note == "" || strings.HasPrefix(r.note, seeAbove)):
			// The row of another gateway says the same.
		default:
			note := strings.TrimPrefix(r.note, seeAbove+" ")
			fmt.Fprintf(b, "%s: %s. %s\n\n", capital(r.theirs), r.state, note)
		}
	}
	b.WriteString("[All policies compared](../compatibility.md)\n\n")
}

// example is the manifest and the conversation of examples/policies.
func (p *page) example(b *strings.Builder) error {
	base := filepath.Join(p.root, "examples", "policies", p.Name)
	manifest, err := os.ReadFile(base + ".yaml") //nolint:gosec // The name comes from the catalogue.
	switch {
	case os.IsNotExist(err):
		return nil // a test of internal/app holds that every policy has one
	case err != nil:
		return fmt.Errorf("reading its example: %w", err)
	}
	fmt.Fprintf(b, "## Example\n\n[%s.yaml](../../examples/policies/%s.yaml)\n\n```yaml\n%s\n```\n\n", p.Name, p.Name, strings.TrimSpace(string(manifest)))
	talk, err := os.ReadFile(base + ".txtar") //nolint:gosec // The name comes from the catalogue.
	switch {
	case err == nil:
		b.WriteString("What comes of it, as `go test ./internal/app -run TestPolicies` plays it over the network:\n\n")
		return tell(b, talk)
	case !os.IsNotExist(err):
		return fmt.Errorf("reading its conversation: %w", err)
	case p.played != "":
		fmt.Fprintf(b, "It needs a server outside, so no conversation lies beside it; `go test %s` plays the policy with a real one. ", p.played)
	}
	fmt.Fprintf(b, "Its conversations are in [internal/policy/%s/testdata](../../internal/policy/%s/testdata).\n", p.about.folder, p.about.folder)
	return nil
}

// cell makes text fit into a table.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "*", `\*`, "\n", " ").Replace(text)
}

// code is text as it is, in a table; nothing for no text.
func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + strings.ReplaceAll(text, "|", `\|`) + "`"
}
