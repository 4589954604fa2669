package console

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/portal"
	"farrier.dev/farrier/internal/control/resource"
)

// managePath begins the addresses of drafts and revisions; maxManageBody bounds the
// forms there.
const (
	managePath    = "/manage/"
	maxManageBody = 2 << 20
)

func (c *console) manageRoutes() []route {
	if c.Resources == nil {
		return nil
	}
	const (
		environment = "/manage/{environment}"
		api         = environment + "/apis/{namespace}/{name}"
		binding     = environment + "/policies/{namespace}/{name}"
	)
	return []route{
		{"GET /manage", operators, c.manageHome},
		{"GET " + environment, operators, c.manageList},
		{"GET " + environment + "/new", operators, c.manageNew},
		{"POST " + environment + "/new", operators, c.manageCreate},
		{"GET " + api, operators, c.manageAPI},
		{"POST " + api + "/order", operators, c.manageOrder},
		{"POST " + api + "/description", operators, c.manageDescribe},
		{"GET " + api + "/add/{policy}", operators, c.manageAdd},
		{"POST " + api + "/add/{policy}", operators, c.manageAdded},
		{"GET " + binding, operators, c.manageBinding},
		{"POST " + binding, operators, c.manageBound},
		{"POST " + binding + "/switch", operators, c.manageSwitch},
		{"GET " + environment + "/resources/{kind}/{namespace}/{name}", operators, c.manageText},
		{"POST " + environment + "/resources/{kind}/{namespace}/{name}", operators, c.manageWrite},
		{"POST " + environment + "/resources/{kind}/{namespace}/{name}/remove", operators, c.manageRemove},
		{"GET " + environment + "/changes", operators, c.manageChanges},
		{"POST " + environment + "/publish", operators, c.managePublish},
		{"POST " + environment + "/discard", operators, c.manageDiscard},
		{"GET " + environment + "/revisions", operators, c.manageRevisions},
		{"GET " + environment + "/revisions/{number}/rollback", operators, c.manageRollback},
		{"POST " + environment + "/revisions/{number}/rollback", operators, c.manageRolledBack},
	}
}

// managed is what all pages of an environment show.
type managed struct {
	Environment string
	// Base is the address of the environment's pages.
	Base string
	// Problem is what went wrong with what was sent; Problems are single ones.
	Problem  string
	Problems []resource.Problem
}

func (c *console) managed(r *request) managed {
	e := r.PathValue("environment")
	m := managed{Environment: e}
	m.Base = m.base()
	return m
}

// base is the address of the pages of an environment.
func (m *managed) base() string { return managePath + url.PathEscape(m.Environment) }

// refused takes the reasons for which a form is shown again out of an error; false
// says that there are none.
func (m *managed) refused(err error) bool {
	var wrong *resource.InvalidError
	switch {
	case errors.As(err, &wrong):
		m.Problem, m.Problems = "This can’t be accepted yet.", wrong.Problems
	case errors.Is(err, control.ErrInvalid):
		m.Problem = spoken(strings.TrimPrefix(err.Error(), control.ErrInvalid.Error()+": "))
	case errors.Is(err, control.ErrConflict), errors.Is(err, control.ErrReadOnly):
		m.Problem = spoken(err.Error())
	default:
		return false
	}
	return true
}

func (c *console) manageHome(w http.ResponseWriter, r *request) error {
	http.Redirect(w, r.Request, managePath+url.PathEscape(cmp.Or(c.Environment, "default")), http.StatusSeeOther)
	return nil
}

// manageListData is what the list of resources shows.
type manageListData struct {
	managed
	Kinds []manageKind
	Draft *resource.Draft
	Query string
	Next  string
	// Promotes says that the reader may copy APIs from other environments.
	Promotes bool
}

// manageKind is the resources of one kind.
type manageKind struct {
	Kind string
	List []manageItem
}

// manageItem is a resource with the address of its page.
type manageItem struct {
	resource.Resource
	Path string
}

func (c *console) manageList(w http.ResponseWriter, r *request) error {
	d := manageListData{managed: c.managed(r), Query: r.URL.Query().Get("q")}
	found, next, err := c.Resources.List(r.Context(), r.principal, d.Environment, resource.Filter{Query: d.Query, After: r.URL.Query().Get("after"), Limit: 200})
	if err != nil {
		return err
	}
	d.Next, d.Promotes = next, c.promotes(r, d.Environment)
	for _, kind := range resource.Kinds() {
		k := manageKind{Kind: kind}
		for _, one := range found {
			if one.Kind == kind {
				k.List = append(k.List, manageItem{one, d.pathOf(one.Key())})
			}
		}
		if len(k.List) > 0 {
			d.Kinds = append(d.Kinds, k)
		}
	}
	// Who may not see policies, sees no difference of them either.
	if d.Draft, err = c.Resources.Draft(r.Context(), r.principal, d.Environment); err != nil && !errors.Is(err, control.ErrForbidden) {
		return err
	}
	return c.render(w, r, http.StatusOK, "manage", "Manage "+d.Environment, d)
}

// pathOf is the page of a resource.
func (m *managed) pathOf(k resource.Key) string {
	rest := "/" + url.PathEscape(k.Namespace) + "/" + url.PathEscape(k.Name)
	switch k.Kind {
	case resource.KindAPI:
		return m.Base + "/apis" + rest
	case resource.KindBinding:
		return m.Base + "/policies" + rest
	}
	return m.Base + "/resources/" + url.PathEscape(k.Kind) + rest
}

// Text is the page of the manifest of a resource.
func (m managed) Text(k resource.Key) string {
	return m.Base + "/resources/" + url.PathEscape(k.Kind) + "/" + url.PathEscape(k.Namespace) + "/" + url.PathEscape(k.Name)
}

// Page is the page of a resource.
func (m managed) Page(k resource.Key) string { return m.pathOf(k) }

// manageNewData is the form of a new API.
type manageNewData struct {
	managed
	Form resource.NewAPI
}

func (c *console) manageNew(w http.ResponseWriter, r *request) error {
	if _, _, err := c.Resources.List(r.Context(), r.principal, r.PathValue("environment"), resource.Filter{Limit: 1}); err != nil {
		return err
	}
	d := manageNewData{managed: c.managed(r), Form: resource.NewAPI{Namespace: "default", Address: "http://0.0.0.0:8081/"}}
	return c.render(w, r, http.StatusOK, "managenew", "New API", d)
}

func (c *console) manageCreate(w http.ResponseWriter, r *request) error {
	if err := parseForm(r); err != nil {
		return err
	}
	d := manageNewData{managed: c.managed(r), Form: resource.NewAPI{
		Namespace: r.PostForm.Get("namespace"), Name: r.PostForm.Get("name"), Address: r.PostForm.Get("address"), Upstream: r.PostForm.Get("upstream"),
	}}
	if r.PostForm.Get("portal") != "" {
		d.Form.Labels = map[string]string{portal.Label: portal.Public}
	}
	one, err := c.Resources.CreateAPI(r.Context(), r.principal, d.Environment, d.Form)
	if err != nil {
		if !d.refused(err) {
			return err
		}
		return c.render(w, r, http.StatusUnprocessableEntity, "managenew", "New API", d)
	}
	return see(w, r, d.pathOf(one.Key()))
}

func parseForm(r *request) error {
	if err := r.ParseForm(); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return err
		}
		return problem(http.StatusBadRequest, "The form is malformed", "Open the page again and repeat what you did.")
	}
	return nil
}

func keyIn(r *request, kind string) resource.Key {
	return resource.Key{Kind: kind, Namespace: r.PathValue("namespace"), Name: r.PathValue("name")}
}

func versionIn(r *request) int64 {
	version, err := strconv.ParseInt(r.PostForm.Get("version"), 10, 64)
	if err != nil {
		return -1 // which nothing has
	}
	return version
}

// manageAPIData is what the page of an API in the draft shows.
type manageAPIData struct {
	managed
	API      resource.Resource
	Key      resource.Key
	Bindings []resource.Binding
	Own      []resource.Binding
	Policies []policyGroup
	Manifest string
	// Description is what was attached to the API, nil for none; FileProblem what was
	// wrong with another.
	Description *resource.Specification
	FileProblem string
}

// policyGroup is the policies of one category.
type policyGroup struct {
	Category string
	List     []resource.Policy
}

func (c *console) manageAPI(w http.ResponseWriter, r *request) error {
	return c.showManagedAPI(w, r, http.StatusOK, manageAPIData{managed: c.managed(r), Key: keyIn(r, resource.KindAPI)})
}

func (c *console) showManagedAPI(w http.ResponseWriter, r *request, status int, d manageAPIData) error {
	// The list leads to the form of a policy.
	if name := r.URL.Query().Get("policy"); name != "" {
		return see(w, r, d.pathOf(d.Key)+"/add/"+url.PathEscape(name))
	}
	var err error
	var text []byte
	if d.API, text, err = c.Resources.YAML(r.Context(), r.principal, d.Environment, d.Key); err != nil {
		return err
	}
	d.Manifest = string(text)
	if d.API.ManagedBy == "" {
		if d.Bindings, err = c.Resources.Bindings(r.Context(), r.principal, d.Environment, d.Key.Namespace, d.Key.Name); err != nil {
			return err
		}
	}
	for _, one := range d.Bindings {
		if !one.Automated && !one.Inline {
			d.Own = append(d.Own, one)
		}
	}
	if d.Description, err = c.Resources.Specification(r.Context(), r.principal, d.Environment, d.Key.Namespace, d.Key.Name); err != nil && !errors.Is(err, control.ErrNotFound) {
		return err
	}
	all, err := c.Resources.Policies(r.Context(), r.principal, d.Environment)
	if err != nil {
		return err
	}
	slices.SortStableFunc(all, func(a, b resource.Policy) int { return strings.Compare(a.Category+a.Title, b.Category+b.Title) })
	for _, one := range all {
		if n := len(d.Policies); n == 0 || d.Policies[n-1].Category != one.Category {
			d.Policies = append(d.Policies, policyGroup{Category: one.Category})
		}
		group := &d.Policies[len(d.Policies)-1]
		group.List = append(group.List, one)
	}
	return c.render(w, r, status, "manageapi", d.Key.Namespace+"/"+d.Key.Name, d)
}

// moved moves what has a name by one place.
func moved(order []resource.Key, name string, by int) {
	at := slices.IndexFunc(order, func(k resource.Key) bool { return k.Namespace+"/"+k.Name == name })
	if to := at + by; at >= 0 && to >= 0 && to < len(order) {
		order[at], order[to] = order[to], order[at]
	}
}

func (c *console) manageSwitch(w http.ResponseWriter, r *request) error {
	if err := parseForm(r); err != nil {
		return err
	}
	m := c.managed(r)
	on := r.PostForm.Get("on") == "true"
	if _, err := c.Resources.ChangeBinding(r.Context(), r.principal, m.Environment, keyIn(r, resource.KindBinding), resource.BindingChange{Enabled: &on}, versionIn(r)); err != nil {
		return err
	}
	return see(w, r, m.back(r))
}

// back is the page of the API that a form names, else that of the environment.
func (m *managed) back(r *request) string {
	namespace, name, ok := strings.Cut(r.PostForm.Get("api"), "/")
	if !ok {
		return m.Base
	}
	return m.pathOf(resource.Key{Kind: resource.KindAPI, Namespace: namespace, Name: name}) + "#policies"
}

func (c *console) manageRemove(w http.ResponseWriter, r *request) error {
	if err := parseForm(r); err != nil {
		return err
	}
	m := c.managed(r)
	if err := c.Resources.Delete(r.Context(), r.principal, m.Environment, keyIn(r, r.PathValue("kind")), versionIn(r)); err != nil {
		return err
	}
	return see(w, r, m.back(r))
}

func revisionIn(r *request) (int64, error) {
	n, err := strconv.ParseInt(r.PathValue("number"), 10, 64)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%w: revision", control.ErrNotFound)
	}
	return n, nil
}
