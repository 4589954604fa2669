package policy

import (
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// MinRSABits is the size in bits below which RSA keys are refused.
const MinRSABits = 2048

// TransportSecurity are the settings that TLS has on both sides of a gateway.
type TransportSecurity struct {
	// Key and Certificates are PEM: a private key, and its certificate followed
	// by those that lead to its root. Both are empty for none.
	Key, Certificates string
	// TrustedCA is PEM with one or more certificates, empty for none.
	TrustedCA string
	// Protocols are offered by ALPN (RFC 7301), the best first; nil means h2 and
	// http/1.1.
	Protocols []string
	// Min and Max are "1.1", "1.2" or "1.3"; empty means 1.2 and 1.3.
	Min, Max string
	// Ciphers are IANA names of suites of TLS 1.2 and 1.1; nil means those of
	// TLS 1.2 with forward secrecy and authenticated encryption. The suites of
	// TLS 1.3 are fixed.
	Ciphers []string
	// Verify are further conditions on the other side's certificate.
	Verify PeerConditions
}

// forwardSecret are the suites of TLS 1.2 that are offered when none are named.
var forwardSecret = [...]uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// Config checks the settings and makes what crypto/tls wants. TrustedCA is not
// in it: a server and a client trust in different fields. Errors name the
// setting as policies call it.
func (t TransportSecurity) Config() (*tls.Config, error) {
	config := &tls.Config{NextProtos: t.Protocols} //nolint:gosec // the versions are set below
	var err error
	if config.MinVersion, err = version("minversion", t.Min, tls.VersionTLS12); err != nil {
		return nil, err
	}
	if config.MaxVersion, err = version("maxversion", t.Max, tls.VersionTLS13); err != nil {
		return nil, err
	}
	if config.MinVersion > config.MaxVersion {
		return nil, errors.New("minversion is above maxversion")
	}
	if config.CipherSuites, err = t.suites(config.MinVersion, config.MaxVersion); err != nil {
		return nil, err
	}
	if t.Protocols == nil {
		config.NextProtos = []string{"h2", "http/1.1"}
	}
	for i, p := range config.NextProtos {
		if p != "h2" && p != "http/1.1" {
			return nil, fmt.Errorf("alpn[%d]: %q is not a protocol spoken here; use h2 or http/1.1", i, p)
		}
	}
	if config.VerifyConnection, err = t.Verify.check(func() time.Time {
		if config.Time != nil {
			return config.Time()
		}
		return time.Now() //nolint:forbidigo // as crypto/tls does where no clock is handed in
	}); err != nil {
		return nil, err
	}
	if t.Key == "" && t.Certificates == "" {
		return config, nil
	}
	pair, err := t.pair()
	if err != nil {
		return nil, err
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}

func version(setting, text string, otherwise uint16) (uint16, error) {
	switch text {
	case "":
		return otherwise, nil
	case "1.1":
		return tls.VersionTLS11, nil
	case "1.2":
		return tls.VersionTLS12, nil
	case "1.3":
		return tls.VersionTLS13, nil
	}
	return 0, fmt.Errorf("%s: %q is not a version; use \"1.1\", \"1.2\" or \"1.3\", in quotes", setting, text)
}

// suites looks the named cipher suites up. Something must be left for each
// version that is permitted and has no fixed suites.
func (t TransportSecurity) suites(lowest, highest uint16) ([]uint16, error) {
	ids, found := slices.Clone(forwardSecret[:]), tls.CipherSuites()
	if t.Ciphers != nil {
		ids = make([]uint16, 0, len(t.Ciphers))
	}
	for i, name := range t.Ciphers {
		at := slices.IndexFunc(found, func(s *tls.CipherSuite) bool { return s.Name == name })
		switch {
		case at >= 0:
			ids = append(ids, found[at].ID)
		case slices.ContainsFunc(tls.InsecureCipherSuites(), func(s *tls.CipherSuite) bool { return s.Name == name }):
			return nil, fmt.Errorf("ciphers[%d]: %s is broken or without forward secrecy; remove it", i, name)
		default:
			return nil, fmt.Errorf("ciphers[%d]: %q is unknown; use IANA names, as TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", i, name)
		}
	}
	serves := func(version uint16) bool {
		return slices.ContainsFunc(found, func(s *tls.CipherSuite) bool {
			return slices.Contains(ids, s.ID) && slices.Contains(s.SupportedVersions, version)
		})
	}
	if lowest <= tls.VersionTLS11 && !serves(tls.VersionTLS11) {
		return nil, errors.New("ciphers: none is for TLS 1.1, which has no default; " +
			"name one, as TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, or set minversion to \"1.2\"")
	}
	if lowest <= tls.VersionTLS12 && highest >= tls.VersionTLS12 && !serves(tls.VersionTLS12) {
		return nil, errors.New("ciphers: none is for TLS 1.2; name one, or set minversion to \"1.3\"")
	}
	return ids, nil
}

// pair reads key and certificate. What it says never quotes them.
func (t TransportSecurity) pair() (tls.Certificate, error) {
	switch {
	case t.Key == "":
		return tls.Certificate{}, errors.New("certificate.key: missing; a certificate needs its private key")
	case t.Certificates == "":
		return tls.Certificate{}, errors.New("certificate.crt: missing; a private key needs its certificate")
	}
	if block, _ := pem.Decode([]byte(t.Key)); block == nil {
		return tls.Certificate{}, errors.New("certificate.key: not PEM; it begins with a line such as -----BEGIN PRIVATE KEY-----")
	} else if strings.Contains(block.Type, "ENCRYPTED") || block.Headers["DEK-Info"] != "" {
		return tls.Certificate{}, errors.New("certificate.key: encrypted; give the key without a pass phrase, from a file or variable that only the gateway may read")
	}
	if block, _ := pem.Decode([]byte(t.Certificates)); block == nil {
		return tls.Certificate{}, errors.New("certificate.crt: not PEM; it begins with the line -----BEGIN CERTIFICATE-----")
	}
	pair, err := tls.X509KeyPair([]byte(t.Certificates), []byte(t.Key))
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate: %w", err)
	}
	if err := strong(pair.Leaf); err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate.crt: %w", err)
	}
	return pair, nil
}

func strong(c *x509.Certificate) error {
	if key, ok := c.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < MinRSABits {
		return fmt.Errorf("its RSA key has %d bits; at least %d are needed", key.N.BitLen(), MinRSABits)
	}
	return nil
}

// Trusted reads TrustedCA, nil when there is none.
func (t TransportSecurity) Trusted() (*x509.CertPool, error) {
	if t.TrustedCA == "" {
		return nil, nil
	}
	pool, rest := x509.NewCertPool(), []byte(t.TrustedCA)
	for n := 0; ; n++ {
		block, behind := pem.Decode(rest)
		if block == nil {
			if n == 0 || strings.TrimSpace(string(rest)) != "" {
				return nil, errors.New("trustedCA: not PEM; it holds blocks that begin with the line -----BEGIN CERTIFICATE-----")
			}
			return pool, nil
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("trustedCA: a block is a %s; only certificates belong here", block.Type)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("trustedCA: certificate %d: %w", n+1, err)
		}
		if err := strong(c); err != nil {
			return nil, fmt.Errorf("trustedCA: certificate %d: %w", n+1, err)
		}
		pool.AddCert(c)
		rest = behind
	}
}

// Warnings names what is valid but unwise.
func (t TransportSecurity) Warnings() []string {
	var warnings []string
	if t.Min == "1.1" {
		warnings = append(warnings, "minversion 1.1: TLS 1.1 is obsolete (RFC 8996); set \"1.2\" unless a client can't be mended")
	}
	if t.Key == "" || t.Certificates == "" {
		return warnings
	}
	if pair, err := t.pair(); err == nil && len(pair.Leaf.DNSNames) == 0 {
		warnings = append(warnings, "certificate.crt has no DNS name in its subject alternative names, so clients that check names refuse it")
	}
	return warnings
}

// Either takes one setting that has two spellings. Two different values are an
// error.
func Either(name, value, otherName, other string) (string, error) {
	switch {
	case value == "":
		return other, nil
	case other == "" || other == value:
		return value, nil
	}
	return "", fmt.Errorf("%s and %s say different things; keep one of them", name, otherName)
}
