package app

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	gate "farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/resource"
	"farrier.dev/farrier/internal/control/secrets"
)

// referring is an API whose policy takes its password from a kept secret.
const referring = `apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: orders}
spec:
  address: http://127.0.0.1:%d/orders
  services: {orders: {address: "http://127.0.0.1:1"}}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: PolicyBinding
metadata: {name: orders-login}
spec:
  targetRef: {name: orders}
  policyRef: {name: http-basic-authentication-flex}
  config: {username: u, password: "${secret:%s/db}"}
`

// TestDraftsAreJudgedWhereTheyServe holds that a draft is built with the references of
// its environment, and that what the gateway would refuse can't be published.
func TestDraftsAreJudgedWhereTheyServe(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Manifests, cfg.Data, cfg.Console, cfg.Limits.DrainSeconds = []string{t.TempDir()}, t.TempDir(), "off", 1
	s := start(t, cfg)
	defer s.stop()
	ctx := t.Context()
	p := gate.Principal{Operator: "dana", Via: "password", Roles: []access.Role{access.RoleAdmin}, Address: netip.MustParseAddr("192.0.2.44"), Confirmed: time.Now()}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.access.CreateEnvironment(ctx, access.By{Operator: "dana"}, access.Environment{ID: "production", Name: "Production", Kind: access.Production, Group: access.Root})
	must(err)
	for environment, group := range map[string]string{cfg.Environment: "near", "production": "far"} {
		_, err = s.secrets.MakeGroup(ctx, p, environment, secrets.Group{Name: group})
		must(err)
		_, err = s.secrets.Put(ctx, p, environment, group, "db", secrets.Input{Kind: secrets.Blob, Fields: map[string]string{"value": "some-value"}}, 0)
		must(err)
	}
	cases := []struct {
		environment, group, says string
		port                     int
	}{
		{cfg.Environment, "far", "far/db", 18081},
		{"production", "near", "near/db", 18081},
		{cfg.Environment, "near", "", 18081},
		{"production", "far", "", 18081},
	}
	publish := func(environment string) error {
		draft, err := s.resources.Draft(ctx, p, environment)
		must(err)
		_, err = s.resources.Publish(ctx, p, environment, resource.Publishing{Draft: draft.Version})
		return err
	}
	for _, c := range cases {
		_, err := s.resources.Apply(ctx, p, c.environment, fmt.Appendf(nil, referring, c.port, c.group), resource.Applying{})
		if c.says == "" {
			must(err)
			continue
		}
		if err == nil {
			err = publish(c.environment)
		}
		var refused *resource.InvalidError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s with a secret of %s: %v", c.environment, c.group, err)
		}
	}
	must(publish("production"))
	t.Logf("%d drafts", len(cases))
}
