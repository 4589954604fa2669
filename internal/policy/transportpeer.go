package policy

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// TLSContext is what a reference to a TLS context stands for, as JSON: all settings
// of one side of TLS in one piece.
type TLSContext struct {
	Key          string         `json:"key,omitempty"`
	Certificates string         `json:"certificates,omitempty"`
	TrustedCA    string         `json:"trustedCA,omitempty"`
	Protocols    []string       `json:"alpn,omitempty"`
	Min          string         `json:"minversion,omitempty"`
	Max          string         `json:"maxversion,omitempty"`
	Ciphers      []string       `json:"ciphers,omitempty"`
	Verify       PeerConditions `json:"verify"`
	// RequireClientCertificate counts where the gateway is the server,
	// SkipValidation where it is the client.
	RequireClientCertificate bool `json:"requireClientCertificate,omitempty"`
	SkipValidation           bool `json:"skipValidation,omitempty"`
}

// ReadTLSContext reads the value of a context's reference. Its errors never quote it.
func ReadTLSContext(text string) (*TLSContext, error) {
	var c TLSContext
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return nil, errors.New("context: this is no TLS context; write ${secret:GROUP/NAME} with the name of one")
	}
	return &c, nil
}

// Security are the settings of the context that both sides have.
func (c *TLSContext) Security() TransportSecurity {
	return TransportSecurity{
		Key: c.Key, Certificates: c.Certificates, TrustedCA: c.TrustedCA, Protocols: c.Protocols,
		Min: c.Min, Max: c.Max, Ciphers: c.Ciphers, Verify: c.Verify,
	}
}

// PeerConditions restrict the certificates of the other side beyond who signed
// them. The zero value asks for nothing.
type PeerConditions struct {
	// Depth is how many authorities may stand between the certificate and nothing,
	// the root among them; 0 means any number.
	Depth int `json:"depth,omitempty"`
	// Pins are SHA-256 digests of public keys in base64; one of them must be that of a
	// certificate of the chain. None allows every key.
	Pins []string `json:"pins,omitempty"`
	// CRLs are certificate revocation lists as PEM. One whose next update is over says
	// nothing of who was revoked since: certificates of its issuer are refused until there
	// is a newer one. Strict refuses certificates whose issuer has no list among them, too.
	CRLs   string `json:"crls,omitempty"`
	Strict bool   `json:"strict,omitempty"`
}

// The refusals of a handshake.
var (
	errTooDeep = errors.New("the certificate chain is longer than the verification depth allows")
	errNoPin   = errors.New("no key of the certificate chain is pinned")
	errRevoked = errors.New("a certificate of the chain is revoked")
	errStale   = errors.New("the revocation list of a certificate's issuer is out of date")
	errNoList  = errors.New("there is no revocation list of a certificate's issuer")
)

// revocations are the revoked serial numbers by issuer.
type revocations struct {
	list    *x509.RevocationList
	revoked map[string]bool
}

// check makes the verification of a connection, nil when nothing is asked for.
func (p PeerConditions) check(now func() time.Time) (func(tls.ConnectionState) error, error) {
	if p.Depth < 0 {
		return nil, errors.New("verification depth must not be negative")
	}
	lists, err := readLists(p.CRLs)
	if err != nil {
		return nil, err
	}
	if p.Depth == 0 && len(p.Pins) == 0 && len(lists) == 0 && !p.Strict {
		return nil, nil //nolint:nilnil // crypto/tls takes nil for no verification
	}
	return func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 {
			return nil
		}
		if len(p.Pins) > 0 && !pinned(state, p.Pins) {
			return errNoPin
		}
		if len(state.VerifiedChains) == 0 { // validation is off
			return nil
		}
		var refused error
		for _, chain := range state.VerifiedChains {
			if refused = p.chain(chain, lists, now()); refused == nil {
				return nil
			}
		}
		return refused
	}, nil
}

func pinned(state tls.ConnectionState, pins []string) bool {
	holds := func(c *x509.Certificate) bool {
		sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
		return slices.Contains(pins, base64.StdEncoding.EncodeToString(sum[:]))
	}
	if len(state.VerifiedChains) == 0 {
		// Nothing proves that the rest of what was sent belongs to the leaf.
		return holds(state.PeerCertificates[0])
	}
	return slices.ContainsFunc(state.VerifiedChains, func(chain []*x509.Certificate) bool { return slices.ContainsFunc(chain, holds) })
}

func (p PeerConditions) chain(chain []*x509.Certificate, lists []revocations, now time.Time) error {
	if p.Depth > 0 && len(chain)-1 > p.Depth {
		return errTooDeep
	}
	for i := 0; i+1 < len(chain); i++ {
		known, stale := false, false
		for _, l := range lists {
			if !bytes.Equal(l.list.RawIssuer, chain[i].RawIssuer) || l.list.CheckSignatureFrom(chain[i+1]) != nil {
				continue
			}
			if l.revoked[chain[i].SerialNumber.String()] {
				return errRevoked
			}
			if end := l.list.NextUpdate; !end.IsZero() && now.After(end) {
				stale = true
			} else {
				known = true
			}
		}
		switch {
		case !known && stale:
			return errStale
		case !known && p.Strict:
			return errNoList
		}
	}
	return nil
}

func readLists(text string) ([]revocations, error) {
	var lists []revocations
	rest := []byte(text)
	for n := 1; ; n++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return lists, nil
		}
		list, err := x509.ParseRevocationList(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("revocation list %d is damaged", n)
		}
		r := revocations{list, make(map[string]bool, len(list.RevokedCertificateEntries))}
		for _, one := range list.RevokedCertificateEntries {
			r.revoked[one.SerialNumber.String()] = true
		}
		lists = append(lists, r)
	}
}
