package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/api"
	"farrier.dev/farrier/internal/store"
)

// setup is who makes what tests begin with.
var setup = access.By{Operator: "setup"}

// listening is an address for an API. What is made is served, so it is none that other
// tests take for closed.
func listening(path string) string { return "http://" + ownAddress() + "/" + path }

var ownAddress = sync.OnceValue(func() string { //nolint:gochecknoglobals // one for the process
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
})

// tenant is a business group with an environment and one thing of every kind in it.
// Every name in it holds its mark, which nobody else may read.
type tenant struct {
	mark, group, environment string
	// ids are those of its things by the kind of thing.
	ids map[string]string
	// contract is the version of the contract.
	contract string
}

// authWorld is a running Farrier with two tenants and whoever signs in.
type authWorld struct {
	t            testing.TB
	control      *control
	base         string
	gateways     string
	log          *lockedText
	data         string
	home         *tenant
	north, south *tenant
	admin        string
	stop         func() error
	asked        int
	people       int
}

// lockedText is a log that many write.
type lockedText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// startAuthWorld serves with a console; change alters the settings.
func startAuthWorld(t testing.TB, change func(*Config)) *authWorld {
	t.Helper()
	w := &authWorld{t: t, log: &lockedText{}, data: t.TempDir()}
	cfg := DefaultConfig()
	cfg.Manifests, cfg.Data, cfg.Console, cfg.Limits.DrainSeconds = []string{t.TempDir()}, w.data, "127.0.0.1:0", 1
	if change != nil {
		change(&cfg)
	}
	if err := os.WriteFile(filepath.Join(cfg.Manifests[0], "api.yaml"), []byte(fmt.Sprintf(contracted, net.JoinHostPort("127.0.0.1", strconv.Itoa(10_000+rand.IntN(20_000))), "http://127.0.0.1:9")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(cfg.Manifests[0], "orders.yaml"), []byte(contractedSpec), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan Ready, 1), make(chan error, 1)
	go func() {
		ended <- Serve(ctx, cfg, slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})), w.log, func(r Ready) { ready <- r })
	}()
	select {
	case err := <-ended:
		cancel()
		t.Fatalf("serving: %v", err)
	case r := <-ready:
		w.control, w.base, w.gateways = r.control, r.Console, r.Gateways
	}
	w.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() {
		if err := w.stop(); err != nil {
			t.Errorf("stopping: %v", err)
		}
		for line := range strings.Lines(w.log.String()) {
			if t.Failed() && strings.Contains(line, "level=ERROR") {
				t.Logf("%.1500s", line)
			}
		}
	})
	w.admin = w.signIn("setup-admin", access.KeptGrant{Role: access.RoleAdmin, Group: access.Root})
	return w
}

// signIn is the session of a new person who was granted something.
func (w *authWorld) signIn(name string, grants ...access.KeptGrant) string {
	w.t.Helper()
	ctx := context.Background()
	w.people++
	s, err := w.control.access.SignInExternal(ctx, access.External{Provider: "oidc:test", Subject: name, Name: name, Create: true}, access.From{})
	if err != nil {
		w.t.Fatal(err)
	}
	a, err := w.control.access.AccountNamed(ctx, name)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, g := range grants {
		g.Account = a.ID
		if _, err := w.control.access.AddGrant(ctx, setup, g); err != nil {
			w.t.Fatal(err)
		}
	}
	return s.Token
}

// answered is what came back.
type answered struct {
	status int
	body   string
	header http.Header
}

// ask sends a request to the API with a token, and header lines after the body.
func (w *authWorld) ask(token, method, path, body string, headers ...string) answered {
	w.t.Helper()
	return w.send(method, api.Prefix+path, body, append(headers, "Authorization", "Bearer "+token)...)
}

var authClient = &http.Client{ //nolint:gochecknoglobals // keeps connections between tests
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Timeout: 20 * time.Second,
}

func (w *authWorld) send(method, path, body string, headers ...string) answered {
	w.t.Helper()
	w.asked++
	r, err := http.NewRequestWithContext(context.Background(), method, w.base+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := authClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	_ = resp.Body.Close()
	return answered{resp.StatusCode, string(text), resp.Header}
}

// make asks as the administrator for something that must work; its answer.
func (w *authWorld) make(method, path string, body any, headers ...string) map[string]any {
	w.t.Helper()
	text := ""
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			w.t.Fatal(err)
		}
		text = string(raw)
	}
	a := w.ask(w.admin, method, path, text, headers...)
	if a.status >= 300 {
		w.t.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
	}
	out := map[string]any{}
	if a.body != "" {
		if err := json.Unmarshal([]byte(a.body), &out); err != nil {
			w.t.Fatal(err)
		}
	}
	return out
}

// settle makes the tenants, or only what lies in the process's own environment when
// there is but one.
func (w *authWorld) settle() {
	w.t.Helper()
	w.home = &tenant{mark: "homemark", group: access.Root, environment: "default", ids: map[string]string{"api": "orders", "binding": "none"}}
	w.north, w.south = &tenant{mark: "northmark"}, &tenant{mark: "southmark"}
	for _, t := range []*tenant{w.north, w.south} {
		t.ids = map[string]string{"api": t.mark + "-orders"}
		t.group = w.make("POST", "/groups/root/groups", map[string]any{"name": t.mark})["id"].(string)
		t.environment = t.mark
		w.make("POST", "/groups/"+t.group+"/environments", map[string]any{"id": t.mark, "name": t.mark, "kind": "sandbox"})
	}
	for _, t := range []*tenant{w.home, w.north, w.south} {
		w.furnish(t)
	}
}

// furnish makes one thing of every kind.
func (w *authWorld) furnish(t *tenant) {
	w.t.Helper()
	env, group, ids := "/environments/"+t.environment, "/groups/"+t.group, t.ids
	text := func(v any) string { return fmt.Sprint(v) }
	if t != w.home {
		w.make("POST", env+"/apis", map[string]any{"name": ids["api"], "address": listening(t.mark), "upstream": "http://127.0.0.1:9/"})
		bound := w.make("POST", env+"/apis/default/"+ids["api"]+"/policies", map[string]any{"policy": "http-basic-authentication-flex", "settings": map[string]any{"username": t.mark, "password": t.mark + "-password"}})
		ids["binding"] = text(bound["metadata"].(map[string]any)["name"])
		draft := w.make("GET", env+"/draft", nil)
		w.make("POST", env+"/draft/publish", map[string]any{"draft": draft["version"], "note": t.mark})
	}
	ids["draft"] = text(w.make("GET", env+"/draft", nil)["version"])
	made := w.make("POST", group+"/applications", map[string]any{"name": t.mark + " shoes"})
	ids["application"] = text(made["application"].(map[string]any)["id"])
	ids["clientid"] = text(made["application"].(map[string]any)["clientId"])
	ids["tier"] = text(w.make("POST", env+"/tiers", newTier(t))["id"])
	c := w.make("POST", env+"/contracts", map[string]any{"group": t.group, "application": ids["application"], "api": "default/" + ids["api"], "tier": ids["tier"], "reason": t.mark})
	ids["contract"], t.contract = text(c["id"]), text(c["version"])
	ids["secretgroup"], ids["secret"] = t.mark+"-group", t.mark+"-database"
	w.make("POST", env+"/secret-groups", map[string]any{"name": ids["secretgroup"], "downloadable": true})
	w.make("POST", env+"/secret-groups/"+ids["secretgroup"]+"/secrets", map[string]any{"name": ids["secret"], "kind": "username-password", "fields": map[string]any{"username": t.mark, "password": t.mark + "-word"}})
	ids["channel"] = text(w.make("POST", env+"/alerts/channels", newChannel(t))["id"])
	ids["rule"] = text(w.make("POST", env+"/alerts/rules", newRule(t))["id"])
	ids["containment"] = text(w.make("POST", env+"/containments", newContainment(t))["id"])
	ids["containrule"] = text(w.make("POST", env+"/containment-rules", newContainRule(t))["id"])
	ids["check"] = text(w.make("POST", env+"/health-checks", newCheck(t))["id"])
	ids["gateway"] = text(w.make("POST", env+"/gateways", map[string]any{"name": t.mark + "-gate"})["gateway"].(map[string]any)["id"])
	ids["account"] = text(w.make("POST", "/accounts", map[string]any{"name": t.mark + "-person", "kind": "person"})["id"])
	ids["robot"] = text(w.make("POST", "/accounts", map[string]any{"name": t.mark + "-robot", "kind": "service"})["id"])
	ids["token"] = text(w.make("POST", "/accounts/"+ids["robot"]+"/tokens", newToken(t))["id"])
	ids["team"] = text(w.make("POST", "/teams", map[string]any{"name": t.mark + "-team"})["id"])
	w.make("POST", "/teams/"+ids["team"]+"/members", map[string]any{"account": ids["account"]})
	ids["grant"] = text(w.make("POST", group+"/grants", map[string]any{"account": ids["account"], "role": "developer"})["id"])
}

func newToken(t *tenant) map[string]any {
	return map[string]any{"name": t.mark, "permissions": []string{"apis:view"}, "expires": time.Now().Add(24 * time.Hour).UTC().Format(time.RFC3339)}
}

func newTier(t *tenant) map[string]any {
	return map[string]any{"api": "default/" + t.ids["api"], "name": t.mark + " gold", "autoApprove": false, "status": "ACTIVE", "limits": []any{map[string]any{"visible": true, "maximumRequests": 10, "timePeriodInMilliseconds": 60000}}}
}

func newChannel(t *tenant) map[string]any {
	return map[string]any{"name": t.mark + "-hook", "kind": "webhook", "settings": map[string]any{"url": "https://example.com/" + t.mark, "secret": "whsec_" + strings.Repeat("QUFB", 12)}}
}

func newRule(t *tenant) map[string]any {
	return map[string]any{
		"name": t.mark + "-rule", "kind": "request-count", "severity": "Warning", "enabled": true, "consecutive": 1, "channels": []string{t.ids["channel"]},
		"condition": map[string]any{"operator": "GREATER_THAN", "value": 1e9}, "period": map[string]any{"count": 1, "unit": "hours"},
	}
}

func newContainment(t *tenant) map[string]any {
	return map[string]any{"kind": "client", "target": t.mark + "-caller", "reason": t.mark, "seconds": 3600}
}

func newContainRule(t *tenant) map[string]any {
	return map[string]any{"name": t.mark + "-contain", "enabled": false, "severity": "critical", "do": "block-actor", "seconds": 600, "mode": "dry-run"}
}

func newCheck(t *tenant) map[string]any {
	return map[string]any{"name": t.mark + "-check", "url": "https://example.com/" + t.mark, "method": "GET", "enabled": false}
}

// volatile are tables and columns that change by themselves, or by asking.
var volatile = regexp.MustCompile(`^(goose_|sqlite_|audit_|store_|idempotency_|monitor_|traffic_|alerts_(begun|states|positions|outbox|history)|access_(sessions|state|devices|halves|links)|sso_|healthchecks_(states|results|days)|incidents_(incidents|timeline)|authserver_|behaviour_|fleet_authority|posture_|governance_)`)

var volatileColumns = []string{"seen_at", "used_at"}

// rows are all lasting rows of the control database by table, as text.
func (w *authWorld) rows() map[string][]string {
	w.t.Helper()
	ctx, r := context.Background(), w.control.controlDB.Read()
	out := map[string][]string{}
	for _, table := range w.tables(ctx) {
		rows, err := r.Query(ctx, "SELECT * FROM "+table)
		if err != nil {
			w.t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			w.t.Fatal(err)
		}
		list := []string{}
		for rows.Next() {
			values, into := make([]any, len(columns)), make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				w.t.Fatal(err)
			}
			line := ""
			for i, c := range columns {
				if !slices.Contains(volatileColumns, c) {
					line += fmt.Sprintf("%s=%v|", c, values[i])
				}
			}
			list = append(list, line)
		}
		if err := rows.Close(); err != nil {
			w.t.Fatal(err)
		}
		slices.Sort(list)
		out[table] = list
	}
	return out
}

func (w *authWorld) tables(ctx context.Context) []string {
	w.t.Helper()
	rows, err := w.control.controlDB.Read().Query(ctx, "SELECT name FROM sqlite_master WHERE type = 'table'")
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var list []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			w.t.Fatal(err)
		}
		list = append(list, name)
	}
	return slices.DeleteFunc(list, volatile.MatchString)
}

// changed lists tables and rows that are another in after.
func changed(before, after map[string][]string) (list []string) {
	for table, rows := range after {
		for _, row := range rows {
			if !slices.Contains(before[table], row) {
				list = append(list, table+" + "+row)
			}
		}
		for _, row := range before[table] {
			if !slices.Contains(rows, row) {
				list = append(list, table+" - "+row)
			}
		}
	}
	return list
}

// execTx is a write of one statement.
func execTx(query string, args ...any) func(tx *store.Tx) error {
	return func(tx *store.Tx) error {
		_, err := tx.Exec(context.Background(), query, args...)
		return err
	}
}
