package resource

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/policy/catalogue"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
)

// tree is one group with two environments, and one with another.
type tree struct{}

func (tree) ScopeOf(_ context.Context, environment string) (access.Scope, error) {
	switch environment {
	case "default", "production":
		return access.Scope{Group: "root/a", Environment: environment}, nil
	case "foreign":
		return access.Scope{Group: "root/b", Environment: environment}, nil
	}
	return access.Scope{}, access.ErrUnknown
}

func (tree) GroupScope(context.Context, string) (access.Scope, error) {
	return access.Scope{}, access.ErrUnknown
}

// auditor counts, and can be made to fail.
type auditor struct {
	mu      sync.Mutex
	entries []audit.Entry
	fails   error
}

func (a *auditor) Record(_ context.Context, _ *store.Tx, e audit.Entry) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fails == nil {
		a.entries = append(a.entries, e)
	}
	return a.fails
}

// sealer hides texts well enough to see that nothing is kept open.
type sealer struct{}

func (sealer) Seal(_ string, plain []byte) (string, error) {
	return base64.StdEncoding.EncodeToString(plain), nil
}

func (sealer) Open(_, sealed string) ([]byte, error) {
	return base64.StdEncoding.DecodeString(sealed)
}

type bench struct {
	*Service
	t         *testing.T
	auditor   *auditor
	owned     []manifest.Resource
	published []string
}

var policies = sync.OnceValues(func() (catalogue.Manifests, error) {
	all, err := catalogue.New(nil)
	return catalogue.Manifests{Catalogue: all}, err
})

func newBench(t *testing.T, db *store.DB) *bench {
	t.Helper()
	all, err := policies()
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, auditor: &auditor{}}
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	b.Service, err = New(t.Context(), Options{
		DB: db, Gate: control.Gate{Tree: tree{}}, Auditor: b.auditor, Sealer: sealer{}, Catalogue: all,
		Build: func(string) manifest.Options {
			return manifest.Options{Expand: func(s string) (string, error) {
				if strings.HasPrefix(s, "$") {
					return "expanded", nil
				}
				return s, nil
			}}
		},
		Schema: func(name string) map[string]any {
			e := all.Catalogue.Find(name)
			var schema map[string]any
			if e == nil || json.Unmarshal(e.Schema, &schema) != nil {
				return nil
			}
			return schema
		},
		Now: func() time.Time { at = at.Add(time.Second); return at },
		MayUse: func(_ context.Context, p control.Principal, _ string) (func(string) bool, error) {
			return func(group string) bool { return p.Operator == "ann" && group == "open" }, nil
		},
		Owned:     func(string) []manifest.Resource { return b.owned },
		Published: func(environment string) { b.published = append(b.published, environment) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// who is an operator with a role in group a.
func who(name string, role access.Role) control.Principal {
	return control.Principal{Operator: name, Grants: []access.Grant{{Role: role, Scope: access.Scope{Group: "root/a"}}}}
}

var (
	ann  = who("ann", access.RoleEnvironmentAdmin)
	bert = who("bert", access.RoleEnvironmentAdmin)
)

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) orders() Resource {
	b.t.Helper()
	r, err := b.CreateAPI(b.t.Context(), ann, "default", NewAPI{Name: "orders", Address: "http://0.0.0.0:8081/orders", Upstream: "http://orders:8080", Labels: map[string]string{"team": "sales"}})
	b.must(err)
	return r
}

func (b *bench) draftVersion() int64 {
	b.t.Helper()
	d, err := b.Draft(b.t.Context(), ann, "default")
	b.must(err)
	return d.Version
}

func (b *bench) publish(p control.Principal) *Revision {
	b.t.Helper()
	r, err := b.Publish(b.t.Context(), p, "default", Publishing{Draft: b.draftVersion()})
	b.must(err)
	return r
}

func served(t *testing.T, s *Service, environment string) string {
	t.Helper()
	files, err := s.Files(t.Context(), environment)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, f := range files {
		out.WriteString(f.Name + "\n" + string(f.Text))
	}
	return out.String()
}

// TestFlow is how an API comes into service: it is created, protected, looked at,
// published, changed, and brought back.
func TestFlow(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b, ctx := newBench(t, db), t.Context()
		b.orders()
		binding, err := b.AddPolicy(ctx, ann, "default", "default", "orders", "rate-limiting-flex", json.RawMessage(`{"rateLimits":[{"maximumRequests":3,"timePeriodInMilliseconds":60000}]}`))
		b.must(err)
		if served(t, b.Service, "default") != "" {
			t.Error("a draft serves")
		}
		d, err := b.Draft(ctx, ann, "default")
		b.must(err)
		if len(d.Changes) != 2 || d.Changes[0].Resource.String() != "ApiInstance default/orders" || d.Changes[0].Change != Added || d.Live != 0 {
			t.Errorf("draft %+v", d)
		}
		problems, err := b.Problems(ctx, ann, "default")
		b.must(err)
		if len(onlyErrors(problems)) > 0 {
			t.Fatal(problems)
		}
		if r := b.publish(ann); r.Number != 1 || r.Changed != 2 || len(b.published) != 1 {
			t.Errorf("revision %+v, told %v", r, b.published)
		}
		if text := served(t, b.Service, "default"); !strings.Contains(text, "console/default/PolicyBinding/default/orders-rate-limiting") || !strings.Contains(text, "maximumRequests: 3") {
			t.Errorf("serves %s", text)
		}
		if text := served(t, b.Service, "production"); text != "" {
			t.Errorf("another environment serves %s", text)
		}
		off := false
		_, err = b.ChangeBinding(ctx, ann, "default", binding.Key(), BindingChange{Enabled: &off, Settings: json.RawMessage(`{"rateLimits":[{"maximumRequests":9,"timePeriodInMilliseconds":60000}]}`)}, binding.Version)
		b.must(err)
		d, err = b.Draft(ctx, ann, "default")
		b.must(err)
		if got := fmt.Sprint(d.Changes[0].Fields); got != `[{metadata.annotations.farrier/disabled  true} {spec.config.rateLimits[0].maximumRequests 3 9}]` {
			t.Errorf("fields %s", got)
		}
		b.publish(ann)
		if _, err := b.Publish(ctx, ann, "default", Publishing{Draft: b.draftVersion()}); !errors.Is(err, control.ErrInvalid) || !strings.Contains(err.Error(), "changes nothing") {
			t.Errorf("publishing nothing: %v", err)
		}
		r, err := b.Rollback(ctx, ann, "default", 1, Publishing{Draft: b.draftVersion()})
		b.must(err)
		first, err := b.Revision(ctx, ann, "default", 1)
		b.must(err)
		if r.Number != 3 || r.Restores != 1 || r.Digest != first.Digest || !strings.Contains(served(t, b.Service, "default"), "maximumRequests: 3") {
			t.Errorf("rolled back to %+v", r)
		}
		changes, err := b.Diff(ctx, ann, "default", 1, 2)
		b.must(err)
		if len(changes) != 1 || changes[0].Change != Changed {
			t.Errorf("diff %+v", changes)
		}
		list, err := b.Revisions(ctx, ann, "default", 3, 10)
		b.must(err)
		if len(list) != 2 || list[0].Number != 2 {
			t.Errorf("revisions %+v", list)
		}
		if len(b.auditor.entries) != 6 {
			t.Errorf("%d audit entries: %+v", len(b.auditor.entries), b.auditor.entries)
		}
	})
}

// TestDisabledRunsNowhere holds that a binding which is switched off is checked and
// does not run.
func TestDisabledRunsNowhere(t *testing.T) {
	b, ctx := newBench(t, storetest.Open(t)), t.Context()
	b.orders()
	_, err := b.AddPolicy(ctx, ann, "default", "default", "orders", "cors", nil)
	b.must(err)
	list, err := b.Bindings(ctx, ann, "default", "default", "orders")
	b.must(err)
	for _, on := range []bool{true, false} {
		one, err := b.ChangeBinding(ctx, ann, "default", list[0].Resource, BindingChange{Enabled: &on}, list[0].Version)
		b.must(err)
		list[0].Version = one.Version
		rows, err := b.draftRows(ctx, b.o.DB.Read(), "default")
		b.must(err)
		rev, problems, err := b.build(ctx, "default", rows)
		b.must(err)
		if rev == nil || (len(rev.APIs[0].Policies) == 1) != on {
			t.Errorf("enabled %v: %+v %v", on, rev, problems)
		}
	}
}

func TestTwoEditors(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b, ctx := newBench(t, db), t.Context()
		r := b.orders()
		mine, yours := r.Document, r.Document
		mine.Labels, yours.Labels = map[string]string{"team": "mine"}, map[string]string{"team": "yours"}
		saved, err := b.Put(ctx, ann, "default", mine, r.Version)
		b.must(err)
		if _, err := b.Put(ctx, bert, "default", yours, r.Version); !errors.Is(err, control.ErrConflict) || !strings.Contains(err.Error(), "by ann") {
			t.Errorf("the second editor: %v", err)
		}
		if err := b.Delete(ctx, bert, "default", r.Key(), r.Version); !errors.Is(err, control.ErrConflict) {
			t.Errorf("removing what was changed: %v", err)
		}
		if _, err := b.Put(ctx, bert, "default", yours, 0); !errors.Is(err, control.ErrConflict) {
			t.Errorf("creating what is there: %v", err)
		}
		if _, err := b.Publish(ctx, bert, "default", Publishing{Draft: r.Version}); !errors.Is(err, control.ErrConflict) {
			t.Errorf("publishing what was not looked at: %v", err)
		}
		if err := b.Discard(ctx, bert, "default", r.Version); !errors.Is(err, control.ErrConflict) {
			t.Errorf("discarding what was not looked at: %v", err)
		}
		b.must(b.Delete(ctx, bert, "default", r.Key(), saved.Version))
	})
}

// TestManyEditors has many change one resource at once: each version is won once.
func TestManyEditors(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b, ctx := newBench(t, db), t.Context()
		r := b.orders()
		var wg sync.WaitGroup
		var mu sync.Mutex
		won := 0
		for i := range 8 {
			wg.Go(func() {
				d := r.Document
				d.Labels = map[string]string{"n": fmt.Sprint(i)}
				_, err := b.Put(ctx, ann, "default", d, r.Version)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					won++
				case !errors.Is(err, control.ErrConflict):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won != 1 {
			t.Errorf("%d have won", won)
		}
	})
}

func TestReview(t *testing.T) {
	b, ctx := newBench(t, storetest.Open(t)), t.Context()
	chief := control.Principal{Operator: "chief", Roles: []access.Role{access.RoleAdmin}}
	if err := b.SetReview(ctx, ann, "default", true); !errors.Is(err, control.ErrForbidden) {
		t.Errorf("who may not manage access: %v", err)
	}
	b.must(b.SetReview(ctx, chief, "default", true))
	b.orders()
	version := b.draftVersion()
	ask := func(p control.Principal) (*Revision, error) {
		return b.Publish(ctx, p, "default", Publishing{Draft: version, Note: "first"})
	}
	for range 2 { // the author can not agree, however often they ask
		if _, err := ask(ann); !errors.Is(err, ErrReview) {
			t.Fatalf("the author: %v", err)
		}
	}
	d, err := b.Draft(ctx, ann, "default")
	b.must(err)
	if d.Asked != "ann" || d.Note != "first" {
		t.Errorf("asked %+v", d)
	}
	r, err := ask(bert)
	b.must(err)
	if r.Author != "ann" || r.Reviewer != "bert" {
		t.Errorf("revision %+v", r)
	}
	// What changes after the review was asked for must be asked for again.
	_, err = b.AddPolicy(ctx, ann, "default", "default", "orders", "cors", nil)
	b.must(err)
	version = b.draftVersion()
	if _, err := ask(ann); !errors.Is(err, ErrReview) {
		t.Fatal(err)
	}
	_, err = b.AddPolicy(ctx, bert, "default", "default", "orders", "spike-control-flex", json.RawMessage(`{"maximumRequests":1,"timePeriodInMilliseconds":1000,"delayTimeInMillis":1,"delayAttempts":1,"queuingLimit":1}`))
	b.must(err)
	version = b.draftVersion()
	for _, p := range []control.Principal{bert, ann, bert} {
		if _, err := ask(p); !errors.Is(err, ErrReview) {
			t.Errorf("%s, who changed the draft: %v", p.Operator, err)
		}
	}
	_, err = ask(chief)
	b.must(err)
	// Rolling back is a change like any.
	version = b.draftVersion()
	if _, err := b.Rollback(ctx, ann, "default", 1, Publishing{Draft: version}); !errors.Is(err, ErrReview) {
		t.Fatalf("rolling back: %v", err)
	}
	version = b.draftVersion()
	if _, err := ask(ann); !errors.Is(err, ErrReview) {
		t.Errorf("who rolled back: %v", err)
	}
	if r, err = ask(bert); err != nil || r.Number != 3 {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestMayNot asks for everything as somebody with another role, without any, and with
// a role elsewhere.
func TestMayNot(t *testing.T) {
	b, ctx := newBench(t, storetest.Open(t)), t.Context()
	r := b.orders()
	key := r.Key()
	calls := map[string]func(p control.Principal, environment string) error{
		"List":      func(p control.Principal, e string) error { _, _, err := b.List(ctx, p, e, Filter{}); return err },
		"Get":       func(p control.Principal, e string) error { _, err := b.Get(ctx, p, e, key); return err },
		"Put":       func(p control.Principal, e string) error { _, err := b.Put(ctx, p, e, r.Document, 1); return err },
		"Delete":    func(p control.Principal, e string) error { return b.Delete(ctx, p, e, key, 1) },
		"Draft":     func(p control.Principal, e string) error { _, err := b.Draft(ctx, p, e); return err },
		"Problems":  func(p control.Principal, e string) error { _, err := b.Problems(ctx, p, e); return err },
		"DryRun":    func(p control.Principal, e string) error { _, err := b.DryRun(ctx, p, e); return err },
		"Discard":   func(p control.Principal, e string) error { return b.Discard(ctx, p, e, 1) },
		"SetReview": func(p control.Principal, e string) error { return b.SetReview(ctx, p, e, true) },
		"Publish":   func(p control.Principal, e string) error { _, err := b.Publish(ctx, p, e, Publishing{}); return err },
		"Rollback": func(p control.Principal, e string) error {
			_, err := b.Rollback(ctx, p, e, 1, Publishing{})
			return err
		},
		"Revisions": func(p control.Principal, e string) error { _, err := b.Revisions(ctx, p, e, 0, 1); return err },
		"Revision":  func(p control.Principal, e string) error { _, err := b.Revision(ctx, p, e, 1); return err },
		"Diff":      func(p control.Principal, e string) error { _, err := b.Diff(ctx, p, e, 0, 1); return err },
		"Export":    func(p control.Principal, e string) error { _, err := b.Export(ctx, p, e, false); return err },
		"Apply":     func(p control.Principal, e string) error { _, err := b.Apply(ctx, p, e, nil, Applying{}); return err },
		"CreateAPI": func(p control.Principal, e string) error { _, err := b.CreateAPI(ctx, p, e, NewAPI{}); return err },
		"Bindings": func(p control.Principal, e string) error {
			_, err := b.Bindings(ctx, p, e, "default", "orders")
			return err
		},
		"AddPolicy": func(p control.Principal, e string) error {
			_, err := b.AddPolicy(ctx, p, e, "default", "orders", "cors", nil)
			return err
		},
		"Reorder": func(p control.Principal, e string) error { return b.Reorder(ctx, p, e, "default", "orders", nil) },
		"ChangeBinding": func(p control.Principal, e string) error {
			_, err := b.ChangeBinding(ctx, p, e, key, BindingChange{}, 1)
			return err
		},
		"Promote": func(p control.Principal, e string) error {
			_, err := b.Promote(ctx, p, e, Promotion{From: "default"})
			return err
		},
		"Promote from": func(p control.Principal, e string) error {
			_, err := b.Promote(ctx, p, "default", Promotion{From: e})
			return err
		},
	}
	for name, call := range calls {
		if err := call(who("dora", access.RoleDeveloper), "default"); !errors.Is(err, control.ErrForbidden) {
			t.Errorf("%s with another role: %v", name, err)
		}
		if err := call(control.Principal{Operator: "stranger"}, "default"); !errors.Is(err, control.ErrNotFound) {
			t.Errorf("%s without a role: %v", name, err)
		}
		if name != "SetReview" {
			if err := call(ann, "foreign"); !errors.Is(err, control.ErrNotFound) {
				t.Errorf("%s in another group: %v", name, err)
			}
		}
		if err := call(ann, "nowhere"); !errors.Is(err, control.ErrNotFound) {
			t.Errorf("%s where there is nothing: %v", name, err)
		}
	}
	auditor := who("otto", access.RoleAuditor)
	for _, name := range []string{"Put", "Delete", "Discard", "Publish", "Rollback", "Apply", "CreateAPI", "AddPolicy", "Reorder", "ChangeBinding", "Promote", "SetReview"} {
		if err := calls[name](auditor, "default"); !errors.Is(err, control.ErrForbidden) {
			t.Errorf("%s as an auditor: %v", name, err)
		}
	}
	t.Logf("%d calls", len(calls))
}

func TestNoRecordNoChange(t *testing.T) {
	b, ctx := newBench(t, storetest.Open(t)), t.Context()
	r := b.orders()
	b.publish(ann)
	before := served(t, b.Service, "default")
	b.auditor.fails = errors.New("read-only")
	for name, call := range map[string]func() error{
		"Put": func() error {
			d := r.Document
			d.Labels = nil
			_, err := b.Put(ctx, ann, "default", d, r.Version)
			return err
		},
		"Delete":    func() error { return b.Delete(ctx, ann, "default", r.Key(), r.Version) },
		"AddPolicy": func() error { _, err := b.AddPolicy(ctx, ann, "default", "default", "orders", "cors", nil); return err },
		"Discard":   func() error { return b.Discard(ctx, ann, "default", b.draftVersion()) },
	} {
		if err := call(); !errors.Is(err, b.auditor.fails) {
			t.Errorf("%s: %v", name, err)
		}
	}
	d, err := b.Draft(ctx, ann, "default")
	b.must(err)
	if len(d.Changes) != 0 || served(t, b.Service, "default") != before {
		t.Errorf("changed without a record: %+v", d.Changes)
	}
}

func TestFilesOwnWhatTheyName(t *testing.T) {
	b, ctx := newBench(t, storetest.Open(t)), t.Context()
	b.owned = []manifest.Resource{{Kind: KindAPI, Name: revision.Name{Namespace: "default", Name: "orders"}, Source: revision.Source{File: "api.yaml", Line: 7}}}
	_, err := b.CreateAPI(ctx, ann, "default", NewAPI{Name: "orders", Address: "http://0.0.0.0:8081/", Upstream: "http://a:1"})
	if !errors.Is(err, control.ErrReadOnly) || !strings.Contains(err.Error(), "api.yaml:7") {
		t.Errorf("creating it: %v", err)
	}
	_, err = b.Apply(ctx, ann, "default", []byte("apiVersion: gateway.mulesoft.com/v1alpha1\nkind: ApiInstance\nmetadata: {name: orders}\nspec: {address: 'http://0.0.0.0:8081/'}\n"), Applying{})
	if !errors.Is(err, control.ErrReadOnly) {
		t.Errorf("applying it: %v", err)
	}
	list, _, err := b.List(ctx, ann, "default", Filter{})
	b.must(err)
	if len(list) != 1 || list[0].ManagedBy != "api.yaml:7" {
		t.Errorf("list %+v", list)
	}
	b.owned = nil
	b.o.ReadOnly = func(string) bool { return true }
	if _, err := b.CreateAPI(ctx, ann, "default", NewAPI{Name: "orders", Address: "http://0.0.0.0:8081/", Upstream: "http://a:1"}); !errors.Is(err, control.ErrReadOnly) {
		t.Errorf("in an environment of files: %v", err)
	}
}

func TestReorder(t *testing.T) {
	b, ctx := newBench(t, storetest.Open(t)), t.Context()
	b.orders()
	for _, policy := range []string{"cors", "http-caching-flex", "response-timeout-flex", "header-removal-flex"} {
		if _, known := b.o.Catalogue.Find(policy); known {
			if _, err := b.AddPolicy(ctx, ann, "default", "default", "orders", policy, nil); err != nil {
				t.Logf("%s needs settings: %v", policy, err)
			}
		}
	}
	_, err := b.AddPolicy(ctx, ann, "default", "default", "orders", "cors", nil)
	b.must(err)
	list, err := b.Bindings(ctx, ann, "default", "default", "orders")
	b.must(err)
	if len(list) < 2 {
		t.Fatalf("only %d bindings", len(list))
	}
	var order []Key
	for i := range list {
		order = append(order, list[len(list)-1-i].Resource)
	}
	b.must(b.Reorder(ctx, ann, "default", "default", "orders", order))
	after, err := b.Bindings(ctx, ann, "default", "default", "orders")
	b.must(err)
	for i := range after {
		if after[i].Resource != order[i] || after[i].Order != int64(i+1)*orderStep {
			t.Errorf("%d. %+v, want %s", i, after[i], order[i])
		}
	}
	if err := b.Reorder(ctx, ann, "default", "default", "orders", order[1:]); !errors.Is(err, control.ErrConflict) {
		t.Errorf("one left out: %v", err)
	}
	if err := b.Reorder(ctx, ann, "default", "default", "orders", append(order, order[0])); !errors.Is(err, control.ErrInvalid) {
		t.Errorf("one twice: %v", err)
	}
}

// TestTry holds that what would not be put into service is refused to who publishes it,
// and names the resource.
func TestTry(t *testing.T) {
	b := newBench(t, storetest.Open(t))
	refuse := true
	b.o.Try = func(_ context.Context, environment string, rev *revision.Revision) []manifest.Problem {
		if !refuse {
			return []manifest.Problem{{Severity: manifest.Warning, Message: "look at it"}}
		}
		return []manifest.Problem{{Severity: manifest.Error, File: FilePrefix + environment + "/" + KindAPI + "/" + rev.APIs[0].Name.Namespace + "/" + rev.APIs[0].Name.Name, Message: "the port is taken"}}
	}
	admin := control.Principal{Operator: "dana", Roles: []access.Role{access.RoleAdmin}}
	if _, err := b.CreateAPI(t.Context(), admin, "default", NewAPI{Name: "orders", Address: "http://0.0.0.0:8081/orders", Upstream: "http://orders:8080"}); err != nil {
		t.Fatal(err)
	}
	publish := func() error {
		draft, err := b.Draft(t.Context(), admin, "default")
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.Publish(t.Context(), admin, "default", Publishing{Draft: draft.Version})
		return err
	}
	var refused *InvalidError
	if err := publish(); !errors.As(err, &refused) || len(refused.Problems) != 1 || refused.Problems[0].Resource.Name != "orders" || refused.Problems[0].Message != "the port is taken" {
		t.Errorf("published: %v", err)
	}
	if len(b.published) != 0 {
		t.Errorf("told of %v", b.published)
	}
	refuse = false
	if err := publish(); err != nil {
		t.Error(err)
	}
}
