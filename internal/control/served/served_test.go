package served_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/served"
	"farrier.dev/farrier/internal/monitor"
	"farrier.dev/farrier/internal/policy/catalogue"
	"farrier.dev/farrier/internal/revision"
)

type counts struct {
	totals []monitor.Totals
	failed error
}

func (c counts) APIs(context.Context, time.Time) ([]monitor.Totals, error) { return c.totals, c.failed }

func (c counts) Operations(_ context.Context, api string, _ time.Time) (of []monitor.Totals, err error) {
	for _, t := range c.totals {
		if t.API == api {
			t.Operation = "GET /"
			of = append(of, t)
		}
	}
	return of, c.failed
}

var admin = control.Principal{Operator: "admin", Roles: []access.Role{access.RoleAdmin}}

func totals(api string, requests uint64) monitor.Totals {
	return monitor.Totals{API: api, Slot: monitor.Slot{Requests: requests}}
}

func testRevision() *revision.Revision {
	name := func(n string) revision.Name { return revision.Name{Namespace: "default", Name: n} }
	binding := func(n, policy string, automated bool) revision.Binding {
		return revision.Binding{Name: name(n), Policy: policy, As: policy, Settings: json.RawMessage(`{}`), Automated: automated, Source: revision.Source{File: "a.yaml", Line: len(n)}}
	}
	return &revision.Revision{
		Number: 3,
		APIs: []revision.API{{
			Name: name("orders"), Scheme: "http", Host: "0.0.0.0", Port: 8081, BasePath: "/orders",
			TLS:    json.RawMessage(`{"certificate":{"key":"hunter2"}}`),
			Routes: []revision.Route{{Targets: []revision.Target{{Service: name("up"), Weight: 100}}}},
			Policies: []revision.Binding{
				binding("first", "ip-allowlist-flex", true), binding("orders-rate-limiting-flex-2", "rate-limiting-flex", false), binding("last", "no-such-policy", false),
			},
			Clients: []revision.Client{{ID: "app", Secret: "hunter2", Tier: "gold"}},
		}},
		Services: []revision.Service{
			{Name: name("up"), Address: "http://me:hunter2@up:8080/", Policies: []revision.Binding{binding("out", "header-injection-flex", false)}},
			{Name: name("other"), Address: "http://other:8080"},
		},
	}
}

func newService(t *testing.T, p served.Publication, c counts) *served.Service {
	t.Helper()
	policies, err := catalogue.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := served.New(served.Options{
		Where:       access.Scope{Group: access.Root, Environment: "default"},
		Publication: func() served.Publication { return p }, Counts: c, Catalogue: policies, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestNobodyElseLearnsAnything(t *testing.T) {
	s := newService(t, served.Publication{Serving: testRevision(), RefusedAt: time.Unix(1, 0)}, counts{})
	played := 0
	for name, who := range map[string]control.Principal{
		"nobody": {}, "another role": {Operator: "admin", Roles: []access.Role{access.RoleSecretsAdmin}},
		"a password has to be set": {Operator: "admin", Roles: admin.Roles, Unfinished: access.MustSetPassword},
	} {
		played++
		_, status := s.Status(who)
		_, _, list := s.APIs(t.Context(), who, time.Time{})
		_, one := s.API(t.Context(), who, "default/orders", time.Time{})
		for _, err := range []error{status, list, one} {
			if !errors.Is(err, control.ErrForbidden) {
				t.Errorf("%s: %v", name, err)
			}
		}
		apis, policies := s.Names(who)
		if _, refused := s.Refused(who); refused || apis != nil || policies != nil || s.Written(who, 3, "default/orders") != nil {
			t.Errorf("%s learns something", name)
		}
	}
	if t.Logf("%d principals", played); played < 3 {
		t.Error("too few principals played")
	}
}

func TestAPI(t *testing.T) {
	s := newService(t, served.Publication{Serving: testRevision()}, counts{totals: []monitor.Totals{totals("default/orders", 7)}})
	d, err := s.API(t.Context(), admin, "default/orders", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, b := range d.Bindings {
		kind := ""
		if b.Automated {
			kind = " automated"
		}
		if b.Inline {
			kind = " inline"
		}
		order = append(order, b.Policy+":"+b.Phase+kind)
	}
	want := "tls:connection, ip-allowlist-flex:admit automated, rate-limiting-flex:meter inline, no-such-policy:"
	if got := strings.Join(order, ", "); got != want {
		t.Errorf("bindings %s, want %s", got, want)
	}
	if len(d.Services) != 1 || d.Services[0].Name != "default/up" || len(d.Services[0].Bindings) != 1 || d.Services[0].Address != "http://up:8080/" {
		t.Errorf("services %+v", d.Services)
	}
	if d.Traffic.Requests != 7 || !d.Counted || len(d.Contracts) != 1 || d.Contracts[0].Tier != "gold" {
		t.Errorf("%+v", d)
	}
	text, err := json.Marshal(d)
	if err != nil || strings.Contains(string(text), "hunter2") {
		t.Errorf("a secret is shown: %s %v", text, err)
	}
	if _, err := s.API(t.Context(), admin, "default/none", time.Time{}); !errors.Is(err, control.ErrNotFound) {
		t.Errorf("an API that is neither served nor called: %v", err)
	}
	if at := s.Written(admin, 3, "default/orders")["default/first"]; at.Line != 5 {
		t.Errorf("written at %+v", at)
	}
	if s.Written(admin, 2, "default/orders") != nil {
		t.Error("places of a revision that does not serve")
	}
}

func TestAPIsWithoutCountsAndWithoutRevision(t *testing.T) {
	calls := []monitor.Totals{totals("default/gone", 2), totals("default/orders", 5)}
	list := func(p served.Publication, c counts) string {
		t.Helper()
		apis, counted, err := newService(t, p, c).APIs(t.Context(), admin, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, a := range apis {
			word := a.Name
			if !a.Served {
				word += " not served"
			}
			if a.Traffic.Requests > 0 {
				word += " called"
			}
			out = append(out, word)
		}
		if !counted {
			out = append(out, "not counted")
		}
		return strings.Join(out, ", ")
	}
	for _, c := range []struct {
		publication served.Publication
		counts      counts
		want        string
	}{
		{served.Publication{Serving: testRevision()}, counts{totals: calls}, "default/orders called, default/gone not served called"},
		{served.Publication{Serving: testRevision()}, counts{failed: errors.New("no store")}, "default/orders, not counted"},
		{served.Publication{}, counts{totals: calls}, "default/gone not served called, default/orders not served called"},
		{served.Publication{}, counts{}, ""},
	} {
		if got := list(c.publication, c.counts); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestStatus(t *testing.T) {
	p := served.Publication{Serving: testRevision(), Since: time.Unix(9, 0), RefusedAt: time.Unix(10, 0), Refused: []served.Problem{{File: "a.yaml", Line: 3, Message: "wrong"}}}
	st, err := newService(t, p, counts{}).Status(admin)
	if err != nil || st.Number != 3 || st.APIs != 1 || st.Services != 2 || len(st.Refused) != 1 || !st.RefusedAt.Equal(p.RefusedAt) {
		t.Errorf("%+v %v", st, err)
	}
	if st, err = newService(t, served.Publication{}, counts{}).Status(admin); err != nil || st.Number != 0 {
		t.Errorf("before the first revision: %+v %v", st, err)
	}
}
