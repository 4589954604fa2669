package console

import (
	"errors"
	"net/http"

	"farrier.dev/farrier/internal/control/inventory"
)

// adoptData is what the page of adoption shows.
type adoptData struct {
	Unadopted []inventory.Unadopted
	Made      []inventory.Adoption
	// Form is what was filled in; Plan what would be written, nil before something is chosen.
	Form    *inventory.Adopting
	Plan    *inventory.Plan
	Problem string
}

func (c *console) inventoryAdoptPage(w http.ResponseWriter, r *request) error {
	d, err := c.adoptData(r)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	status := http.StatusOK
	if q.Get("host") != "" {
		d.Form = &inventory.Adopting{
			Host: q.Get("host"), Base: q.Get("base"), Namespace: q.Get("namespace"), Name: q.Get("name"), Listen: q.Get("listen"), Upstream: q.Get("upstream"),
		}
		var input *inventory.InputError
		d.Plan, err = c.Inventory.PlanAdoption(r.Context(), r.principal, d.Form)
		switch {
		case errors.As(err, &input):
			d.Problem, status = input.Error(), http.StatusBadRequest
		case err != nil:
			return err
		case q.Get("download") != "":
			return downloadPlan(w, d.Plan, q.Get("download"))
		}
	}
	return c.render(w, r, status, "inventoryadopt", "Adopt an API", d)
}

func (c *console) adoptData(r *request) (*adoptData, error) {
	d := &adoptData{}
	var err error
	if d.Unadopted, err = c.Inventory.Unadopted(r.Context(), r.principal); err == nil {
		d.Made, err = c.Inventory.Adoptions(r.principal)
	}
	return d, err
}

// downloadPlan sends one file of a plan.
func downloadPlan(w http.ResponseWriter, p *inventory.Plan, name string) error {
	for _, f := range p.Files {
		if f.Name == name {
			return download(w, "application/yaml", f.Name, []byte(f.Text))
		}
	}
	return problem(http.StatusNotFound, "Not found", "The plan has no such file.")
}

func (c *console) inventoryAdopt(w http.ResponseWriter, r *request) error {
	f, err := fields(r)
	if err != nil {
		return err
	}
	form := &inventory.Adopting{
		Host: f.Get("host"), Base: f.Get("base"), Namespace: f.Get("namespace"), Name: f.Get("name"), Listen: f.Get("listen"), Upstream: f.Get("upstream"),
	}
	plan, err := c.Inventory.Adopt(r.Context(), r.principal, form)
	var input *inventory.InputError
	if errors.As(err, &input) {
		d, again := c.adoptData(r)
		if again != nil {
			return again
		}
		d.Form, d.Problem = form, input.Error()
		return c.render(w, r, http.StatusUnprocessableEntity, "inventoryadopt", "Adopt an API", d)
	}
	if err != nil {
		return err
	}
	return see(w, r, apiPath(plan.API))
}

func (c *console) inventoryRemoveAdopted(w http.ResponseWriter, r *request) error {
	f, err := fields(r)
	if err != nil {
		return err
	}
	if err := c.Inventory.RemoveAdoption(r.Context(), r.principal, f.Get("name")); err != nil {
		return err
	}
	return see(w, r, "/inventory/adopt#made")
}

// planData is what the page of a plan shows.
type planData struct {
	*inventory.Plan
	Title, Address, Back, BackName, Button string
	// Fields are sent with the form.
	Fields map[string]string
}

func (c *console) inventoryPolicyPage(w http.ResponseWriter, r *request) error {
	id, policy := r.PathValue("id"), r.URL.Query().Get("policy")
	plan, err := c.Inventory.PlanPolicy(r.Context(), r.principal, id, policy)
	if err != nil {
		return err
	}
	if name := r.URL.Query().Get("download"); name != "" {
		return downloadPlan(w, plan, name)
	}
	return c.render(w, r, http.StatusOK, "inventoryplan", "Apply a policy", &planData{
		plan, "Apply " + policy, operationPath(id) + "/policy", operationPath(id), "the operation", "Apply the policy", map[string]string{"policy": policy},
	})
}

func (c *console) inventoryPolicy(w http.ResponseWriter, r *request) error {
	f, err := fields(r)
	if err != nil {
		return err
	}
	plan, err := c.Inventory.ApplyPolicy(r.Context(), r.principal, r.PathValue("id"), f.Get("policy"), f.Get("looked") != "")
	if err != nil {
		return err
	}
	return see(w, r, apiPath(plan.API))
}

func (c *console) inventoryDenyPage(w http.ResponseWriter, r *request) error {
	api := r.PathValue("namespace") + "/" + r.PathValue("name")
	plan, err := c.Inventory.PlanDenial(r.Context(), r.principal, api)
	if err != nil {
		return err
	}
	if name := r.URL.Query().Get("download"); name != "" {
		return downloadPlan(w, plan, name)
	}
	return c.render(w, r, http.StatusOK, "inventoryplan", "Deny what is not described", &planData{
		plan, "Deny what is not described", apiPath(api) + "/deny", apiPath(api) + "/inventory", api, "Deny it", nil,
	})
}

func (c *console) inventoryDeny(w http.ResponseWriter, r *request) error {
	plan, err := c.Inventory.Deny(r.Context(), r.principal, r.PathValue("namespace")+"/"+r.PathValue("name"))
	if err != nil {
		return err
	}
	return see(w, r, apiPath(plan.API))
}
