package app

import (
	"errors"
	"io"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/export"
	"farrier.dev/farrier/internal/discovery/judge/patch"
	"farrier.dev/farrier/internal/discovery/known"
	"farrier.dev/farrier/internal/discovery/risk"
	"farrier.dev/farrier/internal/finding"
)

// states are those of all operations. Where the sources are younger than what is new,
// everything would be.
func (d *discovering) states() map[discovery.Key][]discovery.State {
	short := d.latest.Sub(d.first) < discovery.NewFor
	out := make(map[discovery.Key][]discovery.State, len(d.judged.Operations))
	for i := range d.judged.Operations {
		j := &d.judged.Operations[i]
		states := slices.Clone(j.States)
		if short {
			states = slices.DeleteFunc(states, func(s discovery.State) bool { return s == discovery.Fresh })
		}
		out[j.Operation.Key] = states
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
			States: o.States[j.Operation.Key], Drift: j.Drift, PoliciesUnknown: true,
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
			warn("%s: %s is not in the patch: %s", d.described[i].Name, strings.TrimSpace(skipped.String()+" "+skipped.Place), skipped.Why)
		}
		all.WriteString(relocated(result.Diff, d.roots[i]))
	}
	return writeFile(d.o.Patch, func(w io.Writer) error {
		_, err := io.WriteString(w, all.String())
		return err
	})
}

// relocated gives the names of files in a patch as seen from the working directory,
// where git apply looks for them.
func relocated(diff, root string) string {
	if filepath.IsAbs(root) {
		if here, err := below(".", root); err == nil {
			root = here
		}
	}
	if root = filepath.ToSlash(filepath.Clean(root)); root == "." {
		return diff
	}
	var out strings.Builder
	old, added := 0, 0
	for line := range strings.Lines(diff) {
		mark := ""
		switch {
		case old > 0 || added > 0: // inside a hunk, where lines may look like names of files
			switch line[0] {
			case '-':
				old--
			case '+':
				added--
			case ' ', '\n':
				old, added = old-1, added-1
			}
		case strings.HasPrefix(line, "@@"):
			old, added = hunkLines(line)
		case strings.HasPrefix(line, "--- a/"), strings.HasPrefix(line, "+++ b/"):
			mark = line[:len("--- a/")]
		}
		if mark != "" {
			line = mark + path.Join(root, strings.TrimSuffix(line[len(mark):], "\n")) + "\n"
		}
		out.WriteString(line)
	}
	return out.String()
}

// hunkLines reads how many lines of the old and of the new file follow its head.
func hunkLines(head string) (old, added int) {
	fields := strings.Fields(head)
	if len(fields) < 3 {
		return 0, 0
	}
	count := func(field string) int {
		_, text, found := strings.Cut(field, ",")
		if !found {
			return 1
		}
		n, err := strconv.Atoi(text)
		if err != nil {
			return 0
		}
		return n
	}
	return count(fields[1]), count(fields[2])
}

// locate gives the files of all that was concluded as people know them; the judge knows
// them by their names inside of their projects.
func (d *discovering) locate() {
	shown := func(description int, file *string) {
		if description < len(d.shown) && *file != "" {
			*file = d.shown[description](*file)
		}
	}
	for i := range d.judged.Operations {
		j := &d.judged.Operations[i]
		if j.Described == nil {
			continue
		}
		shown(j.Described.Description, &j.Described.File)
		for k := range j.Drift {
			shown(j.Described.Description, &j.Drift[k].File)
		}
	}
	for i := range d.judged.Orphans {
		shown(d.judged.Orphans[i].Description, &d.judged.Orphans[i].File)
	}
	for i := range d.judged.Notes {
		if p := d.judged.Notes[i].Place; p != nil {
			shown(p.Description, &p.File)
		}
	}
}
