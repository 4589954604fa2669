package secrets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/store"
)

// Context are the settings of a TLS context. What it refers to lies in its group.
type Context struct {
	// Target is FlexGateway, Mule or SecurityFabric; empty means FlexGateway. It is
	// kept for those who move from Anypoint and changes nothing here.
	Target string `json:"target,omitempty"`
	// Keystore is what is shown to the other side, Truststore whom to trust.
	Keystore   string `json:"keystore,omitempty"`
	Truststore string `json:"truststore,omitempty"`
	// Pinset and CRL restrict the certificates of the other side further.
	Pinset string   `json:"pinset,omitempty"`
	CRL    string   `json:"crl,omitempty"`
	Min    string   `json:"minversion,omitempty"`
	Max    string   `json:"maxversion,omitempty"`
	ALPN   []string `json:"alpn,omitempty"`
	// Ciphers are IANA names.
	Ciphers []string `json:"ciphers,omitempty"`
	// MutualAuthentication asks clients for a certificate; VerificationDepth bounds how
	// many authorities may stand above it, 0 for any number.
	MutualAuthentication bool `json:"mutualAuthentication,omitempty"`
	VerificationDepth    int  `json:"verificationDepth,omitempty"`
	// StrictCRL refuses certificates whose issuer has no revocation list.
	StrictCRL bool `json:"strictCRL,omitempty"`
	// SkipServerCertValidation accepts every certificate of a service.
	SkipServerCertValidation bool `json:"skipServerCertValidation,omitempty"`
}

// part is a secret that a context refers to.
type part struct {
	field, name string
	kind        Kind
}

// parts are in the order of their pins.
func (c *Context) parts() []part {
	var all []part
	for _, one := range []part{{"keystore", c.Keystore, Keystore}, {"truststore", c.Truststore, Truststore}, {"pinset", c.Pinset, Pinset}, {"crl", c.CRL, CRL}} {
		if one.name != "" {
			all = append(all, one)
		}
	}
	return all
}

func (s *Service) makeContext(ctx context.Context, environment, group string, c *Context) (made, error) {
	if c == nil {
		return made{}, invalid("", "the settings of the TLS context are missing")
	}
	switch c.Target {
	case "", "FlexGateway", "Mule", "SecurityFabric":
	default:
		return made{}, invalid("target", "must be FlexGateway, Mule or SecurityFabric")
	}
	switch {
	case c.Keystore == "" && c.Truststore == "" && !c.SkipServerCertValidation:
		return made{}, invalid("keystore", "is missing: a TLS context has a keystore, a truststore or both")
	case c.MutualAuthentication && c.Truststore == "":
		return made{}, invalid("truststore", "is missing: mutual authentication needs to know whom to trust")
	case c.VerificationDepth < 0 || c.VerificationDepth > 10:
		return made{}, invalid("verificationDepth", "must be 0 to 10")
	case c.StrictCRL && c.CRL == "":
		return made{}, invalid("crl", "is missing: strict checking needs a CRL distributor")
	}
	for _, one := range c.parts() {
		entry, err := s.entry(ctx, s.o.DB.Read(), environment, group, one.name)
		if errors.Is(err, control.ErrNotFound) || err == nil && entry.Kind != one.kind {
			return made{}, invalid(one.field, "there is no %s %q in this group", strings.ToLower(one.kind.Title()), short(one.name))
		}
		if err != nil {
			return made{}, err
		}
	}
	if _, err := (policy.TransportSecurity{Min: c.Min, Max: c.Max, Protocols: c.ALPN, Ciphers: c.Ciphers}).Config(); err != nil {
		return made{}, invalid("", "%v", err)
	}
	kept := *c
	m := made{fields: map[string]string{"settings": string(asJSON(kept))}, facts: Facts{Context: &kept}}
	if c.SkipServerCertValidation {
		m.facts.Warnings = append(m.facts.Warnings, "Every certificate of a service is accepted: whoever sits between reads and changes all that passes.")
	}
	return m, nil
}

// whole puts a context together with versions of its parts.
func (s *Service) whole(ctx context.Context, r store.Reader, environment string, g Group, c *Context, pins []int) (string, error) {
	out := policy.TLSContext{
		Protocols: c.ALPN, Min: c.Min, Max: c.Max, Ciphers: c.Ciphers,
		Verify:                   policy.PeerConditions{Depth: c.VerificationDepth, Strict: c.StrictCRL},
		RequireClientCertificate: c.MutualAuthentication, SkipValidation: c.SkipServerCertValidation,
	}
	parts := c.parts()
	if len(pins) != len(parts) {
		return "", errors.New("the reference is pinned to other parts than the TLS context has")
	}
	for i, one := range parts {
		m, err := s.open(ctx, r, environment, g, one.name, pins[i])
		if err != nil {
			return "", fmt.Errorf("%s %s: %w", one.field, one.name, err)
		}
		switch one.kind {
		case Keystore:
			out.Key, out.Certificates = m.Fields["key"], m.Fields["certificate"]
		case Truststore:
			out.TrustedCA = m.Fields["certificates"]
		case Pinset:
			out.Verify.Pins = strings.Fields(m.Fields["pins"])
		default:
			out.Verify.CRLs = m.Fields["crl"]
		}
	}
	text, err := json.Marshal(out)
	return string(text), err
}
