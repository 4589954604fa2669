package console

import (
	"net/http"
	"net/url"
	"strconv"

	"farrier.dev/farrier/internal/control/findings"
	"farrier.dev/farrier/internal/finding"
)

// findingsPage is how many findings a page has.
const findingsPage = 50

// findingsData is what the list of findings shows.
type findingsData struct {
	Form       map[string]string
	Problem    string
	APIs       []string
	Severities []finding.Severity
	Items      []findings.Item
	Total      int
	Filtered   bool
	// From and To number the first and last that is shown.
	From, To int
	// Newer and Older are addresses, empty where there is nothing there.
	Newer, Older string
}

func (c *console) findingList(w http.ResponseWriter, r *request) error {
	q := r.URL.Query()
	d := findingsData{Form: map[string]string{}, Severities: []finding.Severity{
		finding.Critical, finding.High, finding.Medium, finding.Low, finding.Info,
	}}
	for _, name := range []string{"severity", "api", "rule", "q", "state"} {
		d.Form[name] = q.Get(name)
		d.Filtered = d.Filtered || d.Form[name] != ""
	}
	d.APIs, _ = c.Served.Names(r.principal)
	d.APIs = with(d.APIs, d.Form["api"])
	f := findings.Filter{API: d.Form["api"], Rule: d.Form["rule"], Text: d.Form["q"], Limit: findingsPage}
	if s := findings.State(d.Form["state"]); s == findings.Open || s == findings.Suppressed || s == findings.Mended {
		f.State = s
	} else if s != "" {
		d.Problem = "State must be open, suppressed or mended."
	}
	if text := d.Form["severity"]; text != "" {
		severity, err := finding.ParseSeverity(text)
		if err != nil {
			d.Problem = "Severity must be one of critical, high, medium, low, info."
		}
		f.Severity = severity
	}
	if text := q.Get("offset"); text != "" {
		offset, err := strconv.Atoi(text)
		if err != nil || offset < 0 || offset > 1e6 {
			d.Problem = "The offset must be a number."
		}
		f.Offset = offset
	}
	if d.Problem != "" || len(f.Text) > maxText {
		if d.Problem == "" {
			d.Problem = "The text to search for is too long."
		}
		return c.render(w, r, http.StatusBadRequest, "findings", "Findings", &d)
	}
	var err error
	if d.Items, d.Total, err = c.Findings.List(r.Context(), r.principal, f); err != nil {
		return err
	}
	d.From, d.To = f.Offset+1, f.Offset+len(d.Items)
	if d.To < d.Total && len(d.Items) > 0 {
		d.Older = d.address(d.To)
	}
	if f.Offset > 0 {
		d.Newer = d.address(max(f.Offset-findingsPage, 0))
	}
	return c.render(w, r, http.StatusOK, "findings", "Findings", &d)
}

func (d *findingsData) address(offset int) string {
	values := url.Values{}
	for name, value := range d.Form {
		if value != "" {
			values.Set(name, value)
		}
	}
	if offset > 0 {
		values.Set("offset", strconv.Itoa(offset))
	}
	if len(values) == 0 {
		return "/findings"
	}
	return "/findings?" + values.Encode()
}

func (c *console) finding(w http.ResponseWriter, r *request) error {
	return c.showFinding(w, r, http.StatusOK, suppressForm{Days: "30"})
}

func (c *console) showFinding(w http.ResponseWriter, r *request, status int, form suppressForm) error {
	d, err := c.Findings.Get(r.Context(), r.principal, r.PathValue("fingerprint"))
	if err != nil {
		return err
	}
	title := d.Title
	if title == "" {
		title = d.Rule
	}
	return c.render(w, r, status, "finding", title, findingData{d, apiPath(d.Location.API), form, c.Findings.MaySuppress(r.principal)})
}

// findingData is what the page of one finding shows.
type findingData struct {
	findings.Detail
	// APIPath is the page of its API, empty for none.
	APIPath string
	// Form is that of suppressing, for those who may.
	Form        suppressForm
	MaySuppress bool
}

// Seen are the occurrences that the page lists, the newest first.
func (d findingData) Seen() []exchangeLink {
	var all []exchangeLink
	for i := len(d.Last) - 1; i >= 0; i-- {
		all = append(all, exchangeLink{Occurrence: d.Last[i]})
	}
	gap := d.Count - int64(len(d.Last)+len(d.First))
	for i := len(d.First) - 1; i >= 0; i-- {
		link := exchangeLink{Occurrence: d.First[i]}
		if i == len(d.First)-1 && gap > 0 {
			link.Between = gap
		}
		all = append(all, link)
	}
	return all
}

// exchangeLink is one occurrence, with how many are left out before it.
type exchangeLink struct {
	findings.Occurrence
	Between int64
}
