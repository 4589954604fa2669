package console

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/resource"
)

// managePromoteData is what is copied from another environment into a draft.
type managePromoteData struct {
	managed
	// Sources are the environments to copy from, From the chosen one, APIs those that it
	// serves.
	Sources []string
	From    string
	APIs    []promotable
	Chosen  []string
	// Plan is what would change; nil while nothing is chosen.
	Plan *resource.Promoted
	// Fields are those that depend on the environment, with what they shall say.
	Fields []promotedField
	Draft  int64
}

// promotable is an API that can be copied.
type promotable struct {
	Name    string
	Checked bool
}

// promotedField is a field that depends on the environment.
type promotedField struct {
	resource.Dependent
	// N names it in the form; Wanted is what it shall say, empty to copy a secret as it
	// is; Secret says that its value is never shown.
	N      int
	Wanted string
	Secret bool
}

func (c *console) managePromote(w http.ResponseWriter, r *request) error {
	return c.showPromotion(w, r, http.StatusOK, &managePromoteData{managed: c.managed(r)}, r.URL.Query())
}

// showPromotion shows the step that comes next: choosing the environment, choosing the
// APIs, or what would change.
func (c *console) showPromotion(w http.ResponseWriter, r *request, status int, d *managePromoteData, form url.Values) error {
	ctx := r.Context()
	var err error
	if d.Sources, err = c.Resources.Sources(ctx, r.principal, d.Environment); err != nil {
		return err
	}
	d.From, d.Chosen = form.Get("from"), form["api"]
	if d.From == "" && len(d.Sources) == 1 {
		d.From = d.Sources[0]
	}
	if d.From != "" {
		apis, err := c.Resources.LiveAPIs(ctx, r.principal, d.From)
		if err != nil {
			return err
		}
		for _, name := range apis {
			d.APIs = append(d.APIs, promotable{name, slices.Contains(d.Chosen, name)})
		}
	}
	if len(d.Chosen) > 0 {
		switch err := c.planPromotion(r, d, form); {
		case errors.Is(err, control.ErrNotFound), err != nil && !d.refused(err):
			return err
		case err != nil:
			status = http.StatusUnprocessableEntity
		}
	}
	return c.render(w, r, status, "managepromote", "Promote", d)
}

// planPromotion finds what would change. What depends on the environment stays, at
// first, as the draft has it.
func (c *console) planPromotion(r *request, d *managePromoteData, form url.Values) error {
	o := resource.Promotion{From: d.From, APIs: d.Chosen, DryRun: true}
	plan, err := c.Resources.Promote(r.Context(), r.principal, d.Environment, o)
	if err != nil {
		return err
	}
	_, sent := form["draft"]
	for i, one := range plan.Look {
		f := promotedField{Dependent: one, N: i, Secret: one.Value == resource.Mask}
		switch {
		case sent:
			f.Wanted = form.Get("o" + strconv.Itoa(i))
		case !f.Secret && one.Current != "" && one.Current != resource.Mask:
			f.Wanted = one.Current
		case !f.Secret:
			f.Wanted = one.Value
		}
		if f.Wanted != "" && f.Wanted != one.Value {
			o.Overrides = append(o.Overrides, resource.Override{Resource: one.Resource, Field: one.Field, Value: f.Wanted})
		}
		d.Fields = append(d.Fields, f)
	}
	state, err := c.Resources.Draft(r.Context(), r.principal, d.Environment)
	if err != nil {
		return err
	}
	d.Draft = state.Version
	if d.Plan, err = c.Resources.Promote(r.Context(), r.principal, d.Environment, o); err != nil {
		return err
	}
	return nil
}

func (c *console) managePromoted(w http.ResponseWriter, r *request) error {
	if err := parseForm(r); err != nil {
		return err
	}
	d := &managePromoteData{managed: c.managed(r)}
	if r.PostForm.Get("act") != "copy" {
		return c.showPromotion(w, r, http.StatusOK, d, r.PostForm)
	}
	seen := versionOfDraft(r)
	o := resource.Promotion{From: r.PostForm.Get("from"), APIs: r.PostForm["api"], Draft: &seen}
	for i, field := range r.PostForm["field"] {
		kind, namespace, name := at(r.PostForm["kind"], i), at(r.PostForm["namespace"], i), at(r.PostForm["name"], i)
		wanted := r.PostForm.Get("o" + strconv.Itoa(i))
		if wanted != "" {
			o.Overrides = append(o.Overrides, resource.Override{Resource: resource.Key{Kind: kind, Namespace: namespace, Name: name}, Field: field, Value: wanted})
		}
	}
	_, err := c.Resources.Promote(r.Context(), r.principal, d.Environment, o)
	if err == nil {
		return see(w, r, d.Base+"/changes")
	}
	if !d.refused(err) {
		return err
	}
	return c.showPromotion(w, r, http.StatusUnprocessableEntity, d, r.PostForm)
}

func versionOfDraft(r *request) int64 {
	version, err := strconv.ParseInt(r.PostForm.Get("draft"), 10, 64)
	if err != nil {
		return -1
	}
	return version
}

func at(list []string, i int) string {
	if i >= len(list) {
		return ""
	}
	return list[i]
}

// promotes says whether the reader may copy APIs into an environment.
func (c *console) promotes(r *request, environment string) bool {
	return c.Resources.Can(r.Context(), r.principal, environment, access.ManageAPIs, access.ManagePolicies)
}
