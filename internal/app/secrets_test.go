package app_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/app"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/secrets"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

// plantedSecret is a password that must be found nowhere.
const plantedSecret = "plantedSecret-Passw0rd/+\"quote"

// oneEnvironment is a tree with one environment, where everybody is found.
type oneEnvironment struct{}

func (oneEnvironment) ScopeOf(_ context.Context, environment string) (access.Scope, error) {
	return access.Scope{Group: access.Root, Environment: environment}, nil
}

func (oneEnvironment) GroupScope(context.Context, string) (access.Scope, error) {
	return access.Scope{Group: access.Root}, nil
}

// vault is the service of secrets in a process beside the one that serves.
type vault struct {
	*secrets.Service
	t     testing.TB
	admin control.Principal
}

func openVault(t testing.TB, data string) *vault {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(data, store.ControlFile), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	ring, err := secret.OpenKeyring(data, func() (bool, error) { return true, nil })
	if err != nil {
		t.Fatal(err)
	}
	log, err := audit.Open(t.Context(), db, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	service, err := secrets.Open(t.Context(), secrets.Options{DB: db, Tree: oneEnvironment{}, Ring: ring, Audit: log, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return &vault{service, t, control.Principal{Operator: "admin", Roles: []access.Role{access.RoleAdmin}}}
}

func (v *vault) put(name string, in secrets.Input) {
	v.t.Helper()
	before, _, _ := v.Get(v.t.Context(), v.admin, "default", "backend", name)
	if _, err := v.Put(v.t.Context(), v.admin, "default", "backend", name, in, before.Version); err != nil {
		v.t.Fatal(err)
	}
}

// keystore is a fresh key with a certificate for localhost.
func keystore(t testing.TB, serial int64) (text string, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	if key, err = x509.MarshalPKCS8PrivateKey(private); err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})) + string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})), key
}

const secretAPI = `
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: orders}
spec:
  address: %s://0.0.0.0:8443/api
  services: {echo: {address: "http://127.0.0.1:9001"}}
`

const secretPolicies = `
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: PolicyBinding
metadata: {name: front}
spec:
  targetRef: {name: orders}
  policyRef: {name: tls}
  config: {context: "${secret:backend/front}"}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: PolicyBinding
metadata: {name: inject}
spec:
  targetRef: {name: orders}
  policyRef: {name: header-injection-flex}
  config: {inboundHeaders: [{key: x-backend, value: "${secret:backend/database}"}]}
`

// TestSecretsInService holds that settings take kept secrets, that a rotated
// certificate and a rotated master key drop no connection, that the gateway starts
// again without its database, and that the material stands in no file and no log.
func TestSecretsInService(t *testing.T) {
	s := startServices(t, nil)
	r := serve(t, s, map[string]string{"api.yaml": fmt.Sprintf(secretAPI, "http")})
	v := openVault(t, r.data)
	if _, err := v.MakeGroup(t.Context(), v.admin, "default", secrets.Group{Name: "backend"}); err != nil {
		t.Fatal(err)
	}
	first, firstKey := keystore(t, 1)
	second, secondKey := keystore(t, 2)
	v.put("server", secrets.Input{Kind: secrets.Keystore, Import: secrets.Import{File: []byte(first)}})
	v.put("front", secrets.Input{Kind: secrets.TLSContext, Context: &secrets.Context{Keystore: "server", Min: "1.3"}})
	v.put("database", secrets.Input{Kind: secrets.Blob, Fields: map[string]string{"value": plantedSecret}})
	// A secret that does not exist refuses the change, and says where.
	manifest := filepath.Join(r.manifests, "api.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(manifest, []byte(r.place(text)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(fmt.Sprintf(secretAPI, "https") + strings.Replace(secretPolicies, "backend/database", "backend/databas", 1))
	if _, ok := r.log.waitFor("there is no such secret in this environment", 0); !ok {
		t.Fatal("an unknown secret was not refused")
	}
	if refused := r.ready.Publishing().Refused; refused == nil || !strings.Contains(refused.Problems[0].Text(), "api.yaml:") {
		t.Errorf("refused as %+v", refused)
	}
	write(fmt.Sprintf(secretAPI, "https") + secretPolicies)

	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: "localhost"}}}
	serial := func(client *http.Client) int64 {
		res, err := client.Get("https://" + r.at("8443") + "/api/x")
		if err != nil {
			return 0
		}
		defer func() { _ = res.Body.Close() }()
		_, _ = io.Copy(io.Discard, res.Body)
		if res.StatusCode != http.StatusOK {
			t.Fatalf("status %d", res.StatusCode)
		}
		return res.TLS.PeerCertificates[0].SerialNumber.Int64()
	}
	fresh := func() int64 {
		one := client.Transport.(*http.Transport).Clone()
		defer one.CloseIdleConnections()
		return serial(&http.Client{Transport: one})
	}
	until := func(what string, done func() bool) {
		t.Helper()
		for end := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal(what)
			}
		}
	}
	until("the first certificate is not served", func() bool { return serial(client) == 1 })

	// One connection goes on asking while certificate and master key change.
	v.put("server", secrets.Input{Kind: secrets.Keystore, Import: secrets.Import{File: []byte(second)}})
	asked := 0
	until("the second certificate is not served", func() bool {
		if asked++; serial(client) != 1 {
			t.Fatal("the open connection was dropped")
		}
		return fresh() == 2
	})
	var told bytes.Buffer
	cfg := app.DefaultConfig()
	cfg.Data = r.data
	if err := app.RotateMaster(t.Context(), cfg, &told); err != nil || !strings.Contains(told.String(), "values were sealed anew") {
		t.Fatalf("%q %v", told.String(), err)
	}
	for range 50 {
		if asked++; serial(client) != 1 || fresh() != 2 {
			t.Fatal("the open connection was dropped, or the wrong certificate served")
		}
	}
	t.Logf("%d requests on one connection; %s", asked, told.String())

	searchPlanted(t, r, []byte(plantedSecret), firstKey, secondKey)
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	// The database is gone; what served serves on.
	for _, suffix := range []string{"", "-wal", "-shm"} {
		_ = os.Remove(filepath.Join(r.data, store.ControlFile+suffix))
	}
	if err := os.WriteFile(filepath.Join(r.data, store.ControlFile), bytes.Repeat([]byte("damaged "), 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	again := r.data
	if err := r.startIn(again); err != nil {
		t.Fatal(err)
	}
	if got := fresh(); got != 2 {
		t.Errorf("without the database certificate %d is served", got)
	}
}

// searchPlanted looks for secrets in everything that was written.
func searchPlanted(t *testing.T, r *running, values ...[]byte) {
	t.Helper()
	var forms [][]byte
	for _, value := range values {
		escaped, err := json.Marshal(string(value))
		if err != nil {
			t.Fatal(err)
		}
		forms = append(forms, value, []byte(hex.EncodeToString(value)), bytes.Trim(escaped, `"`))
		// In base64 the form depends on where in the text the value begins.
		for shift := range 3 {
			moved := append(make([]byte, shift), value...)
			text := base64.StdEncoding.EncodeToString(moved)
			forms = append(forms, []byte(text[4:len(text)-4]))
		}
	}
	files := 0
	err := filepath.WalkDir(r.data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		for i, form := range forms {
			if bytes.Contains(text, form) {
				t.Errorf("form %d of a secret stands in %s", i, filepath.Base(path))
			}
		}
		return nil
	})
	if err != nil || files < 5 {
		t.Errorf("%d files searched, %v", files, err)
	}
	for i, form := range forms {
		if strings.Contains(r.log.String(), string(form)) {
			t.Errorf("form %d of a secret stands in the log", i)
		}
	}
	t.Logf("%d files and the log searched for %d forms", files, len(forms))
}
