package tokenenforcement

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/traffic"
)

// provider is oidc-provider, a certified implementation of OpenID Connect, run
// by node.
type provider struct {
	t      *testing.T
	issuer string
}

// startProvider starts it on a free port, which it prints.
func startProvider(t *testing.T) *provider {
	t.Helper()
	dir := policytest.NPM(t, "oidc-provider@9.13.3")
	script, err := os.ReadFile("testdata/provider.mjs")
	if err != nil {
		t.Fatal(err)
	}
	// A module finds its packages beside itself.
	main := filepath.Join(dir, "token-enforcement.mjs")
	if err := os.WriteFile(main, script, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	node := exec.CommandContext(ctx, policytest.Program(t, "node"), main)
	node.WaitDelay = 5 * time.Second
	out, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var complaints strings.Builder
	node.Stderr = &complaints
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); _ = node.Wait() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if issuer, ok := strings.CutPrefix(lines.Text(), "issuer "); ok {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return &provider{t, issuer}
		}
	}
	cancel()
	_ = node.Wait()
	t.Fatalf("the provider does not start:\n%s", complaints.String())
	return nil
}

// form posts a form as a client of the provider and reads the JSON of the answer.
func (p *provider) form(path, id, secret string, values url.Values) map[string]any {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.issuer+path, strings.NewReader(values.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(id, secret)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		p.t.Fatalf("%s: status %d, %v, %s", path, resp.StatusCode, err, text)
	}
	answer := map[string]any{}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &answer); err != nil {
			p.t.Fatalf("%s: %v, %s", path, err, text)
		}
	}
	return answer
}

// token is a new access token of the client mobile.
func (p *provider) token(scope string) string {
	p.t.Helper()
	answer := p.form("/token", "mobile", "mobile-secret", url.Values{"grant_type": {"client_credentials"}, "scope": {scope}})
	token, _ := answer["access_token"].(string)
	if token == "" {
		p.t.Fatalf("no token in %v", answer)
	}
	return token
}

func (p *provider) revoke(token string) {
	p.t.Helper()
	p.form("/token/revocation", "mobile", "mobile-secret", url.Values{"token": {token}})
}

// clock is a time that the test moves.
type clock struct{ offset time.Duration }

func (c *clock) now() time.Time { return time.Now().Add(c.offset) }

// bind makes a step; settings are JSON in which ISSUER stands for the provider.
func (p *provider) bind(of policy.Policy, c *clock, settings string) func(token string) (*traffic.Exchange, policy.Verdict) {
	p.t.Helper()
	catalogue, err := policy.NewCatalogue([]policy.Policy{of})
	if err != nil {
		p.t.Fatal(err)
	}
	raw := json.RawMessage(strings.ReplaceAll(settings, "ISSUER", p.issuer))
	if problems := catalogue.All()[0].Check(raw); len(problems) > 0 {
		p.t.Fatal(problems)
	}
	step := bindStep(p.t, of, raw, &http.Client{Timeout: 10 * time.Second}, c.now, policy.NewClient("mobile", "Mobile app", "", "", nil))
	return func(token string) (*traffic.Exchange, policy.Verdict) {
		x := &traffic.Exchange{}
		x.Request.Header.Set("authorization", "Bearer "+token)
		return x, step.Request(p.t.Context(), x)
	}
}

func bindStep(t *testing.T, of policy.Policy, settings json.RawMessage, client *http.Client, now func() time.Time, clients ...*policy.Client) policy.Step {
	t.Helper()
	compiled, err := of.Compile(settings)
	if err != nil {
		t.Fatal(err)
	}
	known, err := policy.NewClients(clients)
	if err != nil {
		t.Fatal(err)
	}
	step, err := compiled.Bind(policy.Env{
		Now: now, HTTP: client, Clients: known,
		State: func(_ string, make func() any) any {
			state := make()
			if closer, ok := state.(io.Closer); ok {
				t.Cleanup(func() { _ = closer.Close() })
			}
			return state
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return step
}

func wantStatus(t *testing.T, v policy.Verdict, status int, reason string) {
	t.Helper()
	if v.Answer.Status != status || !strings.Contains(v.Reason, reason) {
		t.Errorf("got status %d (%s), want %d with %q", v.Answer.Status, v.Reason, status, reason)
	}
}

// TestProvider plays both policies that speak RFC 7662 against a certified
// provider: valid, revoked, invented and too weak tokens, and a gateway that the
// provider does not know.
func TestProvider(t *testing.T) {
	p := startProvider(t)
	t.Run("introspection", func(t *testing.T) {
		p := &provider{t, p.issuer}
		c := &clock{}
		send := p.bind(Introspection(), c, `{"introspectionURL":"ISSUER/token/introspection",
			"authorizationValue":"Basic Z2F0ZXdheTpnYXRld2F5LXNlY3JldA==","scopes":"read","exposeHeaders":true,"validatedTokenTTL":60}`)
		token := p.token("read write")
		x, v := send(token)
		wantStatus(t, v, 0, "")
		if x.Auth.ClientID != "mobile" || x.Request.Header.Get("x-agw-scope") != "read write" {
			t.Errorf("client %q, scope %q", x.Auth.ClientID, x.Request.Header.Get("x-agw-scope"))
		}
		claims, ok := x.Auth.Properties["claims"].(map[string]any)
		if !ok || claims["client_id"] != "mobile" {
			t.Errorf("claims %v", x.Auth.Properties["claims"])
		}
		p.revoke(token)
		_, v = send(token)
		wantStatus(t, v, 0, "")
		c.offset = 61 * time.Second
		_, v = send(token)
		wantStatus(t, v, http.StatusUnauthorized, "not valid")
		_, v = send("invented")
		wantStatus(t, v, http.StatusUnauthorized, "not valid")
		_, v = send(p.token("write"))
		wantStatus(t, v, http.StatusForbidden, "not granted the scopes")
	})
	t.Run("discovery", func(t *testing.T) {
		p := &provider{t, p.issuer}
		c := &clock{}
		send := p.bind(OpenIDConnect(), c, `{"issuer":"ISSUER","clientId":"gateway","clientSecret":"gateway-secret",
			"scopes":"read write","scopeValidationCriteria":"OR","skipClientIdValidation":false}`)
		token := p.token("write")
		x, v := send(token)
		wantStatus(t, v, 0, "")
		if x.Auth.ClientName != "Mobile app" {
			t.Errorf("client name %q", x.Auth.ClientName)
		}
		// Tokens of this provider live for ten minutes: so long it is not asked again.
		p.revoke(token)
		c.offset = 9 * time.Minute
		_, v = send(token)
		wantStatus(t, v, 0, "")
		c.offset = 10*time.Minute + time.Second
		_, v = send(token)
		wantStatus(t, v, http.StatusUnauthorized, "not valid")
	})
	t.Run("unknown gateway", func(t *testing.T) {
		p := &provider{t, p.issuer}
		send := p.bind(OpenIDConnect(), &clock{}, `{"issuer":"ISSUER","clientId":"gateway","clientSecret":"wrong"}`)
		_, v := send(p.token("read"))
		wantStatus(t, v, http.StatusUnauthorized, "does not accept the credentials")
	})
}
