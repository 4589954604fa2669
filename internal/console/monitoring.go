package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"farrier.dev/farrier/internal/control/exchange"
)

// monitoringRows is how many clients, policies and operations the page lists.
const monitoringRows = 20

func (c *console) monitoringRoutes() []route {
	return []route{
		{"GET /apis/{namespace}/{name}/monitoring", operators, c.monitoring},
		{"GET /apis/{namespace}/{name}/monitoring/series", operators, c.monitoringSeries},
	}
}

// monitoringData is what the page of an API's figures shows.
type monitoringData struct {
	Name, Path string
	Ranges     []exchange.Range
	Range      exchange.Range
	// Known says that the inventory has operations of it.
	Known      bool
	Totals     exchange.Stretch
	Statuses   []statusShare
	Rows       []exchange.Stretch
	Clients    []exchange.PartyTotals
	Policies   []exchange.PartyTotals
	Operations []exchange.Totals
	// Client and Policy restrict the charts.
	Client, Policy string
}

type statusShare struct {
	Name  string
	Count uint64
}

func (d *monitoringData) P(q float64) time.Duration { return d.Totals.Quantile(q) }

// Here is the page's own address with what it is restricted to.
func (d *monitoringData) Here() string {
	return query(d.Path+"/monitoring", "client", d.Client, "policy", d.Policy)
}

// Chart is the address of the figures of a chart.
func (d *monitoringData) Chart(what string) string {
	return query(d.Path+"/monitoring/series", "chart", what, "range", d.Range.Name, "client", d.Client, "policy", d.Policy)
}

func (c *console) monitoring(w http.ResponseWriter, r *request) error {
	name := r.PathValue("namespace") + "/" + r.PathValue("name")
	d := &monitoringData{
		Name: name, Path: apiPath(name), Ranges: exchange.Ranges(), Range: rangeOf(r),
		Client: r.URL.Query().Get("client"), Policy: r.URL.Query().Get("policy"),
	}
	since := c.Now().Add(-d.Range.Length)
	steps := d.Range.Step
	if d.Range.Length <= time.Hour {
		steps = 5 * time.Minute
	} else if steps < time.Hour {
		steps = time.Hour
	}
	var err error
	if d.Rows, err = c.Exchanges.Stretches(r.Context(), r.principal, exchange.Query{API: name, Client: d.Client, Policy: d.Policy, Since: since, Step: steps}); err != nil {
		return err
	}
	for i := range d.Rows {
		d.Totals.Add(d.Rows[i].Slot)
	}
	for i, title := range [...]string{"none", "1xx", "2xx", "3xx", "4xx", "5xx"} {
		if n := d.Totals.Status[i]; n > 0 {
			d.Statuses = append(d.Statuses, statusShare{title, n})
		}
	}
	if d.Clients, d.Policies, d.Operations, err = c.Exchanges.Parties(r.Context(), r.principal, name, since, monitoringRows); err != nil {
		return err
	}
	if c.Inventory != nil {
		d.Known, _ = c.Inventory.Knows(r.Context(), r.principal, name)
	}
	return c.render(w, r, http.StatusOK, "monitoring", name, d)
}

// figureLine is one line of a chart.
type figureLine struct {
	metric      exchange.Metric
	name, title string
}

// chartLines are the lines of the charts.
func chartLines(chart string) []figureLine {
	switch chart {
	case "time":
		return []figureLine{{"p50", "p50", "p50 ms"}, {"p95", "p95", "p95 ms"}, {"p99", "p99", "p99 ms"}}
	case "status":
		return []figureLine{{"status.2xx", "c2", "2xx"}, {"status.4xx", "c4", "4xx"}, {"status.5xx", "c5", "5xx"}}
	}
	return []figureLine{{"requests", "requests", "Requests"}, {"refused", "refused", "Refused"}, {"attacks", "attacks", "Attacks"}, {"errors", "errors", "Errors"}}
}

func (c *console) monitoringSeries(w http.ResponseWriter, r *request) error {
	span := rangeOf(r)
	q := r.URL.Query()
	stretches, err := c.Exchanges.Stretches(r.Context(), r.principal, exchange.Query{
		API: r.PathValue("namespace") + "/" + r.PathValue("name"), Client: q.Get("client"), Policy: q.Get("policy"),
		Since: c.Now().Add(-span.Length), Step: span.Step,
	})
	if err != nil {
		return err
	}
	chosen := chartLines(q.Get("chart"))
	answer := map[string]any{}
	at := make([]int64, len(stretches))
	for i := range stretches {
		at[i] = stretches[i].At.Unix()
	}
	answer["at"], answer["step"] = at, int64(span.Step.Seconds())
	if len(stretches) > 1 {
		answer["step"] = at[1] - at[0]
	}
	titles := make([][2]string, len(chosen))
	for n, l := range chosen {
		titles[n] = [2]string{l.title, l.name}
		values := make([]any, len(stretches)) // null where there is nothing to show
		for i := range stretches {
			if v, ok := l.metric.Of(&stretches[i].Slot); ok {
				values[i] = v
			}
		}
		answer[l.name] = values
	}
	answer["lines"] = titles
	text, err := json.Marshal(answer)
	if err != nil {
		return fmt.Errorf("writing a series: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text) // the client has gone away; there is nobody to tell
	return nil
}
