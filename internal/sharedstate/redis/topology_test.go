package redis_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/sharedstate/redis"
	"farrier.dev/farrier/internal/sharedstate/sharedstatetest"
)

func write(t testing.TB, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestSentinel finds the server through a sentinel, and its successor.
func TestSentinel(t *testing.T) {
	first := sharedstatetest.StartServer(t)
	host, port, _ := net.SplitHostPort(first.Address)
	second := sharedstatetest.StartServer(t, "--replicaof", host, port)
	file := filepath.Join(t.TempDir(), "sentinel.conf")
	write(t, file, fmt.Sprintf("sentinel monitor farrier %s %s 1\nsentinel down-after-milliseconds farrier 500\nsentinel failover-timeout farrier 2000\n", host, port))
	sentinel := sharedstatetest.StartSentinel(t, file)
	sharedstatetest.Eventually(t, 20*time.Second, "the replica follows", func() bool {
		return strings.Contains(second.Ask("ROLE"), "*5") && first.Ask("WAIT", "1", "100") == ":1"
	})
	sharedstatetest.Eventually(t, 30*time.Second, "the sentinel knows the replica", func() bool {
		return sentinel.Ask("SENTINEL", "REPLICAS", "farrier") == "*1"
	})
	store := open(t, redis.Options{Sentinels: []string{sentinel.Address}, SentinelMaster: "farrier"})
	healthy(t, store)
	counter := store.Counter("n")
	if _, err := counter.Take(t.Context(), "k", minute); err != nil {
		t.Fatal(err)
	}
	first.Kill()
	began := time.Now()
	sharedstatetest.Eventually(t, 60*time.Second, "the successor counts", func() bool {
		_, err := counter.Take(t.Context(), "k", minute)
		return err == nil && second.Ask("ROLE") == "*3"
	})
	t.Logf("the successor counts %v after the kill", time.Since(began))
}

// TestTLS speaks TLS with certificates on both sides, and trusts no stranger.
func TestTLS(t *testing.T) {
	address := sharedstatetest.FreeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	dir := t.TempDir()
	trusted, own := certificate(t, dir)
	file := func(name string) string { return filepath.Join(dir, name) }
	server := sharedstatetest.StartServer(t)
	for _, words := range [][]string{
		{"CONFIG", "SET", "tls-cert-file", file("crt.pem"), "tls-key-file", file("key.pem"), "tls-ca-cert-file", file("crt.pem"), "tls-port", port},
	} {
		if answer := server.Ask(words...); answer != "+OK" {
			t.Fatalf("this server speaks no TLS: %s", answer)
		}
	}
	good := open(t, redis.Options{Address: address, TLS: &tls.Config{RootCAs: trusted, Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS12}})
	healthy(t, good)
	if _, err := good.Counter("n").Take(t.Context(), "k", minute); err != nil {
		t.Error(err)
	}
	for what, config := range map[string]*tls.Config{
		"a server that nobody trusts":  {Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS12},
		"a client without certificate": {RootCAs: trusted, MinVersion: tls.VersionTLS12},
	} {
		if s := open(t, redis.Options{Address: address, TLS: config}); s.Healthy() {
			t.Errorf("%s is healthy", what)
		}
	}
}

// certificate makes one for 127.0.0.1, in files too.
func certificate(t *testing.T, dir string) (*x509.CertPool, tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "store"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	crt := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	secret := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
	write(t, filepath.Join(dir, "crt.pem"), string(crt))
	write(t, filepath.Join(dir, "key.pem"), string(secret))
	own, err := tls.X509KeyPair(crt, secret)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(crt)
	return pool, own
}
