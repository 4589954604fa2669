package authserver

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/store/storetest"
)

func TestMigrationsArePortable(t *testing.T) { storetest.Portable(t, migrations) }

// kid is the key that signs now.
func (h *house) kid() string {
	h.t.Helper()
	k, err := h.server.keys.signing(h.clock.Now())
	if err != nil {
		h.t.Fatal(err)
	}
	return k.id
}

func (h *house) tend() {
	h.t.Helper()
	if err := h.server.tend(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

// published are the names of the keys that others can read.
func (h *house) published() string {
	h.t.Helper()
	var ids []string
	keys, _ := h.get("/jwks").json["keys"].([]any)
	for _, one := range keys {
		k := one.(map[string]any)
		if k["d"] != nil || k["use"] != "sig" {
			h.t.Errorf("published: %v", k)
		}
		ids = append(ids, k["kid"].(string))
	}
	return strings.Join(ids, " ")
}

// TestRotation follows keys through their lives: published a day ahead, signing,
// kept until the last token is over, gone.
func TestRotation(t *testing.T) {
	for _, algorithm := range []string{"ES256", "RS256"} {
		t.Run(algorithm, func(t *testing.T) {
			h := newHouse(t, func(o *Options) { o.Algorithm = algorithm })
			token := func() string {
				return h.post("/token", "robot:robot-secret", url.Values{"grant_type": {"client_credentials"}}).text("access_token")
			}
			first := h.kid()
			if h.published() != first {
				t.Fatal("published", h.published())
			}
			h.clock.pass(89*24*time.Hour - time.Second)
			h.tend()
			if h.published() != first {
				t.Error("the next key is there too early")
			}
			h.clock.pass(time.Second)
			h.tend()
			both := strings.Fields(h.published())
			if len(both) != 2 || both[1] != first || h.kid() != first {
				t.Fatal("a day ahead:", both, h.kid())
			}
			h.clock.pass(24*time.Hour - time.Second)
			last := token()
			h.clock.pass(time.Second)
			if h.kid() != both[0] {
				t.Error("the next key does not sign")
			}
			h.clock.pass(14 * time.Minute)
			h.tend()
			if !h.active("robot:robot-secret", last) || !h.active("robot:robot-secret", token()) || len(strings.Fields(h.published())) != 2 {
				t.Error("the old key is gone too early")
			}
			h.clock.pass(3 * time.Minute)
			h.tend()
			if h.published() != both[0] {
				t.Error("the old key is still there:", h.published())
			}
			entries, err := h.audit.List(t.Context(), audit.Query{Limit: 10})
			if err != nil || len(entries) != 3 || entries[0].Action != audit.SigningKeyRemoved || entries[0].Object != "signing key "+first {
				t.Errorf("%v %+v", err, entries)
			}
			t.Run("kept over a start", func(t *testing.T) {
				again, err := Open(t.Context(), h.server.o)
				if err != nil {
					t.Fatal(err)
				}
				h.change(func() { h.server = again })
				if h.published() != both[0] || h.kid() != both[0] {
					t.Error("another key:", h.published())
				}
			})
			t.Run("long asleep", func(t *testing.T) {
				old := h.kid()
				h.clock.pass(400 * 24 * time.Hour)
				h.tend()
				if h.kid() != old || len(strings.Fields(h.published())) != 2 {
					t.Error("the new key was not published ahead")
				}
				h.clock.pass(changeLead)
				if h.kid() == old {
					t.Error("the old key signs on")
				}
			})
		})
	}
}

// TestAlgorithmChanges keeps tokens of the old algorithm valid.
func TestAlgorithmChanges(t *testing.T) {
	h := newHouse(t, nil)
	token := h.post("/token", "robot:robot-secret", url.Values{"grant_type": {"client_credentials"}}).text("access_token")
	o := h.server.o
	o.Algorithm = "RS256"
	again, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	h.change(func() { h.server = again })
	h.clock.pass(10 * time.Minute)
	if !h.active("robot:robot-secret", token) {
		t.Error("the old token is void")
	}
	h.clock.pass(changeLead - 10*time.Minute)
	k, err := h.server.keys.signing(h.clock.Now())
	if err != nil || k.algorithm != "RS256" {
		t.Error(k, err)
	}
}

func TestMetadata(t *testing.T) {
	h := newHouse(t, nil)
	for _, name := range []string{"oauth-authorization-server", "openid-configuration"} {
		a := h.get("/.well-known/" + name)
		if a.text("issuer") != h.http.URL || a.text("jwks_uri") != h.http.URL+"/jwks" || a.text("authorization_endpoint") != h.http.URL+"/authorize" || a.json["authorization_response_iss_parameter_supported"] != true {
			t.Error(a.body)
		}
	}
	below := newHouse(t, func(o *Options) { o.Issuer += "/tenant" })
	for _, path := range []string{"/.well-known/oauth-authorization-server/tenant", "/tenant/.well-known/oauth-authorization-server", "/tenant/.well-known/openid-configuration"} {
		if a := below.get(path); a.text("token_endpoint") != below.http.URL+"/tenant/token" {
			t.Error(path, a.status, a.body)
		}
	}
	if a := below.get("/token"); a.status != 404 {
		t.Error(a.status)
	}
}

func TestOpenRefuses(t *testing.T) {
	h := newHouse(t, nil)
	cases := map[string]struct {
		change func(*Options)
		says   string
	}{
		"no clients":      {func(o *Options) { o.Clients = nil }, "needs a database"},
		"plain issuer":    {func(o *Options) { o.Issuer = "http://auth.example.com" }, "must begin with https"},
		"slash":           {func(o *Options) { o.Issuer = "https://auth.example.com/" }, "slash"},
		"query":           {func(o *Options) { o.Issuer = "https://auth.example.com?x" }, "without user, query"},
		"algorithm":       {func(o *Options) { o.Algorithm = "HS256" }, "ES256 or RS256"},
		"short tokens":    {func(o *Options) { o.AccessTokenLife = time.Second }, "one minute to one day"},
		"no refresh life": {func(o *Options) { o.RefreshLife = 0 }, "refreshable"},
		"short keys":      {func(o *Options) { o.KeyLife = time.Minute }, "one hour"},
	}
	for _, name := range sortedKeys(cases) {
		o := h.server.o
		cases[name].change(&o)
		if _, err := Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), cases[name].says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	t.Logf("%d options played", len(cases))
}
