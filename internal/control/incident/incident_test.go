package incident

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
)

type tree struct{}

func (tree) ScopeOf(_ context.Context, environment string) (access.Scope, error) {
	switch environment {
	case "production", "test":
		return access.Scope{Group: access.Root, Environment: environment}, nil
	case "foreign":
		return access.Scope{Group: access.Root + "/other", Environment: environment}, nil
	}
	return access.Scope{}, access.ErrUnknown
}

func (tree) GroupScope(_ context.Context, group string) (access.Scope, error) {
	return access.Scope{Group: group}, nil
}

type bench struct {
	*Service
	t       *testing.T
	db      *store.DB
	log     *audit.Log
	now     time.Time
	seen    []Sighting
	shares  map[string]Share
	changed int
}

func newBench(t *testing.T, db *store.DB) *bench {
	t.Helper()
	b := &bench{t: t, db: db, now: noon}
	clock := func() time.Time { return b.now }
	var err error
	if b.log, err = audit.Open(t.Context(), db, clock); err != nil {
		t.Fatal(err)
	}
	source := &Source{
		Sightings: func(context.Context, time.Time) ([]Sighting, error) { return b.seen, nil },
		Findings: func(_ context.Context, rules []string) ([]json.RawMessage, error) {
			return []json.RawMessage{json.RawMessage(`{"rule":"` + rules[0] + `"}`)}, nil
		},
		Record: func(_ context.Context, id string) (json.RawMessage, error) {
			if id == "E0" {
				return json.RawMessage(`{"id":"E0"}`), nil
			}
			return nil, nil
		},
		Refusals: func(context.Context, time.Time) (map[string]Share, error) { return b.shares, nil },
	}
	b.Service, err = Open(t.Context(), Options{
		DB: db, Tree: tree{}, Audit: b.log, Environments: []string{"production"}, Now: clock, Log: slog.New(slog.DiscardHandler),
		Source: func(environment string) *Source {
			if environment != "production" {
				return nil
			}
			return source
		},
		Serves:  func(_ context.Context, _, api string) (bool, error) { return api == "default/orders", nil },
		Changed: func(string) { b.changed++ },
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var (
	admin  = control.Principal{Operator: "ann", Grants: []access.Grant{{Role: access.RoleSecurity, Scope: access.Scope{Group: access.Root}}}}
	viewer = control.Principal{Operator: "vic", Grants: []access.Grant{{Role: access.RoleAuditor, Scope: access.Scope{Group: access.Root, Environment: "production"}}}}
)

func (b *bench) actions(want ...audit.Action) {
	b.t.Helper()
	var got []string
	if err := b.log.Walk(b.t.Context(), audit.Query{}, func(k audit.Kept) error {
		got = append(got, string(k.Action))
		return nil
	}); err != nil {
		b.t.Fatal(err)
	}
	words := strings.Join(got, " ")
	for _, a := range want {
		if !strings.Contains(words, string(a)) {
			b.t.Errorf("the audit log has no %s: %s", a, words)
		}
	}
}

func TestPortable(t *testing.T) { storetest.Portable(t, migrations) }

// TestContain plays the life of acts: begun, seen by gateways, expired, ended.
func TestContain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b, ctx := newBench(t, db), t.Context()
		version := func() int64 {
			t.Helper()
			n, err := b.Version(ctx, "production")
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		held := func(want ...string) {
			t.Helper()
			all, err := b.Held(ctx, "production")
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]bool{}
			for i := range all {
				got[all[i].Target] = true
			}
			for _, one := range want {
				if !got[one] {
					t.Errorf("%s is not held", one)
				}
			}
			if len(got) != len(want) {
				t.Errorf("%d are held: %v", len(got), got)
			}
		}
		first := version()
		c, err := b.Contain(ctx, admin, "production", Act{Kind: Address, Target: " 192.0.2.77/24", Reason: "scans"})
		if err != nil || c.State != Active || c.Target != "192.0.2.0/24" || c.Until.Sub(c.From) != time.Hour {
			t.Fatalf("%+v %v", c, err)
		}
		second, err := b.Contain(ctx, admin, "production", Act{Kind: Client, Target: "app", Reason: "leaked", Seconds: 60})
		if err != nil || version() != first+2 || b.changed != 2 {
			t.Fatalf("%v, version %d, told %d times", err, version(), b.changed)
		}
		held("192.0.2.0/24", "app")
		b.now = b.now.Add(time.Minute) // the second is over without anybody's doing
		held("192.0.2.0/24")
		if v := version(); v != first+3 {
			t.Errorf("version %d after an expiry", v)
		}
		if err := b.Expire(ctx, "production"); err != nil || version() != first+3 {
			t.Errorf("%v, version %d", err, version())
		}
		if err := b.End(ctx, admin, "production", second.ID); !errors.Is(err, control.ErrConflict) {
			t.Errorf("ending it again: %v", err)
		}
		b.now = b.now.Add(time.Second)
		if err := b.End(ctx, admin, "production", c.ID); err != nil || version() != first+4 {
			t.Errorf("%v, version %d", err, version())
		}
		held()
		if all, err := b.Containments(ctx, viewer, "production", ""); err != nil || len(all) != 2 || all[0].Why != "ended by ann" || all[1].Why != "its time is over" {
			t.Errorf("%+v %v", all, err)
		}
		b.actions(audit.ContainmentBegun, audit.ContainmentEnded)
		if held, err := b.Held(ctx, "test"); err != nil || len(held) != 0 {
			t.Errorf("another environment has %v %v", held, err)
		}
	})
}

// TestContainRefused holds what is refused, and that only the permission helps.
func TestContainRefused(t *testing.T) {
	b := newBench(t, storetest.Open(t))
	good := Act{Kind: Address, Target: "192.0.2.7", Reason: "x"}
	if _, err := b.Contain(t.Context(), admin, "production", good); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		act  Act
		want string
	}{
		{good, "is active already"},
		{Act{Kind: Address, Target: "192.0.2.7.8", Reason: "x"}, "neither an address"},
		{Act{Kind: Address, Target: "0.0.0.0/0", Reason: "x"}, "most of the world"},
		{Act{Kind: Address, Target: "2000::/3", Reason: "x"}, "most of the world"},
		{Act{Kind: Address, Target: "192.0.2.8"}, "reason:"},
		{Act{Kind: Address, Target: "192.0.2.8", Reason: "x", Seconds: 8 * 24 * 3600}, "seconds:"},
		{Act{Kind: Address, Target: "192.0.2.8", Reason: "x", Seconds: -1}, "seconds:"},
		{Act{Kind: Client, Target: "${secret:a/b}", Reason: "x"}, "must not begin with $"},
		{Act{Kind: Client, Target: "a\nb", Reason: "x"}, "target:"},
		{Act{Kind: API, Target: "default/nothing", Reason: "x"}, "no API"},
		{Act{Kind: "planet", Target: "earth", Reason: "x"}, "kind:"},
		{Act{Kind: Client, Target: "a", Reason: "x", Incident: "0000"}, "not found"},
	}
	for _, c := range cases {
		if _, err := b.Contain(t.Context(), admin, "production", c.act); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.act, err, c.want)
		}
	}
	for _, c := range []struct {
		p           control.Principal
		environment string
		want        error
	}{{viewer, "production", control.ErrForbidden}, {viewer, "test", control.ErrNotFound}, {viewer, "foreign", control.ErrNotFound}, {admin, "nowhere", control.ErrNotFound}} {
		if _, err := b.Contain(t.Context(), c.p, c.environment, good); !errors.Is(err, c.want) {
			t.Errorf("%s in %s: %v", c.p.Operator, c.environment, err)
		}
	}
	t.Logf("%d cases", len(cases))
}

func attacks(n int, address string, at time.Time) []Sighting {
	var all []Sighting
	for i := range n {
		all = append(all, Sighting{Exchange: fmt.Sprintf("E%d", i), At: at.Add(time.Duration(i) * time.Second), API: "default/orders", Address: address, Rules: []string{"crs-942100"}, Severity: finding.High, Operation: "GET /orders"})
	}
	return all
}

// TestIncident plays the life of an incident.
func TestIncident(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b, ctx := newBench(t, db), t.Context()
		look := func() []Incident {
			t.Helper()
			if err := b.Look(ctx, "production", lookBack); err != nil {
				t.Fatal(err)
			}
			all, err := b.List(ctx, viewer, "production", "")
			if err != nil {
				t.Fatal(err)
			}
			return all
		}
		b.seen = attacks(3, "192.0.2.7", noon)
		look()
		b.seen = attacks(5, "192.0.2.7", noon)
		all := look()
		if len(all) != 1 || all[0].Sightings != 5 || all[0].Title != "Attacks from 192.0.2.7 on default/orders" || all[0].Severity != finding.High || all[0].State != Unhandled {
			t.Fatalf("%+v", all)
		}
		i := all[0]
		state, owner := Resolved, "bob"
		if _, err := b.Change(ctx, viewer, "production", i.ID, i.Version, Change{State: &state}); !errors.Is(err, control.ErrForbidden) {
			t.Errorf("a viewer: %v", err)
		}
		if _, err := b.Change(ctx, admin, "production", i.ID, i.Version+1, Change{State: &state}); !errors.Is(err, control.ErrConflict) {
			t.Errorf("another version: %v", err)
		}
		if _, err := b.Contain(ctx, admin, "production", Act{Kind: Address, Target: i.Actor, Reason: "attack", Incident: i.ID}); err != nil {
			t.Fatal(err)
		}
		b.now = noon.Add(time.Minute)
		if i, err := b.Change(ctx, admin, "production", i.ID, i.Version, Change{State: &state, Owner: &owner, Note: "told the provider"}); err != nil || i.Owner != "bob" || i.Resolved != b.now {
			t.Fatalf("%+v %v", i, err)
		}
		if all := look(); len(all) != 1 {
			t.Errorf("what was resolved came back: %+v", all)
		}
		evidence, err := b.Export(ctx, admin, "production", i.ID)
		if err != nil || len(evidence.Records) != 1 || len(evidence.Findings) != 1 || len(evidence.Containments) != 1 || len(evidence.Timeline) != 5+1+3 {
			t.Fatalf("%+v %v", evidence, err)
		}
		b.actions(audit.IncidentOpened, audit.IncidentChanged, audit.IncidentExported, audit.ContainmentBegun)
		late := attacks(1, "192.0.2.7", noon.Add(2*time.Minute))
		late[0].Exchange = "F1"
		b.now, b.seen = noon.Add(3*time.Minute), append(b.seen, late...)
		look()
		if all := look(); len(all) != 2 || all[0].Sightings != 1 || all[0].State != Unhandled {
			t.Errorf("what came afterwards: %+v", all)
		}
		if _, _, err := b.Get(ctx, viewer, "test", i.ID); !errors.Is(err, control.ErrNotFound) {
			t.Errorf("from another environment: %v", err)
		}
	})
}

// TestRules lets rules act: propose, only tell, act and take back.
func TestRules(t *testing.T) {
	b, ctx := newBench(t, storetest.Open(t)), t.Context()
	for _, r := range []Rule{
		{Name: "off", Severity: finding.Info, Do: BlockActor, Mode: Automatic},
		{Name: "others", Enabled: true, Severity: finding.Info, Finding: "jwt-*", Do: BlockActor, Mode: Automatic},
		{Name: "graver", Enabled: true, Severity: finding.Critical, Do: BlockActor, Mode: Automatic},
		{Name: "dry", Enabled: true, Severity: finding.High, Do: BlockActor, Mode: DryRun},
		{Name: "ask", Enabled: true, Severity: finding.High, Do: StopAPI, Mode: Approval},
		{Name: "act", Enabled: true, Severity: finding.High, Finding: "crs-942*", Do: BlockActor, Mode: Automatic, Seconds: 600},
	} {
		if _, err := b.KeepRule(ctx, admin, "production", "", 0, r); err != nil {
			t.Fatal(err)
		}
	}
	for _, wrong := range []struct {
		rule Rule
		want string
	}{
		{Rule{Name: "x", Severity: finding.Low, Do: StopAPI, Mode: Automatic}, "somebody approves"},
		{Rule{Name: "x", Severity: finding.Low, Do: "dance", Mode: DryRun}, "do:"},
		{Rule{Name: "x", Do: BlockActor, Mode: DryRun}, "severity:"},
		{Rule{Name: "x", Severity: finding.Low, Do: BlockActor, Mode: DryRun, Finding: "["}, "pattern"},
	} {
		if _, err := b.KeepRule(ctx, admin, "production", "", 0, wrong.rule); err == nil || !strings.Contains(err.Error(), wrong.want) {
			t.Errorf("%+v: %v", wrong.rule, err)
		}
	}
	b.seen = attacks(3, "192.0.2.7", noon)
	for range 3 { // a rule acts once
		if err := b.Look(ctx, "production", lookBack); err != nil {
			t.Fatal(err)
		}
	}
	all, err := b.Containments(ctx, viewer, "production", "")
	if err != nil || len(all) != 2 {
		t.Fatalf("%+v %v", all, err)
	}
	var proposed, active Containment
	for _, c := range all {
		switch c.State {
		case Proposed:
			proposed = c
		case Active:
			active = c
		case Ended:
		}
	}
	if proposed.Target != "default/orders" || active.Target != "192.0.2.7" || active.By != "rule act" {
		t.Fatalf("%+v", all)
	}
	_, events, err := b.Get(ctx, viewer, "production", active.Incident)
	if err != nil || !strings.Contains(fmt.Sprint(events), "dry run, would have blocked address 192.0.2.7") {
		t.Errorf("%v %v", events, err)
	}
	if c, err := b.Approve(ctx, admin, "production", proposed.ID); err != nil || c.State != Active {
		t.Errorf("%+v %v", c, err)
	}
	b.now = noon.Add(time.Minute)
	b.shares = map[string]Share{"": {1000, 900}, "default/orders": {100, 20}, "default/few": {19, 19}}
	check := func(want State) {
		t.Helper()
		if err := b.Look(ctx, "production", lookBack); err != nil {
			t.Fatal(err)
		}
		c, err := one(b.readContainments(ctx, b.db.Read(), "production", " AND id = ?", active.ID))
		if err != nil || c.State != want {
			t.Errorf("%+v %v", c, err)
		}
	}
	check(Active)
	b.shares["default/orders"] = Share{100, 21}
	check(Ended)
	b.actions(audit.ContainmentProposed, audit.ContainmentEnded, audit.ContainmentRuleChanged)
}

// TestBind holds where the steps stand, and that binding again changes nothing.
func TestBind(t *testing.T) {
	binding := func(policy string) revision.Binding {
		return revision.Binding{Name: revision.Name{Namespace: "default", Name: policy}, Policy: policy, Settings: json.RawMessage(`{}`)}
	}
	api := func(name string, policies ...string) revision.API {
		a := revision.API{Name: revision.Name{Namespace: "default", Name: name}}
		for _, p := range policies {
			a.Policies = append(a.Policies, binding(p))
		}
		return a
	}
	original := &revision.Revision{APIs: []revision.API{api("orders", "cors-flex", "jwt-validation-flex", "rate-limiting-flex"), api("bare")}}
	if err := original.Seal(); err != nil {
		t.Fatal(err)
	}
	identifies := func(policy string) bool { return policy == "jwt-validation-flex" }
	show := func(rev *revision.Revision) string {
		var out []string
		for i := range rev.APIs {
			var steps []string
			for _, p := range rev.APIs[i].Policies {
				steps = append(steps, p.Policy+string(p.Settings))
			}
			out = append(out, strings.Join(steps, " "))
		}
		return strings.Join(out, " | ")
	}
	active := []Containment{
		{Act: Act{Kind: Client, Target: "app"}},
		{Act: Act{Kind: Address, Target: "192.0.2.9"}},
		{Act: Act{Kind: Address, Target: "192.0.2.7"}},
		{Act: Act{Kind: Subject, Target: "mallory"}},
		{Act: Act{Kind: API, Target: "default/bare"}},
	}
	const want = `ip-blocklist-flex{"ips":["192.0.2.7","192.0.2.9"]} cors-flex{} jwt-validation-flex{} access-block{"clients":["app"],"subjects":["mallory"]} rate-limiting-flex{}` +
		` | access-block{"status":503} ip-blocklist-flex{"ips":["192.0.2.7","192.0.2.9"]} access-block{"clients":["app"],"subjects":["mallory"]}`
	rev := *original
	for range 2 {
		if err := Bind(&rev, active, identifies); err != nil || show(&rev) != want {
			t.Fatalf("%v\n%s, want\n%s", err, show(&rev), want)
		}
	}
	if len(original.APIs[0].Policies) != 3 {
		t.Error("the original was changed")
	}
	if err := Bind(&rev, nil, identifies); err != nil {
		t.Fatal(err)
	}
	if err := rev.Seal(); err != nil || rev.Digest != original.Digest {
		t.Errorf("%v: without acts it is not the original: %s", err, show(&rev))
	}
}

// TestHold holds that what is blocked outlives the process, and ends by itself.
func TestHold(t *testing.T) {
	dir, now := t.TempDir(), noon
	clock := func() time.Time { return now }
	h, err := OpenHold(dir, clock)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Set([]Containment{{ID: "1", Act: Act{Kind: Address, Target: "192.0.2.7"}, From: noon, Until: noon.Add(time.Hour)}}); err != nil {
		t.Fatal(err)
	}
	if h, err = OpenHold(dir, clock); err != nil || len(h.Active()) != 1 {
		t.Fatalf("%v, %d are held", err, len(h.Active()))
	}
	if now = noon.Add(time.Hour); len(h.Active()) != 0 {
		t.Error("it holds on")
	}
}
