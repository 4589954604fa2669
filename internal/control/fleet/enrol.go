package fleet

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strings"
	"time"

	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

const (
	// tokenPrefix marks enrolment tokens, for people and for scanners of secrets.
	tokenPrefix = "frg_"
	// SealPurpose is what the column fleet_authority.sealed_key is sealed for.
	SealPurpose   = "fleet-authority"
	authorityLife = 10 * 365 * 24 * time.Hour
	serverLife    = 7 * 24 * time.Hour
	// skew is how far the clocks of gateways may be behind.
	skew = 5 * time.Minute
)

// SplitToken takes an enrolment token apart: what is shown to the control plane, and
// the fingerprint of the authority by which the gateway knows that it talks to it.
func SplitToken(token string) (bare, authority string, err error) {
	bare, authority, ok := strings.Cut(strings.TrimPrefix(token, tokenPrefix), ".")
	if !ok || !strings.HasPrefix(token, tokenPrefix) || len(authority) != 2*sha256.Size {
		return "", "", errors.New("this is no enrolment token: it begins with frg_ and was shown when the gateway was invited")
	}
	return bare, authority, nil
}

// fingerprint is the SHA-256 of a certificate's public key.
func fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:])
}

// Fingerprint is that of an authority's certificate, as enrolment tokens hold it.
func Fingerprint(c *x509.Certificate) string { return fingerprint(c) }

// ca is the authority, which is made the first time that it is asked for.
func (s *Service) ca(ctx context.Context) (*authority, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.authority != nil {
		return s.authority, nil
	}
	var certificate, sealed string
	read := func(r store.Reader) error {
		return r.QueryRow(ctx, "SELECT certificate, sealed_key FROM fleet_authority WHERE one = 1").Scan(&certificate, &sealed)
	}
	err := read(s.o.DB.Read())
	if errors.Is(err, store.ErrNoRows) {
		if certificate, sealed, err = s.newAuthority(); err != nil {
			return nil, err
		}
		err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
			// Another process may have been faster: its authority holds.
			_, err := tx.Exec(ctx, "INSERT INTO fleet_authority (one, certificate, sealed_key) VALUES (1, ?, ?) ON CONFLICT (one) DO NOTHING", certificate, sealed)
			if err != nil {
				return err
			}
			return read(tx.Reader)
		})
	}
	if err != nil {
		return nil, fmt.Errorf("reading the authority of gateways: %w", err)
	}
	if s.authority, err = s.openAuthority(certificate, sealed); err != nil {
		return nil, fmt.Errorf("opening the authority of gateways: %w", err)
	}
	return s.authority, nil
}

func (s *Service) newAuthority() (certificate, sealed string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("making the authority of gateways: %w", err)
	}
	now := s.o.Now()
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "Farrier gateways"},
		NotBefore: now.Add(-skew), NotAfter: now.Add(authorityLife),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return "", "", fmt.Errorf("making the authority of gateways: %w", err)
	}
	plain, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", "", fmt.Errorf("making the authority of gateways: %w", err)
	}
	if sealed, err = s.o.Sealer.Seal(SealPurpose, plain); err != nil {
		return "", "", fmt.Errorf("sealing the authority's key: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), sealed, nil
}

func (s *Service) openAuthority(certificate, sealed string) (*authority, error) {
	block, _ := pem.Decode([]byte(certificate))
	if block == nil {
		return nil, errors.New("its certificate is damaged")
	}
	parsed, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	plain, err := s.o.Sealer.Open(SealPurpose, sealed)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(plain)
	if err != nil {
		return nil, err
	}
	private, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("its key is of another kind")
	}
	return &authority{certificate: parsed, key: private}, nil
}

func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic(err) // crypto/rand ends the program itself before that
	}
	return n.Add(n, big.NewInt(1))
}

// issue makes a certificate of the authority, in PEM.
func (a *authority) issue(template *x509.Certificate, public any) (text string, err error) {
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, public, a.key)
	if err != nil {
		return "", fmt.Errorf("issuing a certificate: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), nil
}

// Issued is what a gateway gets: its certificate and the authority's, in PEM.
type Issued struct {
	Gateway     string    `json:"gateway"`
	Environment string    `json:"environment"`
	Name        string    `json:"name"`
	Certificate string    `json:"certificate"`
	Authority   string    `json:"authority"`
	Expires     time.Time `json:"expires"`
}

// Enrol makes a gateway of an invitation, with the key that it asks for in request
// (PKCS #10, DER). The token can be used once.
func (s *Service) Enrol(ctx context.Context, bare string, request []byte, address string) (Issued, error) {
	issued, err := s.certify(ctx, request, address, func(tx *store.Tx, g *Gateway) error {
		return tx.QueryRow(ctx, "SELECT id, environment, name FROM fleet_gateways WHERE token_hash = ? AND enrolled_at = 0 AND token_expires > ?",
			fmt.Sprintf("%x", secret.HashToken(bare)), s.o.Now().UnixMilli()).Scan(&g.ID, &g.Environment, &g.Name)
	}, audit.GatewayEnrolled)
	if errors.Is(err, ErrUnknownGateway) {
		return Issued{}, ErrToken
	}
	return issued, err
}

// Renew gives a gateway its next certificate; the one before stays good until it
// ends, since the answer may be lost.
func (s *Service) Renew(ctx context.Context, g Gateway, request []byte, address string) (Issued, error) {
	return s.certify(ctx, request, address, func(tx *store.Tx, found *Gateway) error {
		return tx.QueryRow(ctx, "SELECT id, environment, name FROM fleet_gateways WHERE id = ?", g.ID).Scan(&found.ID, &found.Environment, &found.Name)
	}, audit.GatewayRenewed)
}

func (s *Service) certify(ctx context.Context, request []byte, address string, find func(*store.Tx, *Gateway) error, action audit.Action) (Issued, error) {
	csr, err := x509.ParseCertificateRequest(request)
	if err == nil {
		err = csr.CheckSignature()
	}
	if err != nil {
		return Issued{}, fmt.Errorf("%w: the certificate request can't be read", control.ErrInvalid)
	}
	if key, ok := csr.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
		return Issued{}, fmt.Errorf("%w: the key must be ECDSA on P-256", control.ErrInvalid)
	}
	ca, err := s.ca(ctx)
	if err != nil {
		return Issued{}, err
	}
	var issued Issued
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		var g Gateway
		if err := find(tx, &g); errors.Is(err, store.ErrNoRows) {
			return ErrUnknownGateway
		} else if err != nil {
			return err
		}
		now, number := s.o.Now(), serial()
		issued = Issued{
			Gateway: g.ID, Environment: g.Environment, Name: g.Name, Expires: now.Add(CertificateLife).UTC(),
			Authority: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.certificate.Raw})),
		}
		if issued.Certificate, err = ca.issue(&x509.Certificate{
			SerialNumber: number, Subject: pkix.Name{CommonName: g.ID}, NotBefore: now.Add(-skew), NotAfter: issued.Expires,
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		}, csr.PublicKey); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE fleet_gateways SET token_hash = '', previous_serial = serial, serial = ?, certificate_expires = ?,
			enrolled_at = CASE enrolled_at WHEN 0 THEN ? ELSE enrolled_at END, seen_at = ? WHERE id = ?`,
			number.Text(16), issued.Expires.UnixMilli(), now.UnixMilli(), now.UnixMilli(), g.ID); err != nil {
			return err
		}
		return s.o.Audit.Record(ctx, tx, audit.Entry{
			Environment: g.Environment, Operator: "system", Via: "gateway", Session: g.ID, Address: address,
			Action: action, Object: "gateway " + g.Name, Outcome: audit.Done,
		})
	})
	if err != nil {
		return Issued{}, fmt.Errorf("issuing a gateway's certificate: %w", err)
	}
	return issued, nil
}

// Identify finds the gateway of a certificate that the authority issued.
func (s *Service) Identify(ctx context.Context, c *x509.Certificate) (Gateway, error) {
	var g Gateway
	err := s.o.DB.Read().QueryRow(ctx, "SELECT id, environment, name FROM fleet_gateways WHERE id = ? AND (serial = ? OR previous_serial = ?)",
		c.Subject.CommonName, c.SerialNumber.Text(16), c.SerialNumber.Text(16)).Scan(&g.ID, &g.Environment, &g.Name)
	if errors.Is(err, store.ErrNoRows) {
		return Gateway{}, ErrUnknownGateway
	}
	if err != nil {
		return Gateway{}, fmt.Errorf("looking for a gateway: %w", err)
	}
	return g, nil
}

// Served is what a gateway must serve now, nil while nothing is published.
func (s *Service) Served(ctx context.Context, g Gateway) (*Served, error) {
	return s.o.Served(ctx, g.Environment)
}

// Heard notes what a gateway says of itself.
func (s *Service) Heard(ctx context.Context, g Gateway, status Status) error {
	text, err := json.Marshal(status)
	if err != nil {
		return fmt.Errorf("noting a gateway's status: %w", err)
	}
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE fleet_gateways SET seen_at = ?, status = ? WHERE id = ?", s.o.Now().UnixMilli(), string(text), g.ID)
		return err
	})
	if err != nil {
		return fmt.Errorf("noting a gateway's status: %w", err)
	}
	return nil
}

// ServerConfig is how gateways are listened to: TLS 1.3 with a certificate of the
// authority for hosts (names or addresses), and client certificates of it, which
// only enrolment may do without.
func (s *Service) ServerConfig(ctx context.Context, hosts []string) (*tls.Config, error) {
	ca, err := s.ca(ctx)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca.certificate)
	server := &serverCertificate{ca: ca, hosts: hosts, now: s.o.Now}
	if _, err := server.get(nil); err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: pool,
		GetCertificate: server.get, Time: s.o.Now,
	}, nil
}

// AuthorityName is the name under which gateways expect the control plane's
// certificate, beside its hosts: it does not change when those do.
const AuthorityName = "control.farrier.internal"

func (c *serverCertificate) template(now time.Time) *x509.Certificate {
	t := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: AuthorityName}, DNSNames: []string{AuthorityName},
		NotBefore: now.Add(-skew), NotAfter: now.Add(serverLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, host := range c.hosts {
		if ip := net.ParseIP(host); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, host)
		}
	}
	return t
}
