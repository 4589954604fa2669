package console

import (
	"errors"
	"net/http"
	"net/url"

	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/client"
)

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
