package alert

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/monitor"
	rules "farrier.dev/farrier/internal/monitor/alert"
	"farrier.dev/farrier/internal/monitor/notify"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

const hidden = "whsec_c3VwZXItc2VjcmV0LWh1bnRlcjItcGFzc3dvcmQ="

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

// figures are what tests set.
type figures struct {
	mu   sync.Mutex
	apis map[string]monitor.Slot
	past []monitor.Stretch
	seen []Seen
	ends []Expiring
}

func (f *figures) set(api string, requests, errors uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := monitor.Slot{Requests: requests, Errors: errors}
	s.Status[2], s.Status[5] = requests-errors, errors
	f.apis[api] = s
	var all monitor.Slot
	for name, one := range f.apis {
		if name != "" {
			all.Add(one)
		}
	}
	f.apis[""] = all
}

func (f *figures) Window(context.Context, time.Time, time.Time) (map[string]monitor.Slot, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[string]monitor.Slot{}
	for name, s := range f.apis {
		out[name] = s
	}
	return out, nil
}

func (f *figures) Stretches(context.Context, monitor.Query) ([]monitor.Stretch, error) {
	return f.past, nil
}

// bench is a service with all it works with.
type bench struct {
	*Service
	db      *store.DB
	log     *audit.Log
	figures *figures
	keyring *secret.Keyring
	now     time.Time
	nowMu   sync.Mutex
}

func (b *bench) clock() time.Time {
	b.nowMu.Lock()
	defer b.nowMu.Unlock()
	return b.now
}

func (b *bench) add(d time.Duration) {
	b.nowMu.Lock()
	defer b.nowMu.Unlock()
	b.now = b.now.Add(d)
}

func newBench(t *testing.T, db *store.DB) *bench {
	t.Helper()
	b := &bench{db: db, now: noon, figures: &figures{apis: map[string]monitor.Slot{}}}
	var err error
	if b.log, err = audit.Open(t.Context(), db, b.clock); err != nil {
		t.Fatal(err)
	}
	if b.keyring, err = secret.OpenKeyring(t.TempDir(), func() (bool, error) { return false, nil }); err != nil {
		t.Fatal(err)
	}
	b.reopen(t)
	return b
}

// reopen opens the service anew, as a restart does.
func (b *bench) reopen(t *testing.T) {
	t.Helper()
	var err error
	b.Service, err = Open(t.Context(), Options{
		DB: b.db, Tree: tree{}, Audit: b.log, Sealer: b.keyring, Entries: b.log, Environments: []string{"production"}, Now: b.clock,
		Log: slog.New(slog.DiscardHandler), Link: "https://console.example",
		Env: notify.NewEnv(notify.Guard{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, b.clock),
		Figures: func(environment string) *Figures {
			if environment != "production" {
				return nil
			}
			return &Figures{
				Series:   b.figures,
				Findings: func(context.Context, time.Time) ([]Seen, error) { return b.figures.seen, nil },
				Expiring: func(context.Context) ([]Expiring, error) { return b.figures.ends, nil },
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func admin() control.Principal {
	return control.Principal{Operator: "ada", Roles: []access.Role{access.RoleAdmin}, Via: "password"}
}

func as(role access.Role, environment string) control.Principal {
	return control.Principal{Operator: "bob", Grants: []access.Grant{{Role: role, Scope: access.Scope{Group: access.Root, Environment: environment}}}}
}

// receiver keeps what it is sent and answers as told.
type receiver struct {
	mu     sync.Mutex
	status int
	got    []struct {
		Type string
		Data json.RawMessage
	}
}

func receive(t *testing.T) (*receiver, string) {
	t.Helper()
	r := &receiver{status: 200}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.status == 200 {
			var one struct {
				Type string
				Data json.RawMessage
			}
			if json.Unmarshal(body, &one) == nil {
				r.got = append(r.got, one)
			}
		}
		w.WriteHeader(r.status)
	}))
	t.Cleanup(s.Close)
	return r, s.URL
}

func (r *receiver) answer(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

// taken gives the types and titles of what was received.
func (r *receiver) taken(t *testing.T) (out []string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range r.got {
		var m notify.Message
		if json.Unmarshal(one.Data, &m) == nil {
			out = append(out, one.Type+" "+m.Title)
		} else {
			var events []notify.Event
			if err := json.Unmarshal(one.Data, &events); err != nil {
				t.Fatal(err)
			}
			for _, e := range events {
				out = append(out, one.Type+" "+e.Name)
			}
		}
	}
	r.got = nil
	return out
}

func (b *bench) channel(t *testing.T, url string, forwards ...string) Channel {
	t.Helper()
	c, err := b.CreateChannel(t.Context(), admin(), "production", ChannelSpec{Name: "Hook", Kind: "webhook", Settings: notify.Settings{"url": url, "secret": hidden}, Forwards: forwards})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func errorsRule(channel string) rules.Rule {
	return rules.Rule{
		Name: "Errors", Kind: rules.ResponseCode, Severity: rules.Critical, Enabled: true, Codes: []string{"5xx"}, Each: true, Grouped: true,
		Condition: rules.Condition{Operator: rules.Above, Value: 10}, Period: rules.Period{Count: 5, Unit: rules.Minutes}, Consecutive: 1, Channels: []string{channel},
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestPortable(t *testing.T) { storetest.Portable(t, migrations) }

// TestAlert plays an alert from its beginning to its end, with restarts in between and
// a receiver that is away for a while.
func TestAlert(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		b := newBench(t, db)
		r, url := receive(t)
		c := b.channel(t, url)
		defaults, err := b.Rules(ctx, admin(), "production")
		must(t, err)
		for _, k := range defaults { // the first channel has switched them on
			if !k.Rule.Enabled || len(k.Rule.Channels) != 1 {
				t.Errorf("default rule %s is off", k.Rule.Name)
			}
			must(t, b.RemoveRule(ctx, admin(), "production", k.ID, k.Version))
		}
		if len(defaults) != len(Defaults()) {
			t.Errorf("%d default rules", len(defaults))
		}
		kept, err := b.CreateRule(ctx, admin(), "production", errorsRule(c.ID))
		must(t, err)
		step := func() {
			t.Helper()
			must(t, b.Judge(ctx))
			b.reopen(t)
			must(t, b.Deliver(ctx))
			b.add(time.Minute)
		}
		b.figures.set("default/orders", 100, 1)
		step()
		if got := r.taken(t); len(got) != 0 {
			t.Errorf("told %q of nothing", got)
		}
		b.figures.set("default/orders", 100, 50)
		b.figures.set("default/bills", 100, 20)
		step()
		step()
		if got := r.taken(t); len(got) != 1 || got[0] != "alert.fired Alerting: Errors (2 APIs)" {
			t.Errorf("told %q", got)
		}
		active, err := b.Active(ctx, admin(), "production")
		if err != nil || len(active) != 1 || active[0].ID != kept.ID {
			t.Errorf("active %+v, %v", active, err)
		}
		r.answer(503)
		b.figures.set("default/orders", 100, 0)
		b.figures.set("default/bills", 100, 0)
		step()
		b.figures.set("default/orders", 100, 50)
		step()
		if got := r.taken(t); len(got) != 0 {
			t.Errorf("a receiver that is away has %q", got)
		}
		deliveries, err := b.Deliveries(ctx, admin(), "production", 10)
		if err != nil || len(deliveries) != 3 || deliveries[1].State != Waiting || deliveries[1].Attempts == 0 || !strings.Contains(deliveries[1].Problem, "503") || deliveries[2].State != Sent {
			t.Errorf("deliveries %+v, %v", deliveries, err)
		}
		r.answer(200)
		b.add(time.Hour)
		must(t, b.Deliver(ctx))
		if got := strings.Join(r.taken(t), "; "); !strings.Contains(got, "alert.resolved Resolved: Errors") || !strings.Contains(got, "alert.fired Alerting: Errors (default/orders)") {
			t.Errorf("afterwards %q", got)
		}
		history, err := b.History(ctx, admin(), "production", 0, 10)
		if err != nil || len(history) != 3 || !history[1].Resolved || history[0].Incident == history[1].Incident {
			t.Errorf("history %+v, %v", history, err)
		}
		// The rule goes, and with it what it has open.
		kept, err = b.Rule(ctx, admin(), "production", kept.ID)
		must(t, err)
		must(t, b.RemoveRule(ctx, admin(), "production", kept.ID, kept.Version))
		must(t, b.Deliver(ctx))
		if got := r.taken(t); len(got) != 1 || !strings.HasPrefix(got[0], "alert.resolved Paused") {
			t.Errorf("removed, told %q", got)
		}
	})
}

// TestKinds holds that each kind of rule reads what it is about.
func TestKinds(t *testing.T) {
	b := newBench(t, storetest.Open(t))
	ctx := t.Context()
	b.figures.set("default/orders", 1000, 100)
	b.figures.seen = []Seen{{ID: "f1", Rule: "crs-942100", Title: "SQL injection", API: "default/orders", Severity: "critical", First: noon.Add(-time.Minute), Last: noon}}
	b.figures.ends = []Expiring{{Name: "web/server", What: "certificate", At: noon.Add(5 * 24 * time.Hour)}, {Name: "web/old", What: "certificate", At: noon.Add(-24 * time.Hour)}}
	for i := range 5 * 7 * 24 {
		at := noon.Add(-time.Hour).Add(time.Duration(i-5*7*24+1) * time.Hour)
		n := uint64(100)
		if i == 5*7*24-1 {
			n = 900
		}
		b.figures.past = append(b.figures.past, monitor.Stretch{At: at, Slot: monitor.Slot{Requests: n}})
	}
	for range 3 {
		must(t, b.log.Record(ctx, nil, audit.Entry{Operator: "mallory", Action: audit.SignInFailed, Object: "admin", Outcome: audit.Refused}))
	}
	must(t, b.log.Record(ctx, nil, audit.Entry{Environment: "production", Operator: "ada", Action: audit.ContractRequested, Object: "contract c1", Outcome: audit.Done}))
	must(t, b.log.Record(ctx, nil, audit.Entry{Environment: "foreign", Operator: "eve", Action: audit.ContractRequested, Object: "contract of others", Outcome: audit.Done}))
	must(t, b.log.Record(ctx, nil, audit.Entry{Operator: "system", Action: audit.RevisionRefused, Object: "revision 7", Outcome: audit.Refused}))
	b.add(time.Minute)
	cases := map[string]struct {
		rule rules.Rule
		want float64
		n    int
	}{
		"requests":    {rules.Rule{Kind: rules.RequestCount}, 1000, 1},
		"codes":       {rules.Rule{Kind: rules.ResponseCode, Codes: []string{"5xx"}, APIs: []string{"default/orders"}}, 100, 1},
		"no such API": {rules.Rule{Kind: rules.RequestCount, APIs: []string{"default/nothing"}}, 0, 1},
		"each":        {rules.Rule{Kind: rules.RequestCount, Each: true}, 1000, 1},
		"anomaly":     {rules.Rule{Kind: rules.Anomaly}, 80, 1},
		"finding":     {rules.Rule{Kind: rules.Finding, Events: []string{"critical"}}, 1, 1},
		"by rule":     {rules.Rule{Kind: rules.Finding, Events: []string{"crs-*"}}, 1, 1},
		"other rule":  {rules.Rule{Kind: rules.Finding, Events: []string{"low", "xss"}}, 0, 1},
		"expiry":      {rules.Rule{Kind: rules.Expiry}, 5, 2},
		"sign-ins":    {rules.Rule{Kind: rules.FailedSignIns}, 3, 1},
		"contracts":   {rules.Rule{Kind: rules.ContractEvent}, 1, 1},
		"operators":   {rules.Rule{Kind: rules.OperatorEvent, Events: []string{"contract-requested"}}, 1, 1},
		"revisions":   {rules.Rule{Kind: rules.RevisionRefused}, 1, 1},
		"gateways":    {rules.Rule{Kind: rules.GatewaySilent}, 0, 0},
	}
	for name, tt := range cases {
		tt.rule.Period = rules.Period{Count: 10, Unit: rules.Minutes}
		readings, err := b.reader("production", b.clock(), nil).read(ctx, &tt.rule)
		if err != nil || len(readings) != tt.n {
			t.Errorf("%s: %+v, %v", name, readings, err)
			continue
		}
		if tt.n > 0 && (int(readings[0].Value+0.5) != int(tt.want) || !readings[0].Known) {
			t.Errorf("%s: %+v, want %v", name, readings[0], tt.want)
		}
		for _, reading := range readings {
			if strings.Contains(reading.Text, "others") || strings.Contains(reading.Text, "by eve") {
				t.Errorf("%s tells of another environment: %s", name, reading.Text)
			}
		}
	}
	if t.Logf("%d readings", len(cases)); len(cases) < 12 {
		t.Error("too few")
	}
}

// TestSecretsStay holds that secrets are in no answer, in no table in the clear, and go
// along to no other address.
func TestSecretsStay(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		ctx := t.Context()
		_, url := receive(t)
		c := b.channel(t, url)
		text, err := json.Marshal(c)
		must(t, err)
		if strings.Contains(string(text), hidden) || c.Secrets[0] != "secret" || c.Settings["secret"] != "" {
			t.Errorf("%s", text)
		}
		var settings, sealed string
		must(t, db.Read().QueryRow(ctx, "SELECT settings, sealed FROM alerts_channels").Scan(&settings, &sealed))
		if strings.Contains(settings+sealed, hidden) || !secret.IsSealed(sealed) {
			t.Errorf("%s %s", settings, sealed)
		}
		spec := ChannelSpec{Name: "Renamed", Kind: "webhook", Settings: notify.Settings{"url": url}}
		if c, err = b.ChangeChannel(ctx, admin(), "production", c.ID, c.Version, spec); err != nil || c.Name != "Renamed" || len(c.Secrets) != 1 {
			t.Fatalf("%+v, %v", c, err)
		}
		must(t, b.TestChannel(ctx, admin(), "production", c.ID))
		_, other := receive(t)
		spec.Settings["url"] = other
		if _, err := b.ChangeChannel(ctx, admin(), "production", c.ID, c.Version, spec); !errors.Is(err, control.ErrInvalid) || !strings.Contains(err.Error(), "give it again") {
			t.Errorf("the secret went along to another address: %v", err)
		}
		if _, err := b.ChangeChannel(ctx, admin(), "production", c.ID, c.Version-1, ChannelSpec{Name: "x", Kind: "webhook", Settings: notify.Settings{"url": url}}); !errors.Is(err, control.ErrConflict) {
			t.Errorf("an old version: %v", err)
		}
		var told bytes.Buffer
		must(t, b.log.Walk(ctx, audit.Query{}, func(k audit.Kept) error {
			line, err := json.Marshal(k)
			told.Write(line)
			return err
		}))
		if strings.Contains(told.String(), hidden) || !strings.Contains(told.String(), "alert-channel-changed") || !strings.Contains(told.String(), "alert-channel-tested") {
			t.Error("the audit log holds the secret, or does not tell of the change")
		}
	})
}

func TestAuthorisation(t *testing.T) {
	b := newBench(t, storetest.Open(t))
	ctx := t.Context()
	_, url := receive(t)
	c := b.channel(t, url)
	k, err := b.CreateRule(ctx, admin(), "production", errorsRule(c.ID))
	must(t, err)
	w, err := b.CreateWindow(ctx, admin(), "production", Window{Name: "Work", From: noon, Until: noon.Add(time.Hour)})
	must(t, err)
	acts := map[string]func(p control.Principal, environment string) error{
		"rules":      func(p control.Principal, e string) error { _, err := b.Rules(ctx, p, e); return err },
		"rule":       func(p control.Principal, e string) error { _, err := b.Rule(ctx, p, e, k.ID); return err },
		"channels":   func(p control.Principal, e string) error { _, err := b.Channels(ctx, p, e); return err },
		"channel":    func(p control.Principal, e string) error { _, err := b.Channel(ctx, p, e, c.ID); return err },
		"windows":    func(p control.Principal, e string) error { _, err := b.Windows(ctx, p, e); return err },
		"history":    func(p control.Principal, e string) error { _, err := b.History(ctx, p, e, 0, 1); return err },
		"deliveries": func(p control.Principal, e string) error { _, err := b.Deliveries(ctx, p, e, 1); return err },
		"active":     func(p control.Principal, e string) error { _, err := b.Active(ctx, p, e); return err },
		"preview": func(p control.Principal, e string) error {
			_, err := b.Preview(ctx, p, e, errorsRule(c.ID))
			return err
		},
		"create!": func(p control.Principal, e string) error {
			_, err := b.CreateRule(ctx, p, e, errorsRule(""))
			return err
		},
		"change!": func(p control.Principal, e string) error {
			_, err := b.ChangeRule(ctx, p, e, k.ID, 99, errorsRule(""))
			return err
		},
		"remove!": func(p control.Principal, e string) error { return b.RemoveRule(ctx, p, e, k.ID, 99) },
		"create channel!": func(p control.Principal, e string) error {
			_, err := b.CreateChannel(ctx, p, e, ChannelSpec{})
			return err
		},
		"change channel!": func(p control.Principal, e string) error {
			_, err := b.ChangeChannel(ctx, p, e, c.ID, 99, ChannelSpec{})
			return err
		},
		"remove channel!": func(p control.Principal, e string) error { return b.RemoveChannel(ctx, p, e, c.ID, 99) },
		"test channel!":   func(p control.Principal, e string) error { return b.TestChannel(ctx, p, e, c.ID) },
		"create window!":  func(p control.Principal, e string) error { _, err := b.CreateWindow(ctx, p, e, Window{}); return err },
		"remove window!":  func(p control.Principal, e string) error { return b.RemoveWindow(ctx, p, e, w.ID) },
	}
	played := 0
	for name, act := range acts {
		changes := strings.HasSuffix(name, "!")
		viewer, stranger := as(access.RoleAuditor, "production"), as(access.RoleAdmin, "test")
		if err := act(control.Principal{}, "production"); !errors.Is(err, control.ErrForbidden) {
			t.Errorf("%s by nobody: %v", name, err)
		}
		if err := act(stranger, "production"); !errors.Is(err, control.ErrNotFound) {
			t.Errorf("%s by a stranger: %v", name, err)
		}
		if err := act(viewer, "production"); changes != errors.Is(err, control.ErrForbidden) {
			t.Errorf("%s by a viewer: %v", name, err)
		}
		if err := act(admin(), "nowhere"); !errors.Is(err, control.ErrNotFound) {
			t.Errorf("%s in no environment: %v", name, err)
		}
		// What is another environment's is not found by its id.
		if err := act(stranger, "test"); strings.Contains(name, "rule") && name != "rules" || name == "channel" || strings.HasPrefix(name, "remove") || strings.HasPrefix(name, "test") {
			if !errors.Is(err, control.ErrNotFound) {
				t.Errorf("%s of another environment: %v", name, err)
			}
		}
		played += 5
	}
	if t.Logf("%d acts", played); played < 80 {
		t.Error("too few acts")
	}
	// The log of all may be forwarded by those only who may read it.
	p := as(access.RoleEnvironmentAdmin, "production")
	_, err = b.CreateChannel(ctx, p, "production", ChannelSpec{Name: "SIEM", Kind: "webhook", Settings: notify.Settings{"url": url, "secret": hidden}, Forwards: []string{StreamAudit}})
	if !errors.Is(err, control.ErrForbidden) {
		t.Errorf("the audit log was forwarded: %v", err)
	}
}

// TestReferences holds that a kept secret is sent nowhere by those who may not know of
// it, though they may manage alerts.
func TestReferences(t *testing.T) {
	b := newBench(t, storetest.Open(t))
	b.o.Resolve = func(context.Context, string, string) (string, error) { return hidden, nil }
	_, url := receive(t)
	spec := ChannelSpec{Name: "Elsewhere", Kind: "webhook", Settings: notify.Settings{"url": url, "secret": "${secret:backend/key}"}}
	if _, err := b.CreateChannel(t.Context(), as(access.RoleAPIOwner, "production"), "production", spec); !errors.Is(err, control.ErrForbidden) || !strings.Contains(err.Error(), "secret refers to a kept secret") {
		t.Errorf("an API owner: %v", err)
	}
	c, err := b.CreateChannel(t.Context(), as(access.RoleEnvironmentAdmin, "production"), "production", spec)
	if err != nil {
		t.Fatalf("an environment's admin: %v", err)
	}
	if _, err := b.ChangeChannel(t.Context(), as(access.RoleAPIOwner, "production"), "production", c.ID, c.Version, spec); !errors.Is(err, control.ErrForbidden) {
		t.Errorf("an API owner's change: %v", err)
	}
}

// TestForward holds that every entry arrives, also when the receiver is away.
func TestForward(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		ctx := t.Context()
		r, url := receive(t)
		c := b.channel(t, url, StreamAudit, StreamFindings)
		must(t, b.Forward(ctx)) // it begins now
		r.taken(t)
		record := func(object string) {
			must(t, b.log.Record(ctx, nil, audit.Entry{Operator: "ada", Action: audit.PolicyApplied, Object: object, Outcome: audit.Done}))
		}
		record("one")
		r.answer(500)
		must(t, b.Forward(ctx))
		record("two")
		list, err := b.Channels(ctx, admin(), "production")
		if err != nil || len(list[0].Forwarding) != 2 || list[0].Forwarding[0].Problem == "" {
			t.Errorf("%+v, %v", list, err)
		}
		r.answer(200)
		b.reopen(t)
		must(t, b.Forward(ctx))
		must(t, b.Forward(ctx))
		if got := r.taken(t); len(got) != 2 || got[0] != "events policy-applied" {
			t.Errorf("forwarded %q", got)
		}
		b.figures.seen = []Seen{{ID: "f1", Rule: "crs-1", Last: noon.Add(time.Minute), First: noon}, {ID: "f2", Rule: "crs-2", Last: noon.Add(time.Minute), First: noon}}
		must(t, b.Forward(ctx))
		if got := r.taken(t); len(got) != 2 {
			t.Errorf("findings %q", got)
		}
		must(t, b.RemoveChannel(ctx, admin(), "production", c.ID, c.Version))
		must(t, b.Forward(ctx))
	})
}

// TestMaintenance holds that nothing is told of what is worked on.
func TestMaintenance(t *testing.T) {
	b := newBench(t, storetest.Open(t))
	ctx := t.Context()
	r, url := receive(t)
	rule := errorsRule(b.channel(t, url).ID)
	defaults, err := b.Rules(ctx, admin(), "production")
	must(t, err)
	for _, k := range defaults {
		must(t, b.RemoveRule(ctx, admin(), "production", k.ID, k.Version))
	}
	_, err = b.CreateRule(ctx, admin(), "production", rule)
	must(t, err)
	w, err := b.CreateWindow(ctx, admin(), "production", Window{Name: "Work", From: noon, Until: noon.Add(time.Hour), APIs: []string{"default/orders"}})
	must(t, err)
	b.figures.set("default/orders", 100, 50)
	must(t, b.Judge(ctx))
	must(t, b.Deliver(ctx))
	if got := r.taken(t); len(got) != 0 {
		t.Errorf("told %q", got)
	}
	if in, err := b.InMaintenance(ctx, "production", "default/orders"); err != nil || !in {
		t.Errorf("not in maintenance: %v", err)
	}
	must(t, b.RemoveWindow(ctx, admin(), "production", w.ID))
	b.add(time.Minute)
	must(t, b.Judge(ctx))
	must(t, b.Deliver(ctx))
	if got := r.taken(t); len(got) != 1 {
		t.Errorf("told %q", got)
	}
	for _, w := range []Window{{Name: "", From: noon, Until: noon.Add(time.Hour)}, {Name: "x", From: noon, Until: noon}, {Name: "x", From: noon, Until: noon.Add(40 * 24 * time.Hour)}} {
		if _, err := b.CreateWindow(ctx, admin(), "production", w); !errors.Is(err, control.ErrInvalid) {
			t.Errorf("%+v: %v", w, err)
		}
	}
}

// TestRhythm holds that rules are judged once a minute, and by the leader only.
func TestRhythm(t *testing.T) {
	db := storetest.Open(t)
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, db)
		b.o.Now = time.Now
		leads := false
		b.o.Leads = func() bool { return leads }
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- b.Run(ctx) }()
		synctest.Wait()
		k, err := b.CreateRule(ctx, admin(), "production", errorsRule2())
		must(t, err)
		evaluated := func() time.Time {
			k, err := b.Rule(ctx, admin(), "production", k.ID)
			must(t, err)
			return k.State.Evaluated
		}
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if !evaluated().IsZero() {
			t.Error("judged by who does not lead")
		}
		leads = true
		time.Sleep(time.Minute)
		synctest.Wait()
		first := evaluated()
		time.Sleep(time.Minute)
		synctest.Wait()
		if second := evaluated(); first.IsZero() || second.Sub(first) != time.Minute {
			t.Errorf("judged at %s and %s", first, second)
		}
		stop()
		must(t, <-ended)
	})
}

func errorsRule2() rules.Rule {
	r := errorsRule("")
	r.Channels = nil
	return r
}

func TestPreview(t *testing.T) {
	b := newBench(t, storetest.Open(t))
	for i := range 7*24*12 + 12 {
		var s monitor.Slot
		if i%144 == 0 && i > 12 { // twice a day
			s.Requests, s.Status[5] = 20, 20
		}
		b.figures.past = append(b.figures.past, monitor.Stretch{At: noon.Add(time.Duration(i-7*24*12-12) * 5 * time.Minute), Slot: s})
	}
	rule := errorsRule2()
	rule.Each = false
	got, err := b.Preview(t.Context(), admin(), "production", rule)
	if err != nil || got.Fired < 12 || got.Fired > 15 || got.Judged != 1 {
		t.Errorf("%+v, %v; want 14", got, err)
	}
	for range 3 {
		must(t, b.log.Record(t.Context(), nil, audit.Entry{Operator: "system", Action: audit.RevisionRefused, Object: "revision 7", Outcome: audit.Refused}))
	}
	rule = Defaults()[8]
	if got, err = b.Preview(t.Context(), admin(), "production", rule); err != nil || got.Fired != 1 {
		t.Errorf("%s: %+v, %v", rule.Name, got, err)
	}
	must(t, b.log.Record(t.Context(), nil, audit.Entry{Environment: "test", Operator: "system", Action: audit.RevisionRefused, Object: "revision 8", Outcome: audit.Refused}))
	rule.Condition.Value = 3
	if got, err = b.Preview(t.Context(), admin(), "production", rule); err != nil || got.Fired != 0 {
		t.Errorf("%s of another environment: %+v, %v", rule.Name, got, err)
	}
}

func TestFromAnypoint(t *testing.T) {
	cases := []struct {
		body string
		want string
		err  string
	}{
		{`{"apiAlertsVersion":"1.0.0","name":"Load","type":"api-request-count","enabled":true,"severity":"Warning","recipients":[{"type":"email","value":"a@example.com"}],"condition":{"resourceType":"api","aggregate":"COUNT","operator":"GREATER_THAN","value":500},"period":{"duration":{"count":10,"weight":"MINUTES"},"repeat":2}}`, "requests of default/orders above 500 in 10 minutes, 2 periods in a row", ""},
		{`{"name":"Codes","type":"api-response-code","severity":"Critical","condition":{"operator":"GREATER_THAN","value":5,"filter":{"responseCode":["500","503"]}},"period":{"duration":{"count":1,"weight":"HOURS"},"repeat":1}}`, "answers 500, 503 of default/orders above 5 in 1 hour", ""},
		{`{"name":"Slow","type":"api-response-time","severity":"Info","condition":{"operator":"GREATER_THAN","value":800},"period":{"duration":{"count":5,"weight":"MINUTES"}}}`, "p50 response time of default/orders above 800 ms over 5 minutes", ""},
		{`{"name":"Violations","type":"api-policy-violation","policyId":7,"condition":{"operator":"LESS_THAN","value":1},"period":{"duration":{"count":1,"weight":"DAYS"}}}`, "refusals of default/orders below 1 in 1 day", ""},
		{`{"name":"x","type":"cloudhub-cpu","condition":{"operator":"GREATER_THAN","value":1}}`, "", "not about APIs"},
		{`{"name":"x","type":"api-response-code","condition":{"operator":"GREATER_THAN","value":1},"period":{"duration":{"count":1,"weight":"DAYS"}}}`, "", "names no response codes"},
		{`{"name":"","type":"api-request-count","condition":{"operator":"GREATER_THAN"},"period":{"duration":{"count":1,"weight":"DAYS"}}}`, "", "name"},
		{`[`, "", "no JSON"},
	}
	for _, tt := range cases {
		rule, notes, err := FromAnypoint("default/orders", []byte(tt.body))
		if tt.err != "" {
			if !errors.Is(err, control.ErrInvalid) || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: %v, want %q", tt.body, err, tt.err)
			}
			continue
		}
		if err != nil || rule.Sentence() != tt.want {
			t.Errorf("%q, %v %v; want %q", rule.Sentence(), notes, err, tt.want)
		}
	}
	if t.Logf("%d alerts", len(cases)); len(cases) < 8 {
		t.Error("too few")
	}
}

func FuzzFromAnypoint(f *testing.F) {
	f.Add([]byte(`{"name":"a","type":"api-response-code","condition":{"operator":"GREATER_THAN","value":1,"filter":[[["500"]]]},"period":{"duration":{"count":1,"weight":"DAYS"}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		rule, _, err := FromAnypoint("default/orders", body)
		if err == nil && rule.Check() != nil {
			t.Errorf("%+v", rule)
		}
	})
}
