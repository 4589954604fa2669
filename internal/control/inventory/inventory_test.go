package inventory_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/inventory"
	"farrier.dev/farrier/internal/control/inventory/inventorytest"
	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/keep"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
)

var (
	ann  = control.Principal{Operator: "ann", Roles: []access.Role{access.RoleAdmin}}
	bob  = control.Principal{Operator: "bob", Roles: []access.Role{access.RoleAdmin}}
	noon = time.Date(2026, 3, 1, 12, 0, 30, 0, time.UTC)
)

// world is a service with all that it tells others.
type world struct {
	*inventory.Service
	*inventorytest.World
	dir      string
	recorded []string
	// published counts, problems are what publishing complains of.
	published int
	problems  []manifest.Problem
	failing   error
	rev       *revision.Revision
}

func newWorld(t testing.TB, operations int) *world {
	t.Helper()
	db := storetest.Open(t)
	now := func() time.Time { return noon }
	kept, err := keep.Open(t.Context(), keep.Options{Traffic: db, Control: db, Environment: "test", Gateway: "gw", Now: now})
	must(t, err)
	w := &world{World: inventorytest.New(operations, noon), dir: t.TempDir(), rev: &revision.Revision{APIs: []revision.API{
		{Name: revision.Name{Namespace: "default", Name: "orders"}, BasePath: "/orders-0/v1"},
	}}}
	adopted, err := inventory.OpenAdopted(w.dir)
	must(t, err)
	w.Service, err = inventory.New(inventory.Options{
		Where:   access.Scope{Group: access.Root, Environment: "default"},
		Learner: w.World, Described: func() []discovery.Described { return nil }, Judge: w.Judge, Rate: w.Rate, Propose: w.Propose, Export: w.Export,
		Rejected: w.World.Rejected, Serving: func() *revision.Revision { return w.rev }, Adopted: adopted,
		Findings: func(context.Context, string) ([]finding.Finding, error) {
			return []finding.Finding{{Rule: "R-1", Title: "Weak", Severity: finding.High, Location: finding.Location{API: "default/orders", Operation: "GET /orders/{int}"}}}, nil
		},
		Publish: func(context.Context) []manifest.Problem { w.published++; return w.problems },
		Write:   db.Write,
		Record: func(_ context.Context, _ *store.Tx, e audit.Entry) error {
			w.recorded = append(w.recorded, string(e.Action)+" "+string(e.Outcome)+" "+e.Object)
			return w.failing
		},
		Now: now, Log: slog.New(slog.DiscardHandler),
	})
	must(t, err)
	w.Remember(w.World, kept)
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestNobodyWithoutRights calls every method as somebody who may not.
func TestNobodyWithoutRights(t *testing.T) {
	w := newWorld(t, 500)
	ctx := t.Context()
	id := w.First(func(op *discovery.Operation) bool { return op.API != "" })
	form := &inventory.Adopting{Host: "api.example.com", Base: "/messages-0/v1"}
	for name, call := range map[string]func(p control.Principal) error{
		"List":       func(p control.Principal) error { _, err := w.List(ctx, p, inventory.Wanted{}); return err },
		"Sums":       func(p control.Principal) error { _, err := w.Sums(ctx, p); return err },
		"Changes":    func(p control.Principal) error { _, err := w.Changes(ctx, p, inventory.ChangesWanted{}); return err },
		"Notes":      func(p control.Principal) error { _, _, err := w.Notes(ctx, p, ""); return err },
		"Explain":    func(p control.Principal) error { _, err := w.Service.Explain(p, "GET", "a", "/"); return err },
		"Rejected":   func(p control.Principal) error { _, err := w.Service.Rejected(p, 1); return err },
		"Operation":  func(p control.Principal) error { _, err := w.Operation(ctx, p, id); return err },
		"API":        func(p control.Principal) error { _, err := w.API(ctx, p, "default/orders", false); return err },
		"Knows":      func(p control.Principal) error { _, err := w.Knows(ctx, p, "default/orders"); return err },
		"Map":        func(p control.Principal) error { _, err := w.Map(ctx, p, "", ""); return err },
		"Matrix":     func(p control.Principal) error { _, err := w.Matrix(ctx, p, "", 0); return err },
		"Views":      func(p control.Principal) error { _, err := w.Views(ctx, p); return err },
		"SaveView":   func(p control.Principal) error { return w.SaveView(ctx, p, inventory.View{Name: "x"}, "") },
		"RemoveView": func(p control.Principal) error { return w.RemoveView(ctx, p, inventory.View{Name: "x"}) },
		"Edit": func(p control.Principal) error {
			return w.Service.Edit(ctx, p, discovery.Edit{Kind: "ignore", Host: "a", Path: "/"})
		},
		"Unedit": func(p control.Principal) error {
			return w.Unedit(ctx, p, discovery.Edit{Kind: "ignore", Host: "a", Path: "/"})
		},
		"Mark": func(p control.Principal) error {
			return w.Mark(ctx, p, inventory.Subject{Operation: id}, "x", nil, nil)
		},
		"Download":       func(p control.Principal) error { return w.Download(ctx, p, &bytes.Buffer{}, "csv", "") },
		"Unadopted":      func(p control.Principal) error { _, err := w.Unadopted(ctx, p); return err },
		"Adoptions":      func(p control.Principal) error { _, err := w.Adoptions(p); return err },
		"PlanAdoption":   func(p control.Principal) error { _, err := w.PlanAdoption(ctx, p, form); return err },
		"Adopt":          func(p control.Principal) error { _, err := w.Adopt(ctx, p, form); return err },
		"RemoveAdoption": func(p control.Principal) error { return w.RemoveAdoption(ctx, p, "default-messages-0-v1") },
		"PlanPolicy":     func(p control.Principal) error { _, err := w.PlanPolicy(ctx, p, id, "rate-limiting-flex"); return err },
		"ApplyPolicy": func(p control.Principal) error {
			_, err := w.ApplyPolicy(ctx, p, id, "rate-limiting-flex", false)
			return err
		},
		"PlanDenial": func(p control.Principal) error { _, err := w.PlanDenial(ctx, p, "default/orders"); return err },
		"Deny":       func(p control.Principal) error { _, err := w.Deny(ctx, p, "default/orders"); return err },
	} {
		t.Run(name, func(t *testing.T) {
			for _, p := range []control.Principal{{}, {Operator: "eve", Roles: []access.Role{access.RoleSecretsAdmin}}, {Operator: "ann", Roles: ann.Roles, Unfinished: access.MustSetPassword}} {
				recorded, published := len(w.recorded), w.published
				if err := call(p); !errors.Is(err, control.ErrForbidden) {
					t.Errorf("%+v: %v", p, err)
				}
				if len(w.recorded) != recorded || w.published != published {
					t.Error("something was done all the same")
				}
			}
		})
	}
}

// TestQueries holds what queries choose.
func TestQueries(t *testing.T) {
	w := newWorld(t, 3000)
	all, err := w.List(t.Context(), ann, inventory.Wanted{Limit: 10_000, Query: "state:documented,shadow,zombie,orphan"})
	must(t, err)
	cases := map[string]func(r *inventory.Row) bool{
		"state:shadow":        func(r *inventory.Row) bool { return r.Has(discovery.Shadow) },
		"state:shadow,zombie": func(r *inventory.Row) bool { return r.Has(discovery.Shadow) || r.Has(discovery.Zombie) },
		"-state:shadow":       func(r *inventory.Row) bool { return !r.Has(discovery.Shadow) },
		"data:card": func(r *inventory.Row) bool {
			return slices.ContainsFunc(r.Data, func(d inventory.Carried) bool { return d.Class == "card" })
		},
		"data:payment":             func(r *inventory.Row) bool { return slices.Contains(r.Groups, "payment") },
		"data:none":                func(r *inventory.Row) bool { return len(r.Data) == 0 },
		"data:any exposure:public": func(r *inventory.Row) bool { return len(r.Data) > 0 && r.Exposure == discovery.Public },
		"auth:missing":             func(r *inventory.Row) bool { return r.Authentication == "missing" },
		"auth:jwt":                 func(r *inventory.Row) bool { return slices.Contains(r.Kinds, "jwt") },
		"api:orders":               func(r *inventory.Row) bool { return strings.HasSuffix(r.API, "/orders") },
		"api:default/orders":       func(r *inventory.Row) bool { return r.API == "default/orders" },
		"api:none":                 func(r *inventory.Row) bool { return r.API == "" },
		"host:*.internal":          func(r *inventory.Row) bool { return strings.HasSuffix(r.Host, ".internal") },
		`host:"api.example.com"`:   func(r *inventory.Row) bool { return r.Host == "api.example.com" },
		"METHOD:Get":               func(r *inventory.Row) bool { return r.Method == "GET" },
		"path:/orders-0":           func(r *inventory.Row) bool { return strings.HasPrefix(r.Path, "/orders-0") },
		"path:*/{id}/*":            func(r *inventory.Row) bool { return strings.Contains(r.Path, "/{id}/") },
		"risk:>50":                 func(r *inventory.Row) bool { return r.Risk > 50 },
		"risk:25..50":              func(r *inventory.Row) bool { return r.Risk >= 25 && r.Risk <= 50 },
		"risk:high":                func(r *inventory.Row) bool { return r.Level == "high" },
		"seen:<7d":                 func(r *inventory.Row) bool { return noon.Sub(r.Last) < 7*24*time.Hour },
		"seen:>30d":                func(r *inventory.Row) bool { return noon.Sub(r.Last) >= 30*24*time.Hour },
		"first:<1w":                func(r *inventory.Row) bool { return noon.Sub(r.First) < 7*24*time.Hour },
		"calls:>100 callers:<3":    func(r *inventory.Row) bool { return r.PerDay > 100 && r.Callers < 3 },
		"drift:>0":                 func(r *inventory.Row) bool { return r.Drift > 0 },
		"label:payment":            func(r *inventory.Row) bool { return slices.Contains(r.Labels, "payment") },
		"caller:app-7":             func(r *inventory.Row) bool { return slices.Contains(r.Consumers, "app-7") },
		"upstream:hooks.*":         func(r *inventory.Row) bool { return slices.Contains(r.Upstreams, "hooks.example.net:443") },
		"version:any":              func(r *inventory.Row) bool { return r.Version != "" },
		"protocol:rest":            func(r *inventory.Row) bool { return r.Protocol == discovery.REST },
		"owner:any":                func(*inventory.Row) bool { return false },
		"invoices confirm": func(r *inventory.Row) bool {
			return strings.Contains(r.Path, "invoices") && strings.Contains(r.Path, "confirm")
		},
		`"orders-0/v1"`:  func(r *inventory.Row) bool { return strings.Contains(r.Path, "orders-0/v1") },
		`"state:shadow"`: func(*inventory.Row) bool { return false },
		"-orders -invoices": func(r *inventory.Row) bool {
			return !strings.Contains(r.Path, "orders") && !strings.Contains(r.Path, "invoices")
		},
		"tag:none method:get,patch": func(r *inventory.Row) bool { return r.Method == "GET" || r.Method == "PATCH" },
	}
	for text, fits := range cases {
		want := 0
		for _, r := range all.Rows {
			if fits(r) {
				want++
			}
		}
		got, err := w.List(t.Context(), ann, inventory.Wanted{Query: text, Limit: 10_000})
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		for _, r := range got.Rows {
			if !fits(r) {
				t.Errorf("%s chooses %s", text, r.Key)
				break
			}
		}
		if got.Total != want || len(got.Rows) != want {
			t.Errorf("%s chooses %d of %d, want %d", text, got.Total, all.Total, want)
		}
		if again, err := inventory.ParseQuery(got.Query.Text(), noon); err != nil || again.Text() != got.Query.Text() {
			t.Errorf("%s is written as %s, which is read as %v, %v", text, got.Query.Text(), again, err)
		}
	}
	if t.Logf("%d queries of %d operations", len(cases), all.Total); len(cases) < 30 || all.Total < 2500 {
		t.Error("too few played")
	}
}

// TestWrongQueries holds what is said of queries that can't be read.
func TestWrongQueries(t *testing.T) {
	cases := map[string]string{
		"stat:shadow": "there is no", "state:shadowy": "is none of", "risk:x": "is no number", "risk:1..x": "is no number", "seen:7d": "is no age", "seen:<7y": "is no age",
		"path:orders": "begins with a slash", "state:": "has no value", strings.Repeat("x", 600): "longer than", strings.Repeat("a ", 40): "more than",
	}
	for text, want := range cases {
		_, err := inventory.ParseQuery(text, noon)
		var input *inventory.InputError
		if !errors.As(err, &input) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", text, err, want)
		}
	}
	if t.Logf("%d queries", len(cases)); len(cases) < 10 {
		t.Error("too few played")
	}
}

// FuzzParseQuery holds that what was read is written so that it is read the same.
func FuzzParseQuery(f *testing.F) {
	for _, seed := range []string{"state:shadow a", `"a b":c -x`, "-", "::", `host:"a,b",c`, "risk:>5", "-path:*"} {
		f.Add(seed)
	}
	row := &inventory.Row{Key: discovery.Key{Host: "a", Method: "GET", Path: "/"}}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := inventory.ParseQuery(text, noon)
		if err != nil {
			return
		}
		q.Matches(row)
		again, err := inventory.ParseQuery(q.Text(), noon)
		if err != nil && len(q.Text()) < 400 {
			t.Fatalf("%q was written as %q: %v", text, q.Text(), err)
		}
		if err == nil && again.Text() != q.Text() {
			t.Errorf("%q was written as %q and then as %q", text, q.Text(), again.Text())
		}
	})
}

// TestPages holds that all parts of a list together are the list.
func TestPages(t *testing.T) {
	w := newWorld(t, 1500)
	rapid.Check(t, func(rt *rapid.T) {
		order := rapid.SampledFrom(inventory.Orders()).Draw(rt, "order")
		text := rapid.SampledFrom([]string{"", "state:shadow", "data:any", "nothing at all"}).Draw(rt, "query")
		size := rapid.IntRange(50, 700).Draw(rt, "size")
		seen := map[string]bool{}
		var total int
		for offset := 0; ; offset += size {
			page, err := w.List(t.Context(), ann, inventory.Wanted{Query: text, Order: order, Offset: offset, Limit: size})
			must(t, err)
			for _, r := range page.Rows {
				if seen[r.ID] {
					rt.Fatalf("%s comes twice", r.Key)
				}
				seen[r.ID] = true
			}
			if total = page.Total; offset+size >= total {
				break
			}
		}
		if len(seen) != total {
			rt.Fatalf("%d of %d", len(seen), total)
		}
	})
}

// TestPicture holds that the picture follows the inventory, and is not made without need.
func TestPicture(t *testing.T) {
	w := newWorld(t, 200)
	for range 3 {
		_, err := w.List(t.Context(), ann, inventory.Wanted{})
		must(t, err)
		must(t, w.Refresh(t.Context()))
	}
	if w.Reads != 1 {
		t.Errorf("it was read %d times", w.Reads)
	}
	w.Touch()
	must(t, w.Refresh(t.Context()))
	w.rev = &revision.Revision{Digest: "other"}
	must(t, w.Refresh(t.Context()))
	if w.Reads != 3 {
		t.Errorf("after two changes it was read %d times", w.Reads)
	}
}
