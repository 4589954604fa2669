package report

import (
	"bufio"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/finding"
)

// Colours of severities on a terminal (ECMA-48, select graphic rendition).
const (
	plain = "\x1b[0m"
	faint = "\x1b[2m"
)

func colour(s finding.Severity) string {
	switch s {
	case finding.Critical:
		return "\x1b[1;31m"
	case finding.High:
		return "\x1b[31m"
	case finding.Medium:
		return "\x1b[33m"
	case finding.Low:
		return "\x1b[36m"
	case finding.Info:
	}
	return faint
}

// writeText writes findings as compilers do, one on a line, and a line that
// sums up. Errors of the writer show when it is flushed.
func writeText(w *bufio.Writer, r *Report, colours bool) {
	paint := func(code, text string) string {
		if !colours {
			return text
		}
		return code + text + plain
	}
	seen, mended := map[string]bool{}, map[string]bool{}
	for _, g := range r.groups() {
		slices.SortStableFunc(g.findings, byLine)
		for i := range g.findings {
			f := &g.findings[i]
			if seen[identity(*f)] || f.Suppressed != "" {
				continue
			}
			seen[identity(*f)] = true
			line := paint(colour(f.Severity), f.Severity.String()) + " " + visible(f.Rule) + ": " + visible(f.Message)
			if at := spot(f.Location); at != "" {
				line = visible(at) + ": " + line
			}
			if f.Fix != "" && !ofSource(f) {
				line += " (" + visible(f.Fix) + ")"
			}
			if r.Baseline.Knows(*f) {
				line += paint(faint, " [baseline]")
			}
			_, _ = w.WriteString(position(f.Location) + line + "\n")
			writeSource(w, f, !mended[f.Fix], func(text string) string { return paint(faint, text) })
			mended[f.Fix] = true
		}
	}
	for _, e := range r.Stale() {
		_, _ = fmt.Fprintf(w, "%s: no longer found: %s at %s\n", visible(r.Baseline.name), visible(e.Rule), visible(strings.TrimSpace(e.File+" "+e.Where)))
	}
	_, _ = w.WriteString(r.line() + "\n")
}

// ofSource says whether a finding shows the line of a file.
func ofSource(f *finding.Finding) bool { return f.Location.File != "" && f.Excerpt != "" }

// writeSource writes the line of the source, the way of the data and, where the
// reader has not seen it yet, how to mend it.
func writeSource(w *bufio.Writer, f *finding.Finding, mend bool, paint func(string) string) {
	if ofSource(f) {
		_, _ = fmt.Fprintf(w, "%s%s\n", paint(fmt.Sprintf("  %5d | ", f.Location.Line)), visible(f.Excerpt))
	}
	for i, s := range f.Way {
		_, _ = fmt.Fprintf(w, "%s %s\n", paint(fmt.Sprintf("  %5d.", i+1)), position(s.Location)+visible(s.Message))
	}
	if ofSource(f) && f.Fix != "" && mend {
		_, _ = fmt.Fprintf(w, "%s%s\n", paint("        = "), visible(f.Fix))
	}
}

// spot is the place of a finding that stands beside its line: a JSON pointer says
// no more than that.
func spot(at finding.Location) string {
	if at.File != "" && at.Line > 0 && (at.Operation == "" || strings.HasPrefix(at.Place, "#")) {
		return ""
	}
	return where(at)
}

func byLine(a, b finding.Finding) int {
	return cmp.Or(
		strings.Compare(a.Location.File, b.Location.File),
		cmp.Compare(a.Location.Line, b.Location.Line),
		cmp.Compare(a.Location.Column, b.Location.Column),
	)
}

// position is "file:line:column: ", without what is not known.
func position(at finding.Location) string {
	if at.File == "" {
		return ""
	}
	out := visible(at.File)
	if at.Line > 0 {
		if out += fmt.Sprintf(":%d", at.Line); at.Column > 0 {
			out += fmt.Sprintf(":%d", at.Column)
		}
	}
	return out + ": "
}

// line sums up in one line.
func (r *Report) line() string {
	fresh := r.New()
	text := "no findings"
	if len(fresh) > 0 {
		text = fmt.Sprintf("%d %s: %s", len(fresh), plural(len(fresh), "finding"), counted(finding.Summarise(fresh)))
	}
	known, suppressed := r.let()
	if known > 0 {
		text += fmt.Sprintf("; %d in the baseline", known)
	}
	if suppressed > 0 {
		text += fmt.Sprintf("; %d suppressed in the source", suppressed)
	}
	if r.Files != nil {
		conform := 0
		for i := range r.Files {
			if r.Files[i].Conforms {
				conform++
			}
		}
		text += fmt.Sprintf("; %d of %d %s conform", conform, len(r.Files), plural(len(r.Files), "file"))
	}
	return text
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

// counted is "1 critical, 2 low", without what there is none of.
func counted(s finding.Summary) string {
	var parts []string
	for _, c := range counts(s) {
		if c.Count > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c.Count, c.Severity))
		}
	}
	return strings.Join(parts, ", ")
}

// count is how many findings of a severity there are.
type count struct {
	Severity finding.Severity
	Count    int
}

// counts are the numbers of a summary, the worst first.
func counts(s finding.Summary) []count {
	return []count{
		{finding.Critical, s.Critical}, {finding.High, s.High}, {finding.Medium, s.Medium}, {finding.Low, s.Low}, {finding.Info, s.Info},
	}
}
