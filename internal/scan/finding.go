package scan

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/classify"
	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/scan/check"
)

// findings are what was found, as others read it, in the order of files and lines.
func (j *judge) findings() []finding.Finding {
	out := make([]finding.Finding, 0, len(j.found))
	slices.SortStableFunc(j.found, func(a, b *found) int {
		return cmp.Or(strings.Compare(fileName(a.File), fileName(b.File)), cmp.Compare(a.Span.Start, b.Span.Start), strings.Compare(a.asked.ID, b.asked.ID))
	})
	names := map[string]int{}
	secrets := j.secrets()
	for _, r := range j.found {
		f := finding.Finding{
			Rule: r.asked.ID, Severity: r.severity(), Title: r.asked.Title, Message: r.Message, Location: j.places.location(r.Place),
			Excerpt: excerpt(r.File, r.Span.Start, secrets[r.File]...), Taxonomy: r.asked.Taxonomy, Confidence: cmp.Or(r.Confidence, r.asked.Confidence),
			Fix: r.asked.Mend, Repair: r.fix,
		}
		if r.File == nil {
			f.Location.File = j.project.Dir
		}
		f.Location.Place = j.places.stable(r.Place, r.Detail)
		for _, step := range r.Way {
			f.Way = append(f.Way, finding.Step{Location: j.places.location(step.At), Message: step.Message, Excerpt: excerpt(step.At.File, step.At.Span.Start, secrets[step.At.File]...)})
		}
		f.Inlets = inlets(r.Hits)
		// Places that are not told apart otherwise are numbered.
		key := f.Rule + "\x00" + f.Location.File + "\x00" + f.Location.Place
		if names[key]++; names[key] > 1 {
			f.Location.Place = strings.TrimSpace(f.Location.Place + " #" + strconv.Itoa(names[key]))
		}
		f.Fingerprint = finding.Fingerprint(f.Rule, f.Location)
		out = append(out, f)
	}
	return out
}

func fileName(f *mule.File) string {
	if f == nil {
		return ""
	}
	return f.Path
}

// severity is what the settings say, else what the report says, else that of the
// rule.
func (r *found) severity() finding.Severity {
	return cmp.Or(r.asked.severity, r.Severity, r.asked.Severity)
}

const maxExcerpt = 200

// excerpt is the line of a file at a place, without the secrets that are known, in
// their order, and without what looks like one. Of a long line it is the part at the
// place.
func excerpt(f *mule.File, offset int, secrets ...document.Span) string {
	if f == nil {
		return ""
	}
	offset = min(max(offset, 0), len(f.Text))
	begin, end := max(offset-4*maxExcerpt, 0), min(offset+4*maxExcerpt, len(f.Text))
	begin += bytes.LastIndexByte(f.Text[begin:offset], '\n') + 1
	if i := bytes.IndexByte(f.Text[offset:end], '\n'); i >= 0 {
		end = offset + i
	}
	if first := offset - maxExcerpt; first-begin > maxExcerpt {
		secrets = withFound(secrets, f.Text[begin:end], begin)
		begin = first
	}
	text := strings.ToValidUTF8(leftOut(f.Text[begin:end], begin, secrets), "")
	text = strings.TrimSpace(masked(text))
	if len(text) > maxExcerpt {
		text = cut(text, maxExcerpt-len("…"))
	}
	return text
}

// secrets are the places of those that are known in files with findings.
func (j *judge) secrets() map[*mule.File][]document.Span {
	if j.known == nil && len(j.found) > 0 {
		j.known = check.SecretSpans(check.New(context.Background(), j.project, j.taint, nil, nil))
	}
	return j.known
}

// maxApart is how many secrets one edit may leave alone.
const maxApart = 32

// apart is an edit as several, which leave the secrets alone that it would write
// again as they are, for reports show what is written; nil where they are too many.
func apart(e check.Edit, secrets []document.Span) []check.Edit {
	var out []check.Edit
	for range maxApart {
		old := string(e.File.Text[e.Span.Start:e.Span.End])
		from, to, length := firstMoved(old, e, secrets)
		if length == 0 {
			return append(out, e)
		}
		before := e
		before.Span.End, before.Text = e.Span.Start+from, e.Text[:to]
		if before.Span.Len() > 0 || before.Text != "" {
			out = append(out, before)
		}
		e.Span.Start, e.Text = e.Span.Start+from+length, e.Text[to+length:]
	}
	return nil
}

// firstMoved is the first secret that stands in what an edit replaces and in what it
// writes: where in both, and how long; 0 for none.
func firstMoved(old string, e check.Edit, secrets []document.Span) (from, to, length int) {
	take := func(secret string) {
		i, k := strings.Index(old, secret), strings.Index(e.Text, secret)
		if secret != "" && i >= 0 && k >= 0 && (length == 0 || k < to) {
			from, to, length = i, k, len(secret)
		}
	}
	for _, m := range classify.Find(e.Text) {
		take(e.Text[m.Start:m.End])
	}
	for _, s := range secrets {
		if s.Start >= e.Span.Start && s.End <= e.Span.End {
			take(string(e.File.Text[s.Start:s.End]))
		}
	}
	return from, to, length
}

// withFound are secrets and those that a part of a file shows by names that stand
// before them, which an excerpt may not hold.
func withFound(secrets []document.Span, part []byte, begin int) []document.Span {
	var out []document.Span
	for _, s := range secrets {
		if s.Start < begin+len(part) && s.End > begin {
			out = append(out, s)
		}
	}
	for _, m := range classify.Find(string(part)) {
		out = append(out, document.Span{Start: begin + m.Start, End: begin + m.End})
	}
	slices.SortFunc(out, func(a, b document.Span) int { return cmp.Compare(a.Start, b.Start) })
	return out
}

// leftOut is a part of a file, which begins at an offset, with "[secret]" in the
// place of secrets.
func leftOut(part []byte, begin int, secrets []document.Span) string {
	var b strings.Builder
	done := 0
	for _, s := range secrets {
		from, to := max(s.Start-begin, done), min(s.End-begin, len(part))
		if from < to {
			b.Write(part[done:from])
			b.WriteString("[secret]")
			done = to
		}
	}
	b.Write(part[done:])
	return b.String()
}

func lineStart(text []byte, offset int) int {
	offset = min(max(offset, 0), len(text))
	for offset > 0 && text[offset-1] != '\n' {
		offset--
	}
	return offset
}

// masked is a line without what names or forms tell to be secret.
func masked(line string) string { return classify.Redact(line) }
