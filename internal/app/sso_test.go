package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/app"
)

// TestProviderSettings plays settings of identity providers that are wrong in one way.
func TestProviderSettings(t *testing.T) {
	t.Setenv("OIDC_SECRET_OF_TEST", "a secret of this test")
	good := `version: 1
access:
  url: https://farrier.example.com
  providers:
  - {name: corp, kind: oidc, issuer: "https://id.example.com", clientId: farrier, clientSecret: "env:OIDC_SECRET_OF_TEST", domains: [example.com], createAccounts: true, requireStrongFactor: {amr: [otp]}}
`
	const oidcKeys = `kind: oidc, issuer: "https://id.example.com", clientId: farrier, clientSecret: "env:OIDC_SECRET_OF_TEST"`
	good = strings.Replace(good, ", requireStrongFactor: {amr: [otp]}", ", requireStrongFactor: {acr: [strong]}", 1)
	cases := []struct{ old, with, says string }{
		{"", "", ""},
		{"https://farrier.example.com", "http://localhost:9080", ""},
		{oidcKeys, `kind: saml, metadata: "https://id.example.com/metadata", attributes: {groups: groups}`, ""},
		{oidcKeys, `kind: saml`, "metadata is missing"},
		{oidcKeys, `kind: saml, metadata: "http://id.example.com/metadata"`, "must begin with https://"},
		{oidcKeys, `kind: saml, metadata: idp.xml`, "whole path of a file"},
		{oidcKeys, `kind: saml, metadata: /etc/farrier/idp.xml, nameIdFormat: transient`, "nameIdFormat"},
		{oidcKeys, `kind: saml, metadata: /etc/farrier/idp.xml, clientId: farrier`, "clientId is no key of kind saml"},
		{"kind: oidc", "kind: oidc, entityId: farrier", "entityId is no key of kind oidc"},
		{"https://farrier.example.com", "http://farrier.example.com", "access.url"},
		{"  url: https://farrier.example.com\n", "", "access.url"},
		{"https://farrier.example.com", "https://farrier.example.com/console", "access.url"},
		{"kind: oidc", "kind: ldap", "access.providers[0] (corp): kind is \"ldap\""},
		{"name: corp", "name: Corp/1", "name \"Corp/1\" must be"},
		{"https://id.example.com", "http://id.example.com", "issuer"},
		{", clientId: farrier", "", "clientId is missing"},
		{"env:OIDC_SECRET_OF_TEST", "hunter2-the-secret", "clientSecret"},
		{"env:OIDC_SECRET_OF_TEST", "env:NOT_SET_OF_TEST", "NOT_SET_OF_TEST"},
		{"createAccounts", "createAccount", "unknown key createAccount"},
		{"clientId: farrier", "clientId: farrier, algorithms: [HS256]", "algorithms"},
		{`"https://id.example.com", clientId: farrier, clientSecret: "env:OIDC_SECRET_OF_TEST", domains: [example.com]`, `"https://accounts.google.com", clientId: farrier`, "name the domains"},
		{"  - {", "  - {name: corp, kind: oidc, issuer: \"https://id.example.com\", clientId: other}\n  - {", "stands there twice"},
	}
	for _, c := range cases {
		text := good
		if c.old != "" {
			text = strings.Replace(good, c.old, c.with, 1)
			if text == good {
				t.Fatalf("%q stands nowhere", c.old)
			}
		}
		file := filepath.Join(t.TempDir(), "farrier.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg := app.DefaultConfig()
		err := cfg.ReadFile(file)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %v", c.says, err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Error("the error repeats the secret")
		}
	}
	if t.Logf("%d settings", len(cases)); len(cases) < 22 {
		t.Error("too few settings played")
	}
}
