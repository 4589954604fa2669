package console

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"farrier.dev/farrier/internal/control/exchange"
	"farrier.dev/farrier/internal/traffic"
)

// inputTime is how a browser writes the value of a datetime-local field.
const inputTime = "2006-01-02T15:04"

// maxText bounds what is searched for.
const maxText = 200

// refusalsData is what the page of refusals shows.
type refusalsData struct {
	// Form holds the fields as they were filled in.
	Form     map[string]string
	Problems []string
	Ranges   []exchange.Range
	APIs     []string
	Policies []string
	Outcomes []traffic.Outcome
	Refusals []exchange.Refusal
	// Filtered says that the filter leaves something out.
	Filtered bool
	// Older and Newest are addresses, empty where there is nothing there.
	Older, Newest string
}

// filterFields are the fields of the filter in an address.
var filterFields = []string{"api", "policy", "status", "client", "rule", "outcome", "q", "range", "from", "to"}

func (c *console) refusals(w http.ResponseWriter, r *request) error {
	q := r.URL.Query()
	d := refusalsData{Form: map[string]string{}, Ranges: exchange.Ranges(), Outcomes: []traffic.Outcome{
		traffic.RefusedByPolicy, traffic.RefusedByGateway, traffic.Errored, traffic.Served,
	}}
	for _, name := range filterFields {
		d.Form[name] = strings.TrimSpace(q.Get(name))
		d.Filtered = d.Filtered || d.Form[name] != ""
	}
	d.APIs, d.Policies = c.Served.Names(r.principal)
	d.APIs, d.Policies = with(d.APIs, d.Form["api"]), with(d.Policies, d.Form["policy"])
	f := d.filter(c.Now())
	f.Before = q.Get("before")
	if f.Before != "" && !traffic.ValidID(f.Before) {
		d.Problems = append(d.Problems, "The place to go on from is not a correlation id; begin with the newest.")
		f.Before = ""
	}
	if len(d.Problems) > 0 {
		return c.render(w, r, http.StatusBadRequest, "refusals", "Refusals and attacks", &d)
	}
	page, err := c.Exchanges.Refusals(r.Context(), r.principal, f)
	if err != nil {
		return err
	}
	d.Refusals = page.Refusals
	if page.Next != "" {
		d.Older = d.address(page.Next)
	}
	if f.Before != "" {
		d.Newest = d.address("")
	}
	return c.render(w, r, http.StatusOK, "refusals", "Refusals and attacks", &d)
}

// with makes sure that a list to choose from has the choice that was made.
func with(list []string, chosen string) []string {
	if chosen == "" || slices.Contains(list, chosen) {
		return list
	}
	return append(slices.Clone(list), chosen)
}

// filter reads the form, and complains of what it can't understand.
func (d *refusalsData) filter(now time.Time) exchange.Filter {
	f := exchange.Filter{
		API: d.Form["api"], Policy: d.Form["policy"], Client: d.Form["client"], Rule: d.Form["rule"], Text: d.Form["q"],
		Outcome: traffic.Outcome(d.Form["outcome"]),
	}
	complain := func(text string) { d.Problems = append(d.Problems, text) }
	if text := d.Form["status"]; text != "" {
		status, err := strconv.Atoi(text)
		if err != nil || status < 100 || status > 599 {
			complain("Status must be a number between 100 and 599.")
		}
		f.Status = status
	}
	if f.Outcome != "" && !slices.Contains(d.Outcomes, f.Outcome) {
		complain("Outcome must be one of the list.")
	}
	if len(f.Text) > maxText {
		complain("The text to search for is too long.")
	}
	for _, span := range d.Ranges {
		if span.Name == d.Form["range"] {
			f.From = now.Add(-span.Length)
		}
	}
	for name, into := range map[string]*time.Time{"from": &f.From, "to": &f.To} {
		if d.Form[name] == "" {
			continue
		}
		at, err := time.ParseInLocation(inputTime, d.Form[name][:min(len(d.Form[name]), len(inputTime))], time.UTC)
		if err != nil {
			complain("From and to must be dates with a time, as 2026-03-01T12:00, in UTC.")
			break
		}
		*into = at
	}
	if !f.From.IsZero() && !f.To.IsZero() && !f.From.Before(f.To) {
		complain("From must be earlier than to.")
	}
	return f
}

// address is the page of the same filter, from a cursor on.
func (d *refusalsData) address(before string) string {
	values := url.Values{}
	for _, name := range filterFields {
		if d.Form[name] != "" {
			values.Set(name, d.Form[name])
		}
	}
	if before != "" {
		values.Set("before", before)
	}
	if len(values) == 0 {
		return "/refusals"
	}
	return "/refusals?" + values.Encode()
}
