package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/client"
	"farrier.dev/farrier/internal/control/findings"
	"farrier.dev/farrier/internal/control/inventory"
	"farrier.dev/farrier/internal/control/resource"
	"farrier.dev/farrier/internal/traffic"
)

// The bounds of a search.
const (
	searchText = 100 // characters of the text
	searchRows = 8   // results of a kind
	searchWide = 20  // groups that are looked through for one
)

// hit is one thing that was found.
type hit struct{ Path, Name, Note string }

// hits are those of one kind; More leads to a list of all, empty for none.
type hits struct {
	Title, More string
	List        []hit
}

// searchData is what the page of results shows.
type searchData struct {
	Text  string
	Found []hits
	// Failed names what could not be searched.
	Failed []string
}

// seeker is a search among things of one kind. An error that refuses means that the
// reader sees none of them.
type seeker struct {
	title, more string
	find        func(ctx context.Context, p control.Principal, text string) ([]hit, error)
}

func (c *console) search(w http.ResponseWriter, r *request) error {
	text := strings.TrimSpace(r.URL.Query().Get("q"))
	if runes := []rune(text); len(runes) > searchText {
		text = string(runes[:searchText])
	}
	if id := strings.ToUpper(text); traffic.ValidID(id) && r.principal.May(access.ViewTraffic, c.where()) {
		return see(w, r, "/exchanges/"+id)
	}
	d := searchData{Text: text}
	if text == "" {
		return c.render(w, r, http.StatusOK, "search", "Search", d)
	}
	var refusal *inventory.InputError
	for _, s := range c.seekers(r) {
		list, err := s.find(r.Context(), r.principal, text)
		switch {
		case errors.Is(err, control.ErrForbidden), errors.Is(err, control.ErrNotFound), errors.As(err, &refusal):
			continue
		case err != nil:
			c.Log.ErrorContext(r.Context(), "something could not be searched", "component", "console", "what", s.title, "error", err)
			d.Failed = append(d.Failed, s.title)
			continue
		case len(list) == 0:
			continue
		}
		h := hits{Title: s.title, List: list}
		if len(list) >= searchRows {
			h.List = list[:searchRows]
			if s.more != "" {
				h.More = query(s.more, "q", text)
			}
		}
		d.Found = append(d.Found, h)
	}
	return c.render(w, r, http.StatusOK, "search", "Search", d)
}

// seekers are all searches for which there is a service.
func (c *console) seekers(r *request) []seeker {
	list := []seeker{
		{"Pages", "", func(_ context.Context, p control.Principal, text string) ([]hit, error) {
			return c.seekPages(p, r.URL.Path, text), nil
		}},
		{"APIs in service", "", c.seekAPIs},
		{"Findings", "/findings", c.seekFindings},
	}
	if c.Resources != nil {
		list = append(list, seeker{"Managed resources", managePath + cmp.Or(c.Environment, "default"), c.seekResources}, seeker{"Revisions", "", c.seekRevisions})
	}
	if c.Clients != nil {
		list = append(list, seeker{"Client applications", "/clients", c.seekClients})
	}
	if c.People != nil {
		list = append(list, seeker{"Accounts", "/access", c.seekAccounts}, seeker{"Teams", "", c.seekTeams})
	}
	if c.Secrets != nil {
		list = append(list, seeker{"Secrets", "", c.seekSecrets})
	}
	if c.Inventory != nil {
		list = append(list, seeker{"Operations", "/inventory", c.seekOperations})
	}
	list = append(list, seeker{"Projects", "", c.seekProjects})
	if c.Alerts != nil {
		list = append(list, seeker{"Alert rules", "", c.seekAlerts})
	}
	if c.Fleet != nil {
		list = append(list, seeker{"Gateways", "", c.seekGateways})
	}
	return list
}

// contains says that one of some texts holds another, in any case.
func contains(text string, in ...string) bool {
	text = strings.ToLower(text)
	for _, one := range in {
		if strings.Contains(strings.ToLower(one), text) {
			return true
		}
	}
	return false
}

func (c *console) seekPages(p control.Principal, path, text string) (found []hit) {
	at := c.where()
	for _, a := range areas() {
		for _, pl := range a.places {
			if contains(text, pl.name, a.name) && c.shows(p, &pl, at) {
				to := strings.ReplaceAll(pl.path, "{environment}", cmp.Or(c.Environment, "default"))
				if to != path {
					found = append(found, hit{to, pl.name, a.name})
				}
			}
		}
	}
	return found
}

func (c *console) seekAPIs(_ context.Context, p control.Principal, text string) (found []hit, err error) {
	names, policies := c.Served.Names(p)
	for _, name := range names {
		if contains(text, name) && len(found) < searchRows {
			found = append(found, hit{apiPath(name), name, ""})
		}
	}
	for _, name := range policies {
		if contains(text, name) && len(found) < searchRows && p.May(access.ViewTraffic, c.where()) {
			found = append(found, hit{query("/refusals", "policy", name), name, "policy: what it refused"})
		}
	}
	return found, nil
}

func (c *console) seekFindings(ctx context.Context, p control.Principal, text string) (found []hit, err error) {
	list, _, err := c.Findings.List(ctx, p, findings.Filter{Text: text, Limit: searchRows})
	for i := range list {
		found = append(found, hit{"/findings/" + list[i].Fingerprint, list[i].Title, list[i].Rule + " · " + list[i].Location.API + " " + list[i].Location.Operation})
	}
	return found, err
}

func (c *console) seekResources(ctx context.Context, p control.Principal, text string) (found []hit, err error) {
	m := managed{Environment: cmp.Or(c.Environment, "default")}
	m.Base = managePath + m.Environment
	list, _, err := c.Resources.List(ctx, p, m.Environment, resource.Filter{Query: text, Limit: searchRows})
	for i := range list {
		one := hit{m.pathOf(list[i].Key()), list[i].Key().Namespace + "/" + list[i].Key().Name, list[i].Kind}
		if list[i].ManagedBy != "" {
			one.Path, one.Note = query(m.Base, "q", list[i].Key().Name), one.Note+", managed by "+list[i].ManagedBy
		}
		found = append(found, one)
	}
	return found, err
}

func (c *console) seekRevisions(ctx context.Context, p control.Principal, text string) (found []hit, err error) {
	environment := cmp.Or(c.Environment, "default")
	base := managePath + environment + "/revisions"
	number, _ := strconv.ParseInt(strings.TrimLeft(strings.ToLower(text), "revison #"), 10, 64)
	list, err := c.Resources.Revisions(ctx, p, environment, 0, 5*searchWide)
	if number > 0 && err == nil {
		one, missing := c.Resources.Revision(ctx, p, environment, number)
		if missing == nil {
			list = append([]resource.Revision{*one}, list...)
		}
	}
	seen := map[int64]bool{}
	for i := range list {
		r := &list[i]
		if !seen[r.Number] && len(found) < searchRows && (r.Number == number || contains(text, r.Note, r.Author)) {
			seen[r.Number] = true
			found = append(found, hit{query(base, "from", strconv.FormatInt(r.Before(), 10), "to", strconv.FormatInt(r.Number, 10)), fmt.Sprintf("Revision %d", r.Number), strings.Trim(r.Author+" · "+r.Note, " ·")})
		}
	}
	return found, err
}

func (c *console) seekClients(ctx context.Context, p control.Principal, text string) (found []hit, err error) {
	groups := []string{access.Root}
	if c.People != nil {
		branches, err := c.People.Tree(ctx, p)
		if err != nil {
			return nil, err
		}
		groups = groups[:0]
		for i := range branches[:min(len(branches), searchWide)] {
			groups = append(groups, branches[i].ID)
		}
	}
	seen := map[string]bool{}
	note := func(list []client.Application) {
		for i := range list {
			a := &list[i]
			if !seen[a.ID] && len(found) < searchRows && contains(text, a.Name, a.ClientID) {
				seen[a.ID] = true
				found = append(found, hit{clientPath(a.Group, a.ID), a.Name, a.ClientID})
			}
		}
	}
	for _, group := range groups {
		list, _, err := c.Clients.Applications(ctx, p, group, client.Query{Text: text, Limit: searchRows})
		if err != nil && !errors.Is(err, control.ErrForbidden) && !errors.Is(err, control.ErrNotFound) {
			return nil, err
		}
		note(list)
	}
	mine, err := c.Clients.Mine(ctx, p)
	note(mine)
	return found, err
}

func (c *console) seekAccounts(ctx context.Context, p control.Principal, text string) (found []hit, err error) {
	list, err := c.People.Accounts(ctx, p, access.AccountQuery{Text: text, Limit: searchRows})
	for i := range list {
		found = append(found, hit{"/access/accounts/" + list[i].ID, list[i].Name, list[i].Display})
	}
	return found, err
}

func (c *console) seekTeams(ctx context.Context, p control.Principal, text string) (found []hit, err error) {
	list, err := c.People.Teams(ctx, p)
	for i := range list {
		if contains(text, list[i].Name) && len(found) < searchRows {
			found = append(found, hit{"/access/teams/" + list[i].ID, list[i].Name, ""})
		}
	}
	return found, err
}

// seekSecrets looks for names only.
func (c *console) seekSecrets(ctx context.Context, p control.Principal, text string) (found []hit, err error) {
	groups, err := c.Secrets.Groups(ctx, p, c.Environment)
	if err != nil {
		return nil, err
	}
	for i := range groups {
		if contains(text, groups[i].Name) && len(found) < searchRows {
			found = append(found, hit{secretsPath + groups[i].Name, groups[i].Name, "group"})
		}
	}
	list, err := c.Secrets.Find(ctx, p, c.Environment, text, searchRows)
	for i := range list {
		if len(found) < searchRows {
			found = append(found, hit{secretsPath + list[i].Group + "/" + list[i].Name, list[i].Group + "/" + list[i].Name, list[i].Kind.Title()})
		}
	}
	return found, err
}

func (c *console) seekOperations(ctx context.Context, p control.Principal, text string) (found []hit, err error) {
	page, err := c.Inventory.List(ctx, p, inventory.Wanted{Query: text, Limit: searchRows})
	if err != nil {
		return nil, err
	}
	for _, row := range page.Rows {
		found = append(found, hit{operationPath(row.ID), row.Method + " " + row.Path, row.Host})
	}
	return found, nil
}

func (c *console) seekProjects(ctx context.Context, p control.Principal, text string) (found []hit, err error) {
	o, err := c.Projects.Overview(ctx, p)
	if err != nil {
		return nil, err
	}
	for i := range o.Projects {
		if name := o.Projects[i].Project; contains(text, name) && len(found) < searchRows {
			found = append(found, hit{projectPath(name), name, ""})
		}
	}
	return found, nil
}

func (c *console) seekAlerts(ctx context.Context, p control.Principal, text string) (found []hit, err error) {
	list, err := c.Alerts.Rules(ctx, p, c.Environment)
	for i := range list {
		if contains(text, list[i].Rule.Name) && len(found) < searchRows {
			found = append(found, hit{alertsPath + "/rules/" + list[i].ID, list[i].Rule.Name, string(list[i].Rule.Kind)})
		}
	}
	return found, err
}

func (c *console) seekGateways(ctx context.Context, p control.Principal, text string) (found []hit, err error) {
	list, err := c.Fleet.List(ctx, p, c.Environment)
	for i := range list {
		if contains(text, list[i].Name) && len(found) < searchRows {
			found = append(found, hit{gatewaysPath(c.Environment), list[i].Name, string(list[i].State)})
		}
	}
	return found, err
}
