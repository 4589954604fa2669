package secrets

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	keystore "github.com/pavlo-v-chernykh/keystore-go/v4"
	pkcs12 "software.sslmate.com/src/go-pkcs12"

	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
)

// pair is a certificate with its key.
type pair struct {
	key  crypto.Signer
	cert *x509.Certificate
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

var clockStart = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newPair(t testing.TB, key crypto.Signer, days int) pair {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "gateway"}, DNSNames: []string{"gateway.test"},
		NotBefore: clockStart.AddDate(-1, 0, 0), NotAfter: clockStart.AddDate(0, 0, days), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCRLSign | x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, SubjectKeyId: []byte{1, 2, 3},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return pair{key, c}
}

func (p pair) pem(t testing.TB) string {
	t.Helper()
	text, err := keyPEM(p.key)
	if err != nil {
		t.Fatal(err)
	}
	return text + certificatesPEM([]*x509.Certificate{p.cert})
}

func (p pair) pkcs12(t testing.TB, password string) []byte {
	t.Helper()
	file, err := pkcs12.Modern.WithIterations(2000).Encode(p.key, p.cert, nil, password)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func (p pair) jks(t testing.TB, password string) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(p.key)
	if err != nil {
		t.Fatal(err)
	}
	ks := keystore.New()
	for _, alias := range []string{"one", "two"} {
		if err := ks.SetPrivateKeyEntry(alias, keystore.PrivateKeyEntry{
			CreationTime: clockStart, PrivateKey: der, CertificateChain: []keystore.Certificate{{Type: "X509", Content: p.cert.Raw}},
		}, []byte(password)); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := ks.Store(&out, []byte(password)); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestImport(t *testing.T) {
	good, other := newPair(t, newKey(t), 90), newPair(t, newKey(t), 90)
	t.Setenv("GODEBUG", "rsa1024min=0")
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	certificate := func(p pair) string { return certificatesPEM([]*x509.Certificate{p.cert}) }
	mixed, err := keyPEM(other.key)
	if err != nil {
		t.Fatal(err)
	}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		cases := []struct {
			name string
			kind Kind
			in   Import
			want string // empty: it is accepted
		}{
			{"pem", Keystore, Import{File: []byte(good.pem(t))}, ""},
			{"pkcs12", Keystore, Import{File: good.pkcs12(t, "changeit"), Password: "changeit"}, ""},
			{"jks", Keystore, Import{File: good.jks(t, "changeit"), Password: "changeit", Alias: "ONE"}, ""},
			{"truststore", Truststore, Import{File: []byte(certificate(good) + certificate(other))}, ""},
			{"certificate", Certificate, Import{File: []byte(certificate(good))}, ""},
			{"pinset", Pinset, Import{File: []byte(certificate(good))}, ""},
			{"nothing", Keystore, Import{}, "file: is missing"},
			{"rubbish", Keystore, Import{File: []byte("hello")}, "file: is none of PEM, PKCS#12 and JKS"},
			{"too long", Keystore, Import{File: make([]byte, MaxMaterial+1)}, "file: is longer than"},
			{"wrong password of pkcs12", Keystore, Import{File: good.pkcs12(t, "changeit"), Password: "changed"}, "password: is wrong"},
			{"wrong password of jks", Keystore, Import{File: good.jks(t, "changeit"), Password: "changed", Alias: "one"}, "password: is wrong"},
			{"no alias", Keystore, Import{File: good.jks(t, "changeit"), Password: "changeit"}, "alias: the file holds several keys; choose one of one, two"},
			{"unknown alias", Keystore, Import{File: good.jks(t, "changeit"), Password: "changeit", Alias: "three"}, "alias: there is no key of this alias"},
			{"wrong password of the key", Keystore, Import{File: good.jks(t, "changeit"), Password: "changeit", Alias: "one", KeyPassword: "no"}, "keyPassword: is wrong"},
			{"jceks", Keystore, Import{File: []byte{0xCE, 0xCE, 0xCE, 0xCE, 0, 0, 0, 2}}, "file: is a JCEKS keystore"},
			{"said to be another", Keystore, Import{File: []byte(good.pem(t)), Format: "jks"}, "format: the file is pem, not jks"},
			{"no key", Keystore, Import{File: []byte(certificate(good))}, "file: holds no private key"},
			{"no certificate", Keystore, Import{File: []byte(mixed)}, "file: holds no certificate for its key"},
			{"key of another", Keystore, Import{File: []byte(mixed + certificate(good))}, "file: its key does not belong to its certificate"},
			{"two keys", Keystore, Import{File: []byte(mixed + good.pem(t))}, "file: holds more than one private key"},
			{"encrypted key", Keystore, Import{File: pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")})}, "file: its key is encrypted"},
			{"weak key", Keystore, Import{File: []byte(newPair(t, short, 90).pem(t))}, "file: its RSA key has 1024 bits"},
			{"expired", Keystore, Import{File: []byte(newPair(t, newKey(t), -1).pem(t))}, "file: its certificate has expired on 2026-02-28"},
			{"key among the trusted", Truststore, Import{File: []byte(good.pem(t))}, "file: holds a private key"},
			{"weak authority", Truststore, Import{File: []byte(certificate(newPair(t, short, 90)))}, "file: certificate 1: its RSA key has 1024 bits"},
			{"expired certificate", Certificate, Import{File: []byte(certificate(newPair(t, newKey(t), -1)))}, "file: the certificate has expired"},
		}
		for i, c := range cases {
			e, err := w.Put(w.ctx, w.admin, "production", "backend", "s"+string(rune('a'+i)), Input{Kind: c.kind, Import: c.in}, 0)
			switch {
			case c.want == "" && err != nil:
				t.Errorf("%s: %v", c.name, err)
			case c.want == "" && c.kind == Keystore && (len(e.Facts.Certificates) != 1 || e.Facts.Certificates[0].Names[0] != "gateway.test" || e.Facts.Certificates[0].Key != "ECDSA P-256" || !e.Expires.Equal(clockStart.AddDate(0, 0, 90))):
				t.Errorf("%s: %+v", c.name, e)
			case c.want != "" && (!errors.Is(err, control.ErrInvalid) || !strings.HasPrefix(err.Error(), c.want)):
				t.Errorf("%s: %v, want %q", c.name, err, c.want)
			}
		}
		t.Logf("%d files", len(cases))
		soon, err := w.Expiring(w.ctx, 100*24*time.Hour)
		if err != nil || len(soon) != 5 {
			t.Errorf("%d expire, %v", len(soon), err)
		}
	})
}

// TestContext follows a TLS context through a change of one of its parts.
func TestContext(t *testing.T) {
	good, next := newPair(t, newKey(t), 90), newPair(t, newKey(t), 120)
	list, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(1), ThisUpdate: clockStart, NextUpdate: clockStart.AddDate(0, 0, 7),
		RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: big.NewInt(99), RevocationTime: clockStart}},
	}, good.cert, good.key)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(list) }))
	defer server.Close()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		w.o.Fetch = server.Client()
		w.put("server", Input{Kind: Keystore, Import: Import{File: []byte(good.pem(t))}})
		w.put("clients", Input{Kind: Truststore, Import: Import{File: []byte(certificatesPEM([]*x509.Certificate{good.cert}))}})
		w.put("revoked", Input{Kind: CRL, Fields: map[string]string{"url": server.URL}})
		w.must(nil, w.Tick(w.ctx))
		if e, _, _ := w.Get(w.ctx, w.admin, "production", "backend", "revoked"); e.Facts.List == nil || e.Facts.List.Revoked != 1 || e.Current != 2 {
			t.Fatalf("the list was not fetched: %+v", e)
		}
		// It ends with its next update, of which alerts tell as of certificates.
		if soon, err := w.Expiring(w.ctx, 8*24*time.Hour); err != nil || len(soon) != 1 || soon[0].Name != "revoked" || !soon[0].At.Equal(clockStart.AddDate(0, 0, 7)) {
			t.Errorf("what expires within eight days: %+v, %v", soon, err)
		}
		context := Context{Keystore: "server", Truststore: "clients", CRL: "revoked", MutualAuthentication: true, Min: "1.2", StrictCRL: true}
		w.put("front", Input{Kind: TLSContext, Context: &context})
		read := func() *policy.TLSContext {
			t.Helper()
			text, err := w.Resolve(w.ctx, "production", "${secret:backend/front}")
			if err != nil {
				t.Fatal(err)
			}
			c, err := policy.ReadTLSContext(text)
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		before := read()
		if _, err := before.Security().Config(); err != nil || !before.RequireClientCertificate || before.Verify.CRLs == "" {
			t.Errorf("%v %v", before.Verify, err)
		}
		w.put("server", Input{Kind: Keystore, Import: Import{File: []byte(next.pem(t))}})
		if after := read(); after.Key == before.Key {
			t.Error("the context has the old key")
		}
		for name, c := range map[string]Context{
			"keystore: is missing":             {},
			"keystore: there is no keystore":   {Keystore: "clients"},
			"truststore: is missing":           {Keystore: "server", MutualAuthentication: true},
			"minversion is above maxversion":   {Keystore: "server", Min: "1.3", Max: "1.2"},
			"target: must be":                  {Keystore: "server", Target: "Sun"},
			"verificationDepth: must be":       {Keystore: "server", VerificationDepth: 11},
			"crl: is missing":                  {Keystore: "server", StrictCRL: true},
			"ciphers[0]: \"x\" is unknown":     {Keystore: "server", Ciphers: []string{"x"}},
			"alpn[0]: \"h3\" is not a protoco": {Keystore: "server", ALPN: []string{"h3"}},
		} {
			_, err := w.Put(w.ctx, w.admin, "production", "backend", "bad", Input{Kind: TLSContext, Context: &c}, 0)
			if err == nil || !strings.HasPrefix(err.Error(), name) {
				t.Errorf("%q: %v", name, err)
			}
		}
		if err := w.Remove(w.ctx, w.admin, "production", "backend", "server", 2); err == nil || !strings.Contains(err.Error(), "TLS context front uses it") {
			t.Errorf("removed though used: %v", err)
		}
	})
}

func FuzzImport(f *testing.F) {
	good := newPair(f, newKey(f), 90)
	f.Add([]byte(good.pem(f)), "")
	f.Add(good.pkcs12(f, "changeit"), "changeit")
	f.Add(good.jks(f, "changeit"), "changeit")
	f.Add([]byte{0xFE, 0xED, 0xFE, 0xED, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF}, "x")
	f.Fuzz(func(t *testing.T, file []byte, password string) {
		began := time.Now()
		out, err := readWithin(context.Background(), Import{File: file, Password: password}, importTime)
		if took := time.Since(began); took > importTime {
			t.Fatalf("took %s", took)
		}
		if err == nil && out.key == nil && len(out.chain) == 0 && formatOf(file) == "pem" {
			t.Fatal("nothing was read, and nothing told")
		}
		if err != nil && !errors.Is(err, control.ErrInvalid) {
			t.Fatalf("told as %v", err)
		}
	})
}
