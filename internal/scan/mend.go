package scan

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"unicode"

	"github.com/rogpeppe/go-internal/diff"

	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/scan/repair"
)

// Mended is what repairs made of the files of a scan. Files are not written.
type Mended struct {
	// Report is that of the scan before.
	Report *Report
	// Files are those that change, in the order of their names.
	Files []MendedFile
	// Fixed are the findings that are gone.
	Fixed []finding.Finding
	// Skipped are findings with a repair that could not be made, or was not proven.
	Skipped []Skipped
}

// MendedFile is a file before and after.
type MendedFile struct {
	// Path is the file's name as people know it.
	Path          string
	Before, After []byte
}

// Skipped is a finding that was not mended, and why.
type Skipped struct {
	Finding finding.Finding
	Reason  string
}

// Patch is the change of a file as a unified diff.
func (f *MendedFile) Patch() []byte {
	return diff.Diff("a/"+f.Path, f.Before, "b/"+f.Path, f.After)
}

// Mend scans projects and repairs what they hold: what is safe, or all. A repair
// counts only when everything can still be read, its finding is gone, and no new
// one has come; those that touch the same bytes as another are left for the next
// time.
func Mend(ctx context.Context, projects Source, o Options, all bool) (*Mended, error) {
	out := &Mended{}
	seen := map[string]bool{}
	o.mended = func(p *plan, project *mule.Project, findings []finding.Finding) error {
		m := newMending(p, project, findings, all)
		m.seen = seen
		if err := m.mend(ctx); err != nil {
			return err
		}
		out.Fixed, out.Skipped = append(out.Fixed, m.fixed...), append(out.Skipped, m.skipped...)
		for _, name := range sortedKeys(m.texts) {
			f := project.Files[name]
			seen[f.Path] = true
			out.Files = append(out.Files, MendedFile{Path: f.Path, Before: f.Text, After: m.texts[name]})
		}
		return nil
	}
	report, err := Run(ctx, projects, o)
	if err != nil {
		return nil, err
	}
	out.Report = report
	slices.SortFunc(out.Files, func(a, b MendedFile) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

// mending is the repair of one project.
type mending struct {
	plan    *plan
	project *mule.Project
	// paths are the files by the names that findings have for them.
	paths map[string]*mule.File
	// seen are files that other projects have changed.
	seen       map[string]bool
	candidates []*candidate
	before     tally
	accepted   []*candidate

	texts   map[string][]byte
	fixed   []finding.Finding
	skipped []Skipped
}

// candidate is a finding and its edits, by the names of files in the project.
type candidate struct {
	finding finding.Finding
	edits   map[string]repair.Set
}

func newMending(p *plan, project *mule.Project, findings []finding.Finding, all bool) *mending {
	m := &mending{plan: p, project: project, paths: map[string]*mule.File{}, texts: map[string][]byte{}}
	for _, f := range project.Files {
		m.paths[f.Path] = f
	}
	for _, f := range findings {
		if f.Repair != nil && f.Suppressed == "" && (all || f.Repair.Safe) {
			m.candidates = append(m.candidates, &candidate{finding: f})
		}
	}
	// The worst first: what keeps another repair from being proven is left.
	slices.SortStableFunc(m.candidates, func(a, b *candidate) int { return cmp.Compare(b.finding.Severity, a.finding.Severity) })
	return m
}

// maxMended bounds the repairs of one project in one pass.
const maxMended = 2_000

// mend makes what can be made.
func (m *mending) mend(ctx context.Context) error {
	var free []*candidate
	for i, c := range m.candidates {
		reason := m.resolve(c)
		if reason == "" && i >= maxMended {
			reason = "there are too many repairs for one time"
		}
		if reason == "" && slices.ContainsFunc(free, c.touches) {
			reason = "another repair changes the same place; mend again for this one"
		}
		if reason != "" {
			m.skip(c, reason)
			continue
		}
		free = append(free, c)
	}
	if len(free) == 0 {
		return nil
	}
	before, err := m.judged(ctx, nil)
	if err != nil {
		return fmt.Errorf("reading the project again: %w", err)
	}
	m.before = before
	m.try(ctx, free)
	return ctx.Err()
}

// resolve finds the files of the edits of a candidate; it says why that is not
// possible.
func (m *mending) resolve(c *candidate) string {
	c.edits = map[string]repair.Set{}
	for _, e := range c.finding.Repair.Edits {
		f := m.paths[e.File]
		switch {
		case f == nil:
			return "the repair changes " + e.File + ", which is no file of this project"
		case strings.ContainsFunc(f.Path, unicode.IsControl):
			return "a name with control characters can't stand in a patch"
		case m.seen[f.Path]:
			return "another project shares " + e.File + " and has changed it; mend again for this one"
		}
		c.edits[f.Name] = append(c.edits[f.Name], repair.Edit{Start: e.Start.Offset, End: e.End.Offset, Text: e.Text})
	}
	return ""
}

func (c *candidate) touches(other *candidate) bool {
	for name, edits := range c.edits {
		if repair.Overlap(name, edits, other.edits[name]) {
			return true
		}
	}
	return false
}

func (m *mending) skip(c *candidate, reason string) {
	m.skipped = append(m.skipped, Skipped{c.finding, reason})
}

// try makes repairs on top of those accepted: all at once if that can be proven,
// otherwise by halves, so that one that can't be does not keep the others back.
func (m *mending) try(ctx context.Context, some []*candidate) {
	reason := m.prove(ctx, slices.Concat(m.accepted, some))
	switch {
	case ctx.Err() != nil:
	case reason == "":
		m.accepted = append(m.accepted, some...)
		for _, c := range some {
			m.fixed = append(m.fixed, c.finding)
		}
		m.texts, _ = m.applied(m.accepted) // was applied before
	case len(some) == 1:
		m.skip(some[0], reason)
	default:
		m.try(ctx, some[:len(some)/2])
		m.try(ctx, some[len(some)/2:])
	}
}

// applied are the texts of the files that some candidates change.
func (m *mending) applied(some []*candidate) (map[string][]byte, error) {
	edits := map[string]repair.Set{}
	for _, c := range some {
		for name, of := range c.edits {
			edits[name] = repair.Merge(edits[name], of)
		}
	}
	texts := map[string][]byte{}
	for name, of := range edits {
		before := m.project.Files[name].Text
		after, err := repair.Apply(before, of)
		if err != nil {
			return nil, err
		}
		if err := repair.Readable(name, before, after); err != nil {
			return nil, err
		}
		texts[name] = after
	}
	return texts, nil
}

// prove says why repairs may not be made together, empty for nothing.
func (m *mending) prove(ctx context.Context, some []*candidate) string {
	texts, err := m.applied(some)
	if err != nil {
		return err.Error()
	}
	after, err := m.judged(ctx, texts)
	if err != nil {
		return err.Error()
	}
	fixed := map[string]int{}
	for _, c := range some {
		fixed[c.finding.Rule]++
	}
	for _, rule := range sortedKeys(fixed) {
		if after.rules[rule] > m.before.rules[rule]-fixed[rule] {
			return "the finding of " + rule + " would still be there"
		}
	}
	for _, key := range sortedKeys(after.places) {
		if after.places[key] > m.before.places[key] {
			rule, place, _ := strings.Cut(key, " ")
			return fmt.Sprintf("a new finding of %s would appear at %s", rule, place)
		}
	}
	return ""
}

// tally counts findings by rule, and by rule, file and place.
type tally struct{ rules, places map[string]int }

// judged reads and judges the project with other texts.
func (m *mending) judged(ctx context.Context, texts map[string][]byte) (tally, error) {
	files := make(map[string]string, len(m.project.Files))
	for name, f := range m.project.Files {
		if fs.ValidPath(name) { // others, which are no text, are read from disk only
			files[name] = string(f.Text)
		}
	}
	for name, text := range texts {
		files[name] = string(text)
	}
	p, err := mule.ReadFiles(m.project.Dir, files)
	if err != nil {
		return tally{}, fmt.Errorf("reading what was mended: %w", err)
	}
	p.Shared, p.DomainName, p.Libraries = m.project.Shared, m.project.DomainName, m.project.Libraries
	j := m.plan.judged(ctx, p)
	out := tally{map[string]int{}, map[string]int{}}
	for _, f := range j.findings() {
		out.rules[f.Rule]++
		out.places[f.Rule+" "+f.Location.File+" "+f.Location.Place]++
	}
	for _, r := range j.silenced {
		out.rules[r.asked.ID]++
		if texts == nil {
			// What speaks only because another has gone silent is nothing new.
			out.places[r.asked.ID+" "+j.places.location(r.Place).File+" "+j.places.stable(r.Place, r.Detail)]++
		}
	}
	return out, nil
}
