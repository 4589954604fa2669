package ldapauth

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/policy/policytest"
)

// entries is the directory of the tests. Everybody's password is the name with
// -secret behind it.
const entries = `dn: dc=example,dc=com
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: ou=people,dc=example,dc=com
objectClass: organizationalUnit
ou: people

dn: ou=abroad,ou=people,dc=example,dc=com
objectClass: organizationalUnit
ou: abroad

dn: cn=gateway,dc=example,dc=com
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: gateway
userPassword: gateway-secret

dn: uid=ada,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: ada
cn: Ada
sn: Lovelace
mail: ada@example.com
userPassword: ada-secret

dn: uid=bob,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: bob
cn: Bob
sn: Twin
userPassword: bob-secret

dn: uid=eve (x*),ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: eve (x*)
cn: Eve
sn: Twin
userPassword: eve-secret

dn: uid=nopass,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: nopass
cn: No
sn: Password

dn: uid=carl,ou=abroad,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: carl
cn: Carl
sn: Abroad
userPassword: carl-secret
`

// slapd is OpenLDAP's server, run by the test.
type slapd struct {
	t           *testing.T
	program     string
	dir         string
	plain, tls  string // addresses
	certificate string // of its authority, PEM
	stop        context.CancelFunc
	done        chan struct{}
}

// startSlapd fills a new directory and serves it. Its database allows a bind
// without password, as badly kept directories do.
func startSlapd(t *testing.T) *slapd {
	t.Helper()
	s := &slapd{t: t, program: policytest.Program(t, "slapd"), dir: t.TempDir(), plain: free(t), tls: free(t)}
	add := policytest.Program(t, "slapadd")
	s.certify()
	if err := os.Mkdir(s.path("db"), 0o700); err != nil {
		t.Fatal(err)
	}
	module := ""
	for _, dir := range []string{"/usr/lib/ldap", "/usr/lib64/openldap", "/usr/lib/openldap"} {
		if found, err := filepath.Glob(dir + "/back_mdb*"); err == nil && len(found) > 0 {
			module = "modulepath " + dir + "\nmoduleload back_mdb\n"
		}
	}
	schemas := "/etc/ldap/schema"
	if _, err := os.Stat(schemas); err != nil {
		schemas = "/etc/openldap/schema"
	}
	var config strings.Builder
	for _, one := range []string{"core", "cosine", "inetorgperson"} {
		_, _ = fmt.Fprintf(&config, "include %s/%s.schema\n", schemas, one)
	}
	_, _ = fmt.Fprintf(&config, `pidfile %[1]s/slapd.pid
%[2]sallow bind_anon_cred
TLSCertificateFile %[1]s/crt.pem
TLSCertificateKeyFile %[1]s/key.pem
database mdb
maxsize 16777216
suffix "dc=example,dc=com"
directory %[1]s/db
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=gateway,dc=example,dc=com" read by * none
`, s.dir, module)
	s.write("slapd.conf", config.String())
	s.write("entries.ldif", entries)
	load := exec.CommandContext(t.Context(), add, "-f", s.path("slapd.conf"), "-l", s.path("entries.ldif"))
	if out, err := load.CombinedOutput(); err != nil {
		t.Fatalf("slapadd: %v\n%s", err, out)
	}
	s.start()
	t.Cleanup(func() { s.end() })
	return s
}

func (s *slapd) path(name string) string { return filepath.Join(s.dir, name) }

func (s *slapd) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(s.path(name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// start runs the server and waits until it accepts connections.
func (s *slapd) start() {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	serve := exec.CommandContext(ctx, s.program, "-d", "0", "-f", s.path("slapd.conf"), "-h", "ldap://"+s.plain+" ldaps://"+s.tls)
	var complaints bytes.Buffer
	serve.Stderr = &complaints
	if err := serve.Start(); err != nil {
		cancel()
		s.t.Fatal(err)
	}
	s.stop, s.done = cancel, make(chan struct{})
	go func() { _ = serve.Wait(); close(s.done) }()
	for deadline := time.Now().Add(20 * time.Second); ; {
		if c, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.tls); err == nil {
			_ = c.Close()
			return
		}
		select {
		case <-s.done:
			s.t.Fatalf("slapd ended:\n%s", complaints.String())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			s.t.Fatal("slapd does not answer")
		}
	}
}

// end kills the server and waits for its end.
func (s *slapd) end() {
	s.stop()
	<-s.done
}

// certify makes an authority and a certificate of localhost.
func (s *slapd) certify() {
	s.t.Helper()
	fail := func(err error) {
		if err != nil {
			s.t.Helper()
			s.t.Fatal(err)
		}
	}
	make := func(template, parent *x509.Certificate, signer *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		fail(err)
		if signer == nil {
			parent, signer = template, key
		}
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		raw, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
		fail(err)
		certificate, err := x509.ParseCertificate(raw)
		fail(err)
		return certificate, key
	}
	ca, caKey := make(&x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test CA"}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil, nil)
	server, key := make(&x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, ca, caKey)
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	fail(err)
	encode := func(kind string, raw []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw}))
	}
	s.certificate = encode("CERTIFICATE", ca.Raw)
	s.write("crt.pem", encode("CERTIFICATE", server.Raw))
	s.write("key.pem", encode("PRIVATE KEY", raw))
}

// free is an address that nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
