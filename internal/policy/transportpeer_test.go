package policy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"testing"
	"time"
)

// authority is one that signs certificates and lists.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) //nolint:gochecknoglobals // a constant in all but name

func newAuthority(t *testing.T, name string) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := authority{key: key}
	a.cert = a.sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: noon.AddDate(-1, 0, 0), NotAfter: noon.AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, SubjectKeyId: []byte(name),
	}, nil)
	return a
}

// sign makes a certificate, its own without a parent.
func (a authority) sign(t *testing.T, template, parent *x509.Certificate) *x509.Certificate {
	t.Helper()
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// list is a revocation list that says until when it holds.
func (a authority) list(t *testing.T, until time.Time, revoked ...int64) string {
	t.Helper()
	template := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: until.AddDate(0, 0, -7), NextUpdate: until}
	for _, n := range revoked {
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: big.NewInt(n), RevocationTime: template.ThisUpdate})
	}
	der, err := x509.CreateRevocationList(rand.Reader, template, a.cert, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}))
}

// TestStaleRevocationLists holds that a list whose next update is over lets nobody in
// of its issuer: who was revoked since is not known.
func TestStaleRevocationLists(t *testing.T) {
	ours, other := newAuthority(t, "ours"), newAuthority(t, "other")
	leaf := ours.sign(t, &x509.Certificate{SerialNumber: big.NewInt(42), Subject: pkix.Name{CommonName: "client"}, NotBefore: noon.AddDate(0, -1, 0), NotAfter: noon.AddDate(0, 1, 0)}, ours.cert)
	state := tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}, VerifiedChains: [][]*x509.Certificate{{leaf, ours.cert}}}
	stale, fresh := noon.Add(-time.Second), noon.Add(time.Second)
	cases := []struct {
		name   string
		lists  string
		strict bool
		want   error
	}{
		{"a fresh one", ours.list(t, fresh), false, nil},
		{"one of this moment", ours.list(t, noon), false, nil},
		{"a stale one", ours.list(t, stale), false, errStale},
		{"a stale one, strictly", ours.list(t, stale), true, errStale},
		{"a stale one beside a fresh one", ours.list(t, stale) + ours.list(t, fresh), true, nil},
		{"revoked by a fresh one", ours.list(t, fresh, 42), false, errRevoked},
		{"revoked by a stale one", ours.list(t, stale, 42), false, errRevoked},
		{"a stale one of somebody else", other.list(t, stale), false, nil},
		{"a fresh one of somebody else, strictly", other.list(t, fresh), true, errNoList},
	}
	for _, c := range cases {
		config, err := TransportSecurity{Verify: PeerConditions{CRLs: c.lists, Strict: c.strict}}.Config()
		if err != nil {
			t.Fatal(err)
		}
		config.Time = func() time.Time { return noon }
		if err := config.VerifyConnection(state); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	t.Logf("%d lists played", len(cases))
}
