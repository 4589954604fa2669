package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/exchange"
	"farrier.dev/farrier/internal/control/findings"
)

// recentRows is how many refusals the overview shows.
const recentRows = 8

// overviewData is what the overview shows.
type overviewData struct {
	Ranges []exchange.Range
	Range  exchange.Range
	exchange.Overview
	Recent  []exchange.Refusal
	Open    findings.Counts
	NotSeen uint64
	// NoFindings says that the findings could not be counted.
	NoFindings bool
	// Idle says that no API is served.
	Idle bool
}

// Summary says in words what the chart shows.
func (d *overviewData) Summary() string {
	return fmt.Sprintf("Requests over the %s: %s in all, %s refused, %s with an attack, %s errors.", d.Range.Span,
		count(d.Totals.Requests), count(d.Totals.Refused), count(d.Totals.Attacks), count(d.Totals.Errors))
}

// Most is the greatest count of a list.
func (d *overviewData) Most(shares []exchange.Share) uint64 {
	var most uint64
	for _, s := range shares {
		most = max(most, s.Count)
	}
	return most
}

// MostRequests is the number of requests of the busiest API.
func (d *overviewData) MostRequests() uint64 {
	var most uint64
	for i := range d.APIs {
		most = max(most, d.APIs[i].Requests)
	}
	return most
}

// rangeOf is the range that an address asks for, by default an hour.
func rangeOf(r *request) exchange.Range {
	ranges := exchange.Ranges()
	for _, one := range ranges {
		if one.Name == r.URL.Query().Get("range") {
			return one
		}
	}
	return ranges[1]
}

func (c *console) readOverview(r *request) (*overviewData, error) {
	d := &overviewData{Ranges: exchange.Ranges(), Range: rangeOf(r), NotSeen: c.Exchanges.NotSeen()}
	var err error
	if d.Overview, err = c.Exchanges.Overview(r.Context(), r.principal, "", d.Range); err != nil {
		return nil, err
	}
	page, err := c.Exchanges.Refusals(r.Context(), r.principal, exchange.Filter{Limit: recentRows})
	if err != nil {
		return nil, err
	}
	d.Recent = page.Refusals
	if st, err := c.Served.Status(r.principal); err == nil { // who may not see it is not told
		d.Idle = st.APIs == 0
	}
	if d.Open, err = c.Findings.Counts(r.Context(), r.principal); err != nil {
		if !errors.Is(err, control.ErrForbidden) && !errors.Is(err, control.ErrNotFound) {
			c.Log.ErrorContext(r.Context(), "no findings for the overview", "component", "console", "error", err)
		}
		d.NoFindings = true
	}
	return d, nil
}

func (c *console) overview(w http.ResponseWriter, r *request) error {
	d, err := c.readOverview(r)
	if err != nil {
		return err
	}
	return c.render(w, r, http.StatusOK, "overview", "Overview", d)
}

func (c *console) overviewLive(w http.ResponseWriter, r *request) error {
	d, err := c.readOverview(r)
	if err != nil {
		return err
	}
	return c.fragment(w, r, "overview", "live", d)
}

// series are the columns of a chart; At is Unix time in seconds.
type series struct {
	Step     int64    `json:"step"`
	At       []int64  `json:"at"`
	Requests []uint64 `json:"requests"`
	Refused  []uint64 `json:"refused"`
	Attacks  []uint64 `json:"attacks"`
	Errors   []uint64 `json:"errors"`
}

func (c *console) overviewSeries(w http.ResponseWriter, r *request) error {
	o, err := c.Exchanges.Overview(r.Context(), r.principal, r.URL.Query().Get("api"), rangeOf(r))
	if err != nil {
		return err
	}
	s := series{Step: int64(o.Step.Seconds()), At: make([]int64, 0, len(o.Series))}
	for _, p := range o.Series {
		s.At = append(s.At, p.At.Unix())
		s.Requests = append(s.Requests, p.Requests)
		s.Refused = append(s.Refused, p.Refused)
		s.Attacks = append(s.Attacks, p.Attacks)
		s.Errors = append(s.Errors, p.Errors)
	}
	text, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("writing a series: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text) // the client has gone away; there is nobody to tell
	return nil
}
