package console

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/control/exchange"
	"farrier.dev/farrier/internal/control/findings"
	"farrier.dev/farrier/internal/control/served"
)

// apisData is what the list of APIs shows.
type apisData struct {
	Ranges  []exchange.Range
	Range   exchange.Range
	APIs    []served.API
	Counted bool
	// Number is the revision in service, 0 for none.
	Number uint64
	// Text must stand in the names or addresses; Part is which of these are shown.
	Text string
	Part part
}

// apiRows is how many APIs a page lists.
const apiRows = 200

// cut leaves those of the list that an address asks for.
func (d *apisData) cut(r *request) {
	if d.Text = strings.TrimSpace(r.URL.Query().Get("q")); d.Text != "" {
		d.APIs = slices.DeleteFunc(slices.Clone(d.APIs), func(a served.API) bool { return !contains(d.Text, a.Name, a.Address+a.BasePath) })
	}
	d.Part = partOf(r, "Parts of the list", "from", len(d.APIs), apiRows)
	d.APIs = cut(d.Part, d.APIs)
}

// since is the beginning of the range that an address asks for, by default of
// a day.
func (c *console) since(r *request) (exchange.Range, time.Time) {
	span := rangeOf(r)
	if r.URL.Query().Get("range") == "" {
		span = exchange.Ranges()[2]
	}
	return span, c.Now().Add(-span.Length)
}

func (c *console) apis(w http.ResponseWriter, r *request) error {
	span, since := c.since(r)
	apis, counted, err := c.Served.APIs(r.Context(), r.principal, since)
	if err != nil {
		return err
	}
	st, err := c.Served.Status(r.principal)
	if err != nil {
		return err
	}
	d := &apisData{Ranges: exchange.Ranges(), Range: span, APIs: apis, Counted: counted, Number: st.Number}
	d.cut(r)
	return c.render(w, r, http.StatusOK, "apis", "APIs", d)
}

// apiData is what the page of one API shows.
type apiData struct {
	served.Detail
	Ranges []exchange.Range
	Range  exchange.Range
	// Path is the page's own address.
	Path string
	// Findings are the worst that are open, Open is how many there are; nil when they
	// could not be read.
	Findings []findings.Item
	Open     int
	// Projects are the names of the Mule projects that implement it.
	Projects []string
	// Known says that the inventory has operations of it.
	Known bool
}

// worstFindings is how many findings the page of an API shows.
const worstFindings = 5

func (c *console) api(w http.ResponseWriter, r *request) error {
	span, since := c.since(r)
	name := r.PathValue("namespace") + "/" + r.PathValue("name")
	d, err := c.Served.API(r.Context(), r.principal, name, since)
	if err != nil {
		return err
	}
	data := apiData{Detail: d, Ranges: exchange.Ranges(), Range: span, Path: apiPath(name)}
	if data.Findings, data.Open, err = c.Findings.List(r.Context(), r.principal, findings.Filter{API: name, State: findings.Open, Limit: worstFindings}); err != nil {
		return err
	}
	// Without a store there are no projects, and the page shows the rest.
	if all, err := c.Projects.Overview(r.Context(), r.principal); err == nil {
		for i := range all.Projects {
			if slices.Contains(all.Projects[i].APIs, name) {
				data.Projects = append(data.Projects, all.Projects[i].Project)
			}
		}
	}
	// Without a store there is no inventory either.
	if c.Inventory != nil {
		data.Known, _ = c.Inventory.Knows(r.Context(), r.principal, name)
	}
	return c.render(w, r, http.StatusOK, "api", name, data)
}

// revisionData is what the page of the revision in service shows.
type revisionData struct {
	served.Status
	// Text must stand in the names or addresses of the services that are listed.
	Text                   string
	List                   []served.Upstream
	ListPart, WarningsPart part
}

// serviceRows and problemRows are how many services and warnings a page lists.
const (
	serviceRows = 100
	problemRows = 50
)

func (c *console) revision(w http.ResponseWriter, r *request) error {
	st, err := c.Served.Status(r.principal)
	if err != nil {
		return err
	}
	d := revisionData{Status: st, Text: strings.TrimSpace(r.URL.Query().Get("q"))}
	var total int
	if d.List, total, err = c.Served.Services(r.principal, d.Text, offset(r, "from"), serviceRows); err != nil {
		return err
	}
	d.ListPart = partOf(r, "Parts of the services", "from", total, serviceRows)
	if len(d.List) == 0 && total > 0 { // the address asks for more than there is
		if d.List, _, err = c.Served.Services(r.principal, d.Text, 0, serviceRows); err != nil {
			return err
		}
	}
	d.WarningsPart = partOf(r, "Parts of the warnings", "warnings", len(d.Warnings), problemRows)
	return c.render(w, r, http.StatusOK, "revision", "Revision", d)
}

// Problems are the warnings that are shown.
func (d revisionData) Problems() []served.Problem { return cut(d.WarningsPart, d.Warnings) }

// Refusals are the first problems of the change that was refused.
func (d revisionData) Refusals() []served.Problem {
	return d.Refused[:min(len(d.Refused), problemRows)]
}
