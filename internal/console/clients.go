package console

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/client"
	"farrier.dev/farrier/internal/revision"
)

// clientRoutes are the pages of client applications, tiers and contracts.
func (c *console) clientRoutes() []route {
	if c.Clients == nil {
		return nil
	}
	const one, api = "/clients/{group}/{id}", "/apis/{namespace}/{name}"
	return []route{
		{"GET /clients", operators, c.clientList},
		{"POST /clients", operators, c.clientCreate},
		{"GET /clients/requests", operators, c.contractRequests},
		{"GET " + one, operators, c.client},
		{"POST " + one, operators, c.clientUpdate},
		{"POST " + one + "/secret", operators, c.clientReset},
		{"POST " + one + "/delete", operators, c.clientDelete},
		{"GET " + api + "/contracts", operators, c.apiContracts},
		{"POST " + api + "/contracts/{id}", operators, c.contractAct},
		{"POST " + api + "/tiers", operators, c.tierSave},
		{"POST " + api + "/tiers/{id}", operators, c.tierSave},
	}
}

// clientsData is what the list of applications shows.
type clientsData struct {
	Group, Text string
	List        []client.Application
	Next        string
	// Waiting is how many contracts wait for a decision, More that there are others.
	Waiting int
	More    bool
	// May says that the reader may make applications.
	May bool
	// Form and Problem are those of an application that was not accepted.
	Form    client.Draft
	Problem string
}

func (c *console) clientsOf(r *request) (*clientsData, error) {
	q := r.URL.Query()
	d := &clientsData{Group: q.Get("group"), Text: q.Get("q")}
	if d.Group == "" {
		d.Group = access.Root
	}
	var err error
	if d.List, d.Next, err = c.Clients.Applications(r.Context(), r.principal, d.Group, client.Query{Text: d.Text, After: q.Get("after")}); err != nil {
		return nil, err
	}
	if d.Next != "" {
		d.Next = query("/clients", "q", d.Text, "group", q.Get("group"), "after", d.Next)
	}
	// Who sees clients need not see contracts.
	if waiting, next, err := c.Clients.Contracts(r.Context(), r.principal, c.Environment, client.Filter{Waiting: true, Limit: 100}); err == nil {
		d.Waiting, d.More = len(waiting), next != ""
	}
	d.May = true // the service decides; the form says what is wrong
	return d, nil
}

func (c *console) clientList(w http.ResponseWriter, r *request) error {
	d, err := c.clientsOf(r)
	if err != nil {
		return err
	}
	return c.render(w, r, http.StatusOK, "clients", "Clients", d)
}

// secretData shows a secret once.
type secretData struct {
	Application *client.Application
	Secret      string
	// Path leads on; Until is when the secrets before it end, zero for at once.
	Path  string
	Until time.Time
}

func draftOf(f url.Values) client.Draft {
	return client.Draft{
		Name: f.Get("name"), Description: f.Get("description"), ClientID: strings.TrimSpace(f.Get("clientId")),
		Owners: strings.Fields(f.Get("owners")), RedirectURIs: strings.Fields(f.Get("redirectUris")), GrantTypes: f["grantTypes"],
	}
}

func (c *console) clientCreate(w http.ResponseWriter, r *request) error {
	f, err := fields(r)
	if err != nil {
		return err
	}
	group, draft := f.Get("group"), draftOf(f)
	made, secret, err := c.Clients.Create(r.Context(), r.principal, group, draft)
	if errors.Is(err, control.ErrInvalid) {
		if f.Get("from") == "portal" {
			return c.portalMineWith(w, r, draft, err)
		}
		d, again := c.clientsOf(r)
		if again != nil {
			return again
		}
		d.Form, d.Problem = draft, err.Error()
		return c.render(w, r, http.StatusUnprocessableEntity, "clients", "Clients", d)
	}
	if err != nil {
		return err
	}
	return c.render(w, r, http.StatusOK, "clientsecret", "The client secret", secretData{Application: made, Secret: secret, Path: clientPath(made.Group, made.ID)})
}

func clientPath(group, id string) string {
	return "/clients/" + url.PathEscape(group) + "/" + url.PathEscape(id)
}

// clientData is what the page of an application shows.
type clientData struct {
	*client.Application
	Path      string
	Contracts []client.Contract
	Grants    []string
	Problem   string
}

func (c *console) clientOf(r *request) (*clientData, error) {
	group, id := r.PathValue("group"), r.PathValue("id")
	app, err := c.Clients.Application(r.Context(), r.principal, group, id)
	if err != nil {
		return nil, err
	}
	d := &clientData{Application: app, Path: clientPath(group, id), Grants: client.GrantTypes()}
	d.Contracts, err = c.Clients.Held(r.Context(), r.principal, group, id)
	return d, err
}

func (c *console) client(w http.ResponseWriter, r *request) error {
	d, err := c.clientOf(r)
	if err != nil {
		return err
	}
	return c.render(w, r, http.StatusOK, "client", d.Name, d)
}

// version reads the version of what a form was made from.
func version(f url.Values) int64 {
	n, _ := strconv.ParseInt(f.Get("version"), 10, 64) // what is none is in conflict
	return n
}

// clientAgain shows the page with what was wrong, beside any other error.
func (c *console) clientAgain(w http.ResponseWriter, r *request, wrong error) error {
	if !errors.Is(wrong, control.ErrInvalid) {
		return wrong
	}
	d, err := c.clientOf(r)
	if err != nil {
		return err
	}
	d.Problem = wrong.Error()
	return c.render(w, r, http.StatusUnprocessableEntity, "client", d.Name, d)
}

func (c *console) clientUpdate(w http.ResponseWriter, r *request) error {
	f, err := fields(r)
	if err != nil {
		return err
	}
	group, id := r.PathValue("group"), r.PathValue("id")
	if _, err := c.Clients.Update(r.Context(), r.principal, group, id, version(f), draftOf(f)); err != nil {
		return c.clientAgain(w, r, err)
	}
	return see(w, r, clientPath(group, id))
}

func (c *console) clientReset(w http.ResponseWriter, r *request) error {
	f, err := fields(r)
	if err != nil {
		return err
	}
	hours, err := strconv.Atoi(f.Get("hours"))
	if err != nil || f.Get("sure") == "" {
		return c.clientAgain(w, r, fmt.Errorf("%w: choose when the present secret ends, and confirm that a new one is made", control.ErrInvalid))
	}
	group, id := r.PathValue("group"), r.PathValue("id")
	secret, err := c.Clients.ResetSecret(r.Context(), r.principal, group, id, version(f), time.Duration(hours)*time.Hour)
	if err != nil {
		return c.clientAgain(w, r, err)
	}
	app, err := c.Clients.Application(r.Context(), r.principal, group, id)
	if err != nil {
		return err
	}
	d := secretData{Application: app, Secret: secret, Path: clientPath(group, id)}
	if hours > 0 {
		d.Until = c.Now().Add(time.Duration(hours) * time.Hour)
	}
	return c.render(w, r, http.StatusOK, "clientsecret", "The client secret", d)
}

func (c *console) clientDelete(w http.ResponseWriter, r *request) error {
	f, err := fields(r)
	if err != nil {
		return err
	}
	if err := c.Clients.Delete(r.Context(), r.principal, r.PathValue("group"), r.PathValue("id"), version(f)); err != nil {
		return c.clientAgain(w, r, err)
	}
	return see(w, r, "/clients")
}

// contractsData is what the contracts of an API, or the requests of all, show.
type contractsData struct {
	// Name is that of the API, empty for the requests of all; Path is its address.
	Name, Path string
	List       []client.Contract
	Next       string
	Tiers      []client.Tier
	States     []client.State
	State      client.State
	Problem    string
	// Tier is what was filled in for a tier that was not accepted.
	Tier client.TierDraft
}

func (c *console) contractRequests(w http.ResponseWriter, r *request) error {
	d := &contractsData{}
	var err error
	if d.List, d.Next, err = c.Clients.Contracts(r.Context(), r.principal, c.Environment, client.Filter{Waiting: true, After: r.URL.Query().Get("after")}); err != nil {
		return err
	}
	if d.Next != "" {
		d.Next = query("/clients/requests", "after", d.Next)
	}
	return c.render(w, r, http.StatusOK, "contractrequests", "Contract requests", d)
}

func (c *console) contractsOf(r *request) (*contractsData, error) {
	name, q := r.PathValue("namespace")+"/"+r.PathValue("name"), r.URL.Query()
	d := &contractsData{
		Name: name, Path: apiPath(name), State: client.State(q.Get("state")),
		States: []client.State{client.Pending, client.Approved, client.Rejected, client.Revoked},
	}
	var err error
	if d.List, d.Next, err = c.Clients.Contracts(r.Context(), r.principal, c.Environment, client.Filter{API: name, State: d.State, After: q.Get("after")}); err != nil {
		return nil, err
	}
	if d.Next != "" {
		d.Next = query(d.Path+"/contracts", "state", string(d.State), "after", d.Next)
	}
	d.Tiers, err = c.Clients.Tiers(r.Context(), r.principal, c.Environment, name)
	return d, err
}

func (c *console) apiContracts(w http.ResponseWriter, r *request) error {
	d, err := c.contractsOf(r)
	if err != nil {
		return err
	}
	return c.render(w, r, http.StatusOK, "apicontracts", "Contracts of "+d.Name, d)
}

// contractsAgain shows the page with what was wrong, beside any other error.
func (c *console) contractsAgain(w http.ResponseWriter, r *request, wrong error, tier client.TierDraft) error {
	if !errors.Is(wrong, control.ErrInvalid) {
		return wrong
	}
	d, err := c.contractsOf(r)
	if err != nil {
		return err
	}
	d.Problem, d.Tier = wrong.Error(), tier
	return c.render(w, r, http.StatusUnprocessableEntity, "apicontracts", "Contracts of "+d.Name, d)
}

func (c *console) contractAct(w http.ResponseWriter, r *request) error {
	f, err := fields(r)
	if err != nil {
		return err
	}
	id, act := r.PathValue("id"), client.Act(f.Get("act"))
	switch act {
	case client.Remove:
		err = c.Clients.Remove(r.Context(), r.principal, c.Environment, id, version(f))
	case client.Change:
		_, err = c.Clients.ChangeTier(r.Context(), r.principal, c.Environment, id, version(f), f.Get("tier"), f.Get("note"))
	case client.Request, client.Approve, client.Reject, client.Revoke, client.Restore:
		_, err = c.Clients.Decide(r.Context(), r.principal, c.Environment, id, version(f), act, f.Get("note"))
	default:
		return problem(http.StatusBadRequest, "The form is malformed", "Open the page again and repeat what you did.")
	}
	switch {
	case err != nil && f.Get("from") != "":
		return err
	case err != nil:
		return c.contractsAgain(w, r, err, client.TierDraft{})
	case f.Get("from") == "requests":
		return see(w, r, "/clients/requests")
	case f.Get("from") == "portal":
		return see(w, r, portalPath(r.PathValue("namespace")+"/"+r.PathValue("name"))+"#access")
	}
	return see(w, r, apiPath(r.PathValue("namespace")+"/"+r.PathValue("name"))+"/contracts")
}

// tierRows is how many limits the form of a tier has.
const tierRows = 3

// tierSave keeps a new tier, or one that was changed or removed.
func (c *console) tierSave(w http.ResponseWriter, r *request) error {
	f, err := fields(r)
	if err != nil {
		return err
	}
	name, id := r.PathValue("namespace")+"/"+r.PathValue("name"), r.PathValue("id")
	draft, err := tierOf(f)
	switch {
	case f.Get("remove") != "":
		err = c.Clients.DeleteTier(r.Context(), r.principal, c.Environment, id, version(f))
	case err != nil:
	case id == "":
		_, err = c.Clients.CreateTier(r.Context(), r.principal, c.Environment, name, draft)
	default:
		_, err = c.Clients.UpdateTier(r.Context(), r.principal, c.Environment, id, version(f), draft)
	}
	if err != nil {
		return c.contractsAgain(w, r, err, draft)
	}
	return see(w, r, apiPath(name)+"/contracts#tiers")
}

// tierOf reads the form of a tier.
func tierOf(f url.Values) (client.TierDraft, error) {
	d := client.TierDraft{
		Name: f.Get("name"), Description: f.Get("description"), AutoApprove: f.Get("autoApprove") != "", Status: client.Status(f.Get("status")),
	}
	units := map[string]int64{"ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
	for i := range tierRows {
		n := strconv.Itoa(i)
		most, every := strings.TrimSpace(f.Get("max"+n)), strings.TrimSpace(f.Get("every"+n))
		if most == "" && every == "" {
			continue
		}
		a, err := strconv.ParseInt(most, 10, 64)
		b, err2 := strconv.ParseInt(every, 10, 64)
		unit := units[f.Get("unit"+n)]
		if err != nil || err2 != nil || unit == 0 || b > 1_000_000_000 {
			return d, fmt.Errorf("%w: limit %d must be two whole numbers: how many requests, and in how long a time", control.ErrInvalid, i+1)
		}
		d.Limits = append(d.Limits, client.Limit{Visible: f.Get("show"+n) != "", MaximumRequests: a, TimePeriodInMilliseconds: b * unit})
	}
	return d, nil
}

// tierRow is one limit as the form shows it.
type tierRow struct {
	N          int
	Max, Every string
	Unit       string
	Show       bool
}

// rowsOf are the limits of a tier as a form shows them.
func rowsOf(limits []client.Limit) []tierRow {
	rows := make([]tierRow, tierRows)
	for i := range rows {
		rows[i] = tierRow{N: i, Unit: "min", Show: true}
		if i >= len(limits) {
			continue
		}
		l := limits[i]
		rows[i].Max, rows[i].Show = strconv.FormatInt(l.MaximumRequests, 10), l.Visible
		for _, u := range []struct {
			name string
			ms   int64
		}{{"d", 86_400_000}, {"h", 3_600_000}, {"min", 60_000}, {"s", 1000}, {"ms", 1}} {
			if l.TimePeriodInMilliseconds%u.ms == 0 {
				rows[i].Unit, rows[i].Every = u.name, strconv.FormatInt(l.TimePeriodInMilliseconds/u.ms, 10)
				break
			}
		}
	}
	return rows
}

func limitText(l client.Limit) string {
	return period(revision.Limit{MaximumRequests: l.MaximumRequests, TimePeriodInMilliseconds: l.TimePeriodInMilliseconds})
}

// contractTone colours the state of a contract.
func contractTone(s client.State) string {
	switch s {
	case client.Pending:
		return "warn"
	case client.Approved:
		return "good"
	case client.Rejected, client.Revoked:
		return "stop"
	}
	return "calm"
}

// contractRow is a contract with its forms: Action is where they go, From where they
// lead back to.
type contractRow struct {
	*client.Contract
	Action, From string
	Tiers        []client.Tier
}

func newContractRow(c client.Contract, from string, tiers []client.Tier) contractRow {
	return contractRow{&c, apiPath(c.API) + "/contracts/" + url.PathEscape(c.ID), from, tiers}
}
