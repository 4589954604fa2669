package report

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/finding"
)

// maxBaseline is the greatest size in bytes of a baseline that is read.
const maxBaseline = 32 << 20

// Baseline is findings that are known and do not make a run fail. A nil one
// knows none.
type Baseline struct {
	name    string
	entries []Entry
	known   map[string]bool
}

// Entry is one known finding. Only the fingerprint counts; the rest tells people
// what it is.
type Entry struct {
	Fingerprint string `json:"fingerprint"`
	Rule        string `json:"rule"`
	// File is empty where a finding is of no file.
	File string `json:"file,omitempty"`
	// Where is the place, without a line, which would change with every edit.
	Where string `json:"where,omitempty"`
}

// baselineFile is format version 1.
type baselineFile struct {
	Version  int     `json:"version"`
	Findings []Entry `json:"findings"`
}

// Knows says whether a finding is in the baseline.
func (b *Baseline) Knows(f finding.Finding) bool {
	if b == nil {
		return false
	}
	if f.Fingerprint == "" {
		f.Fingerprint = finding.Fingerprint(f.Rule, f.Location)
	}
	return b.known[f.Fingerprint]
}

// Len is the number of findings that the baseline knows.
func (b *Baseline) Len() int {
	if b == nil {
		return 0
	}
	return len(b.known)
}

// WriteBaseline writes the baseline that knows the findings. Equal findings give
// equal bytes, in whatever order they come.
func WriteBaseline(w io.Writer, findings []finding.Finding) error {
	out := baselineFile{Version: 1, Findings: []Entry{}}
	for _, f := range marked(findings) {
		out.Findings = append(out.Findings, Entry{f.Fingerprint, f.Rule, f.Location.File, where(f.Location)})
	}
	slices.SortFunc(out.Findings, func(a, b Entry) int {
		return cmp.Or(
			strings.Compare(a.File, b.File), strings.Compare(a.Rule, b.Rule),
			strings.Compare(a.Where, b.Where), strings.Compare(a.Fingerprint, b.Fingerprint),
		)
	})
	out.Findings = slices.Compact(out.Findings)
	if err := encode(w, out); err != nil {
		return fmt.Errorf("writing the baseline: %w", err)
	}
	return nil
}

// Load reads a baseline from a file. The errors name the file and what to do.
func Load(file string) (*Baseline, error) {
	f, err := os.Open(file) //nolint:gosec // the operator names it
	if err != nil {
		return nil, fmt.Errorf("reading the baseline: %w", err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxBaseline+1))
	if err != nil {
		return nil, fmt.Errorf("reading the baseline: %w", err)
	}
	return Parse(file, text)
}

// Parse reads a baseline; name is that of its file.
func Parse(name string, text []byte) (*Baseline, error) {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("baseline %s: %s", name, fmt.Sprintf(format, args...))
	}
	if len(text) > maxBaseline {
		return nil, wrong("more than %d MiB", maxBaseline>>20)
	}
	var head struct {
		Version json.RawMessage `json:"version"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, wrong("%s; a baseline is the JSON that Farrier writes", problem(text, err))
	}
	if version := strings.TrimSpace(string(head.Version)); version != "1" {
		if version == "" {
			version = "none"
		}
		return nil, wrong("this is no baseline of format version 1, its version is %.20s; write it anew", version)
	}
	var file baselineFile
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		return nil, wrong("%s; is it a report? A baseline holds fingerprints only", problem(text, err))
	}
	if file.Findings == nil {
		return nil, wrong("it has no list of findings; write it anew")
	}
	b := &Baseline{name: name, known: make(map[string]bool, len(file.Findings))}
	for i, e := range file.Findings {
		if !isFingerprint(e.Fingerprint) {
			return nil, wrong("entry %d: the fingerprint %.40q is not 32 hexadecimal digits", i+1, e.Fingerprint)
		}
		if !b.known[e.Fingerprint] {
			b.known[e.Fingerprint] = true
			b.entries = append(b.entries, e)
		}
	}
	return b, nil
}

func isFingerprint(s string) bool {
	_, err := hex.DecodeString(s)
	return err == nil && len(s) == 32 && s == strings.ToLower(s)
}

// problem says what of a text is no JSON, with its line where that is known.
func problem(text []byte, err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	at := int64(-1)
	switch {
	case errors.As(err, &syntax):
		at = syntax.Offset
	case errors.As(err, &kind):
		at = kind.Offset
	}
	what := strings.TrimPrefix(err.Error(), "json: ")
	if at < 0 || at > int64(len(text)) {
		return what
	}
	return fmt.Sprintf("line %d: %s", 1+bytes.Count(text[:at], []byte("\n")), what)
}
