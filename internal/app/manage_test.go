package app

import (
	"bytes"
	"context"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/api"
	"farrier.dev/farrier/internal/audit"
	controls "farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/resource"
	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/policy/catalogue"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store/storetest"
)

// oneTree has the environments default and production in the organisation.
type oneTree struct{}

func (oneTree) ScopeOf(_ context.Context, environment string) (access.Scope, error) {
	if environment != "default" && environment != "production" {
		return access.Scope{}, access.ErrUnknown
	}
	return access.Scope{Group: access.Root, Environment: environment}, nil
}

func (oneTree) GroupScope(_ context.Context, group string) (access.Scope, error) {
	return access.Scope{Group: group}, nil
}

// tokens takes the name of a role for a token.
type tokens struct{}

func (tokens) Identify(_ context.Context, token string) (controls.Principal, error) {
	return controls.Principal{Operator: token, Via: "token:test", Roles: []access.Role{access.Role(token)}}, nil
}

// managed serves the API of resources of a new database.
func managed(t *testing.T) (*resource.Service, ControlPlane) {
	t.Helper()
	db := storetest.Open(t)
	log, err := audit.Open(t.Context(), db, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	keyring, err := secret.OpenKeyring(t.TempDir(), func() (bool, error) { return false, nil })
	if err != nil {
		t.Fatal(err)
	}
	all, err := catalogue.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	schemas := schemasOf(all)
	service, err := resource.New(t.Context(), resource.Options{
		DB: db, Gate: controls.Gate{Tree: oneTree{}}, Auditor: log, Sealer: keyring, Now: time.Now,
		Catalogue: catalogue.Manifests{Catalogue: all}, Build: func(string) manifest.Options { return manifest.Options{Expand: secret.Environ().Expand} },
		Schema: func(name string) map[string]any {
			if e := all.Find(name); e != nil {
				return schemas[e.Name]
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	handler, err := api.New(api.Options{
		Sessions: tokens{}, Tree: oneTree{}, Now: time.Now, Log: slog.New(slog.DiscardHandler), Services: api.Services{Resources: service},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return service, ControlPlane{Server: server.URL, Token: string(access.RoleAdmin), Environment: "default"}
}

const ordersManifest = `apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: orders}
spec:
  address: http://0.0.0.0:8081/orders
  services: {orders: {address: "http://orders:8080"}}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: PolicyBinding
metadata: {name: orders-login}
spec:
  targetRef: {name: orders}
  policyRef: {name: http-basic-authentication-flex}
  config: {username: u, password: hidden-pass}
`

// TestManageByCommands plays how an environment is kept in files: diff, apply, publish,
// get, export, and the export into another environment.
func TestManageByCommands(t *testing.T) {
	_, to := managed(t)
	ctx, dir := t.Context(), t.TempDir()
	file := filepath.Join(dir, "orders.yaml")
	if err := os.WriteFile(file, []byte(ordersManifest), 0o600); err != nil {
		t.Fatal(err)
	}
	steps := []struct {
		name string
		run  func(out *bytes.Buffer) (int, error)
		code int
		want []string
	}{
		{"diff", func(out *bytes.Buffer) (int, error) {
			return DiffResources(ctx, to, []string{file}, false, "text", nil, out)
		}, ExitFindings, []string{"added ApiInstance default/orders\n", "  + spec.config.password: ••••••••\n"}},
		{"dry run", func(out *bytes.Buffer) (int, error) {
			return Apply(ctx, to, []string{dir}, ApplyOptions{DryRun: true, Format: "text"}, nil, out)
		}, ExitGood, []string{"2 changed, 0 unchanged; nothing was written\n"}},
		{"apply", func(out *bytes.Buffer) (int, error) {
			return Apply(ctx, to, []string{dir}, ApplyOptions{Format: "text", Publish: true, Note: "first"}, nil, out)
		}, ExitGood, []string{"2 changed, 0 unchanged\n", "revision 1 is in service\n"}},
		{"again", func(out *bytes.Buffer) (int, error) {
			return Apply(ctx, to, []string{"-"}, ApplyOptions{Format: "text", Publish: true}, strings.NewReader(ordersManifest), out)
		}, ExitGood, []string{"0 changed, 2 unchanged\n", "revision 1 serves already\n"}},
		{"no difference", func(out *bytes.Buffer) (int, error) {
			return DiffResources(ctx, to, nil, false, "json", nil, out)
		}, ExitGood, []string{`"changes":[]`}},
		{"list", func(out *bytes.Buffer) (int, error) { return 0, Get(ctx, to, nil, "text", out) }, ExitGood, []string{"ApiInstance    default/orders        admin"}},
		{"one", func(out *bytes.Buffer) (int, error) {
			return 0, Get(ctx, to, []string{"policybindings", "orders-login"}, "yaml", out)
		}, ExitGood, []string{"    password: \"••••••••\"\n"}},
	}
	for _, s := range steps {
		var out bytes.Buffer
		code, err := s.run(&out)
		if err != nil || code != s.code {
			t.Fatalf("%s: %d, %v\n%s", s.name, code, err, out.String())
		}
		for _, want := range s.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: no %q in\n%s", s.name, want, out.String())
			}
		}
	}
	var first, second bytes.Buffer
	exported := filepath.Join(dir, "exported.yaml")
	if err := Export(ctx, to, true, "", &first); err != nil {
		t.Fatal(err)
	}
	if err := Export(ctx, to, true, exported, nil); err != nil {
		t.Fatal(err)
	}
	to.Environment = "production"
	var told bytes.Buffer
	if _, err := Apply(ctx, to, []string{exported}, ApplyOptions{Format: "text"}, nil, &told); err != nil {
		t.Fatal(err)
	}
	if err := Export(ctx, to, false, "-", &second); err != nil || first.String() != second.String() || !strings.Contains(first.String(), "hidden-pass") {
		t.Errorf("%v\n%s\n%s", err, first.String(), second.String())
	}
}

func TestManageRefuses(t *testing.T) {
	_, to := managed(t)
	file := filepath.Join(t.TempDir(), "a.yaml")
	for name, c := range map[string]struct {
		change func(*ControlPlane)
		text   string
		want   string
	}{
		"no server":    {func(c *ControlPlane) { c.Server = "" }, ordersManifest, "--server is missing"},
		"no address":   {func(c *ControlPlane) { c.Server = "farrier" }, ordersManifest, "must be an address"},
		"no token":     {func(c *ControlPlane) { c.Token = "" }, ordersManifest, "set FARRIER_TOKEN"},
		"may not":      {func(c *ControlPlane) { c.Token = "auditor" }, ordersManifest, "Not allowed"},
		"no such":      {func(c *ControlPlane) { c.Environment = "nowhere" }, ordersManifest, "Not found"},
		"no manifest":  {func(*ControlPlane) {}, "kind: [", "a.yaml:1: error: not readable as YAML"},
		"bad settings": {func(*ControlPlane) {}, strings.Replace(ordersManifest, "username", "usrname", 1), "PolicyBinding default/orders-login: spec.config"},
	} {
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		one := to
		c.change(&one)
		if code, err := Apply(t.Context(), one, []string{file}, ApplyOptions{Format: "text"}, nil, new(bytes.Buffer)); code != ExitBroken || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %d, %v, want %q", name, code, err, c.want)
		}
	}
}
