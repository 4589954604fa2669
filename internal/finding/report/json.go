package report

import (
	"encoding/json"
	"io"

	"farrier.dev/farrier/internal/finding"
)

// The document that scripts rely on. Fields may be added, never changed.
type document struct {
	Version  int        `json:"version"`
	Tool     toolJSON   `json:"tool"`
	Findings []known    `json:"findings"`
	Summary  summary    `json:"summary"`
	Files    []fileJSON `json:"files,omitempty"`
	Stale    []Entry    `json:"stale,omitempty"`
}

type toolJSON struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
}

// known is a finding, marked where the baseline knows it.
type known struct {
	finding.Finding
	Baseline bool `json:"baseline,omitempty"`
}

// summary counts what is new, in Baseline what the baseline knows and in
// Suppressed what the source gives a reason for.
type summary struct {
	finding.Summary
	Baseline   int `json:"baseline,omitempty"`
	Suppressed int `json:"suppressed,omitempty"`
}

type fileJSON struct {
	File     string  `json:"file"`
	Conforms bool    `json:"conforms"`
	Status   string  `json:"status,omitempty"`
	Score    *int    `json:"score,omitempty"`
	Details  any     `json:"details,omitempty"`
	Findings []known `json:"findings"`
}

func writeJSON(w io.Writer, r *Report) error {
	known, suppressed := r.let()
	doc := document{
		Version: 1, Tool: toolJSON{r.Tool.Name, r.Tool.Version}, Findings: r.known(r.All()),
		Summary: summary{finding.Summarise(r.New()), known, suppressed}, Stale: r.Stale(),
	}
	for i := range r.Files {
		f := &r.Files[i]
		doc.Files = append(doc.Files, fileJSON{f.File, f.Conforms, f.Status, f.Score, f.Details, r.known(marked(f.Findings))})
	}
	return encode(w, doc)
}

func (r *Report) known(findings []finding.Finding) []known {
	out := make([]known, len(findings))
	for i, f := range findings {
		out[i] = known{f, r.Baseline.Knows(f)}
	}
	return out
}

func encode(w io.Writer, v any) error {
	e := json.NewEncoder(plainJSON{w})
	e.SetIndent("", "  ")
	return e.Encode(v)
}
