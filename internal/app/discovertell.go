package app

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/export"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/finding/report"
)

// tell writes the report and gives the exit code.
func (d *discovering) tell(inventory *discovery.Inventory, out io.Writer) (int, error) {
	found := d.findings()
	rep := &report.Report{Tool: report.Tool{Name: "farrier discover"}, Made: d.o.Now, Findings: found}
	o := &d.o.Output
	view := d.view(inventory, found)
	if o.baseline != nil {
		view.Known = o.baseline.Knows
	}
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
		if o.format == report.SARIF {
			rep.Findings = d.placed(found)
		}
		return o.write(rep, out)
	}
	return o.writeOwn(rep, out, write)
}

// placed are findings of which each has a file: pages that show SARIF beside code leave
// out what stands nowhere. What no description has is missing in the first one.
func (d *discovering) placed(found []finding.Finding) []finding.Finding {
	out := slices.Clone(found)
	for i := range out {
		if at := &out[i].Location; at.File == "" && len(d.shown) > 0 {
			at.File, at.Line = d.shown[0](d.described[0].Document.File), 1
		}
	}
	return out
}

// text is the report for people.
func (d *discovering) text(out io.Writer, inventory *discovery.Inventory, rep *report.Report) error {
	var b bytes.Buffer
	states := d.states()
	for _, host := range hosts(inventory) {
		if host == "*" {
			b.WriteString("no host in the source (--host names one)\n")
		} else {
			fmt.Fprintf(&b, "%s\n", report.Visible(host))
		}
		var table bytes.Buffer
		w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
		for _, op := range inventory.Operations {
			if op.Host == host {
				_, _ = fmt.Fprintf(w, "  %s\t%s\t%s\t%s%s\t%s\n", report.Visible(op.Method), report.Visible(pathOf(op)), times(op.Requests, "call"),
					d.column(states[op.Key]), authenticationOf(op), dataOf(op))
			}
		}
		if err := w.Flush(); err != nil {
			return err
		}
		for line := range strings.Lines(table.String()) {
			b.WriteString(strings.TrimRight(line, " \n") + "\n")
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
	fmt.Fprintf(b, "%s from %s", times(uint64(len(inventory.Operations)), "operation"), times(stats.Observed, "request"))
	if stats.Candidates > 0 {
		fmt.Fprintf(b, "; %d more are not listed (--why \"METHOD PATH\" says why)", stats.Candidates)
	}
	b.WriteString(".\n")
	if taught := rejected(stats); taught != "" {
		fmt.Fprintf(b, "Calls that taught nothing: %s.\n", taught)
	}
	for _, c := range d.counts {
		for _, problem := range c.problems {
			if !strings.HasPrefix(problem, c.name) { // the files of a folder stand there already
				problem = c.name + ": " + problem
			}
			fmt.Fprintf(b, "%s\n", report.Visible(problem))
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

// column are the states of an operation as a column; where there was nothing to compare
// with, all are shadows, which says nothing.
func (d *discovering) column(states []discovery.State) string {
	if len(d.described) == 0 {
		return ""
	}
	return words(states) + "\t"
}

func words(states []discovery.State) string {
	out := make([]string, len(states))
	for i, s := range states {
		out[i] = string(s)
	}
	return strings.Join(out, " ")
}

// rejected says what taught nothing, the most frequent reason first.
func rejected(stats discovery.Stats) string {
	reasons := slices.Collect(maps.Keys(stats.Rejected))
	slices.SortFunc(reasons, func(a, b string) int {
		return cmp.Or(cmp.Compare(stats.Rejected[b], stats.Rejected[a]), strings.Compare(a, b))
	})
	for i, reason := range reasons {
		reasons[i] = fmt.Sprintf("%d %s", stats.Rejected[reason], reason)
	}
	return strings.Join(reasons, ", ")
}

func times(n uint64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
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
	return "authentication unknown" // as of logs, which do not write the fields of requests
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
