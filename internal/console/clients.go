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
