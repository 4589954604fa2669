// Package tlsoutbound is the policy tls-outbound: how the gateway speaks TLS
// with a service, which certificates it trusts there and which it shows. It is
// part of the revision and runs no step.
package tlsoutbound

import (
	"crypto/tls"
	_ "embed"
	"encoding/json"
	"errors"

	"farrier.dev/farrier/internal/policy"
)

//go:generate go run ../schemagen .

//go:embed schema.json
var schema []byte

// Policy is the entry of the catalogue.
func Policy() policy.Policy {
	return policy.Policy{
		Name: "tls-outbound", Title: "TLS Outbound", Category: "Security",
		Outbound: true, Structural: true, Schema: schema, Warn: warn,
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
	// SkipValidation says whether any certificate of the service is accepted.
	// Then whoever sits between gateway and service can read and change all that
	// passes.
	SkipValidation bool `json:"skipValidation" default:"false"`
	// TrustedCA holds, as PEM, the certificates that may sign the service's.
	// Without it those of the system are trusted.
	TrustedCA string `json:"trustedCA"`
	// Certificate is what the gateway shows when the service asks for one
	// (mutual TLS).
	Certificate Certificate `json:"certificate"`
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
	Key string `json:"key" secret:"true"`
	// Crt is the certificate, as PEM, followed by those that lead to its root.
	Crt string `json:"crt"`
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
	s.SkipValidation = c.SkipValidation
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

// Config makes the client's side of TLS from settings whose references are
// resolved; no settings at all give the defaults. Its errors name the setting
// and never quote it.
func Config(settings json.RawMessage) (*tls.Config, error) {
	if len(settings) == 0 {
		settings = json.RawMessage("{}")
	}
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
	if config.RootCAs, err = security.Trusted(); err != nil {
		return nil, err
	}
	config.InsecureSkipVerify = s.SkipValidation
	return config, nil
}

func warn(settings json.RawMessage) []string {
	var s Settings
	if policy.Decode(settings, &s) != nil {
		return nil
	}
	var warnings []string
	security, err := s.read()
	if s.SkipValidation {
		warnings = append(warnings, "skipValidation accepts any certificate, so whoever sits between gateway and service reads and changes all that passes; set trustedCA instead")
	}
	if err != nil {
		return warnings
	}
	// A client's certificate needs no DNS name; only the version may be unwise.
	security.Key = ""
	return append(warnings, security.Warnings()...)
}
