package console

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/audit/export"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/auditlog"
)

func (c *console) auditRoutes() []route {
	return []route{
		{"GET /audit", operators, c.audit},
		{"GET /audit/export", operators, c.auditExport},
		{"GET /audit/{id}", operators, c.auditEntry},
	}
}

// auditData is what the page of the audit log shows.
type auditData struct {
	Form                  map[string]string
	Problem               string
	Actions, Environments []string
	Outcomes              []audit.Outcome
	Entries               []auditlog.Entry
	Filtered              bool
	// Older is an address, empty where there is nothing there; Newest says that
	// this is not the first page, and leads to it.
	Older, Newest string
	// Exports are addresses of copies of what is shown, by format.
	Exports []exportLink
	// SeesAll says that the chain can be verified, Report that it was; Broken is what
	// breaks it.
	SeesAll bool
	Report  *auditlog.Report
	Broken  string
}

type exportLink struct{ Format, Path string }

// Names are the names of an entry's details in order.
func (auditData) Names(e auditlog.Entry) []string { return slices.Sorted(maps.Keys(e.Detail)) }

// auditFields are the fields of the filter, as they stand in the address.
func auditFields() []string {
	return []string{"operator", "action", "object", "environment", "outcome", "session", "address", "since", "until", "q"}
}

func (c *console) audit(w http.ResponseWriter, r *request) error {
	d := auditData{Form: map[string]string{}, Outcomes: []audit.Outcome{audit.Done, audit.Refused, audit.Failed}, SeesAll: c.Audit.SeesAll(r.principal)}
	q := d.read(r)
	if text := r.URL.Query().Get("before"); text != "" {
		before, err := strconv.ParseInt(text, 10, 64)
		if err != nil || before < 1 {
			return problem(http.StatusBadRequest, "No such page", "The page to go on from must be the number of an entry.")
		}
		q.Before = before
	}
	var err error
	if d.Actions, d.Environments, err = c.Audit.Choices(r.Context(), r.principal); err != nil {
		return err
	}
	d.Actions, d.Environments = with(d.Actions, d.Form["action"]), with(d.Environments, d.Form["environment"])
	if d.Problem != "" {
		return c.render(w, r, http.StatusBadRequest, "audit", "Audit log", d)
	}
	var next int64
	if d.Entries, next, err = c.Audit.List(r.Context(), r.principal, q); err != nil {
		return err
	}
	if q.Before > 0 {
		d.Newest = d.address("/audit")
	}
	if next > 0 {
		d.Older = d.address("/audit", "before", strconv.FormatInt(next, 10))
	}
	for _, f := range export.Formats() {
		d.Exports = append(d.Exports, exportLink{strings.ToUpper(string(f)), d.address("/audit/export", "format", string(f))})
	}
	if r.URL.Query().Get("verify") != "" {
		report, err := c.Audit.Verify(r.Context(), r.principal)
		switch d.Report = &report; {
		case errors.Is(err, auditlog.ErrTampered):
			d.Broken = sentence(err.Error())
		case err != nil:
			return err
		}
	}
	return c.render(w, r, http.StatusOK, "audit", "Audit log", d)
}

// read reads the filter out of the address.
func (d *auditData) read(r *request) auditlog.Query {
	values := r.URL.Query()
	for _, name := range auditFields() {
		d.Form[name] = strings.TrimSpace(values.Get(name))
		d.Filtered = d.Filtered || d.Form[name] != ""
		if len(d.Form[name]) > maxText {
			d.Problem, d.Form[name] = "The text to search for is too long.", ""
		}
	}
	q := auditlog.Query{
		Operator: d.Form["operator"], Action: audit.Action(d.Form["action"]), Object: d.Form["object"], Environment: d.Form["environment"],
		Outcome: audit.Outcome(d.Form["outcome"]), Session: d.Form["session"], Address: d.Form["address"], Text: d.Form["q"],
	}
	var good bool
	if q.Since, good = moment(d.Form["since"]); !good {
		d.Problem = "“From” must be a date, or a date and a time, as 2026-03-04T05:06."
	}
	if q.Until, good = moment(d.Form["until"]); !good {
		d.Problem = "“Until” must be a date, or a date and a time, as 2026-03-04T05:06."
	}
	return q
}

// moment reads a date or a date and time in UTC; zero for no text.
func moment(text string) (time.Time, bool) {
	if text == "" {
		return time.Time{}, true
	}
	for _, form := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", time.RFC3339, "2006-01-02"} {
		if at, err := time.Parse(form, text); err == nil && at.Year() >= 1970 && at.Year() < 10000 {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}

// address is that of a page with the same filter.
func (d *auditData) address(path string, pairs ...string) string {
	values := url.Values{}
	for name, value := range d.Form {
		if value != "" {
			values.Set(name, value)
		}
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	if len(values) == 0 {
		return path
	}
	return path + "?" + values.Encode()
}

// auditExport hands out a copy of the entries that the filter chooses.
func (c *console) auditExport(w http.ResponseWriter, r *request) error {
	d := auditData{Form: map[string]string{}}
	q := d.read(r)
	format := export.Format(r.URL.Query().Get("format"))
	if d.Problem != "" || !format.Known() {
		if d.Problem == "" {
			d.Problem = "The format must be one of csv, json, ocsf."
		}
		return problem(http.StatusBadRequest, "This can't be exported", d.Problem)
	}
	write, err := c.Audit.Export(r.Context(), r.principal, q, format)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", format.MediaType())
	h.Set("Content-Disposition", `attachment; filename="farrier-audit-`+c.Now().UTC().Format("20060102T150405Z")+"."+format.Ending()+`"`)
	if err := write(w); err != nil {
		c.Log.ErrorContext(r.Context(), "a copy of the audit log was broken off", "component", "console", "error", err)
		panic(http.ErrAbortHandler) // half a copy must not pass for a whole one
	}
	return nil
}

// auditEntryData is what the page of one entry shows.
type auditEntryData struct {
	auditlog.Entry
	// Names are those of the details in order.
	Names   []string
	Changes []change
	// Left is how many more values were before or after.
	Left int
}

func (c *console) auditEntry(w http.ResponseWriter, r *request) error {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || id < 1 {
		return control.ErrNotFound
	}
	e, err := c.Audit.Get(r.Context(), r.principal, id)
	if err != nil {
		return err
	}
	d := auditEntryData{Entry: e, Names: slices.Sorted(maps.Keys(e.Detail))}
	d.Changes, d.Left = changes(e.Before, e.After)
	return c.render(w, r, http.StatusOK, "auditentry", "Audit entry "+strconv.FormatInt(id, 10), d)
}
