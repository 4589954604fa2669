package console

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control/inventory"
	"farrier.dev/farrier/internal/control/inventory/inventorytest"
	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/keep"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/languages"
	"farrier.dev/farrier/internal/store"
)

// openInventory opens an inventory that has learned nothing.
func (h *house) openInventory(t testing.TB, dir string, control, traffic *store.DB, log *audit.Log, out *slog.Logger) {
	t.Helper()
	kept, err := keep.Open(t.Context(), keep.Options{Traffic: traffic, Control: control, Environment: "production", Gateway: "gw-1", Now: h.now})
	must(t, err)
	adopted, err := inventory.OpenAdopted(dir)
	must(t, err)
	h.world, h.kept = inventorytest.New(0, h.now()), kept
	h.inventory, err = inventory.New(inventory.Options{
		Where:   where,
		Learner: h, Described: describedOrders,
		Judge:    func(d []discovery.Described) inventory.Judging { return h.world.Judge(d) },
		Rate:     func(op *discovery.Operation, f inventory.Facts) inventory.Risk { return h.world.Rate(op, f) },
		Propose:  h.world.Propose,
		Export:   h.world.Export,
		Rejected: func(most int) []inventory.Rejected { return h.world.Rejected(most) },
		Serving:  func() *revision.Revision { return h.publication.Serving },
		Findings: func(context.Context, string) ([]finding.Finding, error) { return nil, nil },
		Adopted:  adopted, Publish: func(context.Context) []manifest.Problem { return nil },
		Write: control.Write, Record: log.Record, Now: h.now, Log: out,
	})
	must(t, err)
	h.inventory.Remember(h.world, kept)
}

// learn gives the inventory that many operations.
func (h *house) learn(t testing.TB, operations int) {
	t.Helper()
	h.world = inventorytest.New(operations, h.now())
	h.inventory.Remember(h.world, h.kept)
	must(t, h.inventory.Refresh(t.Context()))
}

// Explain implements inventory.Learner.
func (h *house) Explain(method, host, path string) discovery.Explanation {
	return h.world.Explain(method, host, path)
}

// Edit implements inventory.Learner.
func (h *house) Edit(all []discovery.Edit) { h.world.Edit(all) }

// describedOrders is the description of one API.
func describedOrders() []discovery.Described {
	project, err := spec.OpenFolder("testdata", spec.ProjectLimits{})
	if err != nil {
		panic(err)
	}
	return []discovery.Described{{Name: "orders.yaml", Origin: "specification", API: "default/orders", Document: languages.Read(project, "orders.yaml")}}
}

// inventoryPages are addresses of the inventory with what they say.
func inventoryPages(h *house) []inventoryCase {
	with := operationPath(h.world.First(func(op *discovery.Operation) bool { return op.API == "default/orders" }))
	evil := operationPath(h.world.First(func(op *discovery.Operation) bool { return op.Host == "evil.example.com" }))
	orphan := operationPath(keep.ID(discovery.Key{Host: "api.example.com", Method: "GET", Path: "/orders-0/v1/never/{id}"}))
	proposed := with + "/policy?policy=rate-limiting-flex"
	return []inventoryCase{
		{"inventory", "/inventory", 200, []string{"Inventory", `aria-current="page">Inventory`, "shadow", "documented", "Calls a day", "rel=\"next\"", "CSV"}},
		{"inventory-shadow", "/inventory?q=state%3Ashadow&sort=calls", 200, []string{"shadow", `value="state:shadow"`}},
		{"inventory-words", "/inventory?q=cards+data%3Acard+exposure%3Apublic", 200, []string{"card", "aria-current=\"true\""}},
		{"inventory-none", "/inventory?q=nothingatall", 200, []string{"Nothing matches"}},
		{"inventory-wrong", "/inventory?q=stat%3Ashadow", 400, []string{"There is no", "known are"}},
		{"inventory-evil", "/inventory?q=host%3Aevil.example.com", 200, []string{"evil.example.com", "&lt;script&gt;"}},
		{"operation", with, 200, []string{"Risk", "Parameters", "/orders", "Callers", "Upstreams", "is a parameter", "rate-limiting-flex", "In calls"}},
		{"operation-evil", evil, 200, []string{"&lt;script&gt;", "Adopt its API"}},
		{"operation-orphan", orphan, 200, []string{"nobody has called it", "testdata/orders.yaml"}},
		{"operation-none", operationPath("0123"), 404, []string{"Not found"}},
		{"changes", "/inventory/changes", 200, []string{"listed", "Changes"}},
		{"changes-kind", "/inventory/changes?kind=parameter-new", 200, []string{"query limit", "new parameter"}},
		{"changes-none", "/inventory/changes?q=nothingatall", 200, []string{"Nothing matches"}},
		{"map", "/inventory/map", 200, []string{"<svg", "Clients", "others", "The same as a table", "orders-process"}},
		{"map-api", "/inventory/map?api=default%2Forders&data=email", 200, []string{"default/orders"}},
		{"map-none", "/inventory/map?api=no%2Fthing", 200, []string{"nothing to draw"}},
		{"data", "/inventory/data", 200, []string{"matrix", "card", "email", "→", "←"}},
		{"data-none", "/inventory/data?q=nothingatall", 200, []string{"Nothing matches"}},
		{"notes", "/inventory/notes", 200, []string{"layer skipped", "region crossed", "default/orders", "&lt;script&gt;"}},
		{"notes-kind", "/inventory/notes?kind=region-crossed", 200, []string{"The operation"}},
		{"why", "/inventory/why", 200, []string{"wp-login.php", "&lt;script&gt;"}},
		{"why-not", "/inventory/why?method=get&host=api.example.com&path=%2Fnew", 200, []string{"It is not listed", "What is still needed", "List it all the same"}},
		{"why-wrong", "/inventory/why?method=get&host=api.example.com&path=new", 400, []string{"must begin with a slash"}},
		{"adopt", "/inventory/adopt", 200, []string{"served by no instance", "Nothing yet"}},
		{"adopt-plan", "/inventory/adopt?host=api.example.com&base=%2Fmessages-0%2Fv1", 200, []string{"kind: ApiInstance", "openapi: 3.1.0", "Put it into service", "farrier/specification"}},
		{"adopt-wrong", "/inventory/adopt?host=api.example.com&base=%2Fmessages-0%2Fv1&name=A+B", 400, []string{"small letters"}},
		{"policy-plan", proposed, 200, []string{"kind: PolicyBinding", "rate-limiting-flex", "Apply the policy"}},
		{"deny-plan", "/apis/default/orders/deny", 200, []string{"unknownPath: block", "specArchive"}},
		{"api-inventory", "/apis/default/orders/inventory", 200, []string{"Operations", "Drift", "parameter undocumented", "testdata/orders.yaml", "Owner and tags"}},
		{"api-tab", "/apis/default/orders", 200, []string{`/apis/default/orders/inventory`}},
		{"api-none", "/apis/no/thing/inventory", 404, []string{"Not found"}},
		{"export-csv", "/inventory/export?format=csv&q=state%3Ashadow", 200, []string{"method,host,path", "shadow"}},
		{"export-openapi", "/inventory/export?format=openapi.yaml&q=api%3Adefault%2Forders", 200, []string{"openapi: 3.1.0"}},
		{"export-wrong", "/inventory/export?format=exe", 400, []string{"This is no format"}},
	}
}

type inventoryCase struct {
	name, path string
	status     int
	want       []string
}

// TestInventoryPages holds what each page of the inventory says.
func TestInventoryPages(t *testing.T) {
	h := newHouse(t, clockAt(noon))
	h.seed(t)
	h.learn(t, 3000)
	cookie := h.signIn(t)
	cases := inventoryPages(h)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := h.ask(t, "GET", c.path, cookie)
			if a.StatusCode != c.status {
				t.Fatalf("status %d: %.600s", a.StatusCode, a.body)
			}
			for _, want := range c.want {
				if !strings.Contains(a.body, want) {
					t.Errorf("the page does not say %q", want)
				}
			}
			if strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
				for _, not := range []string{hidden, "<script>alert", "ZgotmplZ", "<no value>", "%!", "style=", "<style", " onclick"} {
					if strings.Contains(a.body, not) {
						t.Errorf("the page says %q", not)
					}
				}
			}
		})
	}
	if t.Logf("%d pages", len(cases)); len(cases) < 30 {
		t.Error("too few pages played")
	}
}

// TestEmptyInventory holds that pages of an inventory that has learned nothing say how
// it learns.
func TestEmptyInventory(t *testing.T) {
	h := newHouse(t, clockAt(noon))
	cookie := h.signIn(t)
	for path, want := range map[string]string{
		"/inventory": "farrier discover", "/inventory/changes": "Nothing has changed yet", "/inventory/map": "nothing to draw",
		"/inventory/data": "No sensitive data was seen", "/inventory/why": "Nothing was turned away", "/inventory/adopt": "served by an instance",
		"/inventory/notes": "Nothing stands out",
	} {
		if a := h.ask(t, "GET", path, cookie); a.StatusCode != 200 || !strings.Contains(a.body, want) {
			t.Errorf("%s: %d, does not say %q", path, a.StatusCode, want)
		}
	}
}

// TestInventoryDeeds does what operators can do on the pages of the inventory.
func TestInventoryDeeds(t *testing.T) {
	h := newHouse(t, clockAt(noon))
	h.seed(t)
	h.learn(t, 3000)
	cookie := h.signIn(t)
	id := h.world.First(func(op *discovery.Operation) bool { return op.API == "default/orders" })
	steps := []struct {
		path   string
		fields []string
		status int
		to     string // where it leads, or what the page says
	}{
		{"/inventory/views", []string{"name", "Ours", "q", "state:shadow"}, 303, "/inventory?q=state%3Ashadow"},
		{"/inventory/views", []string{"name", "", "q", "state:shadow"}, 422, "A view has a name"},
		{"/inventory/views", []string{"name", "Bad", "q", "nothing:here"}, 422, "There is no"},
		{"/inventory/views", []string{"name", "Ours, renamed", "q", "x"}, 422, "without commas"},
		{"/inventory/views", []string{"name", "Theirs", "was", "Ours", "q", "state:shadow"}, 303, "/inventory?q=state%3Ashadow"},
		{"/inventory/views", []string{"name", "All", "q", "data:card", "shared", "1"}, 303, "/inventory?q=data%3Acard"},
		{"/inventory/views/remove", []string{"name", "All", "shared", "1"}, 303, "/inventory"},
		{operationPath(id) + "/marks", []string{"owner", "team-blue", "tags", "pci, core", "labels", "checkout, -payment"}, 303, operationPath(id) + "#marks"},
		{operationPath(id) + "/marks", []string{"owner", strings.Repeat("x", 200)}, 422, "at most 80"},
		{"/apis/default/orders/marks", []string{"owner", "team-red"}, 303, "/apis/default/orders/inventory#marks"},
		{"/inventory/edits", []string{"kind", "merge", "host", "api.example.com", "path", "/orders-0/v1/{x}", "back", id}, 303, operationPath(id) + "#templates"},
		{"/inventory/edits", []string{"kind", "merge", "host", "api.example.com", "path", "/orders-0"}, 422, "in braces"},
		{"/inventory/edits", []string{"kind", "paint", "host", "api.example.com", "path", "/orders-0"}, 422, "merge, split, list or ignore"},
		{"/inventory/edits/remove", []string{"kind", "merge", "host", "api.example.com", "path", "/orders-0/v1/{x}"}, 303, "/inventory?q=host%3A%22api.example.com%22"},
		{operationPath(id) + "/policy", []string{"policy", "rate-limiting-flex"}, 303, "/apis/default/orders"},
		{operationPath(id) + "/policy", []string{"policy", "rate-limiting-flex"}, 422, "was made before"},
		{operationPath(id) + "/policy", []string{"policy", "unknown"}, 404, "Not found"},
		{"/inventory/adopt", []string{"host", "api.example.com", "base", "/messages-0/v1", "name", "adopted", "upstream", "ftp://x"}, 422, "http or https URL"},
		{"/inventory/adopt", []string{"host", "api.example.com", "base", "/messages-0/v1", "name", "adopted", "upstream", "http://10.0.0.7:8080"}, 303, "/apis/default/adopted"},
		{"/inventory/adopted/remove", []string{"name", "default-adopted"}, 303, "/inventory/adopt#made"},
		{"/inventory/adopted/remove", []string{"name", "default-adopted"}, 404, "Not found"},
		{"/apis/default/orders/deny", nil, 303, "/apis/default/orders"},
	}
	for _, s := range steps {
		a := h.ask(t, "POST", s.path, cookie, form(s.fields...))
		if a.StatusCode != s.status || s.status == http.StatusSeeOther && a.Header.Get("Location") != s.to || s.status != http.StatusSeeOther && !strings.Contains(a.body, s.to) {
			t.Errorf("%s %q: %d to %q, want %d and %q: %.300s", s.path, s.fields, a.StatusCode, a.Header.Get("Location"), s.status, s.to, main(a.body))
		}
	}
	if len(h.world.Edits) != 0 {
		t.Errorf("the learner has the decisions %v", h.world.Edits)
	}
	for path, want := range map[string][]string{
		"/inventory": {"Theirs", "team-blue", "checkout"}, operationPath(id): {"pci", "team-blue", `value="checkout, -payment"`}, "/inventory?q=owner%3Ateam-red": {"team-red"},
		"/inventory/adopt": {"rate-limiting-flex", "default-orders-schema-validation"},
		"/audit":           {"inventory-edited", "inventory-edit-ended", "inventory-marked", "inventory-view-changed", "policy-applied", "api-adopted", "adoption-removed"},
	} {
		a := h.ask(t, "GET", path, cookie)
		for _, one := range want {
			if path == "/inventory" && one != "Theirs" {
				continue
			}
			if !strings.Contains(a.body, one) {
				t.Errorf("%s does not say %q", path, one)
			}
		}
	}
	if t.Logf("%d deeds", len(steps)); len(steps) < 20 {
		t.Error("too few deeds played")
	}
}

// large is how many operations the inventory must bear.
const large = 20_000

// largest is how long a page of it may be, in bytes.
const largest = 300_000

// TestLargeInventory prints how long pages of 20,000 operations take and are. Only their
// lengths are judged: clocks of shared machines prove nothing.
func TestLargeInventory(t *testing.T) {
	h := newHouse(t, clockAt(noon))
	h.seed(t)
	began := time.Now()
	h.world = inventorytest.New(large, h.now())
	h.inventory.Remember(h.world, h.kept)
	made := time.Now()
	must(t, h.inventory.Refresh(t.Context()))
	t.Logf("%d operations made in %v, pictured in %v", large, made.Sub(began), time.Since(made))
	cookie := h.signIn(t)
	looked := 0
	for _, c := range inventoryPages(h) {
		if c.status != http.StatusOK || strings.HasPrefix(c.name, "export") {
			continue
		}
		looked++
		h.ask(t, "GET", c.path, cookie)
		from := time.Now()
		a := h.ask(t, "GET", c.path, cookie)
		t.Logf("%-18s %6.1f ms %4d kB", c.name, float64(time.Since(from).Microseconds())/1000, len(a.body)/1000)
		if a.StatusCode != http.StatusOK || len(a.body) > largest {
			t.Errorf("%s: status %d, %d bytes", c.path, a.StatusCode, len(a.body))
		}
	}
	last := fmt.Sprintf("/inventory?from=%d&q=%s", large-inventory.PageSize, url.QueryEscape("-host:nowhere"))
	if a := h.ask(t, "GET", last, cookie); a.StatusCode != http.StatusOK || !strings.Contains(a.body, `rel="prev"`) {
		t.Errorf("the last page: %d", a.StatusCode)
	}
	if looked < 20 {
		t.Error("too few pages looked at")
	}
}

// BenchmarkInventory measures pages of 20,000 operations.
func BenchmarkInventory(b *testing.B) {
	h := newHouse(b, clockAt(noon))
	h.seed(b)
	h.learn(b, large)
	cookie := h.signIn(b)
	for _, c := range inventoryPages(h) {
		if c.status != http.StatusOK {
			continue
		}
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if a := h.ask(b, "GET", c.path, cookie); a.StatusCode != http.StatusOK {
					b.Fatalf("status %d", a.StatusCode)
				}
			}
		})
	}
}
