package projects

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/scan"
	"farrier.dev/farrier/internal/scan/history"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
)

var admin = control.Principal{Operator: "ann", Roles: []access.Role{access.RoleAdmin}}

// world is a service with all that it tells others.
type world struct {
	*Service
	found     []finding.Finding
	problems  []scan.Problem
	err       error
	paths     []string
	renewed   map[string]int
	recorded  []string
	published int
	rev       *revision.Revision
}

// Renew implements Findings.
func (w *world) Renew(_ context.Context, engine, api string, findings []finding.Finding) error {
	w.renewed[engine+" "+api] = len(findings)
	return nil
}

func newWorld(t *testing.T, db *store.DB) *world {
	t.Helper()
	w := &world{renewed: map[string]int{}, rev: &revision.Revision{APIs: []revision.API{
		{Name: revision.Name{Namespace: "default", Name: "orders"}, BasePath: "/api"},
		{Name: revision.Name{Namespace: "default", Name: "billing"}, BasePath: "/billing", Labels: map[string]string{labelAPIID: "77"}},
	}}}
	dir := t.TempDir()
	patches, err := OpenPatches(dir)
	if err != nil {
		t.Fatal(err)
	}
	w.Service, err = New(Options{
		Where:   access.Scope{Group: access.Root, Environment: "default"},
		Folders: []string{"/src/orders"}, Findings: w, Patches: patches, Dir: dir, Log: slog.New(slog.DiscardHandler),
		Scan: func(_ context.Context, path string) (*scan.Report, map[string][]finding.Finding, error) {
			w.paths = append(w.paths, path)
			if w.err != nil {
				return nil, nil, w.err
			}
			dir := path + "/orders"
			found := slices.Clone(w.found)
			for i := range found {
				found[i].Location.File = dir + "/a.xml"
			}
			return &scan.Report{
				Problems: w.problems,
				Projects: []scan.ProjectSummary{{Name: "orders", Dir: dir, Counts: finding.Summarise(found), APIs: []scan.ServedAPI{{BasePath: "/api/*"}}}},
			}, map[string][]finding.Finding{dir: found}, nil
		},
		Serving: func() *revision.Revision { return w.rev },
		Publish: func(context.Context) { w.published++ },
		Record:  func(_ context.Context, e audit.Entry) { w.recorded = append(w.recorded, string(e.Action)+" "+e.Object) },
		Now:     func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if db != nil {
		h, err := history.Open(t.Context(), db, "test")
		if err != nil {
			t.Fatal(err)
		}
		w.Remember(h)
	}
	return w
}

// injection is a finding whose data comes in by a query parameter.
func injection() finding.Finding {
	return finding.Finding{
		Rule: "MS-INJ-01", Severity: finding.Critical, Fingerprint: finding.Fingerprint("MS-INJ-01", finding.Location{File: "a.xml"}), Taxonomy: finding.Taxonomy{CWE: 89},
		Inlets: []finding.Location{{Operation: "GET /orders/{id}", Place: "query name"}},
	}
}

// TestLife: a project is uploaded, joins its API, a finding is closed at the
// gateway, and the patch ends with the scan that no longer has it.
func TestLife(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		w.found = []finding.Finding{injection(), {Rule: "MS-TLS-03", Severity: finding.High}}
		names, err := w.Upload(t.Context(), admin, `..\..\orders.zip`, strings.NewReader("zip"))
		if err != nil || !slices.Equal(names, []string{"orders"}) {
			t.Fatalf("%v, %v", names, err)
		}
		if _, err := os.Stat(w.paths[0]); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the archive lies there still: %v", err)
		}
		one, kept, err := w.Project(t.Context(), admin, "orders")
		if err != nil || one.Operator != "ann" || len(kept.Findings) != 2 || !slices.Equal(kept.APIs, []string{"default/orders"}) ||
			kept.Findings[0].Location.File != "a.xml" {
			t.Fatalf("%+v %+v %v", one, kept, err)
		}
		if !maps.Equal(w.renewed, map[string]int{"scan:orders default/orders": 2}) {
			t.Errorf("findings of APIs: %v", w.renewed)
		}
		if err := w.Patch(t.Context(), admin, "orders", finding.Fingerprint("MS-TLS-03", finding.Location{File: "a.xml"})); err == nil || !strings.Contains(err.Error(), "not about data of requests") {
			t.Errorf("a finding without a way: %v", err)
		}
		if err := w.Patch(t.Context(), admin, "orders", "f3"); !errors.Is(err, control.ErrNotFound) {
			t.Errorf("an unknown finding: %v", err)
		}
		for range 2 { // the second time changes nothing
			if err := w.Patch(t.Context(), admin, "orders", injection().Fingerprint); err != nil {
				t.Fatal(err)
			}
		}
		if all := w.o.Patches.All(); len(all) != 1 || all[0].API != "default/orders" || len(all[0].Closes) != 1 || all[0].Closes[0].Method != "GET" || all[0].Closes[0].Place != "query name" {
			t.Fatalf("%+v", all)
		}
		if again, err := OpenPatches(w.o.Dir); err != nil || len(again.All()) != 1 {
			t.Errorf("after a restart: %v, %v", again, err)
		}
		if o, err := w.Overview(t.Context(), admin); err != nil || len(o.Projects) != 1 || o.Projects[0].Patches != 1 || !o.Sources[0].Folder || o.Sources[0].Name != "/src/orders" {
			t.Errorf("%+v, %v", o, err)
		}
		if _, err := w.Upload(t.Context(), admin, "orders-1.0.1.zip", strings.NewReader("zip")); err != nil || len(w.o.Patches.All()) != 1 {
			t.Errorf("the same code under another name ended the patch: %v", err)
		}
		w.published = 0
		if _, err := w.Scan(t.Context(), admin, "/src/orders"); err != nil || w.published != 0 || len(w.o.Patches.All()) != 1 {
			t.Errorf("a scan that still has it ended the patch: %v", err)
		}
		w.found = w.found[1:]
		w.problems = []scan.Problem{{File: "/src/orders/orders/a.xml", Line: 2, Message: "the XML is broken"}}
		if _, err := w.Scan(t.Context(), admin, "/src/orders"); err != nil || w.published != 0 || len(w.o.Patches.All()) != 1 {
			t.Errorf("a scan that could not read a file ended the patch: %v", err)
		}
		if _, kept, err := w.Project(t.Context(), admin, "orders"); err != nil || len(kept.Problems) != 2 || !strings.Contains(kept.Problems[1].Message, "patches at the gateway stay") {
			t.Errorf("what is said of it: %+v, %v", kept, err)
		}
		w.problems = nil
		if _, err := w.Scan(t.Context(), admin, "/src/orders"); err != nil || w.published != 1 || len(w.o.Patches.All()) != 0 {
			t.Errorf("the patch did not end: %v, %d published", err, w.published)
		}
		if err := w.Forget(t.Context(), admin, "orders"); err != nil || w.renewed["scan:orders default/orders"] != 0 {
			t.Errorf("forgetting: %v, %v", err, w.renewed)
		}
		want := []string{
			"project-scanned project orders", "patch-made project orders", "patch-made project orders", "project-scanned project orders", "project-scanned project orders", "project-scanned project orders",
			"patch-ended api default/orders", "project-scanned project orders", "project-removed project orders",
		}
		if !slices.Equal(w.recorded, want) {
			t.Errorf("recorded %q", w.recorded)
		}
	})
}

// TestRefused: who may not, and what can't be scanned.
func TestRefused(t *testing.T) {
	w := newWorld(t, storetest.Open(t))
	stranger := control.Principal{Operator: "eve", Roles: []access.Role{access.RoleSecretsAdmin}}
	_, uploaded := w.Upload(t.Context(), stranger, "a.zip", strings.NewReader(""))
	_, scanned := w.Scan(t.Context(), stranger, "/src/orders")
	_, overview := w.Overview(t.Context(), stranger)
	_, _, project := w.Project(t.Context(), stranger, "orders")
	for name, err := range map[string]error{
		"upload": uploaded, "scan": scanned, "overview": overview, "project": project, "forget": w.Forget(t.Context(), stranger, "orders"),
		"patch": w.Patch(t.Context(), stranger, "orders", "x"), "unpatch": w.Unpatch(t.Context(), stranger, "orders", "x"),
	} {
		if !errors.Is(err, control.ErrForbidden) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.Scan(t.Context(), admin, "/etc"); !errors.Is(err, control.ErrNotFound) {
		t.Errorf("a folder that was not given: %v", err)
	}
	w.err = errors.New("opening the archive")
	if _, err := w.Upload(t.Context(), admin, "a.zip", strings.NewReader("")); err == nil || err.Error() != "opening the archive" {
		t.Errorf("%v", err)
	}
	if _, err := w.Scan(t.Context(), admin, "/src/orders"); err == nil {
		t.Error("a scan that fails is none")
	}
	if o, err := w.Overview(t.Context(), admin); err != nil || len(o.Sources) != 2 || o.Sources[0].Error != "opening the archive" || o.Sources[1].Name != "a.zip" {
		t.Errorf("%+v, %v", o, err)
	}
	if _, err := newWorld(t, nil).Overview(t.Context(), admin); err == nil || !strings.Contains(err.Error(), "store is not open") {
		t.Errorf("without a store: %v", err)
	}
}

// TestImplements: a label says which API a project implements; without one, the
// only base path that is the same.
func TestImplements(t *testing.T) {
	w := newWorld(t, nil)
	for _, c := range []struct {
		name, path, id string
		labels         map[string]string
		want           string
	}{
		{"orders", "/api/*", "", nil, "default/orders"},
		{"orders", "/api", "", nil, "default/orders"},
		{"orders", "/*", "", nil, ""},
		{"orders", "/apix/*", "", nil, ""},
		{"billing", "/api/*", "77", nil, "default/billing"},
		{"other", "/api/*", "", map[string]string{labelProject: "orders"}, ""},
		{"orders", "/nowhere", "", map[string]string{labelProject: "orders"}, "default/orders"},
	} {
		w.rev.APIs[0].Labels = c.labels
		got := w.implements(&scan.ProjectSummary{Name: c.name, APIs: []scan.ServedAPI{{BasePath: c.path, ID: c.id}}})
		if strings.Join(got, " ") != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// TestAmend: patches join the policy that judges all requests, or come alone.
func TestAmend(t *testing.T) {
	closes, err := closing(new(injection()))
	if err != nil {
		t.Fatal(err)
	}
	binding := func(settings string, rules ...revision.Rule) []revision.Binding {
		return []revision.Binding{{Policy: policyName, Settings: json.RawMessage(settings), Rules: rules}}
	}
	for _, c := range []struct {
		name     string
		policies []revision.Binding
		want     []string // of each binding: mode and number of patches
	}{
		{"without the policy", nil, []string{"watch 1"}},
		{"beside its own patches", binding(`{"mode":"block","patches":[{"name":"own","place":"query a"}]}`), []string{"block 2"}},
		{"default settings", binding(`{}`), []string{" 1"}},
		{"switched off", binding(`{"mode":"off"}`), []string{"off 0", "watch 1"}},
		{"for some requests only", binding(`{"mode":"block"}`, revision.Rule{Path: "/a"}), []string{"block 0", "watch 1"}},
	} {
		p := &Patches{all: []Patch{{API: "default/orders", Closes: closes}, {API: "default/gone", Closes: closes}}}
		rev := &revision.Revision{APIs: []revision.API{
			{Name: revision.Name{Namespace: "default", Name: "orders"}, Policies: c.policies}, {Name: revision.Name{Namespace: "default", Name: "other"}},
		}}
		if err := p.Amend(rev); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, b := range rev.APIs[0].Policies {
			var s struct {
				Mode    string
				Patches []json.RawMessage
			}
			if err := json.Unmarshal(b.Settings, &s); err != nil {
				t.Fatal(err)
			}
			got = append(got, s.Mode+" "+string(rune('0'+len(s.Patches))))
		}
		if !slices.Equal(got, c.want) || len(rev.APIs[1].Policies) != 0 {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

// TestOpenPatches: a file that can't be read is not taken for no patches.
func TestOpenPatches(t *testing.T) {
	for text, want := range map[string]string{"{": "mend it", `{"version":2}`: "knows version 1", "": "mend it"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "patches.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenPatches(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
