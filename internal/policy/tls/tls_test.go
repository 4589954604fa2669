package tls_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	stdtls "crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/policy/tls"
)

func TestConversations(t *testing.T) { policytest.Play(t, tls.Policy(), 1) }

type pair struct{ crt, key string }

// certificate makes a self-signed certificate that is good for both sides.
func certificate(t *testing.T, names []string, key any) pair {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "gateway"}, DNSNames: names,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	var public any
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		public = &k.PublicKey
	case *rsa.PrivateKey:
		public = &k.PublicKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pair{
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
	}
}

func newECDSA(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func settings(t *testing.T, good pair, change map[string]any) json.RawMessage {
	t.Helper()
	all := map[string]any{"certificate": map[string]any{"crt": good.crt, "key": good.key}}
	for name, value := range change {
		all[name] = value
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestDefaults(t *testing.T) {
	good := certificate(t, []string{"gateway.test"}, newECDSA(t))
	config, err := tls.Config(settings(t, good, nil))
	if err != nil {
		t.Fatal(err)
	}
	if config.MinVersion != stdtls.VersionTLS12 || config.MaxVersion != stdtls.VersionTLS13 {
		t.Errorf("versions %x to %x", config.MinVersion, config.MaxVersion)
	}
	if !slices.Equal(config.NextProtos, []string{"h2", "http/1.1"}) {
		t.Errorf("protocols %v", config.NextProtos)
	}
	if len(config.CipherSuites) != 6 || config.ClientAuth != stdtls.NoClientCert || config.InsecureSkipVerify {
		t.Errorf("%d suites, client certificates %v", len(config.CipherSuites), config.ClientAuth)
	}
}

// TestRefusals changes good settings in one way each.
func TestRefusals(t *testing.T) {
	good, other := certificate(t, []string{"gateway.test"}, newECDSA(t)), certificate(t, []string{"gateway.test"}, newECDSA(t))
	// crypto/rsa refuses to make keys that short, so this one is older than that.
	t.Setenv("GODEBUG", "rsa1024min=0")
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	weak := certificate(t, []string{"gateway.test"}, short)
	encrypted := string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")}))
	cases := []struct {
		name   string
		change map[string]any
		want   string
	}{
		{"key of another certificate", map[string]any{"certificate": map[string]any{"crt": good.crt, "key": other.key}}, "private key does not match"},
		{"short key", map[string]any{"certificate": map[string]any{"crt": weak.crt, "key": weak.key}}, "its RSA key has 1024 bits"},
		{"encrypted key", map[string]any{"certificate": map[string]any{"crt": good.crt, "key": encrypted}}, "certificate.key: encrypted"},
		{"short authority", map[string]any{"trustedCA": weak.crt}, "trustedCA: certificate 1: its RSA key"},
		{"key among the trusted", map[string]any{"trustedCA": good.key}, "only certificates belong here"},
		{"no PEM among the trusted", map[string]any{"trustedCA": "ca.pem"}, "trustedCA: not PEM"},
		{"rubbish behind the trusted", map[string]any{"trustedCA": good.crt + "x"}, "trustedCA: not PEM"},
		{"nobody to trust", map[string]any{"requireClientCertificate": true}, "trustedCA: missing"},
		{"versions crossed", map[string]any{"minversion": "1.3", "maxversion": "1.2"}, "minversion is above maxversion"},
		{"spellings differ", map[string]any{"minversion": "1.3", "minVersion": "1.2"}, "minversion and minVersion say different things"},
		{"no suite for 1.1", map[string]any{"minversion": "1.1"}, "none is for TLS 1.1"},
		{"no suite for 1.2", map[string]any{"ciphers": []string{"TLS_AES_128_GCM_SHA256"}}, "none is for TLS 1.2"},
		{"broken suite", map[string]any{"ciphers": []string{"TLS_RSA_WITH_RC4_128_SHA"}}, "ciphers[0]: TLS_RSA_WITH_RC4_128_SHA is broken"},
		{"name of another list", map[string]any{"ciphers": []string{"ECDHE-RSA-AES128-GCM-SHA256"}}, "use IANA names"},
		{"protocol", map[string]any{"alpn": []string{"h2", "h3"}}, `alpn[1]: "h3"`},
		{
			"no suite for HTTP/2",
			map[string]any{"alpn": []string{"h2"}, "ciphers": []string{"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"}},
			"HTTP/2 needs",
		},
	}
	for _, c := range cases {
		_, err := tls.Config(settings(t, good, c.change))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
			continue
		}
		if strings.Contains(err.Error(), "BEGIN") && strings.Contains(err.Error(), "MII") {
			t.Errorf("%s: the error quotes a key: %v", c.name, err)
		}
	}
	t.Logf("refused %d settings", len(cases))
}

func TestWarnings(t *testing.T) {
	named, unnamed := certificate(t, []string{"gateway.test"}, newECDSA(t)), certificate(t, nil, newECDSA(t))
	p := tls.Policy()
	cases := []struct {
		settings json.RawMessage
		want     string
	}{
		{settings(t, named, nil), ""},
		{settings(t, unnamed, nil), "no DNS name"},
		{settings(t, named, map[string]any{"minVersion": "1.1", "ciphers": []string{
			"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
		}}), "TLS 1.1 is obsolete"},
		{settings(t, named, map[string]any{"ciphers": []string{"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"}}), "only HTTP/1.1 is offered"},
	}
	for _, c := range cases {
		if _, err := p.Compile(c.settings); err != nil {
			t.Errorf("want %q: %v", c.want, err)
		}
		got := strings.Join(p.Warn(c.settings), "\n")
		if !strings.Contains(got, c.want) || c.want == "" && got != "" {
			t.Errorf("warnings %q, want %q", got, c.want)
		}
	}
}

func TestStructural(t *testing.T) {
	compiled, err := tls.Policy().Compile(settings(t, certificate(t, []string{"gateway.test"}, newECDSA(t)), nil))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := compiled.Bind(policy.Env{}); err == nil {
		t.Error("a structural policy was bound to a step")
	}
}

// TestHandshake speaks TLS by the settings: a client without a certificate is
// refused exactly when one is required.
func TestHandshake(t *testing.T) {
	server, client := certificate(t, []string{"gateway.test"}, newECDSA(t)), certificate(t, []string{"client.test"}, newECDSA(t))
	own, err := stdtls.X509KeyPair([]byte(client.crt), []byte(client.key))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		required, shown bool
		want            string
	}{
		{false, false, ""}, {false, true, ""}, {true, true, ""}, {true, false, "client didn't provide a certificate"},
	} {
		config, err := tls.Config(settings(t, server, map[string]any{"trustedCA": client.crt, "requireClientCertificate": c.required}))
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM([]byte(server.crt))
		dial := &stdtls.Config{RootCAs: roots, ServerName: "gateway.test", NextProtos: []string{"h2"}}
		if c.shown {
			dial.Certificates = []stdtls.Certificate{own}
		}
		near, far := net.Pipe()
		go func() {
			one := stdtls.Client(far, dial)
			_ = one.HandshakeContext(context.Background())
			_, _ = one.Read(make([]byte, 1))
			_ = one.Close()
		}()
		conn := stdtls.Server(near, config)
		err = conn.HandshakeContext(context.Background())
		if c.want == "" && (err != nil || conn.ConnectionState().NegotiatedProtocol != "h2") {
			t.Errorf("required %v, shown %v: %v, protocol %q", c.required, c.shown, err, conn.ConnectionState().NegotiatedProtocol)
		}
		if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("required %v, shown %v: %v, want %q", c.required, c.shown, err, c.want)
		}
		_ = near.Close()
	}
}
