package inventory_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/inventory"
	"farrier.dev/farrier/internal/control/inventory/inventorytest"
	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/policy/catalogue"
)

// TestAdoption: an API is adopted, its manifests can be built, and it is removed again.
func TestAdoption(t *testing.T) {
	w := newWorld(t, 1500)
	ctx := t.Context()
	all, err := w.Unadopted(ctx, ann)
	must(t, err)
	if !slices.ContainsFunc(all, func(u inventory.Unadopted) bool {
		return u.Host == "api.example.com" && u.Base == "/messages-0/v1" && u.Operations > 0
	}) {
		t.Fatalf("%d can be adopted, and what could is not among them", len(all))
	}
	form := &inventory.Adopting{Host: "api.example.com", Base: "/messages-0/v1", Upstream: "https://10.0.0.7:8443"}
	plan, err := w.Adopt(ctx, ann, form)
	must(t, err)
	if plan.API != "default/messages-0-v1" || plan.Operations == 0 || w.published != 1 || !slices.Contains(w.recorded, "api-adopted done api default/messages-0-v1") {
		t.Errorf("%+v, published %d, recorded %q", plan, w.published, w.recorded)
	}
	rev := built(t, filepath.Join(w.dir, "adopted"))
	if len(rev) != 1 || rev[0] != "default/messages-0-v1 /messages-0/v1" {
		t.Errorf("the manifests serve %q", rev)
	}
	if _, err := w.Adopt(ctx, ann, form); !told(err, "was made before") {
		t.Errorf("twice: %v", err)
	}
	kept, err := inventory.OpenAdopted(w.dir)
	must(t, err)
	if one := kept.All(); len(one) != 1 || one[0].Operator != "ann" || len(one[0].Files) != 2 {
		t.Errorf("after a restart: %+v", one)
	}
	must(t, w.RemoveAdoption(ctx, ann, plan.Name))
	if files, _ := os.ReadDir(filepath.Join(w.dir, "adopted")); len(files) != 2 || w.published != 2 {
		t.Errorf("%d files remain, published %d times", len(files), w.published)
	}
	if err := w.RemoveAdoption(ctx, ann, plan.Name); !errors.Is(err, control.ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
}

// built builds the manifests of a folder and gives the APIs with their base paths.
func built(t *testing.T, dir string) []string {
	t.Helper()
	policies, err := catalogue.New(nil)
	must(t, err)
	rev, problems := manifest.Build(manifest.Load([]string{dir}), catalogue.Manifests{Catalogue: policies}, manifest.Options{})
	for _, p := range problems {
		t.Errorf("the manifests: %s", p.Text())
	}
	if rev == nil {
		t.Fatal("the manifests can't be built")
	}
	var out []string
	for i := range rev.APIs {
		out = append(out, strings.TrimSpace(rev.APIs[i].Name.String()+" "+rev.APIs[i].BasePath))
	}
	return out
}

func told(err error, want string) bool {
	var input *inventory.InputError
	return errors.As(err, &input) && strings.Contains(err.Error(), want)
}

// TestWrongAdoptions holds what is said of forms that can't be adopted.
func TestWrongAdoptions(t *testing.T) {
	w := newWorld(t, 1500)
	good := inventory.Adopting{Host: "api.example.com", Base: "/messages-0/v1"}
	cases := map[string]struct {
		change func(a *inventory.Adopting)
		want   string
	}{
		"name":              {func(a *inventory.Adopting) { a.Name = "A b" }, "small letters"},
		"name of a path":    {func(a *inventory.Adopting) { a.Name = "../x" }, "small letters"},
		"namespace":         {func(a *inventory.Adopting) { a.Namespace = "x\ny" }, "small letters"},
		"template":          {func(a *inventory.Adopting) { a.Base = "/{a}" }, "must not hold templates"},
		"listen":            {func(a *inventory.Adopting) { a.Listen = "https://0.0.0.0:8443" }, "must be http"},
		"listen with path":  {func(a *inventory.Adopting) { a.Listen = "http://0.0.0.0:8081/x" }, "must be http"},
		"listen by name":    {func(a *inventory.Adopting) { a.Listen = "http://localhost:8081" }, "IP address"},
		"upstream":          {func(a *inventory.Adopting) { a.Upstream = "ftp://x" }, "http or https URL"},
		"upstream and user": {func(a *inventory.Adopting) { a.Upstream = "http://u:p@x" }, "http or https URL"},
		"nothing there":     {func(a *inventory.Adopting) { a.Base = "/nowhere" }, "no operation"},
		"served already":    {func(a *inventory.Adopting) { a.Base = "/orders-0/v1" }, "no operation"},
	}
	for name, c := range cases {
		form := good
		c.change(&form)
		if _, err := w.Adopt(t.Context(), ann, &form); !told(err, c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if w.published != 0 || len(w.recorded) != 0 {
		t.Errorf("published %d times, recorded %q", w.published, w.recorded)
	}
	if t.Logf("%d forms", len(cases)); len(cases) < 10 {
		t.Error("too few played")
	}
}

// TestWhatCannotBePublishedIsTakenBack: a policy that publishing complains of leaves
// nothing behind, nor does one that could not be recorded.
func TestWhatCannotBePublishedIsTakenBack(t *testing.T) {
	w := newWorld(t, 500)
	id := w.First(func(op *discovery.Operation) bool { return op.API == "default/orders" })
	w.problems = []manifest.Problem{{Severity: manifest.Error, File: filepath.Join(w.dir, "adopted", "x.yaml"), Line: 3, Message: "is wrong"}}
	if _, err := w.ApplyPolicy(t.Context(), ann, id, "rate-limiting-flex", false); !told(err, "x.yaml:3: is wrong") {
		t.Errorf("%v", err)
	}
	w.problems, w.failing = nil, errors.New("the disk is full")
	if _, err := w.ApplyPolicy(t.Context(), ann, id, "rate-limiting-flex", false); !errors.Is(err, w.failing) {
		t.Errorf("%v", err)
	}
	all, err := w.Adoptions(ann)
	must(t, err)
	if files, _ := os.ReadDir(filepath.Join(w.dir, "adopted")); len(files) != 2 || len(all) != 0 || w.published != 2 {
		t.Errorf("%d files, %d adoptions, published %d times", len(files), len(all), w.published)
	}
	if want := []string{"policy-applied done api default/orders", "policy-applied failed api default/orders"}; !slices.Equal(w.recorded[:2], want) {
		t.Errorf("recorded %q", w.recorded)
	}
	w.failing = nil
	if _, err := w.ApplyPolicy(t.Context(), ann, id, "rate-limiting-flex", false); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestDeny: what is not described is denied by a manifest that can be built.
func TestDeny(t *testing.T) {
	w := newWorld(t, 500)
	plan, err := w.Deny(t.Context(), ann, "default/orders")
	must(t, err)
	if !strings.Contains(plan.Files[0].Text, "unknownPath: block") || !slices.ContainsFunc(plan.Notes, func(n string) bool { return strings.Contains(n, "has no description") }) {
		t.Errorf("%+v", plan)
	}
	const instance = "apiVersion: gateway.mulesoft.com/v1alpha1\nkind: ApiInstance\nmetadata: {name: orders}\nspec:\n  address: http://0.0.0.0:8081/orders-0/v1\n  services: {up: {address: \"http://127.0.0.1:9001\"}}\n"
	dir := filepath.Join(w.dir, "adopted")
	must(t, os.WriteFile(filepath.Join(dir, "instance.yaml"), []byte(instance), 0o600))
	if rev := built(t, dir); len(rev) != 1 {
		t.Errorf("%q", rev)
	}
	if _, err := w.Deny(t.Context(), ann, "no/where"); !errors.Is(err, control.ErrNotFound) {
		t.Errorf("an unknown API: %v", err)
	}
}

// TestViews: views belong to their operator, unless they are shared.
func TestViews(t *testing.T) {
	w := newWorld(t, 10)
	ctx := t.Context()
	must(t, w.SaveView(ctx, ann, inventory.View{Name: "mine", Query: "state:shadow"}, ""))
	must(t, w.SaveView(ctx, ann, inventory.View{Name: "ours", Query: "data:card", Shared: true}, ""))
	must(t, w.SaveView(ctx, ann, inventory.View{Name: "renamed", Query: "state:zombie"}, "mine"))
	names := func(p control.Principal) string {
		all, err := w.Views(ctx, p)
		must(t, err)
		var out []string
		for _, v := range all {
			out = append(out, v.Name)
		}
		return strings.Join(out, " ")
	}
	if names(ann) != "ours renamed" || names(bob) != "ours" {
		t.Errorf("ann sees %q, bob %q", names(ann), names(bob))
	}
	must(t, w.RemoveView(ctx, bob, inventory.View{Name: "renamed"}))
	must(t, w.RemoveView(ctx, bob, inventory.View{Name: "ours", Shared: true}))
	if names(ann) != "renamed" || names(bob) != "" {
		t.Errorf("then ann sees %q, bob %q", names(ann), names(bob))
	}
}

// TestMarks: owners, tags and labels show in lists; those of an API in all of its
// operations, and a label with a minus takes one away.
func TestMarks(t *testing.T) {
	w := newWorld(t, 1500)
	ctx := t.Context()
	must(t, w.Mark(ctx, ann, inventory.Subject{API: "default/orders"}, "blue", []string{"core", "core"}, nil))
	page, err := w.List(ctx, ann, inventory.Wanted{Query: "owner:blue tag:core"})
	must(t, err)
	if page.Total == 0 || page.Rows[0].API != "default/orders" {
		t.Fatalf("%d operations of blue", page.Total)
	}
	id := w.First(func(op *discovery.Operation) bool { return op.API == "team-0/payments" })
	must(t, w.Mark(ctx, ann, inventory.Subject{Operation: id}, "", nil, []string{"Checkout", "-payment"}))
	d, err := w.Operation(ctx, ann, id)
	must(t, err)
	if !slices.Equal(d.Labels, []string{"checkout"}) {
		t.Errorf("labels %q", d.Labels)
	}
	if err := w.Mark(ctx, ann, inventory.Subject{Operation: "0123"}, "x", nil, nil); !errors.Is(err, control.ErrNotFound) {
		t.Errorf("an unknown operation: %v", err)
	}
	if err := w.Mark(ctx, ann, inventory.Subject{Operation: id}, "a\nb", nil, nil); !told(err, "one line") {
		t.Errorf("two lines: %v", err)
	}
}

// TestEdits: decisions reach the learner, with the operator and the time.
func TestEdits(t *testing.T) {
	w := newWorld(t, 10)
	e := discovery.Edit{Kind: "merge", Host: "API.example.com ", Path: "/a/{id}"}
	must(t, w.Service.Edit(t.Context(), ann, e))
	if len(w.Edits) != 1 || w.Edits[0].By != "ann" || w.Edits[0].Host != "api.example.com" || !w.Edits[0].At.Equal(noon) {
		t.Fatalf("%+v", w.Edits)
	}
	must(t, w.Unedit(t.Context(), ann, w.Edits[0]))
	if len(w.Edits) != 0 || !slices.Equal(w.recorded, []string{"inventory-edited done operation  api.example.com/a/{id}", "inventory-edit-ended done operation  api.example.com/a/{id}"}) {
		t.Errorf("%+v, recorded %q", w.Edits, w.recorded)
	}
}

// TestCSV holds that no cell is a formula, and that a query chooses the rows.
func TestCSV(t *testing.T) {
	w := newWorld(t, 300)
	must(t, w.Mark(t.Context(), ann, inventory.Subject{API: "default/orders"}, "=cmd()", nil, nil))
	var out bytes.Buffer
	must(t, w.Download(t.Context(), ann, &out, "csv", `api:default/orders`))
	rows, err := csv.NewReader(&out).ReadAll()
	must(t, err)
	for _, row := range rows[1:] {
		if row[6] != "default/orders" || row[21] != "'=cmd()" {
			t.Errorf("%q", row)
		}
	}
	if t.Logf("%d rows", len(rows)); len(rows) < 5 {
		t.Error("too few rows")
	}
	if err := w.Download(t.Context(), ann, &out, "exe", ""); !told(err, "no format") {
		t.Errorf("%v", err)
	}
}

// TestMap holds that columns are bounded, and that no request is lost or counted twice.
func TestMap(t *testing.T) {
	w := newWorld(t, 3000)
	m, err := w.Map(t.Context(), ann, "", "")
	must(t, err)
	if len(m.Clients) != 31 || len(m.APIs) != 31 || len(m.Upstreams) != 31 {
		t.Errorf("columns of %d, %d and %d", len(m.Clients), len(m.APIs), len(m.Upstreams))
	}
	var links, clients, apis uint64
	for _, l := range m.In {
		links += l.Requests
	}
	for _, n := range m.Clients {
		clients += n.Requests
	}
	for _, n := range m.APIs {
		apis += n.Requests
	}
	if links == 0 || links != clients || links != apis {
		t.Errorf("%d requests by links, %d by clients, %d by APIs", links, clients, apis)
	}
	one, err := w.Map(t.Context(), ann, "default/orders", "")
	must(t, err)
	if len(one.APIs) != 1 || one.APIs[0].Name != "default/orders" || len(one.In) == 0 {
		t.Errorf("%+v", one.APIs)
	}
}

// TestHostileTexts holds that names that clients chose come out as they are, bounded by
// what asks for them.
func TestHostileTexts(t *testing.T) {
	w := newWorld(t, 10)
	page, err := w.List(t.Context(), ann, inventory.Wanted{Query: "host:evil.example.com"})
	must(t, err)
	if page.Total != 1 || !strings.Contains(page.Rows[0].Path, inventorytest.Evil) {
		t.Fatalf("%d", page.Total)
	}
	form := &inventory.Adopting{Host: "evil.example.com", Base: "/"}
	plan, err := w.PlanAdoption(t.Context(), ann, form)
	must(t, err)
	if strings.Contains(plan.Files[0].Text, inventorytest.Evil) || strings.Contains(plan.Name, "<") {
		t.Errorf("the manifest is %s", plan.Files[0].Text)
	}
}
