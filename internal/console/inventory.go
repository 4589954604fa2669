package console

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/control/inventory"
	"farrier.dev/farrier/internal/discovery"
)

// inventoryPath is the address of the list of operations.
const inventoryPath = "/inventory"

// inventoryRoutes are the pages of the inventory; none where there is no inventory.
func (c *console) inventoryRoutes() []route {
	if c.Inventory == nil {
		return nil
	}
	return []route{
		{"GET /inventory", operators, c.inventoryList},
		{"GET /inventory/export", operators, c.inventoryExport},
		{"POST /inventory/views", operators, c.inventorySaveView},
		{"POST /inventory/views/remove", operators, c.inventoryRemoveView},
		{"GET /inventory/changes", operators, c.inventoryChanges},
		{"GET /inventory/map", operators, c.inventoryMap},
		{"GET /inventory/data", operators, c.inventoryData},
		{"GET /inventory/notes", operators, c.inventoryNotes},
		{"GET /inventory/why", operators, c.inventoryWhy},
		{"GET /inventory/adopt", operators, c.inventoryAdoptPage},
		{"POST /inventory/adopt", operators, c.inventoryAdopt},
		{"POST /inventory/adopted/remove", operators, c.inventoryRemoveAdopted},
		{"POST /inventory/edits", operators, c.inventoryEdit},
		{"POST /inventory/edits/remove", operators, c.inventoryUnedit},
		{"GET /inventory/operations/{id}", operators, c.inventoryOperation},
		{"POST /inventory/operations/{id}/marks", operators, c.inventoryMarkOperation},
		{"GET /inventory/operations/{id}/policy", operators, c.inventoryPolicyPage},
		{"POST /inventory/operations/{id}/policy", operators, c.inventoryPolicy},
		{"GET /apis/{namespace}/{name}/inventory", operators, c.apiInventory},
		{"POST /apis/{namespace}/{name}/marks", operators, c.inventoryMarkAPI},
		{"GET /apis/{namespace}/{name}/deny", operators, c.inventoryDenyPage},
		{"POST /apis/{namespace}/{name}/deny", operators, c.inventoryDeny},
	}
}

// inventoryData is what the list of operations shows.
type inventoryData struct {
	Query, Order string
	Problem      string
	Page         *inventory.Page
	Sums         inventory.Sums
	Views        []inventory.View
	// Chosen is the saved view that is shown, nil for none.
	Chosen  *inventory.View
	Orders  []choice
	Formats []inventory.Format
	// Newer and Older are addresses, empty where there is nothing there.
	Newer, Older string
	To           int
}

// choice is one of a list to choose from.
type choice struct{ Value, Title string }

// readyViews are views that everybody has.
func (inventoryData) Ready() []inventory.View {
	return []inventory.View{
		{Name: "Exposed data", Query: "data:any exposure:public auth:missing,partial"},
		{Name: "Shadow", Query: "state:shadow"},
		{Name: "Zombies", Query: "state:zombie"},
		{Name: "New this week", Query: "first:<7d"},
		{Name: "Cards", Query: "data:card"},
		{Name: "High risk", Query: "risk:high"},
		{Name: "Unused", Query: "state:unused"},
	}
}

func (c *console) inventoryList(w http.ResponseWriter, r *request) error {
	values := r.URL.Query()
	d := inventoryData{Query: strings.TrimSpace(values.Get("q")), Formats: inventory.Formats(), Orders: []choice{
		{"risk", "risk"}, {"path", "path"}, {"calls", "calls a day"}, {"callers", "callers"}, {"new", "first seen"}, {"last", "last seen"},
	}}
	offset, err := offsetOf(values)
	if err != nil {
		return err
	}
	status := http.StatusOK
	var input *inventory.InputError
	d.Page, err = c.Inventory.List(r.Context(), r.principal, inventory.Wanted{Query: d.Query, Order: values.Get("sort"), Offset: offset})
	switch {
	case errors.As(err, &input):
		d.Problem, status = input.Error(), http.StatusBadRequest
		d.Page = &inventory.Page{Query: &inventory.Query{}}
	case err != nil:
		return err
	}
	if d.Sums, err = c.Inventory.Sums(r.Context(), r.principal); err != nil {
		return err
	}
	if d.Views, err = c.Inventory.Views(r.Context(), r.principal); err != nil {
		return err
	}
	if at := slices.IndexFunc(d.Views, func(v inventory.View) bool { return v.Query == d.Query && d.Query != "" }); at >= 0 {
		d.Chosen = &d.Views[at]
	}
	d.Order = d.Page.Order
	d.To = d.Page.From - 1 + len(d.Page.Rows)
	address := func(offset int) string {
		return query(inventoryPath, "q", d.Query, "sort", values.Get("sort"), "from", number(offset))
	}
	if offset > 0 {
		d.Newer = address(max(offset-inventory.PageSize, 0))
	}
	if d.To < d.Page.Total {
		d.Older = address(offset + inventory.PageSize)
	}
	return c.render(w, r, status, "inventory", "Inventory", &d)
}

// number writes an offset for an address, and nothing for the beginning.
func number(n int) string {
	if n <= 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// offsetOf reads the place in a list that an address asks for.
func offsetOf(values url.Values) (int, error) {
	text := values.Get("from")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > 1<<30 {
		return 0, problem(http.StatusBadRequest, "No such page", "The place in the list must be a number; begin with the first page.")
	}
	return n, nil
}

// Facet is an address that chooses a value of a facet, or takes the choice back.
func (d *inventoryData) Facet(v inventory.FacetValue) string {
	order := ""
	if d.Order != inventory.Orders()[0] {
		order = d.Order
	}
	return query(inventoryPath, "q", v.Query, "sort", order)
}

// inventoryExport downloads what a query chooses.
func (c *console) inventoryExport(w http.ResponseWriter, r *request) error {
	values := r.URL.Query()
	format := values.Get("format")
	at := slices.IndexFunc(inventory.Formats(), func(f inventory.Format) bool { return f.Name == format })
	if at < 0 {
		return problem(http.StatusBadRequest, "This is no format", "Choose one of those below the list.")
	}
	// Whole or not at all: a file that ends in the middle looks like a good one.
	var out bytes.Buffer
	if err := c.Inventory.Download(r.Context(), r.principal, &out, format, values.Get("q")); err != nil {
		return err
	}
	return download(w, inventory.Formats()[at].Media, inventory.Formats()[at].File, out.Bytes())
}

// download sends a file that browsers keep and do not show.
func download(w http.ResponseWriter, media, name string, content []byte) error {
	w.Header().Set("Content-Type", media)
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(content) // the client has gone away; there is nobody to tell
	return nil
}

// fields reads a form.
func fields(r *request) (url.Values, error) {
	if err := r.ParseForm(); err != nil {
		return nil, problem(http.StatusBadRequest, "The form is malformed", "Open the page again and repeat what you did.")
	}
	return r.PostForm, nil
}

// see leads to another page after a change.
func see(w http.ResponseWriter, r *request, to string) error {
	http.Redirect(w, r.Request, to, http.StatusSeeOther)
	return nil
}

func (c *console) inventorySaveView(w http.ResponseWriter, r *request) error {
	f, err := fields(r)
	if err != nil {
		return err
	}
	v := inventory.View{Name: f.Get("name"), Query: f.Get("q"), Shared: f.Get("shared") != ""}
	if err := c.Inventory.SaveView(r.Context(), r.principal, v, f.Get("was")); err != nil {
		return err
	}
	return see(w, r, query(inventoryPath, "q", v.Query))
}

func (c *console) inventoryRemoveView(w http.ResponseWriter, r *request) error {
	f, err := fields(r)
	if err != nil {
		return err
	}
	if err := c.Inventory.RemoveView(r.Context(), r.principal, inventory.View{Name: f.Get("name"), Shared: f.Get("shared") != ""}); err != nil {
		return err
	}
	return see(w, r, inventoryPath)
}

// changesData is what the feed of changes shows.
type changesData struct {
	Kind, Query, Problem string
	Page                 *inventory.ChangesPage
	Newer, Older         string
	To                   int
}

// Address is the feed of one kind of change.
func (d *changesData) Address(kind string) string {
	return query("/inventory/changes", "kind", kind, "q", d.Query)
}

func (c *console) inventoryChanges(w http.ResponseWriter, r *request) error {
	values := r.URL.Query()
	d := &changesData{Kind: values.Get("kind"), Query: strings.TrimSpace(values.Get("q"))}
	offset, err := offsetOf(values)
	if err != nil {
		return err
	}
	status := http.StatusOK
	var input *inventory.InputError
	d.Page, err = c.Inventory.Changes(r.Context(), r.principal, inventory.ChangesWanted{Kind: d.Kind, Query: d.Query, Offset: offset})
	switch {
	case errors.As(err, &input):
		d.Problem, d.Page, status = input.Error(), &inventory.ChangesPage{}, http.StatusBadRequest
	case err != nil:
		return err
	}
	d.To = d.Page.From - 1 + len(d.Page.Changes)
	address := func(offset int) string {
		return query("/inventory/changes", "kind", d.Kind, "q", d.Query, "from", number(offset))
	}
	if offset > 0 {
		d.Newer = address(max(offset-inventory.PageSize, 0))
	}
	if d.To < d.Page.Total {
		d.Older = address(offset + inventory.PageSize)
	}
	return c.render(w, r, status, "inventorychanges", "Changes of the inventory", d)
}

// matrixData is what the matrix of classes of data shows.
type matrixData struct {
	*inventory.Matrix
	Text         string
	Newer, Older string
	To           int
}

func (c *console) inventoryData(w http.ResponseWriter, r *request) error {
	values := r.URL.Query()
	offset, err := offsetOf(values)
	if err != nil {
		return err
	}
	d := &matrixData{Text: strings.TrimSpace(values.Get("q"))}
	if d.Matrix, err = c.Inventory.Matrix(r.Context(), r.principal, d.Text, offset); err != nil {
		return err
	}
	d.To = d.From - 1 + len(d.Rows)
	if offset > 0 {
		d.Newer = query("/inventory/data", "q", d.Text, "from", number(max(offset-inventory.MatrixSize, 0)))
	}
	if d.To < d.Total {
		d.Older = query("/inventory/data", "q", d.Text, "from", number(offset+inventory.MatrixSize))
	}
	return c.render(w, r, http.StatusOK, "inventorydata", "Sensitive data", d)
}

// notesData is what the page shows of what else stands out.
type notesData struct {
	Kind  string
	Notes []inventory.Note
	Kinds []inventory.FacetValue
}

func (c *console) inventoryNotes(w http.ResponseWriter, r *request) error {
	d := &notesData{Kind: r.URL.Query().Get("kind")}
	var err error
	if d.Notes, d.Kinds, err = c.Inventory.Notes(r.Context(), r.principal, d.Kind); err != nil {
		return err
	}
	return c.render(w, r, http.StatusOK, "inventorynotes", "What stands out", d)
}

// whyData is what the page shows that answers why something is not listed.
type whyData struct {
	Method, Host, Path string
	Problem            string
	Answer             *discovery.Explanation
	// ID is that of the operation that the path belongs to, when it is listed.
	ID       string
	Rejected []inventory.Rejected
}

// maxRejected is how many rejected paths a page shows.
const maxRejected = 50

func (c *console) inventoryWhy(w http.ResponseWriter, r *request) error {
	values := r.URL.Query()
	d := &whyData{Method: values.Get("method"), Host: values.Get("host"), Path: values.Get("path")}
	var err error
	if d.Rejected, err = c.Inventory.Rejected(r.principal, maxRejected); err != nil {
		return err
	}
	status := http.StatusOK
	if d.Path != "" || d.Host != "" {
		var input *inventory.InputError
		d.Answer, err = c.Inventory.Explain(r.principal, d.Method, d.Host, d.Path)
		switch {
		case errors.As(err, &input):
			d.Problem, status = input.Error(), http.StatusBadRequest
		case err != nil:
			return err
		case d.Answer.Listed && d.Answer.Operation != nil:
			d.ID = inventory.ID(d.Answer.Operation.Key)
		}
	}
	return c.render(w, r, status, "inventorywhy", "Why not listed?", d)
}
