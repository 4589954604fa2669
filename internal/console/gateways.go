package console

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/fleet"
)

// gatewayRoutes are the pages of gateways that are processes of their own.
func (c *console) gatewayRoutes() []route {
	if c.Fleet == nil {
		return nil
	}
	return []route{
		{"GET /gateways", operators, c.gatewayList},
		{"POST /gateways", operators, c.gatewayInvite},
		{"POST /gateways/{id}/remove", operators, c.gatewayRemove},
	}
}

// gatewaysData is what the list of gateways shows.
type gatewaysData struct {
	Environment string
	// Environments are those that the reader may look at.
	Environments []string
	List         []fleet.Gateway
	// Publication is how publishing stands in the environment.
	Publication fleet.Publication
	// Own says that the process serves the environment itself.
	Own bool
	// May says that the reader may invite and remove gateways.
	May bool
	// Address is where gateways reach the control plane, empty while it does not
	// listen for them.
	Address string
	// Name and Problem are those of an invitation that was not accepted.
	Name, Problem string
}

func (c *console) gatewayList(w http.ResponseWriter, r *request) error {
	return c.showGateways(w, r, http.StatusOK, gatewaysData{Environment: r.URL.Query().Get("environment")})
}

func (c *console) showGateways(w http.ResponseWriter, r *request, status int, d gatewaysData) error {
	d.Environment, d.Address = cmp.Or(d.Environment, c.Environment), c.FleetAddress
	d.Own = d.Environment == c.Environment
	at := c.where()
	if c.People != nil {
		branches, err := c.People.Tree(r.Context(), r.principal)
		if err != nil && !errors.Is(err, control.ErrNotFound) {
			return err
		}
		for i := range branches {
			for _, e := range branches[i].Environments {
				scope := access.Scope{Group: branches[i].Path, Environment: e.ID}
				if e.ID == d.Environment {
					at = scope
				}
				if r.principal.May(access.ViewGateways, scope) {
					d.Environments = append(d.Environments, e.ID)
				}
			}
		}
	}
	var err error
	if d.List, err = c.Fleet.List(r.Context(), r.principal, d.Environment); err != nil {
		// Who asked for no environment is shown one of theirs.
		if r.Method == http.MethodGet && !r.URL.Query().Has("environment") && len(d.Environments) > 0 && d.Environments[0] != d.Environment {
			return see(w, r, query("/gateways", "environment", d.Environments[0]))
		}
		return err
	}
	if d.Publication, err = c.Fleet.Publication(r.Context(), r.principal, d.Environment); err != nil {
		return err
	}
	d.May = r.principal.May(access.ManageGateways, at)
	return c.render(w, r, status, "gateways", "Gateways", d)
}

// invitedData shows an enrolment token once.
type invitedData struct {
	fleet.Gateway
	// Token is shown now and never again.
	Token, Address, Path string
}

// Control is the address of the control plane as a gateway is told it.
func (d invitedData) Control() string { return cmp.Or(d.Address, "https://HOST:9443") }

// NoHost says that the name in it is to be filled in.
func (d invitedData) NoHost() bool { return strings.Contains(d.Control(), "//HOST:") }

func (c *console) gatewayInvite(w http.ResponseWriter, r *request) error {
	f, err := fields(r)
	if err != nil {
		return err
	}
	environment, name := f.Get("environment"), strings.TrimSpace(f.Get("name"))
	g, token, err := c.Fleet.Invite(r.Context(), r.principal, environment, name)
	if errors.Is(err, control.ErrInvalid) {
		_, text, _ := strings.Cut(err.Error(), control.ErrInvalid.Error()+": ")
		return c.showGateways(w, r, http.StatusUnprocessableEntity, gatewaysData{Environment: environment, Name: name, Problem: spoken(text)})
	}
	if err != nil {
		return err
	}
	return c.render(w, r, http.StatusOK, "gatewayinvited", "Gateway "+name, invitedData{g, token, c.FleetAddress, gatewaysPath(environment)})
}

func gatewaysPath(environment string) string {
	return "/gateways?" + url.Values{"environment": {environment}}.Encode()
}

func (c *console) gatewayRemove(w http.ResponseWriter, r *request) error {
	f, err := fields(r)
	if err != nil {
		return err
	}
	if f.Get("sure") == "" {
		return problem(http.StatusUnprocessableEntity, "Not removed", "Tick the box that says that you mean it, then send it again.")
	}
	if err := c.Fleet.Remove(r.Context(), r.principal, f.Get("environment"), r.PathValue("id")); err != nil {
		return err
	}
	return see(w, r, gatewaysPath(f.Get("environment")))
}

// gatewayTone is how a state looks.
func gatewayTone(s fleet.State) string {
	switch s {
	case fleet.Serving:
		return "good"
	case fleet.Behind, fleet.Silent:
		return "stop"
	case fleet.Expired:
		return "warn"
	case fleet.Invited:
	}
	return "calm"
}

// gatewayWord says what a state means.
func gatewayWord(s fleet.State) string {
	switch s {
	case fleet.Serving:
		return "It serves what is published."
	case fleet.Behind:
		return "It does not serve what is published yet."
	case fleet.Silent:
		return "It was not heard for a minute; it goes on serving what it had."
	case fleet.Expired:
		return "Its token was not used in time: invite it again."
	case fleet.Invited:
	}
	return "Its token was not used yet."
}
