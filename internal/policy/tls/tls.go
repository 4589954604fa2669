// Package tls is the policy tls: how a port of the gateway speaks TLS, with
// which certificate, and whose client certificates it trusts. It is part of the
// revision and runs no step.
package tls

import (
	"crypto/tls"
	_ "embed"
	"encoding/json"
	"errors"
	"slices"

	"farrier.dev/farrier/internal/policy"
)

//go:generate go run ../schemagen .

//go:embed schema.json
var schema []byte

// Policy is the entry of the catalogue.
func Policy() policy.Policy {
	return policy.Policy{
		Name: "tls", Title: "TLS", Category: "Security",
		Structural: true, Schema: schema, Warn: warn,
		Compile: func(settings json.RawMessage) (policy.Compiled, error) {
			_, err := Config(settings)
			return policy.Structure{}, err
		},
	}
}

// Settings are what operators set.
type Settings struct {
	// Context is a TLS context that is kept as a secret, ${secret:GROUP/NAME}. It says
	// everything; then no other setting is given.
	Context string `json:"context" secret:"true"`
	// Certificate is what the gateway shows to clients.
	Certificate Certificate `json:"certificate"`
	// TrustedCA holds, as PEM, the certificates of those who may sign client
	// certificates.
	TrustedCA string `json:"trustedCA"`
	// RequireClientCertificate says whether a client must show a certificate
	// that trustedCA signed (mutual TLS). When it is false and trustedCA is set, a
	// certificate that is shown must be valid.
	RequireClientCertificate bool `json:"requireClientCertificate" default:"false"`
	// ALPN are the protocols offered, the best first: h2, http/1.1.
	ALPN []string `json:"alpn" default:"[\"h2\",\"http/1.1\"]"`
	// MinVersion is the lowest version of TLS that is spoken.
	MinVersion string `json:"minversion" default:"1.2" enum:"1.1|1.2|1.3"`
	// MaxVersion is the highest version of TLS that is spoken.
	MaxVersion string `json:"maxversion" default:"1.3" enum:"1.1|1.2|1.3"`
	// MinVersionToo is another spelling of minversion.
	MinVersionToo string `json:"minVersion" enum:"1.1|1.2|1.3"`
	// MaxVersionToo is another spelling of maxversion.
	MaxVersionToo string `json:"maxVersion" enum:"1.1|1.2|1.3"`
	// Ciphers are the IANA names of the cipher suites of TLS 1.2 and 1.1. Without
	// them those of TLS 1.2 with forward secrecy and authenticated encryption are
	// used. The suites of TLS 1.3 are fixed.
	Ciphers []string `json:"ciphers"`
}

// Certificate is a certificate with its private key.
type Certificate struct {
	// Key is the private key, as PEM: RSA of at least 2048 bits, or ECDSA.
	Key string `json:"key" required:"true" minLength:"1" secret:"true"`
	// Crt is the certificate, as PEM, followed by those that lead to its root.
	Crt string `json:"crt" required:"true" minLength:"1"`
}

// read is what the settings say, or the context that they name.
func (s *Settings) read() (policy.TransportSecurity, error) {
	if s.Context == "" {
		return s.security()
	}
	if s.Certificate != (Certificate{}) || s.TrustedCA != "" || s.Ciphers != nil {
		return policy.TransportSecurity{}, errors.New("context: it says everything; remove certificate, trustedCA and ciphers beside it")
	}
	c, err := policy.ReadTLSContext(s.Context)
	if err != nil {
		return policy.TransportSecurity{}, err
	}
	s.RequireClientCertificate, s.ALPN = c.RequireClientCertificate, c.Protocols
	return c.Security(), nil
}

func (s *Settings) security() (policy.TransportSecurity, error) {
	lowest, err := policy.Either("minversion", s.MinVersion, "minVersion", s.MinVersionToo)
	if err != nil {
		return policy.TransportSecurity{}, err
	}
	highest, err := policy.Either("maxversion", s.MaxVersion, "maxVersion", s.MaxVersionToo)
	return policy.TransportSecurity{
		Key: s.Certificate.Key, Certificates: s.Certificate.Crt, TrustedCA: s.TrustedCA,
		Protocols: s.ALPN, Min: lowest, Max: highest, Ciphers: s.Ciphers,
	}, err
}

// Config makes the server's side of TLS from settings whose references are
// resolved. Its errors name the setting and never quote it.
func Config(settings json.RawMessage) (*tls.Config, error) {
	var s Settings
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	security, err := s.read()
	if err != nil {
		return nil, err
	}
	config, err := security.Config()
	if err != nil {
		return nil, err
	}
	if len(config.Certificates) == 0 {
		return nil, errors.New("certificate: missing; give certificate.key and certificate.crt")
	}
	if config.ClientCAs, err = security.Trusted(); err != nil {
		return nil, err
	}
	switch {
	case s.RequireClientCertificate && config.ClientCAs == nil:
		return nil, errors.New("trustedCA: missing; requireClientCertificate needs to know whom to trust")
	case s.RequireClientCertificate:
		config.ClientAuth = tls.RequireAndVerifyClientCert
	case config.ClientCAs != nil:
		config.ClientAuth = tls.VerifyClientCertIfGiven
	}
	if lacksHTTP2(config) {
		if s.ALPN != nil {
			return nil, errors.New("ciphers: HTTP/2 needs TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 or its ECDSA twin (RFC 9113 §9.2.2); " +
				"name it, or take h2 out of alpn")
		}
		config.NextProtos = []string{"http/1.1"}
	}
	return config, nil
}

// lacksHTTP2 says that h2 is offered while its mandatory suite is not.
func lacksHTTP2(config *tls.Config) bool {
	return slices.Contains(config.NextProtos, "h2") && config.MinVersion < tls.VersionTLS13 &&
		!slices.Contains(config.CipherSuites, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256) &&
		!slices.Contains(config.CipherSuites, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)
}

func warn(settings json.RawMessage) []string {
	var s Settings
	if policy.Decode(settings, &s) != nil {
		return nil
	}
	security, err := s.read()
	if err != nil {
		return nil
	}
	warnings := security.Warnings()
	config, err := Config(settings)
	if err == nil && s.ALPN == nil && !slices.Contains(config.NextProtos, "h2") {
		warnings = append(warnings, "ciphers leaves out the suite that HTTP/2 needs (TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 or its ECDSA twin), so only HTTP/1.1 is offered")
	}
	return warnings
}
