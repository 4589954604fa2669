package link_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/fleet"
	"farrier.dev/farrier/internal/control/fleet/link"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
)

var admin = control.Principal{Operator: "ann", Roles: []access.Role{access.RoleAdmin}}

type places struct{}

func (places) ScopeOf(_ context.Context, environment string) (access.Scope, error) {
	return access.Scope{Group: access.Root, Environment: environment}, nil
}

func (places) GroupScope(context.Context, string) (access.Scope, error) {
	return access.Scope{Group: access.Root}, nil
}

// world is a control plane that listens to gateways.
type world struct {
	*fleet.Service
	url    string
	later  atomic.Int64 // seconds
	served atomic.Pointer[fleet.Served]
	got    atomic.Pointer[string]
}

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.later.Load()) * time.Second) }

func newWorld(t *testing.T, db *store.DB) *world {
	t.Helper()
	w := &world{}
	keys, err := secret.OpenKeyring(t.TempDir(), func() (bool, error) { return false, nil })
	if err != nil {
		t.Fatal(err)
	}
	entries, err := audit.Open(t.Context(), db, w.now)
	if err != nil {
		t.Fatal(err)
	}
	if w.Service, err = fleet.Open(t.Context(), fleet.Options{
		DB: db, Gate: control.Gate{Tree: places{}}, Audit: entries, Sealer: keys, Now: w.now,
		Served: func(context.Context, string) (*fleet.Served, error) { return w.served.Load(), nil },
		Publication: func(context.Context, string) (p fleet.Publication) {
			if s := w.served.Load(); s != nil {
				p.Revision, p.Digest = s.Revision.Number, s.Revision.Digest
			}
			return p
		},
	}); err != nil {
		t.Fatal(err)
	}
	handler := link.NewHandler(w.Service, func(_ context.Context, g fleet.Gateway, batch []byte) (any, error) {
		text := g.Environment + " " + g.Name + " " + string(batch)
		w.got.Store(&text)
		return 42, nil
	}, func(_ context.Context, g fleet.Gateway, batch []byte) (any, error) {
		return g.Name + " learned " + string(batch), nil
	}, slog.New(slog.DiscardHandler))
	server := httptest.NewUnstartedServer(handler)
	if server.TLS, err = w.ServerConfig(t.Context(), []string{"127.0.0.1"}); err != nil {
		t.Fatal(err)
	}
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

func (w *world) enrol(t *testing.T, name string) (*link.Identity, *link.Client) {
	t.Helper()
	_, token, err := w.Invite(t.Context(), admin, "production", name)
	if err != nil {
		t.Fatal(err)
	}
	id, err := link.Enrol(t.Context(), w.url, token)
	if err != nil {
		t.Fatal(err)
	}
	c, err := link.Dial(w.url, id)
	if err != nil {
		t.Fatal(err)
	}
	return id, c
}

func (w *world) state(t *testing.T) (fleet.State, fleet.Gateway) {
	t.Helper()
	list, err := w.List(t.Context(), admin, "production")
	if err != nil || len(list) != 1 {
		t.Fatalf("%v %v", list, err)
	}
	return list[0].State, list[0]
}

// TestGateway is the life of a gateway.
func TestGateway(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		w.served.Store(&fleet.Served{Version: 3, Revision: &revision.Revision{Number: 3, Digest: "d3"}, Secrets: map[string]string{"${secret:tls/key@1}": "material"}})
		id, c := w.enrol(t, "edge-1")
		if id.Environment != "production" || id.Name != "edge-1" || strings.Contains(id.Certificate, "PRIVATE") {
			t.Errorf("identity: %s %s", id.Environment, id.Name)
		}
		next, err := c.Next(t.Context(), 0, "", fleet.Status{Program: "1.0"})
		if err != nil || next == nil || next.Revision.Digest != "d3" || next.Secrets["${secret:tls/key@1}"] != "material" {
			t.Fatalf("%+v %v", next, err)
		}
		if state, g := w.state(t); state != fleet.Behind || g.Status.Program != "1.0" || g.Status.Address != "127.0.0.1" {
			t.Errorf("%s %+v", state, g)
		}
		// It waits until there is something else; what is older is not handed out.
		asked := make(chan *fleet.Served, 1)
		go func() {
			next, _ := c.Next(t.Context(), 3, "d3", fleet.Status{Revision: 3})
			asked <- next
		}()
		w.served.Store(&fleet.Served{Version: 2, Revision: &revision.Revision{Number: 2, Digest: "d2"}})
		w.served.Store(&fleet.Served{Version: 4, Revision: &revision.Revision{Number: 4, Digest: "d4"}})
		if next := <-asked; next == nil || next.Version != 4 {
			t.Errorf("%+v", next)
		}
		var answer int
		if err := c.Send(t.Context(), map[string]int{"n": 7}, &answer); err != nil || answer != 42 || *w.got.Load() != `production edge-1 {"n":7}` {
			t.Errorf("%v %v", err, w.got.Load())
		}
		var told string
		if err := c.Learned(t.Context(), []int{1}, &told); err != nil || told != "edge-1 learned [1]" {
			t.Errorf("%v %q", err, told)
		}
		// The certificate is renewed; the one before is good for as long as it lasts.
		w.later.Store(61 * 24 * 3600)
		if c.Due(time.Now()) || !c.Due(w.now()) {
			t.Error("it is renewed at the wrong time")
		}
		renewed, err := c.Renew(t.Context())
		if err != nil || renewed.Gateway != id.Gateway || !renewed.Expires.After(id.Expires) {
			t.Fatalf("%v", err)
		}
		if state, _ := w.state(t); state != fleet.Behind {
			t.Errorf("state %s", state)
		}
		w.later.Add(61)
		if state, _ := w.state(t); state != fleet.Silent {
			t.Errorf("state %s", state)
		}
		// Removed, it is refused.
		if err := w.Remove(t.Context(), admin, "production", id.Gateway); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Next(t.Context(), 4, "d3", fleet.Status{}); !errors.Is(err, fleet.ErrUnknownGateway) {
			t.Errorf("a removed gateway: %v", err)
		}
	})
}

// TestRefused holds who is refused, and why.
func TestRefused(t *testing.T) {
	w := newWorld(t, storetest.Open(t))
	other := newWorld(t, storetest.Open(t))
	_, token, err := w.Invite(t.Context(), admin, "production", "edge-1")
	if err != nil {
		t.Fatal(err)
	}
	refused := func(name, want string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	_, err = link.Enrol(t.Context(), other.url, token)
	refused("a token at another control plane", "not the control plane that made this token", err)
	bare, authority, _ := strings.Cut(token, ".")
	_, err = link.Enrol(t.Context(), w.url, "frg_"+strings.Repeat("A", 43)+"."+authority)
	refused("a token that nobody made", "this token was used, is over, or was never made here", err)
	_, err = link.Enrol(t.Context(), w.url, bare)
	refused("half a token", "no enrolment token", err)
	_, err = link.Enrol(t.Context(), "http://127.0.0.1", token)
	refused("without TLS", "must be a URL", err)
	w.later.Store(3601)
	_, err = link.Enrol(t.Context(), w.url, token)
	refused("an old token", "this token was used, is over, or was never made here", err)
	w.later.Store(0)
	id, err := link.Enrol(t.Context(), w.url, token)
	if err != nil || !id.MadeWith(token) || id.MadeWith(token+"x") {
		t.Fatal(err)
	}
	_, err = link.Enrol(t.Context(), w.url, token)
	refused("a token twice", "this token was used, is over, or was never made here", err)
	_, _, err = w.Invite(t.Context(), admin, "production", "edge-1")
	refused("a name that is taken", "serves there already", err)
	_, _, err = w.Invite(t.Context(), admin, "production", "Edge 1")
	refused("a bad name", "name must be", err)

	other.served.Store(&fleet.Served{Version: 1, Revision: &revision.Revision{Number: 1, Digest: "d1"}})
	foreign, client := other.enrol(t, "edge-1")
	_, err = client.Next(t.Context(), 0, "", fleet.Status{})
	if err != nil {
		t.Errorf("at home: %v", err)
	}
	elsewhere, err := link.Dial(w.url, foreign)
	if err != nil {
		t.Fatal(err)
	}
	_, err = elsewhere.Next(t.Context(), 0, "", fleet.Status{})
	refused("a control plane of another organisation", "not the control plane that this gateway enrolled at", err)
	foreign.Authority = id.Authority
	stranger, err := link.Dial(w.url, foreign)
	if err != nil {
		t.Fatal(err)
	}
	_, err = stranger.Next(t.Context(), 0, "", fleet.Status{})
	// Why is said by an alert, which a client that still writes may not come to read.
	refused("a certificate of another authority", "asking for the next revision", err)
	own, err := link.Dial(w.url, id)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := own.Renew(t.Context()); err != nil {
		t.Errorf("a gateway that is known: %v", err)
	}
	nowhere, err := link.Dial("https://127.0.0.1:1", id)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = nowhere.Renew(t.Context()); !link.IsAway(err) {
		t.Errorf("nobody listens: %v", err)
	}
	// The control plane's clock is a month ahead.
	w.later.Store(30 * 24 * 3600)
	ahead, err := link.Dial(w.url, id)
	if err != nil {
		t.Fatal(err)
	}
	_, err = ahead.Next(t.Context(), 0, "", fleet.Status{})
	refused("a clock that is a month behind", "set the clocks of both right", err)
	if link.IsAway(err) {
		t.Errorf("it is no use to wait: %v", err)
	}
	_, late, err := w.Invite(t.Context(), admin, "production", "edge-2")
	if err != nil {
		t.Fatal(err)
	}
	_, err = link.Enrol(t.Context(), w.url, late)
	refused("enrolling with a clock that is a month behind", "set the clocks of both right", err)
	w.later.Store(0)

	bareClient := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	for _, path := range []string{"next", "renew", "records"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/fleet/v1/"+path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := bareClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusForbidden {
			t.Errorf("%s without a certificate: %d", path, answer.StatusCode)
		}
	}
	viewer := control.Principal{Operator: "vic", Roles: []access.Role{access.RoleAuditor}}
	_, _, err = w.Invite(t.Context(), viewer, "production", "x")
	refused("an auditor invites", "may not", err)
	refused("an auditor removes", "may not", w.Remove(t.Context(), viewer, "production", id.Gateway))
	refused("another environment's gateway", "not found", w.Remove(t.Context(), admin, "sandbox", id.Gateway))
}

// TestSecretsStay: the authority's key lies sealed, tokens as hashes.
func TestSecretsStay(t *testing.T) {
	db := storetest.Open(t)
	w := newWorld(t, db)
	_, token, err := w.Invite(t.Context(), admin, "production", "edge-1")
	if err != nil {
		t.Fatal(err)
	}
	var sealed, hash string
	if err := db.Read().QueryRow(t.Context(), "SELECT a.sealed_key, g.token_hash FROM fleet_authority a, fleet_gateways g").Scan(&sealed, &hash); err != nil {
		t.Fatal(err)
	}
	bare, _, _ := strings.Cut(strings.TrimPrefix(token, "frg_"), ".")
	if strings.Contains(hash, bare) || !strings.HasPrefix(sealed, "sealed-") {
		t.Errorf("%s %.20s", hash, sealed)
	}
	list, err := w.List(t.Context(), admin, "production")
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := json.Marshal(list); strings.Contains(string(text), bare) || strings.Contains(string(text), hash) {
		t.Errorf("the list shows the token: %s", text)
	}
}
