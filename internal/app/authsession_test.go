package app

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/api"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/audit/watch"
	"farrier.dev/farrier/internal/console"
)

// TestNothingChangesWithoutAudit plays every changing route and form as an
// administrator while the audit log can't be written: nothing is changed, and the
// answer says why.
func TestNothingChangesWithoutAudit(t *testing.T) {
	w := startAuthWorld(t, nil)
	w.settle()
	w.exec("CREATE TRIGGER audit_stopped BEFORE INSERT ON audit_entries BEGIN SELECT RAISE(ABORT, 'audit_entries is read-only'); END")
	before, played, told := w.rows(), 0, 0
	sample := bodies(w.north)
	for _, route := range api.Routes(&api.Services{}) {
		if route.Method == http.MethodGet {
			continue
		}
		name := route.Method + " " + route.Path
		a := w.ask(w.admin, route.Method, filled(route.Path, func(string) *tenant { return w.north }), written(t, sample[name]), "If-Match", seenVersion(route.Path, w.north))
		played++
		switch {
		case a.status == http.StatusServiceUnavailable && strings.Contains(a.body, "audit log can't be written"):
			told++
		case a.status >= 500:
			t.Errorf("%s: %d %.200s", name, a.status, a.body)
		}
	}
	forms := 0
	for _, pattern := range console.Patterns() {
		method, path := pageOf(pattern, w.home)
		if method != http.MethodPost || ends(pattern) {
			continue
		}
		for _, act := range acts(pattern) {
			a := w.send(method, path, formOf(pattern, act, w.home).Encode(), "Cookie", "farrier="+w.admin, "Content-Type", "application/x-www-form-urlencoded")
			if forms++; a.status == http.StatusServiceUnavailable {
				told++
			} else if a.status >= 500 {
				t.Errorf("%s: %d", pattern, a.status)
			}
		}
	}
	if lines := changed(before, w.rows()); len(lines) > 0 {
		t.Errorf("changed: %.900q", lines)
	}
	if t.Logf("%d requests and %d forms, of which %d were told why", played, forms, told); played < 60 || forms < 60 || told < 50 {
		t.Error("too few were played, or told")
	}
}

// exec changes the control database behind the back of Farrier.
func (w *authWorld) exec(query string, args ...any) {
	w.t.Helper()
	if err := w.control.controlDB.Write(context.Background(), execTx(query, args...)); err != nil {
		w.t.Fatal(err)
	}
}

// TestSessionsEnd holds that what ended is good for nothing.
func TestSessionsEnd(t *testing.T) {
	w := startAuthWorld(t, nil)
	w.settle()
	ctx := context.Background()
	me := func(token string) int { return w.ask(token, "GET", "/self", "").status }
	page := func(token string) int {
		return w.send("GET", "/account", "", "Cookie", "farrier="+token, "Accept", "application/json").status
	}
	stolen := w.signIn("leaver", access.KeptGrant{Role: access.RoleAdmin, Group: access.Root})
	if me(stolen) != 200 || page(stolen) != 200 {
		t.Fatal("the session is not good")
	}
	w.send("POST", "/logout", "", "Cookie", "farrier="+stolen)
	if me(stolen) != 401 || page(stolen) != 401 {
		t.Error("a session lives on after its sign-out")
	}
	for name, end := range map[string]func(id string, version int64) error{
		"disabled": func(id string, version int64) error {
			_, err := w.control.access.UpdateAccount(ctx, setup, access.Account{ID: id, Version: version, Disabled: true})
			return err
		},
		"deleted": func(id string, version int64) error { return w.control.access.DeleteAccount(ctx, setup, id, version) },
	} {
		session := w.signIn(name, access.KeptGrant{Role: access.RoleAdmin, Group: access.Root})
		a, err := w.control.access.AccountNamed(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		_, token, err := w.control.access.CreateAPIToken(ctx, setup, access.APIToken{Account: a.ID, Name: "x", Limits: access.Permissions(), Expires: time.Now().Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		if me(token) != 200 || me(session) != 200 {
			t.Fatal("they are not good before")
		}
		if err := end(a.ID, a.Version); err != nil {
			t.Fatal(err)
		}
		if me(token) != 401 || me(session) != 401 || page(session) != 401 {
			t.Errorf("a %s account's session or token lives on", name)
		}
	}
	w.revoked(t)
}

// revoked holds that a grant that was taken back is gone at the next request.
func (w *authWorld) revoked(t *testing.T) {
	ctx := context.Background()
	token := w.signIn("once")
	a, err := w.control.access.AccountNamed(ctx, "once")
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		g, err := w.control.access.AddGrant(ctx, setup, access.KeptGrant{Account: a.ID, Role: access.RoleAuditor, Group: access.Root})
		if err != nil {
			t.Fatal(err)
		}
		if got := w.ask(token, "GET", "/audit", ""); got.status != 200 {
			t.Fatalf("granted: %d", got.status)
		}
		if err := w.control.access.RevokeGrant(ctx, setup, g.ID); err != nil {
			t.Fatal(err)
		}
		if got := w.ask(token, "GET", "/audit", ""); got.status != 404 {
			t.Fatalf("taken back: %d", got.status)
		}
	}
}

// TestStepUpAndLimits holds that routes that ask for a fresh confirmation get one, which
// no API token has, and that no token does more than it was made for.
func TestStepUpAndLimits(t *testing.T) {
	w := startAuthWorld(t, nil)
	w.settle()
	ctx, sample := context.Background(), bodies(w.north)
	stale := w.signIn("stale", access.KeptGrant{Role: access.RoleAdmin, Group: access.Root})
	a, err := w.control.access.AccountNamed(ctx, "stale")
	if err != nil {
		t.Fatal(err)
	}
	w.exec("UPDATE access_sessions SET confirmed_at = ? WHERE account = ?", time.Now().Add(-11*time.Minute).UnixMilli(), a.ID)
	token := func(limits ...access.Permission) string {
		_, text, err := w.control.access.CreateAPIToken(ctx, setup, access.APIToken{Account: a.ID, Name: "x", Limits: limits, Expires: time.Now().Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	wide, narrow, reading := token(access.Permissions()...), token(access.ViewGovernance), []access.Permission{}
	for _, p := range access.Permissions() {
		if strings.HasSuffix(string(p), ":view") {
			reading = append(reading, p)
		}
	}
	reader := token(reading...)
	before := w.rows()
	var fresh []string
	played := 0
	for _, route := range api.Routes(&api.Services{}) {
		name := route.Method + " " + route.Path
		ask := func(token string) answered {
			played++
			return w.ask(token, route.Method, filled(route.Path, func(string) *tenant { return w.north }), written(t, sample[name]), "If-Match", seenVersion(route.Path, w.north))
		}
		if route.Fresh {
			fresh = append(fresh, name)
			for _, token := range []string{stale, wide} {
				if a := ask(token); a.status != http.StatusForbidden || !strings.Contains(a.body, "Confirm who you are") {
					t.Errorf("%s without a confirmation: %d %.100s", name, a.status, a.body)
				}
			}
		}
		if a := ask(narrow); a.status != http.StatusForbidden && a.status != http.StatusNotFound && route.At != api.Self {
			t.Errorf("%s by a token for another thing: %d", name, a.status)
		}
		if route.Method != http.MethodGet && !strings.HasSuffix(route.Path, "/preview") { // which changes nothing
			if a := ask(reader); a.status < 300 {
				t.Errorf("%s by a token that only reads: %d", name, a.status)
			}
		}
	}
	if lines := changed(before, w.rows()); len(lines) > 0 {
		t.Errorf("changed: %.900q", lines)
	}
	if t.Logf("%d requests; fresh: %q", played, fresh); played < 150 || len(fresh) < 6 {
		t.Error("too few")
	}
}

// TestIdempotencyKeysOfOthers holds that a key gives nobody the answer of another
// account, also when that has the name of one that was deleted.
func TestIdempotencyKeysOfOthers(t *testing.T) {
	w := startAuthWorld(t, nil)
	ctx := context.Background()
	grant := access.KeptGrant{Role: access.RoleAdmin, Group: access.Root}
	make := func(token, name string) answered {
		return w.ask(token, "POST", "/groups/root/applications", `{"name":"`+name+`"}`, "Idempotency-Key", "key-1")
	}
	first := w.signIn("first", grant)
	one := make(first, "one")
	if again := make(first, "one"); one.status != 201 || again.body != one.body || again.header.Get("Idempotent-Replayed") == "" {
		t.Fatalf("%d %d %s", one.status, again.status, again.body)
	}
	if other := make(first, "other"); other.status != 422 {
		t.Errorf("the key for another request: %d", other.status)
	}
	if a := make(w.signIn("second", grant), "one"); a.status == 201 || a.header.Get("Idempotent-Replayed") != "" {
		t.Errorf("another account got %d %s", a.status, a.body)
	}
	a, err := w.control.access.AccountNamed(ctx, "first")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.control.access.DeleteAccount(ctx, setup, a.ID, a.Version); err != nil {
		t.Fatal(err)
	}
	if a := make(w.signIn("first", grant), "one"); a.header.Get("Idempotent-Replayed") != "" {
		t.Errorf("the next account of the name got %d %s", a.status, a.body)
	}
}

// person makes an account that signs in by password, and has once.
func (w *authWorld) person(name, password string) (cookies string) {
	w.t.Helper()
	id := w.make("POST", "/accounts", map[string]any{"name": name})["id"].(string)
	invited := w.make("POST", "/accounts/"+id+"/invitation", nil)["token"].(string)
	form := func(path, cookie string, pairs ...string) answered {
		f := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			f.Set(pairs[i], pairs[i+1])
		}
		return w.send("POST", path, f.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Cookie", cookie)
	}
	// Fixation: the browser comes with a session of the attacker's choice.
	first := form("/login/link", "farrier=0123456789abcdef", "token", invited)
	half := cookieOf(first, "farrier")
	if half == "" || half == "0123456789abcdef" {
		w.t.Fatalf("the invitation: %d, %q", first.status, half)
	}
	second := form("/password", "farrier="+half, "password", password, "again", password)
	whole := cookieOf(second, "farrier")
	if whole == "" || whole == half {
		w.t.Fatalf("the password: %d, the session stays the same: %.300s", second.status, second.body)
	}
	if a := w.send("GET", "/account", "", "Cookie", "farrier="+half, "Accept", "application/json"); a.status != 401 {
		w.t.Errorf("the session before the password is good still: %d", a.status)
	}
	return "farrier-device=" + cookieOf(second, "farrier-device")
}

func cookieOf(a answered, name string) string {
	for _, line := range a.header.Values("Set-Cookie") {
		if c, err := http.ParseSetCookie(line); err == nil && c.Name == name {
			return c.Value
		}
	}
	return ""
}

// guess is one attempt to sign in.
func (w *authWorld) guess(name, password, cookies string) answered {
	f := url.Values{"operator": {name}, "password": {password}}
	return w.send("POST", "/login", f.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Cookie", cookies)
}

// TestThousandGuesses holds that a thousand guesses of a password are stopped, that its
// owner gets in from the same address meanwhile, and that all of it is seen.
func TestThousandGuesses(t *testing.T) {
	w := startAuthWorld(t, func(c *Config) { c.Access.SecondFactor = "optional" })
	password := "correct horse battery 47 staple"
	device := w.person("victim", password)
	var counts [600]int
	var mu sync.Mutex
	var wait sync.WaitGroup
	for worker := range 4 {
		wait.Go(func() {
			own := *w // the counter of requests is not for many
			for n := range 250 {
				guess := fmt.Sprintf("guess-%d-%d", worker, n)
				if n == 200 && worker == 0 {
					guess = password // even the right one is not heard any more
				}
				a := own.guess("victim", guess, "")
				mu.Lock()
				counts[a.status]++
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	if counts[200]+counts[303] > 0 || counts[401] > 30 || counts[401]+counts[429] != 1000 {
		t.Errorf("refused as wrong %d, not heard %d, let in %d", counts[401], counts[429], counts[303])
	}
	if a := w.guess("victim", password, device); a.status != 303 || cookieOf(a, "farrier") == "" {
		t.Errorf("the owner on a known device: %d", a.status)
	}
	w.seenGuesses(t, counts[401])
	t.Logf("1000 guesses: %d heard, %d not heard", counts[401], counts[429])
}

// seenGuesses holds that audit log and the rules over it tell of guesses.
func (w *authWorld) seenGuesses(t *testing.T, heard int) {
	entries, rules, throttled := 0, []string{}, false
	rule := watch.New(watch.Options{Raises: raises})
	err := w.control.audit.Walk(context.Background(), audit.Query{}, func(k audit.Kept) error {
		if strings.Contains(string(k.Action), "sign-in") && k.Outcome == audit.Refused {
			entries++
			text, err := json.Marshal(k)
			if err != nil {
				return err
			}
			throttled = throttled || strings.Contains(string(text), "throttle") || strings.Contains(string(text), "unheard") || strings.Contains(string(text), "wait")
			if strings.Contains(string(text), "guess-") || strings.Contains(string(text), "correct horse") {
				t.Errorf("the audit log holds a password: %s", text)
			}
		}
		for _, f := range rule.Take(k) {
			if !slices.Contains(rules, f.Rule) {
				rules = append(rules, f.Rule)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if t.Logf("%d entries of refused sign-ins, findings by %q", entries, rules); entries < heard || !slices.Contains(rules, watch.RuleAccountFailures) || !slices.Contains(rules, watch.RuleAddressFailures) || !throttled {
		t.Errorf("%d entries for %d guesses that were heard, throttled told: %v, findings by %q", entries, heard, throttled, rules)
	}
}
