package authserver

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/programtest"
)

// apacheModules is where Debian and its like put the modules of Apache.
const apacheModules = "/usr/lib/apache2/modules"

// startApache serves a page behind mod_auth_openidc, which checks tokens by a
// key set.
func startApache(t *testing.T, keySet string) (address string) {
	t.Helper()
	program := programtest.Program(t, "apache2", "httpd")
	if _, err := os.Stat(apacheModules + "/mod_auth_openidc.so"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("libapache2-mod-auth-openidc is not installed")
		}
		t.Skip("libapache2-mod-auth-openidc is not installed")
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = free.Addr().String()
	_ = free.Close()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "index.html"), []byte("orders"), 0o600); err != nil {
		t.Fatal(err)
	}
	var config strings.Builder
	for _, one := range []string{"mpm_event", "authn_core", "authz_core", "authz_user", "dir", "auth_openidc"} {
		fmt.Fprintf(&config, "LoadModule %s_module %s/mod_%s.so\n", one, apacheModules, one)
	}
	fmt.Fprintf(&config, `ServerName localhost
Listen %s
PidFile %s/pid
DefaultRuntimeDir %s
ErrorLog /dev/stderr
DocumentRoot %s
DirectoryIndex index.html
OIDCOAuthSSLValidateServer Off
OIDCOAuthVerifyJwksUri %s
OIDCOAuthRemoteUserClaim sub
OIDCOAuthAcceptTokenAs header
<Location />
  AuthType oauth20
  Require claim aud:%s
</Location>
`, address, dir, dir, dir, keySet, orders)
	file := filepath.Join(dir, "apache.conf")
	if err := os.WriteFile(file, []byte(config.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	// One process serves: as several, root's would not read the test's folder.
	apache := exec.CommandContext(t.Context(), program, "-X", "-d", dir, "-f", file)
	apache.Stdout, apache.Stderr, apache.WaitDelay = &log, &log, 5*time.Second
	apache.Cancel = func() error { return apache.Process.Signal(os.Interrupt) }
	if err := apache.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = apache.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = apache.Process.Signal(os.Interrupt)
		<-ended
		if t.Failed() {
			t.Logf("%s", log.String())
		}
	})
	for late := time.Now().Add(20 * time.Second); ; {
		if conn, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			_ = conn.Close()
			return address
		}
		select {
		case <-ended:
			t.Fatalf("apache ended:\n%s", log.String())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(late) {
			t.Fatal("apache does not answer")
		}
	}
}

// TestResourceServer lets mod_auth_openidc of Apache, a certified implementation,
// check our tokens by our key set.
func TestResourceServer(t *testing.T) {
	for _, algorithm := range []string{"ES256", "RS256"} {
		t.Run(algorithm, func(t *testing.T) {
			h := newHouse(t, func(o *Options) { o.Algorithm = algorithm })
			// The module takes key sets by https alone.
			secure := httptest.NewTLSServer(h.http.Config.Handler)
			t.Cleanup(secure.Close)
			address := startApache(t, secure.URL+"/jwks")
			token := func(resource string) string {
				return h.post("/token", "robot:robot-secret", url.Values{"grant_type": {"client_credentials"}, "resource": {resource}}).text("access_token")
			}
			good := token(orders)
			part := strings.Split(good, ".")
			h.clock.pass(-time.Hour)
			expired := token(orders)
			cases := map[string]struct {
				token string
				want  int
			}{
				"good":             {good, http.StatusOK},
				"none":             {"", http.StatusUnauthorized},
				"another audience": {token(billing), http.StatusUnauthorized},
				"expired":          {expired, http.StatusUnauthorized},
				"altered":          {part[0] + "." + part[1] + "." + strings.Repeat("A", len(part[2])), http.StatusUnauthorized},
			}
			for _, name := range sortedKeys(cases) {
				c := cases[name]
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/", http.NoBody)
				if err != nil {
					t.Fatal(err)
				}
				if c.token != "" {
					req.Header.Set("Authorization", "Bearer "+c.token)
				}
				if a := h.do(req); a.status != c.want {
					t.Errorf("%s: %d, want %d", name, a.status, c.want)
				}
			}
			t.Logf("%d tokens played", len(cases))
		})
	}
}
