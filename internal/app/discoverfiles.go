package app

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/export"
	"farrier.dev/farrier/internal/discovery/judge/patch"
	"farrier.dev/farrier/internal/discovery/known"
	"farrier.dev/farrier/internal/discovery/risk"
	"farrier.dev/farrier/internal/finding"
)

// states are those of all operations, the described ones that nobody called among them.
func (d *discovering) states() map[discovery.Key][]discovery.State {
	out := make(map[discovery.Key][]discovery.State, len(d.judged.Operations))
	for i := range d.judged.Operations {
		j := &d.judged.Operations[i]
		out[j.Operation.Key] = j.States
	}
	return out
}

// orphans are the described operations that nobody called.
func (d *discovering) orphans() []discovery.Key {
	out := make([]discovery.Key, len(d.judged.Orphans))
	for i := range d.judged.Orphans {
		o := &d.judged.Orphans[i]
		out[i] = discovery.Key{Host: known.Host(d.judged.Description(o.Description)), Method: o.Method, Path: o.Base + o.Path}
	}
	return out
}

// view is what reports tell beside the operations.
func (d *discovering) view(inventory *discovery.Inventory, found []finding.Finding) export.Options {
	o := export.Options{
		Made: d.o.Now, States: d.states(), Orphans: d.orphans(), Findings: found, Edges: inventory.Edges,
		Labels: map[discovery.Key][]string{}, Scores: map[discovery.Key]int{},
	}
	byOperation := map[string][]finding.Finding{}
	for _, f := range found {
		byOperation[f.Location.Operation] = append(byOperation[f.Location.Operation], f)
	}
	for i := range d.judged.Operations {
		j := &d.judged.Operations[i]
		o.Drift = append(o.Drift, j.Drift...)
		for _, l := range risk.Labels(j.Operation) {
			o.Labels[j.Operation.Key] = append(o.Labels[j.Operation.Key], l.Name)
		}
		o.Scores[j.Operation.Key] = risk.Score(j.Operation, risk.Facts{
			States: j.States, Drift: j.Drift, PoliciesUnknown: true,
			Findings: finding.Summarise(byOperation[j.Operation.Method+" "+j.Operation.Path]),
		}, d.weights).Total
	}
	return o
}

// writePatch writes what descriptions lack, as one patch.
func (d *discovering) writePatch() error {
	if d.o.Patch == "" {
		return nil
	}
	if len(d.described) == 0 {
		return errors.New("--patch: name the descriptions to change with --spec")
	}
	var all strings.Builder
	for i := range d.described {
		if d.described[i].Origin != "specification" {
			continue
		}
		result, err := patch.Of(d.judged, i)
		if err != nil {
			warn("%s: %v", d.described[i].Name, err)
			continue
		}
		for _, skipped := range result.Skipped {
			warn("%s: %s %s is not in the patch: %s", d.described[i].Name, skipped.Key, skipped.Place, skipped.Why)
		}
		all.WriteString(relocated(result.Diff, d.roots[i]))
	}
	return writeFile(d.o.Patch, func(w io.Writer) error {
		_, err := io.WriteString(w, all.String())
		return err
	})
}

// relocated gives the names of files in a patch as seen from the working directory.
func relocated(diff, root string) string {
	if root == "" || root == "." {
		return diff
	}
	lines := strings.SplitAfter(diff, "\n")
	for i, line := range lines {
		for _, mark := range []string{"--- a/", "+++ b/"} {
			if rest, ok := strings.CutPrefix(line, mark); ok && (i == 0 || !strings.HasPrefix(lines[max(i-1, 0)], "@@")) {
				lines[i] = fmt.Sprintf("%s%s", mark, filepath.ToSlash(filepath.Join(root, rest)))
			}
		}
	}
	return strings.Join(lines, "")
}
