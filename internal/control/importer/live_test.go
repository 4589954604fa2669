package importer

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// platform speaks as Anypoint does to connected apps: tokens, pages, refusals, limits of
// rate.
type platform struct {
	busy atomic.Int32 // how often it still answers 429
	apis int
	// until is sent as Retry-After.
	until string
}

const (
	testOrganization = "11111111-2222-3333-4444-555555555555"
	testSecret       = "the-secret-of-the-app"
)

func (p *platform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/accounts/api/v2/oauth2/token" {
		var in map[string]string
		if r.Method != http.MethodPost || json.NewDecoder(r.Body).Decode(&in) != nil || in["grant_type"] != "client_credentials" || in["client_secret"] != testSecret {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(`{"access_token": "token-1", "token_type": "bearer", "expires_in": 3600}`))
		return
	}
	if r.Header.Get("Authorization") != "Bearer token-1" || r.Method != http.MethodGet {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if p.busy.Add(-1) >= 0 {
		w.Header().Set("Retry-After", p.until)
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	_, _ = w.Write([]byte(p.answer(w, r)))
}

func (p *platform) answer(w http.ResponseWriter, r *http.Request) string {
	environment := "/apimanager/api/v1/organizations/" + testOrganization + "/environments/e1"
	path := r.URL.Path
	switch {
	case path == "/accounts/api/organizations/"+testOrganization+"/environments":
		return `{"data": [{"id": "e1", "name": "Production", "type": "production"}], "total": 1}`
	case strings.HasPrefix(path, "/exchange/"):
		w.WriteHeader(http.StatusForbidden)
		return `{"message": "scope"}`
	case path == environment+"/apis":
		limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
		offset, _ := strconv.Atoi(r.URL.Query().Get("offset"))
		var list []string
		for i := offset; i < min(offset+limit, p.apis); i++ {
			list = append(list, fmt.Sprintf(`{"assetId": "a%d", "apis": [{"id": %d, "environmentId": "e1", "assetId": "a%d", "technology": "mule4", "productVersion": "v1"}]}`, i, i+1, i))
		}
		return fmt.Sprintf(`{"total": %d, "assets": [%s]}`, p.apis, strings.Join(list, ","))
	case strings.HasSuffix(path, "/policies") && strings.HasPrefix(path, environment):
		return `[{"id": 1, "groupId": "` + suppliedGroup + `", "assetId": "json-threat-protection", "configurationData": {"maxContainerDepth": 5}}]`
	case path == "/hybrid/api/v1/servers" && r.Header.Get("X-Anypnt-Env-Id") == "e1":
		return `{"data": [{"id": 1, "name": "m1", "type": "SERVER", "muleVersion": "4.6.0"}]}`
	case strings.HasPrefix(path, environment+"/apis/") && strings.Count(path, "/") == strings.Count(environment, "/")+2:
		id := path[strings.LastIndexByte(path, '/')+1:]
		n, _ := strconv.Atoi(id)
		return fmt.Sprintf(`{"id": %s, "environmentId": "e1", "assetId": "a%d", "technology": "mule4", "productVersion": "v1", "endpoint": {"proxyUri": "http://0.0.0.0:8081/a%d", "uri": "http://up"}}`, id, n-1, n-1)
	case strings.HasSuffix(path, "/outbound-policies"):
		w.WriteHeader(http.StatusNotFound)
		return `{}`
	}
	return `[]`
}

// reader is a Platform before server; waited sums up what it waited.
func reader(server *httptest.Server, waited *time.Duration) *Platform {
	return &Platform{
		Base: server.URL, Organization: testOrganization, ClientID: "app", ClientSecret: testSecret, HTTP: server.Client(),
		Now: func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) },
		Wait: func(ctx context.Context, d time.Duration) error {
			*waited += d
			return ctx.Err()
		},
	}
}

func TestFetch(t *testing.T) {
	for _, until := range []string{"7", "Fri, 02 Jan 2026 03:04:12 GMT"} {
		p := &platform{apis: 130, until: until}
		p.busy.Store(2)
		server := httptest.NewTLSServer(p)
		var waited time.Duration
		files, findings, err := reader(server, &waited).Fetch(t.Context())
		server.Close()
		if err != nil {
			t.Fatal(err)
		}
		if waited != 14*time.Second {
			t.Errorf("Retry-After %q: waited %v, want 14s", until, waited)
		}
		all := policies(t)
		r := Anypoint(files, all)
		if len(r.Environments) != 1 || r.Environments[0].Name != "production" || len(r.Environments[0].Runtimes) != 1 {
			t.Fatalf("environments: %+v", r.Environments)
		}
		kinds := map[string]int{}
		for _, d := range r.Environments[0].Documents {
			kinds[d.Kind]++
		}
		if kinds["ApiInstance"] != 130 || kinds["Service"] != 130 || kinds["PolicyBinding"] != 260 {
			t.Errorf("made %v of 130 APIs; %v", kinds, r.Findings)
		}
		refused := 0
		for _, f := range findings {
			if strings.Contains(f.Why, "403") || strings.Contains(f.Why, "404") {
				refused++
			}
		}
		if refused != 131 {
			t.Errorf("%d refusals were listed, want 131", refused)
		}
	}
}

func TestFetchRefuses(t *testing.T) {
	tests := []struct {
		name string
		wrap func(h http.Handler) http.Handler
		edit func(p *Platform)
		want string
	}{
		{"http elsewhere", nil, func(p *Platform) { p.Base = "http://anypoint.example" }, "must be as https://"},
		{"credentials in the address", nil, func(p *Platform) { p.Base = "https://a:b@anypoint.example" }, "must be as https://"},
		{"no organisation", nil, func(p *Platform) { p.Organization = "" }, "are needed"},
		{"wrong secret", nil, func(p *Platform) { p.ClientSecret = "another-secret" }, "refused client id or secret"},
		{"untrusted certificate", nil, func(p *Platform) { p.HTTP = &http.Client{} }, "certificate"},
		{"always busy", func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) })
		}, nil, "429 again and again"},
		{"endless answer", func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				for range maxAnswer>>20 + 1 {
					if _, err := w.Write(make([]byte, 1<<20)); err != nil {
						return
					}
				}
			})
		}, nil, "larger than 16 MiB"},
		{"redirect", func(http.Handler) http.Handler { return http.RedirectHandler("https://evil.example", http.StatusFound) }, func(p *Platform) {
			p.HTTP.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		}, "answered 302"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var h http.Handler = &platform{apis: 1}
			if tt.wrap != nil {
				h = tt.wrap(h)
			}
			server := httptest.NewTLSServer(h)
			defer server.Close()
			server.Config.ErrorLog = nil
			var waited time.Duration
			p := reader(server, &waited)
			if tt.edit != nil {
				tt.edit(p)
			}
			_, _, err := p.Fetch(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if strings.Contains(err.Error(), p.ClientSecret) && p.ClientSecret != "" {
				t.Error("the secret stands in the error")
			}
		})
	}
	t.Logf("played %d refusals", len(tests))
}
