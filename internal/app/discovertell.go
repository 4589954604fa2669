package app

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/export"
	"farrier.dev/farrier/internal/finding/report"
)

// tell writes the report and gives the exit code.
func (d *discovering) tell(inventory *discovery.Inventory, out io.Writer) (int, error) {
	found := d.findings()
	rep := &report.Report{Tool: report.Tool{Name: "farrier discover"}, Made: d.o.Now, Findings: found}
	o := &d.o.Output
	view := d.view(inventory, found)
	var write func(io.Writer) error
	switch {
	case d.csv:
		write = func(w io.Writer) error { return export.CSV(w, inventory.Operations, view) }
	case o.format == report.JSON:
		write = func(w io.Writer) error { return export.JSON(w, inventory.Operations, view) }
	case o.format == report.HTML:
		write = func(w io.Writer) error { return export.HTML(w, inventory.Operations, view) }
	case o.format == report.Text:
		write = func(w io.Writer) error { return d.text(w, inventory, rep) }
	default:
		return o.write(rep, out)
	}
	return o.writeOwn(rep, out, write)
}

// text is the report for people.
func (d *discovering) text(out io.Writer, inventory *discovery.Inventory, rep *report.Report) error {
	var b bytes.Buffer
	states := d.states()
	for _, host := range hosts(inventory) {
		fmt.Fprintf(&b, "%s\n", report.Visible(host))
		w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		for _, op := range inventory.Operations {
			if op.Host == host {
				fmt.Fprintf(w, "  %s\t%s\t%d calls\t%s\t%s\t%s\n", report.Visible(op.Method), report.Visible(pathOf(op)), op.Requests,
					words(states[op.Key]), authenticationOf(op), dataOf(op))
			}
		}
		if err := w.Flush(); err != nil {
			return err
		}
		b.WriteByte('\n')
	}
	d.summary(&b, inventory)
	if _, err := b.WriteTo(out); err != nil {
		return err
	}
	if len(d.described) == 0 {
		return nil
	}
	return report.Write(out, report.Text, rep)
}

// summary is one paragraph on what was read and found.
func (d *discovering) summary(b *bytes.Buffer, inventory *discovery.Inventory) {
	stats := d.learner.Stats()
	fmt.Fprintf(b, "%d operations from %d requests", len(inventory.Operations), stats.Observed)
	if stats.Candidates > 0 {
		fmt.Fprintf(b, "; %d more are not listed (--why \"METHOD PATH\" says why)", stats.Candidates)
	}
	b.WriteString(".\n")
	for _, c := range d.counts {
		for _, problem := range c.problems {
			fmt.Fprintf(b, "%s: %s\n", c.name, report.Visible(problem))
		}
	}
	if len(d.described) == 0 {
		b.WriteString("Nothing was given to compare with: --spec FILE and --project PATH tell shadow, zombie and orphan operations apart.\n")
	}
	for _, note := range d.judged.Notes {
		fmt.Fprintf(b, "%s\n", report.Visible(note.Text))
	}
}

func pathOf(op *discovery.Operation) string {
	path := op.Path
	if op.Name != "" {
		path += " " + op.Name
	}
	if op.Version != "" {
		path += " [" + op.Version + "]"
	}
	return path
}

func words(states []discovery.State) string {
	out := make([]string, len(states))
	for i, s := range states {
		out[i] = string(s)
	}
	return strings.Join(out, " ")
}

// authenticationOf says by what its callers prove who they are.
func authenticationOf(op *discovery.Operation) string {
	var kinds []string
	for kind := range op.Authentication {
		if kind != discovery.NoAuthentication {
			kinds = append(kinds, string(kind))
		}
	}
	slices.Sort(kinds)
	switch op.AuthenticationStatus() {
	case "missing":
		return "no authentication"
	case "partial":
		return "sometimes " + strings.Join(kinds, ", ")
	case "consistent":
		return strings.Join(kinds, ", ")
	}
	return ""
}

// dataOf are the classes of sensitive data in an operation.
func dataOf(op *discovery.Operation) string {
	var classes []string
	for _, one := range op.Data() {
		classes = append(classes, string(one.Class))
	}
	slices.Sort(classes)
	return strings.Join(slices.Compact(classes), ", ")
}
