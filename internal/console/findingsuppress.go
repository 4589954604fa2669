package console

import (
	"net/http"
	"net/url"

	"farrier.dev/farrier/internal/control/findings"
)

// suppressForm is the form by which a finding is suppressed.
type suppressForm struct {
	Reason, Days, Problem string
}

// suppressDays are for how many days a finding can be suppressed; 0 is for ever.
func suppressDays() map[string]int {
	return map[string]int{"7": 7, "30": 30, "90": 90, "365": 365, "": 0}
}

func (c *console) findingSuppress(w http.ResponseWriter, r *request) error {
	if err := alertForm(r); err != nil {
		return err
	}
	f := suppressForm{Reason: r.PostForm.Get("reason"), Days: r.PostForm.Get("days")}
	in := findings.Suppressing{Fingerprint: r.PathValue("fingerprint"), Reason: f.Reason}
	days, known := suppressDays()[f.Days]
	if !known {
		f.Problem = "choose for how long"
		return c.showFinding(w, r, http.StatusUnprocessableEntity, f)
	}
	if days > 0 {
		in.Expires = c.Now().AddDate(0, 0, days)
	}
	if f.Reason != "" && r.PostForm.Get("all") != "" {
		d, err := c.Findings.Get(r.Context(), r.principal, in.Fingerprint)
		if err != nil {
			return err
		}
		in.Fingerprint, in.Rule, in.API = "", d.Rule, d.Location.API
	}
	_, err := c.Findings.Suppress(r.Context(), r.principal, in)
	if f.Problem = told(err); f.Problem != "" {
		return c.showFinding(w, r, http.StatusUnprocessableEntity, f)
	}
	return leadTo(w, r, findingPath(r), err)
}

// findingReopen ends a suppression of a finding.
func (c *console) findingReopen(w http.ResponseWriter, r *request) error {
	if err := alertForm(r); err != nil {
		return err
	}
	return leadTo(w, r, findingPath(r), c.Findings.Unsuppress(r.Context(), r.principal, r.PostForm.Get("suppression")))
}

func findingPath(r *request) string { return "/findings/" + url.PathEscape(r.PathValue("fingerprint")) }
