package console

import (
	"net/http"
	"net/url"
	"strings"

	"farrier.dev/farrier/internal/control/inventory"
	"farrier.dev/farrier/internal/discovery"
)

// operationPath is the page of an operation.
func operationPath(id string) string { return "/inventory/operations/" + url.PathEscape(id) }

// operationData is what the page of an operation shows.
type operationData struct {
	*inventory.Detail
	Address string
}

// Contents are the bodies in both directions, with their titles.
func (d *operationData) Contents() []contentData {
	var out []contentData
	for _, one := range d.Requests {
		out = append(out, contentData{one, "Request"})
	}
	for _, one := range d.Answers {
		out = append(out, contentData{one, "Answer"})
	}
	return out
}

type contentData struct {
	inventory.Content
	Direction string
}

// BaseGuess is the base path under which its API may be adopted.
func (d *operationData) BaseGuess() string { return inventory.BaseOf(d.Path) }

// TagText is the tags as the form holds them; LabelText the labels, those that were taken
// away with a minus.
func (d *operationData) TagText() string { return strings.Join(d.Marks.Tags, ", ") }

// LabelText is as TagText.
func (d *operationData) LabelText() string {
	all := append([]string{}, d.Marks.Labels...)
	for _, one := range d.Marks.NotLabels {
		all = append(all, "-"+one)
	}
	return strings.Join(all, ", ")
}

func (c *console) inventoryOperation(w http.ResponseWriter, r *request) error {
	id := r.PathValue("id")
	d, err := c.Inventory.Operation(r.Context(), r.principal, id)
	if err != nil {
		return err
	}
	return c.render(w, r, http.StatusOK, "inventoryoperation", clipped(d.String(), 120), &operationData{d, operationPath(id)})
}

// list splits the text of a field at commas.
func list(text string) []string {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	return strings.Split(text, ",")
}

func (c *console) inventoryMarkOperation(w http.ResponseWriter, r *request) error {
	id := r.PathValue("id")
	return c.mark(w, r, inventory.Subject{Operation: id}, operationPath(id))
}

func (c *console) inventoryMarkAPI(w http.ResponseWriter, r *request) error {
	api := r.PathValue("namespace") + "/" + r.PathValue("name")
	return c.mark(w, r, inventory.Subject{API: api}, apiPath(api)+"/inventory")
}

func (c *console) mark(w http.ResponseWriter, r *request, of inventory.Subject, to string) error {
	f, err := fields(r)
	if err != nil {
		return err
	}
	if err := c.Inventory.Mark(r.Context(), r.principal, of, f.Get("owner"), list(f.Get("tags")), list(f.Get("labels"))); err != nil {
		return err
	}
	return see(w, r, to+"#marks")
}

// editOf reads a decision about a template.
func editOf(f url.Values) discovery.Edit {
	return discovery.Edit{Kind: f.Get("kind"), Host: f.Get("host"), Method: f.Get("method"), Path: f.Get("path")}
}

func (c *console) inventoryEdit(w http.ResponseWriter, r *request) error {
	f, err := fields(r)
	if err != nil {
		return err
	}
	if err := c.Inventory.Edit(r.Context(), r.principal, editOf(f)); err != nil {
		return err
	}
	return c.decided(w, r, f.Get("back"), f.Get("host"))
}

func (c *console) inventoryUnedit(w http.ResponseWriter, r *request) error {
	f, err := fields(r)
	if err != nil {
		return err
	}
	if err := c.Inventory.Unedit(r.Context(), r.principal, editOf(f)); err != nil {
		return err
	}
	return c.decided(w, r, f.Get("back"), f.Get("host"))
}

// decided leads back to the operation while it is there: a decision about templates
// may have made another of it.
func (c *console) decided(w http.ResponseWriter, r *request, back, host string) error {
	if back != "" {
		if _, err := c.Inventory.Operation(r.Context(), r.principal, back); err == nil {
			return see(w, r, operationPath(back)+"#templates")
		}
	}
	return see(w, r, query(inventoryPath, "q", `host:"`+strings.ReplaceAll(host, `"`, "")+`"`))
}

// apiInventoryData is what the inventory of one API shows.
type apiInventoryData struct {
	*inventory.APIView
	Path string
	All  bool
	Rest int
}

// Anchor is where a difference is marked on the page, empty where it isn't.
func (d *apiInventoryData) Anchor(at inventory.DriftAt) string {
	for i := range d.Files {
		if d.Files[i].Name != at.File || at.Line <= 0 {
			continue
		}
		for _, line := range d.Files[i].Lines {
			if line.Number == at.Line {
				return "#d" + number(i+1) + "-" + number(at.Line)
			}
		}
	}
	return ""
}

// TagText is the tags as the form holds them.
func (d *apiInventoryData) TagText() string { return strings.Join(d.Marks.Tags, ", ") }

func (c *console) apiInventory(w http.ResponseWriter, r *request) error {
	name := r.PathValue("namespace") + "/" + r.PathValue("name")
	all := r.URL.Query().Get("all") != ""
	v, err := c.Inventory.API(r.Context(), r.principal, name, all)
	if err != nil {
		return err
	}
	return c.render(w, r, http.StatusOK, "apiinventory", name, &apiInventoryData{v, apiPath(name), all, v.Sums.Operations - len(v.Rows)})
}
