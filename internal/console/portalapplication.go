package console

import (
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/client"
)

// portalApplication is the page of one application of a developer.
const portalApplication = "/portal/applications/{group}/{id}"

func applicationPath(group, id string) string {
	return "/portal/applications/" + url.PathEscape(group) + "/" + url.PathEscape(id)
}

// portalOwnData is what the page of an application shows its owners.
type portalOwnData struct {
	*client.Application
	Path      string
	Contracts []ownContract
}

// ownContract is a contract with what was used of it.
type ownContract struct {
	client.Usage
	// Tiers are those that can be asked for instead.
	Tiers []client.Tier
	// Asked is what was chosen and was not accepted, Problem why.
	Asked, Reason, Problem string
}

// Tier is the name of the tier of the contract.
func (o *ownContract) Tier() string {
	if o.Contract.Tier == nil {
		return ""
	}
	return o.Contract.Tier.Name
}

// ownOf reads the application and its usage. Tiers of APIs that are not shown to the
// reader any more can't be asked for.
func (c *console) ownOf(r *request) (*portalOwnData, error) {
	ctx, group, id := r.Context(), r.PathValue("group"), r.PathValue("id")
	app, err := c.Clients.Application(ctx, r.principal, group, id)
	if err != nil {
		return nil, err
	}
	d := &portalOwnData{Application: app, Path: applicationPath(app.Group, app.ID)}
	used, err := c.Clients.Usage(ctx, r.principal, group, id)
	if err != nil {
		return nil, err
	}
	for i := range used {
		one := ownContract{Usage: used[i]}
		if one.Contract.Can(client.Change) {
			all, err := c.Clients.Tiers(ctx, r.principal, one.Contract.Environment, one.Contract.API)
			if err != nil && !errors.Is(err, control.ErrNotFound) && !errors.Is(err, control.ErrForbidden) {
				return nil, err
			}
			for _, t := range all {
				mine := one.Contract.Tier != nil && one.Contract.Tier.ID == t.ID
				if t.Status == client.Active && !mine {
					one.Tiers = append(one.Tiers, t)
				}
			}
		}
		d.Contracts = append(d.Contracts, one)
	}
	return d, nil
}

func (c *console) portalApplication(w http.ResponseWriter, r *request) error {
	d, err := c.ownOf(r)
	if err != nil {
		return err
	}
	return c.render(w, r, http.StatusOK, "portalapplication", d.Name, d)
}

// portalTier asks for another tier of a contract.
func (c *console) portalTier(w http.ResponseWriter, r *request) error {
	f, err := fields(r)
	if err != nil {
		return err
	}
	id := f.Get("contract")
	_, wrong := c.Clients.ChangeTier(r.Context(), r.principal, f.Get("environment"), id, version(f), f.Get("tier"), f.Get("reason"))
	if wrong == nil {
		return see(w, r, applicationPath(r.PathValue("group"), r.PathValue("id"))+"#contract-"+url.PathEscape(id))
	}
	if !errors.Is(wrong, control.ErrInvalid) && !errors.Is(wrong, control.ErrConflict) {
		return wrong
	}
	d, err := c.ownOf(r)
	if err != nil {
		return err
	}
	for i := range d.Contracts {
		if one := &d.Contracts[i]; one.Contract.ID == id {
			one.Asked, one.Reason = f.Get("tier"), f.Get("reason")
			one.Problem = strings.TrimPrefix(strings.TrimPrefix(wrong.Error(), control.ErrInvalid.Error()+": "), "tier: ")
		}
	}
	return c.render(w, r, http.StatusUnprocessableEntity, "portalapplication", d.Name, d)
}

// callBars draws requests, and refused ones among them, as bars side by side; the table
// beside it has the numbers.
func callBars(days []client.Calls) template.HTML {
	most := uint64(1)
	for _, day := range days {
		most = max(most, day.Requests)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="course" viewBox="0 0 %d 100" preserveAspectRatio="none" aria-hidden="true">`, max(1, len(days))*10)
	for i, day := range days {
		whole, part := 100*float64(day.Requests)/float64(most), 100*float64(min(day.Refused, day.Requests))/float64(most)
		fmt.Fprintf(&b, `<rect class="calls" x="%d" y="%.1f" width="9" height="%.1f"/>`, i*10, 100-whole, whole)
		if part > 0 {
			fmt.Fprintf(&b, `<rect class="stop" x="%d" y="%.1f" width="9" height="%.1f"/>`, i*10, 100-part, part)
		}
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) //nolint:gosec // numbers and fixed words only
}

// spentBar draws how much of a limit is spent.
func spentBar(w client.Window) template.HTML {
	return bar(uint64(w.Percent()), 100) //nolint:gosec // 0 to 100
}
