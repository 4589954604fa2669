package console

import (
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/control/governance"
	"farrier.dev/farrier/internal/finding"
	rules "farrier.dev/farrier/internal/governance"
)

// editorPath is the address of the editor, whose forms hold whole texts.
const (
	editorPath    = "/governance/editor"
	maxEditorBody = 7 << 20 // two texts of 1 MiB, percent-encoded
)

// courseDays is how many days the course of conformance shows.
const courseDays = 30

// governanceRows is how many APIs the overview lists.
const governanceRows = 100

// governanceData is what the overview of governance shows.
type governanceData struct {
	*governance.Overview
	Chart template.HTML
	// Text must stand in the names of the APIs that are listed, Profile and Status are
	// those that they have; empty for any.
	Text, Profile, Status string
	Statuses              []rules.Status
	// List is the part of them that is shown.
	List []governance.Standing
	Part part
}

// choose leaves those APIs that an address asks for.
func (d *governanceData) choose(r *request) {
	q := r.URL.Query()
	d.Text, d.Profile, d.Status = strings.TrimSpace(q.Get("q")), q.Get("profile"), q.Get("status")
	d.Statuses = []rules.Status{rules.Conformant, rules.NonConformant, rules.Failed, rules.NotApplicable}
	d.List = slices.DeleteFunc(slices.Clone(d.APIs), func(s governance.Standing) bool {
		return d.Text != "" && !contains(d.Text, s.API) || d.Profile != "" && s.Profile != d.Profile || d.Status != "" && string(s.Status) != d.Status
	})
	d.Part = partOf(r, "Parts of the list", "from", len(d.List), governanceRows)
	d.List = cut(d.Part, d.List)
}

// Filtered says that the filter leaves something out.
func (d *governanceData) Filtered() bool { return d.Text != "" || d.Profile != "" || d.Status != "" }

func (c *console) governanceOverview(w http.ResponseWriter, r *request) error {
	o, err := c.Governance.Overview(r.Context(), r.principal, courseDays)
	if err != nil {
		return err
	}
	d := &governanceData{Overview: o, Chart: courseChart(o.Course)}
	d.choose(r)
	return c.render(w, r, http.StatusOK, "governance", "Governance", d)
}

// courseChart draws a bar a day: conformant APIs below, the others on top. The
// policy of the pages allows no inline style, so that it is drawn as SVG.
func courseChart(days []governance.Day) template.HTML {
	most := 1
	for _, d := range days {
		most = max(most, d.Conformant+d.NonConformant+d.Failed)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="course" viewBox="0 0 %d 60" preserveAspectRatio="none" aria-hidden="true">`, 10*len(days))
	for i, d := range days {
		top := 60.0
		for _, part := range []struct {
			class string
			n     int
		}{{"good", d.Conformant}, {"stop", d.NonConformant}, {"warn", d.Failed}} {
			height := 60 * float64(part.n) / float64(most)
			top -= height
			fmt.Fprintf(&b, `<rect class="%s" x="%d" y="%.1f" width="8" height="%.1f"/>`, part.class, 10*i+1, top, height)
		}
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String()) //nolint:gosec // numbers and fixed words only
}

// reportData is what the report of one API shows.
type reportData struct {
	*governance.APIReport
	Path string
	// Rules are the violations by rule, the worst first.
	Rules []ruleData
	// Marked are the files with what was found on their lines.
	Marked []markedFile
	// All asks for the whole files rather than the lines around findings.
	All bool
}

// ruleData is a rule with its violations.
type ruleData struct {
	ID, Title, Ruleset, Mend string
	Severity                 finding.Severity
	Violates                 bool
	Places                   []governance.KeptViolation
	// More is how many places are not listed.
	More int
}

// markedFile is a file of a description as it is shown.
type markedFile struct {
	governance.File
	// ID is unique on the page.
	ID    string
	Rows  []row
	Notes int
}

// row is a line of a file, or a gap.
type row struct {
	Number int
	Text   string
	Notes  []note
	Gap    bool
}

type note struct {
	Severity finding.Severity
	Rule     string
	Message  string
}

const (
	// maxPlaces is how many places of a rule are listed, maxNotes how many notes
	// stand at one line, around how many lines are shown before and behind it.
	maxPlaces = 20
	maxNotes  = 4
	around    = 3
)

func (c *console) governanceReport(w http.ResponseWriter, r *request) error {
	api := r.PathValue("namespace") + "/" + r.PathValue("name")
	report, err := c.Governance.API(r.Context(), r.principal, api, r.URL.Query().Get("profile"))
	if err != nil {
		return err
	}
	d := reportData{APIReport: report, Path: "/governance" + apiPath(api), All: r.URL.Query().Get("all") == "1"}
	d.Rules = byRule(report.Kept.Violations)
	for i, f := range report.Files {
		d.Marked = append(d.Marked, mark(f, i, report.Kept.Violations, d.All))
	}
	return c.render(w, r, http.StatusOK, "governancereport", api, d)
}

func byRule(violations []governance.KeptViolation) []ruleData {
	var out []ruleData
	at := map[string]int{}
	for _, v := range violations {
		key := v.Ruleset + " " + v.Rule
		i, known := at[key]
		if !known {
			i = len(out)
			at[key] = i
			out = append(out, ruleData{ID: v.Rule, Title: v.Title, Ruleset: v.Ruleset, Mend: v.Fix, Severity: v.Severity})
		}
		out[i].Violates = out[i].Violates || v.Violates && v.Waived == ""
		if len(out[i].Places) < maxPlaces {
			out[i].Places = append(out[i].Places, v)
		} else {
			out[i].More++
		}
	}
	return out
}

// mark puts findings at the lines of a file.
func mark(f governance.File, at int, violations []governance.KeptViolation, all bool) markedFile {
	m := markedFile{File: f, ID: fmt.Sprintf("f%d", at)}
	notes := map[int][]note{}
	for _, v := range violations {
		if v.Location.File == f.Name && v.Location.Line > 0 {
			notes[v.Location.Line] = append(notes[v.Location.Line], note{v.Severity, v.Rule, v.Message})
			m.Notes++
		}
	}
	shown := func(line int) bool {
		for l := line - around; l <= line+around; l++ {
			if len(notes[l]) > 0 {
				return true
			}
		}
		return false
	}
	for i, text := range f.Lines {
		switch {
		case all || shown(i+1):
			n := notes[i+1]
			if more := len(n) - maxNotes; more > 0 {
				n = append(slices.Clone(n[:maxNotes]), note{Severity: finding.Info, Message: fmt.Sprintf("and %d more", more)})
			}
			m.Rows = append(m.Rows, row{Number: i + 1, Text: text, Notes: n})
		case len(m.Rows) == 0 || !m.Rows[len(m.Rows)-1].Gap:
			m.Rows = append(m.Rows, row{Gap: true})
		}
	}
	return m
}

// Anchor is where a place is shown on the page, empty where it isn't.
func (d reportData) Anchor(v governance.KeptViolation) string {
	for _, f := range d.Marked {
		if f.Name == v.Location.File && v.Location.Line > 0 && v.Location.Line <= len(f.Lines) {
			return fmt.Sprintf("#%s-%d", f.ID, v.Location.Line)
		}
	}
	return ""
}

// rulesetsData is what the pages of rulesets show.
type rulesetsData struct {
	All []*rules.Ruleset
	One *rules.Ruleset
}

func (c *console) governanceRulesets(w http.ResponseWriter, r *request) error {
	var d rulesetsData
	var err error
	title := "Rulesets"
	if name := r.URL.Query().Get("name"); name != "" {
		if d.One, err = c.Governance.Ruleset(r.principal, name); err == nil {
			title = d.One.Title
		}
	} else {
		d.All, err = c.Governance.Rulesets(r.principal)
	}
	if err != nil {
		return err
	}
	return c.render(w, r, http.StatusOK, "governancerulesets", title, d)
}

// trialData is what the editor of rulesets shows.
type trialData struct {
	governance.Trial
	APIs    []string
	Problem string
	Report  *rules.Report
	Rules   []ruleData
}

const exampleRules = `rules:
  operation-needs-a-description:
    message: "{{path}} has no description"
    severity: warn
    given: $.paths[*][get,put,post,delete,patch]
    then:
      field: description
      function: truthy
`

func (c *console) governanceEditor(w http.ResponseWriter, r *request) error {
	d := trialData{Trial: governance.Trial{Ruleset: exampleRules, API: r.URL.Query().Get("api")}}
	d.APIs, _ = c.Served.Names(r.principal)
	return c.render(w, r, http.StatusOK, "governanceeditor", "Try rules", d)
}

func (c *console) governanceTry(w http.ResponseWriter, r *request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	d := trialData{Trial: governance.Trial{
		Ruleset: r.PostForm.Get("ruleset"), API: r.PostForm.Get("api"), Specification: strings.TrimSpace(r.PostForm.Get("specification")),
	}}
	d.APIs, _ = c.Served.Names(r.principal)
	status := http.StatusOK
	var err error
	d.Report, err = c.Governance.Try(r.Context(), r.principal, d.Trial)
	switch {
	case errors.Is(err, governance.ErrTrial):
		d.Problem, status = strings.TrimPrefix(err.Error(), governance.ErrTrial.Error()+": "), http.StatusBadRequest
	case err != nil:
		return err
	default:
		var kept []governance.KeptViolation
		for _, v := range d.Report.Violations {
			kept = append(kept, governance.KeptViolation{Finding: v.Finding, Ruleset: v.Ruleset, Violates: v.Violates})
		}
		d.Rules = byRule(kept)
	}
	return c.render(w, r, status, "governanceeditor", "Try rules", d)
}
