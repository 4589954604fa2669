package secrets

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
)

// tree knows two environments.
type tree struct{}

func (tree) ScopeOf(_ context.Context, environment string) (access.Scope, error) {
	if environment != "production" && environment != "sandbox" {
		return access.Scope{}, access.ErrUnknown
	}
	return access.Scope{Group: access.Root, Environment: environment}, nil
}

func (tree) GroupScope(context.Context, string) (access.Scope, error) {
	return access.Scope{Group: access.Root}, nil
}

type world struct {
	*Service
	t     *testing.T
	ctx   context.Context //nolint:containedctx // of one test
	db    *store.DB
	ring  *secret.Keyring
	log   *audit.Log
	admin control.Principal

	mu      sync.Mutex
	now     time.Time
	changed int
	uses    []Use
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) later(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func newWorld(t *testing.T, db *store.DB) *world {
	t.Helper()
	w := &world{t: t, ctx: t.Context(), db: db, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	var err error
	if w.ring, err = secret.OpenKeyring(t.TempDir(), func() (bool, error) { return false, nil }); err != nil {
		t.Fatal(err)
	}
	if w.log, err = audit.Open(t.Context(), db, w.clock); err != nil {
		t.Fatal(err)
	}
	w.Service, err = Open(t.Context(), Options{
		DB: db, Tree: tree{}, Ring: w.ring, Audit: w.log, Now: w.clock, Log: slog.New(slog.DiscardHandler),
		Changed: func(string) { w.changed++ }, Uses: func(string) []Use { return w.uses },
	})
	if err != nil {
		t.Fatal(err)
	}
	w.admin = control.Principal{Operator: "admin", Via: "password", Roles: []access.Role{access.RoleAdmin}, Confirmed: w.now}
	w.must(w.MakeGroup(w.ctx, w.admin, "production", Group{Name: "backend"}))
	return w
}

func (w *world) must(_ any, err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) put(name string, in Input) Secret {
	w.t.Helper()
	before, _ := w.entry(w.ctx, w.db.Read(), "production", "backend", name)
	out, err := w.Put(w.ctx, w.admin, "production", "backend", name, in, before.Version)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func shared(password string) Input {
	return Input{Kind: UsernamePassword, Fields: map[string]string{"username": "orders", "password": password}}
}

func TestMigrationsArePortable(t *testing.T) { storetest.Portable(t, migrations) }

func TestVersions(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		first := w.put("database", shared("first-password-1"))
		if first.Current != 1 || first.Version != 1 || w.changed != 1 {
			t.Fatalf("%+v, changed %d", first, w.changed)
		}
		w.put("database", shared("second-password-2"))
		for ref, want := range map[string]string{
			"${secret:backend/database}":            "second-password-2",
			"${secret:backend/database.username}":   "orders",
			"${secret:backend/database@1}":          "first-password-1",
			"${secret:backend/database.password@2}": "second-password-2",
		} {
			if got, err := w.Resolve(w.ctx, "production", ref); err != nil || got != want {
				t.Errorf("%s: %q, %v", ref, got, err)
			}
		}
		for ref, want := range map[string]string{
			"${secret:backend/databas}":         "there is no such secret",
			"${secret:backends/database}":       "there is no such secret",
			"${secret:backend/database.secret}": "has no such field",
			"${secret:backend/database@9}":      "there is no version 9",
			"${secret:backend}":                 "this is no reference",
		} {
			if _, err := w.Resolve(w.ctx, "production", ref); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", ref, err, want)
			}
		}
		if _, err := w.Resolve(w.ctx, "sandbox", "${secret:backend/database}"); err == nil {
			t.Error("resolved in another environment")
		}
		if _, err := w.Put(w.ctx, w.admin, "production", "backend", "database", shared("third-password-3"), 1); !errors.Is(err, control.ErrConflict) {
			t.Errorf("an old version was accepted: %v", err)
		}
		seen, versions, err := w.Get(w.ctx, w.admin, "production", "backend", "database")
		if err != nil || len(versions) != 2 || !versions[0].Current || versions[0].Mark == versions[1].Mark {
			t.Fatalf("%+v %+v %v", seen, versions, err)
		}
		w.must(w.RollBack(w.ctx, w.admin, "production", "backend", "database", 1, seen.Version))
		if got, _ := w.Resolve(w.ctx, "production", "${secret:backend/database}"); got != "first-password-1" {
			t.Errorf("after the rollback: %q", got)
		}
		for range KeepVersions + 5 {
			w.put("database", shared("password-again-"+time.Now().String()))
		}
		if _, versions, _ = w.Get(w.ctx, w.admin, "production", "backend", "database"); len(versions) > KeepVersions+1 {
			t.Errorf("%d versions are kept", len(versions))
		}
		if n, err := w.Counter(w.ctx, "production"); err != nil || n != 3+KeepVersions+5 {
			t.Errorf("counter %d, %v", n, err)
		}
		// A number never means another value, also when the secret was removed between.
		last, _, _ := w.Get(w.ctx, w.admin, "production", "backend", "database")
		if err := w.Remove(w.ctx, w.admin, "production", "backend", "database", last.Version); err != nil {
			t.Fatal(err)
		}
		if again := w.put("database", shared("anew-and-other-1")); again.Current != last.Latest+1 {
			t.Errorf("number %d after %d", again.Current, last.Latest)
		}
	})
}

func TestWhoMay(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		w.put("database", shared("planted-password"))
		scoped := func(environment string, roles ...access.Role) control.Principal {
			p := control.Principal{Operator: "someone", Confirmed: w.now}
			for _, r := range roles {
				p.Grants = append(p.Grants, access.Grant{Role: r, Scope: access.Scope{Group: access.Root, Environment: environment}})
			}
			return p
		}
		none, auditor, foreign, writer := control.Principal{Operator: "someone"}, scoped("production", access.RoleAuditor), scoped("sandbox", access.RoleAdmin), scoped("production", access.RoleSecretsAdmin)
		acts := map[string]func(p control.Principal) error{
			"list": func(p control.Principal) error {
				_, err := w.List(w.ctx, p, "production", "backend")
				return err
			},
			"groups": func(p control.Principal) error { _, err := w.Groups(w.ctx, p, "production"); return err },
			"get": func(p control.Principal) error {
				_, _, err := w.Get(w.ctx, p, "production", "backend", "database")
				return err
			},
			"credentials": func(p control.Principal) error { _, err := w.Credentials(w.ctx, p, "production"); return err },
			"put": func(p control.Principal) error {
				_, err := w.Put(w.ctx, p, "production", "backend", "new"+p.Via, shared("planted-password"), 0)
				return err
			},
			"make": func(p control.Principal) error {
				_, err := w.MakeGroup(w.ctx, p, "production", Group{Name: "other"})
				return err
			},
			"grant": func(p control.Principal) error {
				return w.Grant(w.ctx, p, "production", "backend", "eve", access.WriteSecrets, true)
			},
		}
		reads := map[string]bool{"list": true, "groups": true, "get": true, "credentials": true}
		cases := 0
		for name, act := range acts {
			for who, c := range map[string]struct {
				p    control.Principal
				want error
			}{"nobody": {none, control.ErrNotFound}, "foreign": {foreign, control.ErrNotFound}, "auditor": {auditor, control.ErrForbidden}, "secrets admin": {writer, nil}} {
				want := c.want
				if who == "auditor" && reads[name] {
					want = nil
				}
				if err := act(c.p); !errors.Is(err, want) {
					t.Errorf("%s by %s: %v, want %v", name, who, err, want)
				}
				cases++
			}
		}
		// A grant on the group opens that one only.
		if err := w.Grant(w.ctx, w.admin, "production", "backend", "someone", access.ViewSecrets, true); err != nil {
			t.Fatal(err)
		}
		w.must(w.MakeGroup(w.ctx, w.admin, "production", Group{Name: "closed"}))
		if _, err := w.List(w.ctx, none, "production", "backend"); err != nil {
			t.Errorf("granted: %v", err)
		}
		if groups, err := w.Groups(w.ctx, none, "production"); err != nil || len(groups) != 1 {
			t.Errorf("groups by grant: %v %v", groups, err)
		}
		if _, err := w.List(w.ctx, none, "production", "closed"); !errors.Is(err, control.ErrNotFound) {
			t.Errorf("not granted: %v", err)
		}
		if _, err := w.Put(w.ctx, none, "production", "backend", "x", shared("planted-password"), 0); !errors.Is(err, control.ErrNotFound) {
			t.Errorf("written with a grant to see: %v", err)
		}
		t.Logf("%d cases", cases)
	})
}

func TestReadingMaterial(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		w.put("database", shared("planted-password"))
		if _, err := w.Read(w.ctx, w.admin, "production", "backend", "database"); !errors.Is(err, control.ErrForbidden) {
			t.Errorf("not downloadable: %v", err)
		}
		w.must(w.ChangeGroup(w.ctx, w.admin, "production", Group{Name: "backend", Downloadable: true, Version: 1}))
		if fields, err := w.Read(w.ctx, w.admin, "production", "backend", "database"); err != nil || fields["password"] != "planted-password" {
			t.Errorf("%v %v", fields, err)
		}
		w.later(11 * time.Minute)
		if _, err := w.Read(w.ctx, w.admin, "production", "backend", "database"); !errors.Is(err, control.ErrStale) {
			t.Errorf("confirmed too long ago: %v", err)
		}
		var n int
		if err := db.Read().QueryRow(w.ctx, "SELECT COUNT(*) FROM audit_entries WHERE action = 'secret-read'").Scan(&n); err != nil || n != 1 {
			t.Errorf("%d reads in the audit log, %v", n, err)
		}
	})
}

func TestScheduledRotation(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		one := w.put("signing", Input{Kind: SymmetricKey, Fields: map[string]string{"key": "written-by-hand-0"}})
		one, err := w.Change(w.ctx, w.admin, "production", "backend", "signing", Settings{Owner: "payments", Rotation: Rotation{Days: 30, Length: 24, Alphabet: "symbols", OverlapHours: 48}}, one.Version)
		if err != nil || !one.NextRotation.Equal(w.now.AddDate(0, 0, 30)) {
			t.Fatalf("%+v %v", one, err)
		}
		value := func(ref string) string {
			t.Helper()
			text, err := w.Resolve(w.ctx, "production", ref)
			if err != nil {
				t.Fatal(err)
			}
			return text
		}
		w.later(29 * 24 * time.Hour)
		w.must(nil, w.Tick(w.ctx))
		if got := value("${secret:backend/signing}"); got != "written-by-hand-0" {
			t.Errorf("rotated too early: %d characters", len(got))
		}
		w.later(24 * time.Hour)
		w.must(nil, w.Tick(w.ctx))
		w.must(nil, w.Tick(w.ctx)) // once only
		fresh := value("${secret:backend/signing}")
		if len(fresh) != 24 || value("${secret:backend/signing.previous}") != "written-by-hand-0" {
			t.Errorf("%d characters, previous %q", len(fresh), value("${secret:backend/signing.previous}"))
		}
		if got, _, _ := w.Get(w.ctx, w.admin, "production", "backend", "signing"); got.Current != 2 || !got.NextRotation.Equal(w.clock().AddDate(0, 0, 30)) {
			t.Errorf("%+v", got)
		}
		w.later(49 * time.Hour)
		w.must(nil, w.Tick(w.ctx))
		if value("${secret:backend/signing.previous}") != fresh {
			t.Error("the overlap has not ended")
		}
		if _, err := w.Change(w.ctx, w.admin, "production", "backend", "signing", Settings{Rotation: Rotation{Days: 1, OverlapHours: 24}}, 3); err == nil {
			t.Error("an overlap as long as the schedule was accepted")
		}
	})
}

func TestRewrapUnderUse(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		const groups = 250
		for i := range groups {
			name := "group-" + time.Duration(i).String()
			w.must(w.MakeGroup(w.ctx, w.admin, "production", Group{Name: name}))
		}
		w.put("database", shared("planted-password"))
		ctx, stop := context.WithCancel(w.ctx)
		var wg sync.WaitGroup
		reads := 0
		wg.Go(func() {
			for ctx.Err() == nil {
				if got, err := w.Resolve(w.ctx, "production", "${secret:backend/database}"); err != nil || got != "planted-password" {
					t.Errorf("while rotating: %v", err)
					return
				}
				reads++
			}
		})
		w.must(w.ring.Rotate(w.ctx))
		// Stopped in the middle: the context ends after some of it.
		some, cancel := context.WithCancel(w.ctx)
		cancel()
		if _, err := w.Rewrap(some); err == nil {
			t.Error("rewrapped although it was stopped")
		}
		done, err := w.Rewrap(w.ctx)
		if err != nil || done != groups+1 {
			t.Errorf("rewrapped %d, %v", done, err)
		}
		if again, err := w.Rewrap(w.ctx); err != nil || again != 0 {
			t.Errorf("again %d, %v", again, err)
		}
		stop()
		wg.Wait()
		for _, id := range w.ring.Retired() {
			w.must(nil, w.ring.Forget(w.ctx, id))
		}
		if got, err := w.Resolve(w.ctx, "production", "${secret:backend/database}"); err != nil || got != "planted-password" {
			t.Errorf("without the old key: %v", err)
		}
		t.Logf("%d groups rewrapped during %d reads", done, reads)
	})
}

func TestCredentials(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		one := w.put("database", shared("planted-password"))
		w.uses = []Use{
			{Resource: "api default/orders", Policy: "credential-injection", Setting: "password", Reference: "${secret:backend/database.password}"},
			{Resource: "api default/orders", Policy: "credential-injection", Setting: "username", Reference: "${secret:backend/database.username}"},
			{Resource: "api default/orders", Policy: "ldap", Setting: "password", Reference: "$LDAP"},
			{Resource: "api default/orders", Policy: "jwt", Setting: "secret"},
		}
		all, err := w.Credentials(w.ctx, w.admin, "production")
		if err != nil || len(all) != 3 || all[0].Where != "manifest" {
			t.Fatalf("%+v %v", all, err)
		}
		for _, c := range all {
			if c.Where == "secret" && (len(c.Uses) != 2 || c.Secret.Name != "database") {
				t.Errorf("%+v", c)
			}
		}
		if err := w.Remove(w.ctx, w.admin, "production", "backend", "database", one.Version); !errors.Is(err, control.ErrInvalid) || !strings.Contains(err.Error(), "api default/orders uses it") {
			t.Errorf("removed though used: %v", err)
		}
		text, err := json.Marshal(all)
		if err != nil || strings.Contains(string(text), "planted-password") {
			t.Errorf("the list tells the password, %v", err)
		}
	})
}
