package console

import (
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/client"
	"farrier.dev/farrier/internal/control/portal"
)

// portalRoutes are the pages of developers.
func (c *console) portalRoutes() []route {
	if c.Portal == nil || c.Clients == nil {
		return nil
	}
	const api = "/portal/apis/{namespace}/{name}"
	return []route{
		{"GET /portal", operators, c.portalList},
		{"GET /portal/applications", operators, c.portalMine},
		{"GET " + portalApplication, operators, c.portalApplication},
		{"POST " + portalApplication + "/tier", operators, c.portalTier},
		{"GET " + api, operators, c.portalAPI},
		{"POST " + api + "/ask", operators, c.portalAsk},
		{"POST " + api + "/try", operators, c.portalTry},
	}
}

func portalPath(api string) string {
	return strings.Replace(apiPath(api), "/apis/", "/portal/apis/", 1)
}

// portalData is what the list of APIs shows.
type portalData struct {
	Text string
	APIs []portal.API
	// Total is how many there are of the text; portalRows of them are shown.
	Total int
}

// portalRows is how many APIs the portal lists at once.
const portalRows = 200

func (c *console) portalList(w http.ResponseWriter, r *request) error {
	d := portalData{Text: r.URL.Query().Get("q")}
	var err error
	if d.APIs, err = c.Portal.List(r.Context(), r.principal, c.Environment, d.Text); err != nil {
		return err
	}
	d.Total = len(d.APIs)
	d.APIs = d.APIs[:min(d.Total, portalRows)]
	return c.render(w, r, http.StatusOK, "portal", "Developer portal", d)
}

// mineData is what the applications of a developer show.
type mineData struct {
	Group   string
	List    []client.Application
	Form    client.Draft
	Problem string
}

func (c *console) portalMine(w http.ResponseWriter, r *request) error {
	return c.portalMineWith(w, r, client.Draft{}, nil)
}

// portalMineWith shows the applications, and what was wrong with a new one.
func (c *console) portalMineWith(w http.ResponseWriter, r *request, form client.Draft, wrong error) error {
	d := mineData{Group: developsIn(r.principal), Form: form}
	status := http.StatusOK
	if wrong != nil {
		d.Problem, status = wrong.Error(), http.StatusUnprocessableEntity
	}
	var err error
	if d.List, err = c.Clients.Mine(r.Context(), r.principal); err != nil {
		return err
	}
	return c.render(w, r, status, "portalmine", "My applications", d)
}

// developsIn is the id of the business group in which somebody uses the portal: the
// last part of its path.
func developsIn(p control.Principal) string {
	for _, g := range p.Grants {
		if g.Allows(access.UsePortal, g.Scope) {
			return g.Scope.Group[strings.LastIndexByte(g.Scope.Group, '/')+1:]
		}
	}
	return access.Root
}

// portalAPIData is what the page of an API shows.
type portalAPIData struct {
	*portal.Page
	Path  string
	Tiers []client.Tier
	Mine  []client.Application
	// Contracts are those of the developer's applications on this API.
	Contracts []client.Contract
	// Ask and Call are the forms, Problem and CallProblem what was wrong with them.
	Ask                  client.Asking
	Call                 portal.Call
	Answer               *portal.Answer
	Problem, CallProblem string
}

func (c *console) portalOf(r *request) (*portalAPIData, error) {
	name := r.PathValue("namespace") + "/" + r.PathValue("name")
	page, err := c.Portal.Page(r.Context(), r.principal, c.Environment, name)
	if err != nil {
		return nil, err
	}
	d := &portalAPIData{Page: page, Path: portalPath(name), Call: portal.Call{Method: "GET", Path: "/"}}
	if page.Docs != nil && len(page.Docs.Operations) > 0 {
		first := page.Docs.Operations[0]
		d.Call.Method, d.Call.Path = first.Method, first.Path
	}
	if q := r.URL.Query(); q.Get("method") != "" {
		d.Call.Method, d.Call.Path = q.Get("method"), q.Get("path")
	}
	if d.Tiers, err = c.Clients.Tiers(r.Context(), r.principal, c.Environment, name); err != nil {
		return nil, err
	}
	if d.Mine, err = c.Clients.Mine(r.Context(), r.principal); err != nil {
		return nil, err
	}
	for i := range d.Mine {
		held, err := c.Clients.Held(r.Context(), r.principal, d.Mine[i].Group, d.Mine[i].ID)
		if err != nil {
			return nil, err
		}
		for _, one := range held {
			if one.API == name && one.Environment == c.Environment {
				d.Contracts = append(d.Contracts, one)
			}
		}
	}
	return d, nil
}

func (c *console) portalAPI(w http.ResponseWriter, r *request) error {
	d, err := c.portalOf(r)
	if err != nil {
		return err
	}
	return c.render(w, r, http.StatusOK, "portalapi", d.Title, d)
}

func (c *console) portalAsk(w http.ResponseWriter, r *request) error {
	f, err := fields(r)
	if err != nil {
		return err
	}
	group, application, _ := strings.Cut(f.Get("application"), "/")
	ask := client.Asking{
		Group: group, Application: application, API: r.PathValue("namespace") + "/" + r.PathValue("name"), Tier: f.Get("tier"), Reason: f.Get("reason"),
	}
	_, err = c.Clients.Request(r.Context(), r.principal, c.Environment, ask)
	if errors.Is(err, control.ErrInvalid) || errors.Is(err, control.ErrReadOnly) {
		d, again := c.portalOf(r)
		if again != nil {
			return again
		}
		d.Ask, d.Problem = ask, err.Error()
		return c.render(w, r, http.StatusUnprocessableEntity, "portalapi", d.Title, d)
	}
	if err != nil {
		return err
	}
	return see(w, r, portalPath(ask.API)+"#access")
}

func (c *console) portalTry(w http.ResponseWriter, r *request) error {
	f, err := fields(r)
	if err != nil {
		return err
	}
	d, err := c.portalOf(r)
	if err != nil {
		return err
	}
	d.Call = portal.Call{
		Method: f.Get("method"), Path: f.Get("path"), Query: f.Get("query"), Headers: f.Get("headers"), Body: f.Get("body"), ClientID: f.Get("clientId"), Secret: f.Get("secret"),
	}
	status := http.StatusOK
	d.Answer, err = c.Portal.Try(r.Context(), r.principal, c.Environment, d.Name, d.Call)
	d.Call.Secret = "" // no page shows it again
	switch {
	case errors.Is(err, portal.ErrBusy):
		d.CallProblem, status = err.Error(), http.StatusTooManyRequests
	case errors.Is(err, control.ErrInvalid):
		d.CallProblem, status = err.Error(), http.StatusUnprocessableEntity
	case err != nil:
		return err
	}
	return c.render(w, r, status, "portalapi", d.Title, d)
}

// contractView is a contract as a part of a page shows it.
type contractView struct {
	View view
	Row  contractRow
}

// tierForm is the form of a tier.
type tierForm struct {
	Action, ID string
	Version    int64
	client.TierDraft
	Rows []tierRow
}

// clientFunctions are what the templates of clients and portal call.
func clientFunctions() template.FuncMap {
	return template.FuncMap{
		"clientPath": clientPath, "portalPath": portalPath, "applicationPath": applicationPath, "callBars": callBars, "spentBar": spentBar, "contractTone": contractTone, "limit": limitText, "contractRow": newContractRow,
		"contractView": func(v view, row contractRow) contractView { return contractView{v, row} },
		"tierForm": func(action, id string, version int64, d client.TierDraft) tierForm {
			return tierForm{action, id, version, d, rowsOf(d.Limits)}
		},
		"actWord": func(a client.Act) string { return strings.ToUpper(string(a)[:1]) + string(a)[1:] },
		"tryPath": func(path, method, operation string) string {
			return path + "?" + url.Values{"method": {method}, "path": {operation}}.Encode() + "#try"
		},
	}
}
