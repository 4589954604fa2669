package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/client"
	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
)

// tree has the environments default of the root and apart of a group beside team.
type tree struct{}

func (tree) ScopeOf(_ context.Context, environment string) (access.Scope, error) {
	switch environment {
	case "default":
		return access.Scope{Group: "root/team", Environment: environment}, nil
	case "apart":
		return access.Scope{Group: "root/other", Environment: environment}, nil
	}
	return access.Scope{}, access.ErrUnknown
}

func (tree) GroupScope(_ context.Context, group string) (access.Scope, error) {
	switch group {
	case "team", "other":
		return access.Scope{Group: "root/" + group}, nil
	}
	return access.Scope{}, access.ErrUnknown
}

// recorder keeps entries in the log and remembers them.
type recorder struct {
	log     *audit.Log
	entries []audit.Entry
	broken  bool
}

func (r *recorder) Record(ctx context.Context, tx *store.Tx, e audit.Entry) error {
	if r.broken {
		return errors.New("the log is read-only")
	}
	r.entries = append(r.entries, e)
	return r.log.Record(ctx, tx, e)
}

// world is a service with its surroundings.
type world struct {
	*client.Service
	t       testing.TB
	audit   *recorder
	now     time.Time
	changed int
	// published are the APIs that developers see, taken the clients that files hold.
	published map[string]bool
	taken     string
}

const api = "default/orders"

func newWorld(t testing.TB, db *store.DB) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), published: map[string]bool{"default " + api: true}}
	log, err := audit.Open(t.Context(), db, func() time.Time { return w.now })
	w.must(err)
	w.audit = &recorder{log: log}
	w.Service, err = client.Open(t.Context(), client.Options{
		DB: db, Tree: tree{}, Audit: w.audit, Now: func() time.Time { return w.now },
		Teams: func(_ context.Context, account string) ([]string, error) {
			if account == "tina" {
				return []string{"blue"}, nil
			}
			return nil, nil
		},
		Published: func(_ context.Context, p control.Principal, environment, api string) error {
			at, err := tree{}.ScopeOf(context.Background(), environment)
			if err != nil || !w.published[environment+" "+api] || !p.May(access.UsePortal, at) {
				return control.ErrNotFound
			}
			return nil
		},
		Taken:   func(_, _, id string) string { return map[bool]string{true: "contracts.yaml:3"}[id == w.taken] },
		Changed: func(string) { w.changed++ },
	})
	w.must(err)
	return w
}

// clock is the time of the machine.
func (w *world) clock() time.Time { return time.Now() }

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// somebody has a role in a group of the tree.
func somebody(name string, role access.Role, group string) control.Principal {
	return control.Principal{
		Operator: name, Via: "password", Session: "s1", Address: netip.MustParseAddr("192.0.2.1"),
		Grants: []access.Grant{{Role: role, Scope: access.Scope{Group: group}}},
	}
}

var ( //nolint:gochecknoglobals // the people of the tests, which nobody changes
	owner     = somebody("olga", access.RoleAPIOwner, "root/team")
	developer = somebody("dana", access.RoleDeveloper, "root/team")
	teammate  = somebody("tina", access.RoleDeveloper, "root/team")
	stranger  = somebody("igor", access.RoleAdmin, "root/other")
	auditor   = somebody("anna", access.RoleAuditor, "root/team")
)

func (w *world) app(p control.Principal, name string) *client.Application {
	w.t.Helper()
	made, secret, err := w.Create(w.t.Context(), p, "team", client.Draft{Name: name})
	w.must(err)
	if len(secret) != 64 {
		w.t.Fatalf("secret of %d characters", len(secret))
	}
	return made
}

func (w *world) tier(name string, auto bool) *client.Tier {
	w.t.Helper()
	made, err := w.CreateTier(w.t.Context(), owner, "default", api, client.TierDraft{
		Name: name, AutoApprove: auto,
		Limits: []client.Limit{{Visible: true, MaximumRequests: 10, TimePeriodInMilliseconds: 1000}, {MaximumRequests: 1000, TimePeriodInMilliseconds: 86400000}},
	})
	w.must(err)
	return made
}

func (w *world) ask(p control.Principal, a *client.Application, tier *client.Tier) *client.Contract {
	w.t.Helper()
	asking := client.Asking{Group: "team", Application: a.ID, API: api, Reason: "we sell shoes"}
	if tier != nil {
		asking.Tier = tier.ID
	}
	c, err := w.Request(w.t.Context(), p, "default", asking)
	w.must(err)
	return c
}

// text is what Files says.
func (w *world) text() string {
	w.t.Helper()
	files, err := w.Files(w.t.Context(), "default")
	w.must(err)
	var b strings.Builder
	for _, f := range files {
		b.Write(f.Text)
	}
	expand := func(text string) (string, error) { return text, nil }
	if _, problems := manifest.Build(manifest.Read(files), nil, manifest.Options{Expand: expand}); manifest.HasErrors(problems) {
		w.t.Fatalf("the files are no good manifests: %v", problems)
	}
	return b.String()
}

func TestPortable(t *testing.T) { storetest.Portable(t, client.Migrations) }

// TestLifeOfAContract walks the usual way, as gateways and audit see it.
func TestLifeOfAContract(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		ctx := t.Context()
		gold, silver := w.tier("Gold", false), w.tier("Silver", true)
		app := w.app(developer, "Shoes")
		c := w.ask(developer, app, gold)
		if c.State != client.Pending || c.Wanted.Name != "Gold" || c.Tier != nil {
			t.Fatalf("%+v", c)
		}
		if text := w.text(); !strings.Contains(text, "state: PENDING") || strings.Contains(text, "sha256") {
			t.Errorf("a pending contract: %s", text)
		}
		c, err := w.Decide(ctx, owner, "default", c.ID, c.Version, client.Approve, "welcome")
		w.must(err)
		text := w.text()
		for _, want := range []string{`id: "` + app.ClientID + `"`, "sha256:", `name: "Gold"`, "maximumRequests: 1000\n", `apiId: "default/orders"`} {
			if !strings.Contains(text, want) {
				t.Errorf("the file of an approved contract lacks %s:\n%s", want, text)
			}
		}
		if again := w.text(); again != text {
			t.Error("the file is written otherwise the second time")
		}
		// The owner asks for another tier, which approves by itself, and back.
		c, err = w.ChangeTier(ctx, developer, "default", c.ID, c.Version, silver.ID, "smaller")
		w.must(err)
		if c.Tier.Name != "Silver" || c.Wanted != nil {
			t.Errorf("%+v", c)
		}
		c, err = w.ChangeTier(ctx, developer, "default", c.ID, c.Version, gold.ID, "larger again")
		w.must(err)
		if c.State != client.Approved || c.Tier.Name != "Silver" || c.Wanted.Name != "Gold" {
			t.Errorf("%+v", c)
		}
		c, err = w.Decide(ctx, owner, "default", c.ID, c.Version, client.Reject, "no")
		w.must(err)
		if c.State != client.Approved || c.Tier.Name != "Silver" || c.Wanted != nil {
			t.Errorf("%+v", c)
		}
		c, err = w.Decide(ctx, owner, "default", c.ID, c.Version, client.Revoke, "abuse")
		w.must(err)
		if text := w.text(); !strings.Contains(text, "state: REVOKED") || strings.Contains(text, "sha256") {
			t.Errorf("a revoked contract: %s", text)
		}
		c, err = w.Decide(ctx, owner, "default", c.ID, c.Version, client.Restore, "")
		w.must(err)
		if c.Tier.Name != "Silver" {
			t.Errorf("restored to %+v", c.Tier)
		}
		var actions []string
		for _, e := range w.audit.entries {
			if strings.HasPrefix(string(e.Action), "contract-") {
				actions = append(actions, string(e.Action))
				if e.Environment != "default" || e.Operator == "" || e.Session == "" || len(e.After) == 0 || len(e.Before) == 0 != (e.Action == audit.ContractRequested) {
					t.Errorf("an entry lacks something: %+v", e)
				}
			}
		}
		want := "contract-requested contract-approved contract-tier-changed contract-tier-requested contract-tier-declined contract-revoked contract-restored"
		if got := strings.Join(actions, " "); got != want {
			t.Errorf("audit: %s", got)
		}
		history, err := w.History(ctx, developer, "default", c.ID)
		w.must(err)
		events, err := w.Events(ctx, "default", 0, 100)
		w.must(err)
		if len(history) != 7 || len(events) != 7 || history[0].Action != audit.ContractRestored || events[0].Action != audit.ContractRequested || events[1].Note != "welcome" {
			t.Errorf("%d in the history, %d events", len(history), len(events))
		}
		version, err := w.Version(ctx, "default")
		w.must(err)
		if version < 7 || w.changed < 7 {
			t.Errorf("version %d, %d changes told", version, w.changed)
		}
	})
}

// TestEveryPair tries every act in every standing, and asks the table what it says.
func TestEveryPair(t *testing.T) {
	w := newWorld(t, storetest.Open(t))
	ctx := t.Context()
	gold, silver := w.tier("Gold", false), w.tier("Bronze", false)
	// The ways to each standing, and what is possible there.
	ways := map[string][]client.Act{
		"PENDING": {}, "APPROVED": {client.Approve}, "CHANGING": {client.Approve, client.Change}, "REJECTED": {client.Reject}, "REVOKED": {client.Approve, client.Revoke},
	}
	possible := map[string]map[client.Act]client.State{
		"PENDING":  {client.Approve: client.Approved, client.Reject: client.Rejected, client.Change: client.Pending},
		"APPROVED": {client.Revoke: client.Revoked, client.Change: client.Approved},
		"CHANGING": {client.Approve: client.Approved, client.Reject: client.Approved, client.Revoke: client.Revoked, client.Change: client.Approved},
		"REJECTED": {client.Request: client.Pending, client.Remove: ""},
		"REVOKED":  {client.Restore: client.Approved, client.Remove: ""},
	}
	act := func(c *client.Contract, app *client.Application, what client.Act) (*client.Contract, error) {
		switch what {
		case client.Request:
			return w.Request(ctx, developer, "default", client.Asking{Group: "team", Application: app.ID, API: api, Tier: gold.ID})
		case client.Change:
			to := silver.ID
			if c.Wanted != nil && c.Wanted.ID == silver.ID {
				to = gold.ID
			}
			if c.State == client.Approved && c.Wanted != nil {
				to = silver.ID
			}
			return w.ChangeTier(ctx, developer, "default", c.ID, c.Version, to, "")
		case client.Remove:
			return &client.Contract{}, w.Remove(ctx, owner, "default", c.ID, c.Version)
		case client.Approve, client.Reject, client.Revoke, client.Restore:
		}
		return w.Decide(ctx, owner, "default", c.ID, c.Version, what, "")
	}
	played := 0
	for standing, way := range ways {
		for _, what := range client.Acts() {
			played++
			app := w.app(developer, fmt.Sprintf("%s %s", standing, what))
			c := w.ask(developer, app, gold)
			var err error
			for _, step := range way {
				c, err = act(c, app, step)
				w.must(err)
			}
			want, can := possible[standing][what]
			if c.Can(what) != can || slices.Contains(c.Allowed(), what) != can {
				t.Errorf("%s: Can(%s) is %t", standing, what, c.Can(what))
			}
			after, err := act(c, app, what)
			if can && (err != nil || after.State != want) {
				t.Errorf("%s by %s: %v, %v; want %s", standing, what, after, err, want)
			}
			if !can && !errors.Is(err, control.ErrInvalid) {
				t.Errorf("%s by %s: %v", standing, what, err)
			}
		}
	}
	if t.Logf("%d pairs", played); played != 35 {
		t.Error("too few pairs")
	}
}

// TestTiers holds what editing a tier does at once.
func TestTiers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		ctx := t.Context()
		gold := w.tier("Gold", false)
		first, second := w.ask(developer, w.app(developer, "One"), gold), w.ask(developer, w.app(developer, "Two"), gold)
		if err := w.DeleteTier(ctx, owner, "default", gold.ID, gold.Version); !errors.Is(err, control.ErrInvalid) {
			t.Errorf("a tier with applications is removed: %v", err)
		}
		draft := gold.TierDraft
		draft.AutoApprove, draft.Limits = true, []client.Limit{{MaximumRequests: 77, TimePeriodInMilliseconds: 1000}}
		gold, err := w.UpdateTier(ctx, owner, "default", gold.ID, gold.Version, draft)
		w.must(err)
		for _, c := range []*client.Contract{first, second} {
			if now, err := w.Contract(ctx, owner, "default", c.ID); err != nil || now.State != client.Approved || now.Tier == nil {
				t.Errorf("a waiting request is %+v, %v", now, err)
			}
		}
		if text := w.text(); strings.Count(text, "maximumRequests: 77\n") != 2 {
			t.Errorf("the edited limit does not act: %s", text)
		}
		if _, err := w.UpdateTier(ctx, owner, "default", gold.ID, gold.Version-1, draft); !errors.Is(err, control.ErrConflict) {
			t.Errorf("an old version: %v", err)
		}
		draft.Status = client.Deprecated
		_, err = w.UpdateTier(ctx, owner, "default", gold.ID, gold.Version, draft)
		w.must(err)
		three := w.app(developer, "Three")
		if _, err := w.Request(ctx, developer, "default", client.Asking{Group: "team", Application: three.ID, API: api, Tier: gold.ID}); !errors.Is(err, control.ErrInvalid) || !strings.Contains(err.Error(), "deprecated") {
			t.Errorf("a deprecated tier: %v", err)
		}
		seen, err := w.Tiers(ctx, developer, "default", api)
		w.must(err)
		if len(seen) != 0 {
			t.Errorf("a developer sees %v", seen)
		}
		w.tier("Open", true)
		seen, err = w.Tiers(ctx, developer, "default", api)
		w.must(err)
		if len(seen) != 1 || len(seen[0].Limits) != 1 {
			t.Errorf("a developer sees %+v", seen)
		}
		// An API without tiers grants at once.
		w.published["default default/free"] = true
		free, err := w.Request(ctx, developer, "default", client.Asking{Group: "team", Application: three.ID, API: "default/free"})
		w.must(err)
		if free.State != client.Approved {
			t.Errorf("%+v", free)
		}
	})
}

// TestSecrets holds how long a replaced secret stays right.
func TestSecrets(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		ctx := t.Context()
		app := w.app(developer, "Shoes")
		w.ask(developer, app, nil)
		hashes := func() int { return strings.Count(w.text(), "hash: ") }
		if hashes() != 1 {
			t.Fatalf("%d hashes", hashes())
		}
		_, err := w.ResetSecret(ctx, developer, "team", app.ID, app.Version, client.DefaultGrace)
		w.must(err)
		if text := w.text(); hashes() != 2 || !strings.Contains(text, `until: "2026-03-02T12:00:00Z"`) {
			t.Errorf("with overlap: %s", text)
		}
		if _, err = w.ResetSecret(ctx, developer, "team", app.ID, app.Version, 0); !errors.Is(err, control.ErrConflict) {
			t.Errorf("an old version: %v", err)
		}
		w.now = w.now.Add(client.DefaultGrace)
		if hashes() != 1 {
			t.Errorf("%d hashes after the grace period", hashes())
		}
		secret, err := w.ResetSecret(ctx, developer, "team", app.ID, app.Version+1, 0)
		w.must(err)
		if text := w.text(); hashes() != 1 || strings.Contains(text, secret) {
			t.Errorf("cut at once: %s", text)
		}
		for _, e := range w.audit.entries {
			if strings.Contains(string(e.Before)+string(e.After)+fmt.Sprint(e.Detail), secret) {
				t.Error("the audit log holds a secret")
			}
		}
		if _, err := w.ResetSecret(ctx, developer, "team", app.ID, app.Version+2, -1); !errors.Is(err, control.ErrInvalid) {
			t.Errorf("a negative grace: %v", err)
		}
	})
}
