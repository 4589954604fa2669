package scan

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/classify"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/mule"
)

// findings are what was found, as others read it, in the order of files and lines.
func (j *judge) findings() []finding.Finding {
	out := make([]finding.Finding, 0, len(j.found))
	slices.SortStableFunc(j.found, func(a, b *found) int {
		return cmp.Or(strings.Compare(fileName(a.File), fileName(b.File)), cmp.Compare(a.Span.Start, b.Span.Start), strings.Compare(a.asked.ID, b.asked.ID))
	})
	names := map[string]int{}
	for _, r := range j.found {
		f := finding.Finding{
			Rule: r.asked.ID, Severity: r.severity(), Title: r.asked.Title, Message: r.Message, Location: j.places.location(r.Place),
			Excerpt: excerpt(r.File, r.Span.Start), Taxonomy: r.asked.Taxonomy, Confidence: cmp.Or(r.Confidence, r.asked.Confidence),
			Fix: r.asked.Mend, Repair: r.fix,
		}
		if r.File == nil {
			f.Location.File = j.project.Dir
		}
		f.Location.Place = j.places.stable(r.Place, r.Detail)
		for _, step := range r.Way {
			f.Way = append(f.Way, finding.Step{Location: j.places.location(step.At), Message: step.Message, Excerpt: excerpt(step.At.File, step.At.Span.Start)})
		}
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

// excerpt is the line of a file at a place, without secrets.
func excerpt(f *mule.File, offset int) string {
	if f == nil {
		return ""
	}
	line := lineAt(f.Text, offset)
	start := min(max(offset, 0), len(f.Text)) - lineStart(f.Text, offset)
	if len(line) > 4*maxExcerpt && start > 2*maxExcerpt {
		line = line[start-maxExcerpt:]
	}
	text := strings.ToValidUTF8(string(line[:min(len(line), 4*maxExcerpt)]), "")
	text = strings.TrimSpace(masked(text))
	if len(text) > maxExcerpt {
		text = cut(text, maxExcerpt-len("…"))
	}
	return text
}

func lineStart(text []byte, offset int) int {
	offset = min(max(offset, 0), len(text))
	for offset > 0 && text[offset-1] != '\n' {
		offset--
	}
	return offset
}

// pair is a name with its value, as XML, properties, YAML, JSON, DataWeave and Java
// write it.
var pair = regexp.MustCompile(`([\w.:@-]+)(["']?\s*(?:=>|[:=])\s*)("[^"]*"?|'[^']*'?|[^\s"'<>,;]+)`)

// tagged is an element with text.
var tagged = regexp.MustCompile(`<([\w.:-]+)((?:\s[^<>]*)?)>([^<>]+)`)

// masked is a line without the values that names tell to be secret, and without
// what looks like one.
func masked(line string) string {
	line = pair.ReplaceAllStringFunc(line, func(s string) string {
		m := pair.FindStringSubmatch(s)
		if !classify.SecretName(m[1]) || reference(strings.Trim(m[3], `"'`)) {
			return s
		}
		quote := ""
		if m[3][0] == '"' || m[3][0] == '\'' {
			quote = m[3][:1]
		}
		return m[1] + m[2] + quote + "…" + quote
	})
	line = tagged.ReplaceAllStringFunc(line, func(s string) string {
		m := tagged.FindStringSubmatch(s)
		if !classify.SecretName(m[1]) || reference(strings.TrimSpace(m[3])) {
			return s
		}
		return "<" + m[1] + m[2] + ">…"
	})
	return classify.Redact(line)
}

// reference says whether a value is no secret itself, but tells where one is.
func reference(value string) bool {
	return value == "" || strings.HasPrefix(value, "${") || strings.HasPrefix(value, "#[") || strings.HasPrefix(value, "p(") || value == "true" || value == "false"
}
