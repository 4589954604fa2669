package console

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"farrier.dev/farrier/internal/control/healthcheck"
)

// healthPath is where the pages of health checks lie.
const healthPath = "/health"

// resultRows is how many results the page of a check lists.
const resultRows = 50

func (c *console) healthRoutes() []route {
	if c.Health == nil {
		return nil
	}
	return []route{
		{"GET /health", operators, c.healthList},
		{"POST /health", operators, c.healthKeep},
		{"GET /health/new", operators, c.healthNew},
		{"GET /health/{id}", operators, c.health},
		{"POST /health/{id}", operators, c.healthKeep},
		{"POST /health/{id}/remove", operators, c.healthRemove},
		{"GET /status", everyone, c.status},
	}
}

// healthRow is a check with its uptime in words.
type healthRow struct {
	healthcheck.Check
	Day, Quarter string
}

func (c *console) uptime(r *request, id string, days int) (string, error) {
	percent, known, err := c.Health.Uptime(r.Context(), c.Environment, id, days)
	return uptimeWords(percent, known), err
}

func uptimeWords(percent float64, known bool) string {
	if !known {
		return "–"
	}
	return fmt.Sprintf("%.2f %%", percent)
}

func (c *console) healthList(w http.ResponseWriter, r *request) error {
	all, err := c.Health.List(r.Context(), r.principal, c.Environment)
	if err != nil {
		return err
	}
	var rows []healthRow
	for i := range all {
		row := healthRow{Check: all[i]}
		if row.Day, err = c.uptime(r, row.ID, 1); err != nil {
			return err
		}
		if row.Quarter, err = c.uptime(r, row.ID, 90); err != nil {
			return err
		}
		rows = append(rows, row)
	}
	return c.render(w, r, http.StatusOK, "health", "Health", struct{ Rows []healthRow }{rows})
}

type healthData struct {
	healthcheck.Check
	Results []healthcheck.Result
	Problem string
}

func (c *console) healthNew(w http.ResponseWriter, r *request) error {
	d := healthData{}
	d.Spec = healthcheck.Spec{API: r.URL.Query().Get("api"), Method: http.MethodGet, IntervalSeconds: 60, TimeoutMillis: 5000, Failures: 3, CertificateDays: 14, Enabled: true}
	return c.render(w, r, http.StatusOK, "healthcheck", "New health check", &d)
}

func (c *console) health(w http.ResponseWriter, r *request) error {
	kept, err := c.Health.Get(r.Context(), r.principal, c.Environment, r.PathValue("id"))
	if err != nil {
		return err
	}
	return c.showHealth(w, r, http.StatusOK, healthData{Check: kept})
}

func (c *console) showHealth(w http.ResponseWriter, r *request, status int, d healthData) error {
	title := "New health check"
	if d.ID != "" {
		title = d.Spec.Name
		var err error
		if d.Results, err = c.Health.Results(r.Context(), r.principal, c.Environment, d.ID); err != nil {
			return err
		}
		d.Results = d.Results[:min(len(d.Results), resultRows)]
	}
	return c.render(w, r, status, "healthcheck", title, &d)
}

func (c *console) healthKeep(w http.ResponseWriter, r *request) error {
	if err := alertForm(r); err != nil {
		return err
	}
	// What is no number is refused as one out of bounds; what is empty is the default.
	number := func(name string) int64 {
		text := r.PostForm.Get(name)
		if text == "" {
			return 0
		}
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return -1
		}
		return n
	}
	spec := healthcheck.Spec{
		Name: r.PostForm.Get("name"), API: r.PostForm.Get("api"), URL: r.PostForm.Get("url"), Path: r.PostForm.Get("path"), Method: r.PostForm.Get("method"),
		IntervalSeconds: number("interval"), TimeoutMillis: number("timeout"), Status: int(number("status")), Contains: r.PostForm.Get("contains"),
		Header: r.PostForm.Get("header"), HeaderValue: r.PostForm.Get("value"), CertificateDays: int(number("certificate")), LatencyMillis: number("latency"),
		Failures: int(number("failures")), Public: r.PostForm.Get("public") == "yes", Enabled: r.PostForm.Get("enabled") == "yes",
	}
	id := r.PathValue("id")
	kept, err := c.Health.Keep(r.Context(), r.principal, c.Environment, id, formVersion(r), spec)
	if what := told(err); what != "" {
		return c.showHealth(w, r, http.StatusUnprocessableEntity, healthData{Check: healthcheck.Check{ID: id, Version: formVersion(r), Spec: spec}, Problem: what})
	}
	return leadTo(w, r, healthPath+"/"+url.PathEscape(kept.ID), err)
}

func (c *console) healthRemove(w http.ResponseWriter, r *request) error {
	if err := alertForm(r); err != nil {
		return err
	}
	return leadTo(w, r, healthPath, c.Health.Remove(r.Context(), r.principal, c.Environment, r.PathValue("id"), formVersion(r)))
}

// statusLine is a line of the status page in words.
type statusLine struct {
	Name, Word, Tone, Maintenance, Uptime string
}

// status is the page for everybody. It tells nothing but names, states and times of
// maintenance of checks that are marked as public.
func (c *console) status(w http.ResponseWriter, r *request) error {
	page, err := c.Health.Public(r.Context(), c.Environment)
	if err != nil {
		return err
	}
	d := struct {
		Lines   []statusLine
		Summary string
		At      string
	}{Summary: "Everything works", At: page.At.UTC().Format("2 Jan 2006 15:04 UTC")}
	for _, l := range page.Lines {
		line := statusLine{Name: l.Name, Maintenance: l.Maintenance, Uptime: uptimeWords(l.Uptime, l.Known), Word: "not checked yet", Tone: "calm"}
		switch l.Verdict {
		case healthcheck.Up:
			line.Word, line.Tone = "works", "good"
		case healthcheck.Degraded:
			line.Word, line.Tone = "works, with limits", "warn"
		case healthcheck.Down:
			line.Word, line.Tone = "does not work", "stop"
			if l.Maintenance == "" {
				d.Summary = "Not everything works"
			}
		}
		d.Lines = append(d.Lines, line)
	}
	w.Header().Set("Cache-Control", "public, max-age=15")
	return c.fragment(w, r, "status", "status", &d)
}
