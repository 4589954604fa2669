package app_test

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
	"os"
	"testing"
	"time"
)

// pki are the certificates of the tests: an authority that manifests trust,
// with a server and a client; and another one that nobody trusts.
var pki struct {
	pool                                 *x509.CertPool
	server, client, impostor, stranger   tls.Certificate
	authority, serverChain, serverKeyPEM string
}

func TestMain(m *testing.M) {
	if err := makePKI(); err != nil {
		fmt.Fprintln(os.Stderr, "making certificates:", err)
		os.Exit(1)
	}
	// What examples/README.md asks to set.
	for name, value := range map[string]string{
		"EXAMPLE_PASSWORD": "open-sesame", "EXAMPLE_CLIENT_SECRET": "s3cret",
		"EXAMPLE_JWT_KEY": "examples-only-examples-only-0123", "EXAMPLE_LOGS": os.TempDir(),
		"EXAMPLE_TLS_CRT": pki.serverChain, "EXAMPLE_TLS_KEY": pki.serverKeyPEM, "EXAMPLE_CA": pki.authority,
	} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

func makePKI() error {
	trusted, err := newAuthority("Examples")
	if err != nil {
		return err
	}
	other, err := newAuthority("Somebody else")
	if err != nil {
		return err
	}
	pki.pool = x509.NewCertPool()
	pki.pool.AddCert(trusted.cert)
	pki.authority = pemText("CERTIFICATE", trusted.cert.Raw)
	for _, one := range []struct {
		into *tls.Certificate
		by   *authority
	}{{&pki.server, trusted}, {&pki.client, trusted}, {&pki.impostor, other}, {&pki.stranger, other}} {
		if *one.into, err = one.by.issue(); err != nil {
			return err
		}
	}
	pki.serverChain = pemText("CERTIFICATE", pki.server.Certificate[0])
	key, err := x509.MarshalPKCS8PrivateKey(pki.server.PrivateKey)
	pki.serverKeyPEM = pemText("PRIVATE KEY", key)
	return err
}

func pemText(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(name string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &authority{cert, key}, err
}

func (a *authority) issue() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
