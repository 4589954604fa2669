package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/access/scim"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/provision"
	"farrier.dev/farrier/internal/control/session"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
)

type unhashed struct{}

func (unhashed) Hash(_ context.Context, p string) (string, error)       { return p, nil }
func (unhashed) Verify(_ context.Context, p, hash string) (bool, error) { return p == hash, nil }
func (unhashed) VerifyNobody(_ context.Context, _ string) error         { return nil }

type unaudited struct{ broken error }

func (u *unaudited) Record(context.Context, *store.Tx, access.Event) error { return u.broken }

// provisioned is SCIM over an empty organisation, with the tokens of a provider and of
// an account that may not manage access to all of it.
type provisioned struct {
	http.Handler
	access        *access.Service
	audit         *unaudited
	tokens        map[string]string
	panics, broke bool
}

// Identify implements Sessions.
func (p *provisioned) Identify(ctx context.Context, token string) (control.Principal, error) {
	if p.panics {
		panic("a word nobody may read")
	}
	if p.broke {
		return control.Principal{}, errors.New("a word nobody may read")
	}
	s, err := session.New(p.access)
	if err != nil {
		return control.Principal{}, err
	}
	return s.Identify(ctx, token)
}

func startSCIM(t *testing.T) *provisioned {
	t.Helper()
	ctx, p := t.Context(), &provisioned{audit: &unaudited{}, tokens: map[string]string{}}
	now := func() time.Time { return noon }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	p.access, err = access.Open(ctx, storetest.Open(t), unhashed{}, p.audit, now)
	must(err)
	by := access.By{Operator: "setup"}
	for name, g := range map[string]access.KeptGrant{"corp": {Role: access.RoleAdmin, Group: access.Root}, "weak": {Role: access.RoleAuditor, Group: access.Root}} {
		a, err := p.access.CreateAccount(ctx, by, access.Account{Name: name, Kind: access.ServiceAccount})
		must(err)
		g.Account = a.ID
		_, err = p.access.AddGrant(ctx, by, g)
		must(err)
		_, p.tokens[name], err = p.access.CreateAPIToken(ctx, by, access.APIToken{Account: a.ID, Name: "scim", Limits: []access.Permission{access.ManageAccess}, Expires: noon.Add(time.Hour)})
		must(err)
	}
	in, err := p.access.SignInExternal(ctx, access.External{Provider: "oidc:x", Subject: "x", Name: "person", Create: true}, access.From{})
	must(err)
	p.tokens["session"] = in.Token
	service, err := provision.New(p.access, SCIMPrefix)
	must(err)
	p.Handler, err = NewSCIM(SCIMOptions{Sessions: p, Service: service, Now: now, Log: slog.New(slog.DiscardHandler)})
	must(err)
	return p
}

// send plays a request as a conversation writes it: its line, headers, and the body
// from the first line that begins with a brace.
func (p *provisioned) send(text string) *httptest.ResponseRecorder {
	head, body := text, ""
	if i := strings.Index(text, "\n{"); i >= 0 {
		head, body = text[:i], text[i+1:]
	}
	lines := strings.Split(strings.TrimSpace(head), "\n")
	method, path, _ := strings.Cut(lines[0], " ")
	r := httptest.NewRequestWithContext(context.Background(), method, SCIMPrefix+path, strings.NewReader(body))
	r.Header.Set("Content-Type", scim.Media)
	r.Header.Set("Authorization", "Bearer "+p.tokens["corp"])
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		if who, is := strings.CutPrefix(value, "Bearer "); is && p.tokens[who] != "" {
			value = "Bearer " + p.tokens[who]
		}
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w
}

// holds reports whether a value of JSON is as wanted: of an object, the members that
// are named count.
func holds(got, want any) bool {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		for name := range w {
			ok = ok && holds(g[name], w[name])
		}
		return ok
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for i := range w {
			ok = ok && holds(g[i], w[i])
		}
		return ok
	}
	return got == want
}

// TestSCIMConversations plays what providers send.
func TestSCIMConversations(t *testing.T) {
	files, err := filepath.Glob("testdata/scim/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	played := 0
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			p, known := startSCIM(t), map[string]string{}
			put := func(text string) string {
				for name, value := range known {
					text = strings.ReplaceAll(text, "${"+name+"}", value)
				}
				return text
			}
			parts := txtar.Parse(text).Files
			for i := 0; i+1 < len(parts); i += 2 {
				if parts[i].Name != "send" || parts[i+1].Name != "want" {
					t.Fatalf("part %d is %s, %s", i, parts[i].Name, parts[i+1].Name)
				}
				sent := put(string(parts[i].Data))
				w := p.send(sent)
				played++
				first, body, _ := strings.Cut(string(parts[i+1].Data), "\n")
				status, name, named := strings.Cut(first, " ")
				if fmt.Sprint(w.Code) != status {
					t.Fatalf("%s\n%d %s, want %s", sent, w.Code, w.Body, status)
				}
				var got, want any
				if w.Body.Len() > 0 {
					if w.Header().Get("Content-Type") != scim.Media || json.Unmarshal(w.Body.Bytes(), &got) != nil {
						t.Fatalf("%s\n%s %s", sent, w.Header(), w.Body)
					}
				}
				if named {
					known[name], _ = got.(map[string]any)["id"].(string)
					if at := w.Header().Get("Location"); at == "" || !strings.HasSuffix(at, "/"+known[name]) || w.Header().Get("ETag") == "" {
						t.Errorf("made at %q", at)
					}
				}
				if body = put(body); strings.TrimSpace(body) == "" {
					continue
				}
				if err := json.Unmarshal([]byte(body), &want); err != nil {
					t.Fatalf("%s: %v", body, err)
				}
				if !holds(got, want) {
					t.Errorf("%s\n%s\nwant %s", sent, w.Body, body)
				}
			}
		})
	}
	if t.Logf("%d files, %d requests", len(files), played); len(files) < 3 || played < 50 {
		t.Error("too few requests played")
	}
}

// TestSCIMBounds plays what is too much, and what fails inside.
func TestSCIMBounds(t *testing.T) {
	p := startSCIM(t)
	detail := func(w *httptest.ResponseRecorder) string {
		t.Helper()
		var e struct{ Status, ScimType, Detail string }
		if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || e.Status != fmt.Sprint(w.Code) {
			t.Errorf("%s: %v", w.Body, err)
		}
		return e.Status + " " + e.ScimType + " " + e.Detail
	}
	user := `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"x"}`
	if got := detail(p.send("POST /Users\n" + user + strings.Repeat(" ", scim.MaxBody))); got != fmt.Sprintf("413  The body may have %d bytes at most.", scim.MaxBody) {
		t.Error(got)
	}
	ops := strings.TrimSuffix(strings.Repeat(`{"op":"remove","path":"title"},`, scim.MaxOperations+1), ",")
	many := "PATCH /Users/x\n" + `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + ops + `]}`
	if got := detail(p.send(many)); got != "413  A patch may have 100 operations at most; send the rest in another." {
		t.Error(got)
	}
	p.audit.broken = errors.New("a word nobody may read")
	for what, fails := range map[string]*bool{"audit": new(bool), "identify": &p.broke, "panic": &p.panics} {
		*fails = true
		if got := detail(p.send("POST /Users\n" + user)); !strings.HasPrefix(got, "500  Something failed inside") || strings.Contains(got, "word") {
			t.Errorf("%s: %s", what, got)
		}
		*fails = false
	}
	p.audit.broken = nil
	if w := p.send("POST /Users\n" + user); w.Code != http.StatusCreated {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestSCIMMatrix plays every route as whoever may not: nothing is answered but a refusal
// of SCIM, with the headers that every answer has.
func TestSCIMMatrix(t *testing.T) {
	p := startSCIM(t)
	played := 0
	for _, route := range SCIMRoutes(nil) {
		for who, want := range map[string]int{"nobody": 401, "Bearer " + access.TokenPrefix + "x": 401, "Bearer session": 401, "Basic eDp5": 401, "Bearer weak": 403} {
			w := p.send(route.Method + " " + strings.ReplaceAll(route.Path, "{id}", "x") + "\nAuthorization: " + who)
			played++
			if w.Code != want || w.Header().Get("Content-Type") != scim.Media || w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s %s as %s: %d %v %s", route.Method, route.Path, who, w.Code, w.Header(), w.Body)
			}
			if (w.Header().Get("WWW-Authenticate") != "") != (want == 401) {
				t.Errorf("%s %s as %s: %v", route.Method, route.Path, who, w.Header())
			}
		}
	}
	if t.Logf("%d requests", played); played < 80 {
		t.Error("too few requests played")
	}
}
