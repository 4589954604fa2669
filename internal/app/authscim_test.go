package app

import (
	"context"
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/api"
)

// robot is an API token, good for access:manage, of a new service account that was
// granted something.
func (w *authWorld) robot(name string, grants ...access.KeptGrant) string {
	w.t.Helper()
	ctx := context.Background()
	a, err := w.control.access.CreateAccount(ctx, setup, access.Account{Name: name, Kind: access.ServiceAccount})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, g := range grants {
		g.Account = a.ID
		if _, err := w.control.access.AddGrant(ctx, setup, g); err != nil {
			w.t.Fatal(err)
		}
	}
	_, token, err := w.control.access.CreateAPIToken(ctx, setup, access.APIToken{
		Account: a.ID, Name: "scim", Limits: []access.Permission{access.ManageAccess}, Expires: time.Now().Add(time.Hour),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

// scim sends a request to SCIM.
func (w *authWorld) scim(token, method, path, body string) answered {
	return w.send(method, api.SCIMPrefix+path, body, "Authorization", "Bearer "+token, "Content-Type", "application/scim+json")
}

const (
	scimUser  = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"%s","active":%v}`
	scimGroup = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"%s","members":[]}`
	scimPatch = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"externalId","value":"taken"}]}`
)

// made is the id of something that SCIM made.
func (w *authWorld) made(a answered) string {
	w.t.Helper()
	var out struct{ ID string }
	if err := json.Unmarshal([]byte(a.body), &out); err != nil || a.status != http.StatusCreated || out.ID == "" {
		w.t.Fatalf("%d %s", a.status, a.body)
	}
	return out.ID
}

// TestSCIMMatrix plays every route of SCIM on the real services as every role, by
// session and by token, with ids of what is there: nobody gets in without access:manage
// in the whole organisation, and nothing changes.
func TestSCIMMatrix(t *testing.T) {
	w := startAuthWorld(t, nil)
	w.settle()
	corp := w.robot("corp", access.KeptGrant{Role: access.RoleAdmin, Group: access.Root})
	ids := map[string]string{
		"/Users":         w.made(w.scim(corp, "POST", "/Users", fmt.Sprintf(scimUser, "jane", true))),
		"/ResourceTypes": "User", "/Schemas": "urn:ietf:params:scim:schemas:core:2.0:User",
		"/Groups": w.made(w.scim(corp, "POST", "/Groups", fmt.Sprintf(scimGroup, "Red"))),
	}
	who := map[string]int{"": 401, "frr_nobodys": 401, w.admin: 401}
	for _, c := range w.callers() {
		who[c.token] = http.StatusUnauthorized // a session
	}
	for _, role := range access.Roles() {
		for place, group := range map[string]string{"north": w.north.group, "top": access.Root} {
			if place != "top" || !role.Allows(access.ManageAccess) {
				who[w.robot(string(role)+"-scim-"+place, access.KeptGrant{Role: role, Group: group})] = http.StatusForbidden
			}
		}
	}
	before, played := w.rows(), 0
	for _, route := range api.SCIMRoutes(nil) {
		kind := "/" + strings.Split(route.Path, "/")[1]
		body := map[string]string{
			"POST /Users": fmt.Sprintf(scimUser, "taken", true), "PUT /Users": fmt.Sprintf(scimUser, "jane", false),
			"POST /Groups": fmt.Sprintf(scimGroup, "taken"), "PUT /Groups": fmt.Sprintf(scimGroup, "taken"),
			"PATCH /Users": scimPatch, "PATCH /Groups": scimPatch,
		}[route.Method+" "+kind]
		for token, want := range who {
			played++
			a := w.scim(token, route.Method, strings.ReplaceAll(route.Path, "{id}", ids[kind]), body)
			if a.status != want || strings.Contains(a.body, "jane") || strings.Contains(a.body, "Red") {
				t.Errorf("%s %s: %d %.200s, want %d", route.Method, route.Path, a.status, a.body, want)
			}
		}
	}
	if lines := changed(before, w.rows()); len(lines) > 0 {
		t.Errorf("those who may not changed %.600q", lines)
	}
	if t.Logf("%d callers, %d requests", len(who), played); played < 1000 {
		t.Error("too few requests played")
	}

	// Whom the provider keeps comes in by the provider, and is out at once.
	in, err := w.control.access.SignInExternal(context.Background(), access.External{Provider: "oidc:corp", Subject: "s", Name: "jane"}, access.From{})
	if err != nil {
		t.Fatal(err)
	}
	if a := w.ask(in.Token, "GET", "/self", ""); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := w.scim(corp, "PUT", "/Users/"+ids["/Users"], fmt.Sprintf(scimUser, "jane", false)); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := w.ask(in.Token, "GET", "/self", ""); a.status != http.StatusUnauthorized {
		t.Errorf("deactivated: %d %s", a.status, a.body)
	}
	if a := w.ask(w.admin, "GET", "/audit", ""); !strings.Contains(a.body, `"via":"token:scim"`) || !strings.Contains(a.body, "account jane") {
		t.Errorf("audited %d %.2000s", a.status, a.body)
	}
}

// TestBreachedPasswordsSetting: a list that can't be used refuses at the start.
func TestBreachedPasswordsSetting(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var lines []string
	for _, password := range []string{"correct horse battery staple", "a", "b"} {
		lines = append(lines, fmt.Sprintf("%X:7\r\n", sha1.Sum([]byte(password))))
	}
	slices.Sort(lines)
	good := write("good.txt", strings.Join(lines, ""))
	slices.Reverse(lines)
	for path, want := range map[string]string{
		filepath.Join(folder, "missing.txt"):                 "no such file",
		write("unordered.txt", strings.Join(lines, "")):      "comes before an earlier one",
		write("words.txt", strings.Repeat("password\n", 20)): "it is no list of passwords by hash",
	} {
		cfg := DefaultConfig()
		cfg.Data, cfg.Access.BreachedPasswords = t.TempDir(), path
		err := Serve(t.Context(), cfg, slog.New(slog.DiscardHandler), io.Discard, func(Ready) { t.Error("it serves") })
		if err == nil || !strings.HasPrefix(err.Error(), "access.breachedPasswords: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	config := write("farrier.yaml", "version: 1\naccess:\n  breachedPasswords: "+good+"\n")
	cfg := DefaultConfig()
	if err := cfg.ReadFile(config); err != nil || cfg.Access.BreachedPasswords != good {
		t.Fatalf("%q, %v", cfg.Access.BreachedPasswords, err)
	}
	w := startAuthWorld(t, func(c *Config) { c.Access.BreachedPasswords = good })
	token, _, err := w.control.access.LoginLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	in, _, err := w.control.access.RedeemLink(t.Context(), token, access.From{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.control.access.SetPassword(t.Context(), in.Token, "", "correct horse battery staple", access.From{}); err == nil || !strings.Contains(err.Error(), "everybody's passwords") {
		t.Errorf("stolen: %v", err)
	}
	if _, err := w.control.access.SetPassword(t.Context(), in.Token, "", "twelve unrelated giraffes", access.From{}); err != nil {
		t.Errorf("another: %v", err)
	}
}
