package secrets

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Facts are what may be known of a secret; they hold nothing of its material.
type Facts struct {
	Certificates []CertificateFacts `json:"certificates,omitempty"`
	// More is how many certificates there are beyond those.
	More     int      `json:"more,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
	// Bytes is the length of a shared secret.
	Bytes int `json:"bytes,omitempty"`
	// Pins is how many keys a pinset allows.
	Pins int `json:"pins,omitempty"`
	// Context are the settings of a TLS context.
	Context *Context `json:"context,omitempty"`
	// List are the facts of a certificate revocation list.
	List *ListFacts `json:"list,omitempty"`
}

// CertificateFacts describe one certificate.
type CertificateFacts struct {
	Subject     string    `json:"subject"`
	Names       []string  `json:"names,omitempty"`
	Issuer      string    `json:"issuer"`
	NotBefore   time.Time `json:"notBefore"`
	NotAfter    time.Time `json:"notAfter"`
	Key         string    `json:"key"`
	Fingerprint string    `json:"fingerprint"`
	Authority   bool      `json:"authority,omitempty"`
}

// ListFacts describe a certificate revocation list.
type ListFacts struct {
	URL        string    `json:"url"`
	Minutes    int       `json:"minutes"`
	Issuer     string    `json:"issuer,omitempty"`
	Revoked    int       `json:"revoked"`
	NextUpdate time.Time `json:"nextUpdate,omitzero"`
}

const maxFacts = 20

func factsOf(chain []*x509.Certificate) Facts {
	var f Facts
	for _, c := range chain {
		if len(f.Certificates) == maxFacts {
			f.More = len(chain) - maxFacts
			break
		}
		sum := sha256.Sum256(c.Raw)
		f.Certificates = append(f.Certificates, CertificateFacts{
			Subject: short(c.Subject.String()), Names: namesOf(c), Issuer: short(c.Issuer.String()),
			NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(), Key: keyWords(c.PublicKey),
			Fingerprint: hex.EncodeToString(sum[:]), Authority: c.IsCA,
		})
	}
	return f
}

func short(text string) string {
	if text = strings.ToValidUTF8(text, "?"); len(text) > 200 {
		return strings.ToValidUTF8(text[:200], "") + "…"
	}
	return text
}

func namesOf(c *x509.Certificate) []string {
	var names []string
	names = append(names, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	names = append(names, c.EmailAddresses...)
	for _, u := range c.URIs {
		names = append(names, u.String())
	}
	for i := range names {
		names[i] = short(names[i])
	}
	return names[:min(len(names), 50)]
}

func keyWords(public any) string {
	switch key := public.(type) {
	case *rsa.PublicKey:
		return "RSA " + strconv.Itoa(key.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + key.Curve.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return "unknown"
}

// earliest is when the first of some certificates ends.
func earliest(chain []*x509.Certificate) time.Time {
	var at time.Time
	for _, c := range chain {
		if at.IsZero() || c.NotAfter.Before(at) {
			at = c.NotAfter
		}
	}
	return at
}

// material is a secret as it is sealed.
type material struct {
	Fields map[string]string `json:"fields"`
}

// made is a secret that may be written.
type made struct {
	fields  map[string]string
	facts   Facts
	expires time.Time
}

// Input is what is written.
type Input struct {
	Kind Kind
	// Fields are those of a shared secret, of a pinset ("pins"), or of a CRL
	// distributor ("url", "minutes").
	Fields map[string]string
	// Import is the file of a keystore, truststore, certificate or pinset.
	Import Import
	// Context is that of a TLS context.
	Context *Context
}

// make checks what is to be written. Its errors never repeat material.
func (s *Service) make(ctx context.Context, environment, group string, in Input) (made, error) {
	switch in.Kind {
	case Keystore, Truststore, Certificate:
		return s.makeCertificates(ctx, in)
	case Pinset:
		return s.makePins(ctx, in)
	case TLSContext:
		return s.makeContext(ctx, environment, group, in.Context)
	case CRL:
		return makeList(in.Fields)
	case UsernamePassword, SymmetricKey, S3Credential, Blob:
		return makeShared(in)
	}
	return made{}, invalid("kind", "is unknown")
}

func (s *Service) makeCertificates(ctx context.Context, in Input) (made, error) {
	file, err := s.read(ctx, in.Import)
	if err != nil {
		return made{}, err
	}
	now := s.o.Now()
	if in.Kind == Keystore {
		if err := file.keyed(now); err != nil {
			return made{}, err
		}
		key, err := keyPEM(file.key)
		if err != nil {
			return made{}, err
		}
		m := made{fields: map[string]string{"key": key, "certificate": certificatesPEM(file.chain)}, facts: factsOf(file.chain), expires: file.chain[0].NotAfter}
		if len(file.chain[0].DNSNames) == 0 && len(file.chain[0].IPAddresses) == 0 {
			m.facts.Warnings = append(m.facts.Warnings, "The certificate has no name in its subject alternative names: clients that check names refuse it.")
		}
		return m, nil
	}
	switch {
	case file.key != nil:
		return made{}, invalid("file", "holds a private key, which does not belong in a %s; keep it as a keystore", strings.ToLower(in.Kind.Title()))
	case len(file.chain) == 0:
		return made{}, invalid("file", "holds no certificate")
	}
	for i, c := range file.chain {
		if err := strongKey(c.PublicKey); err != nil {
			return made{}, invalid("file", "certificate %d: %v", i+1, err)
		}
	}
	m := made{facts: factsOf(file.chain), expires: earliest(file.chain)}
	if !now.Before(m.expires) {
		if in.Kind == Certificate || len(file.chain) == 1 {
			return made{}, invalid("file", "the certificate has expired on %s", m.expires.UTC().Format(time.DateOnly))
		}
		m.facts.Warnings = append(m.facts.Warnings, "Some of the certificates have expired; nothing that they signed is trusted.")
	}
	if in.Kind == Truststore {
		m.fields = map[string]string{"certificates": certificatesPEM(file.chain)}
		if len(file.chain) > 15 {
			m.facts.Warnings = append(m.facts.Warnings, fmt.Sprintf("%d certificates are trusted; Anypoint Secrets Manager takes 15 at most.", len(file.chain)))
		}
		return m, nil
	}
	m.fields = map[string]string{"certificate": certificatesPEM(file.chain)}
	return m, nil
}

// makePins takes pins as they are written, or those of the certificates of a file.
func (s *Service) makePins(ctx context.Context, in Input) (made, error) {
	pins := strings.Fields(in.Fields["pins"])
	if len(in.Import.File) > 0 {
		file, err := s.read(ctx, in.Import)
		if err != nil {
			return made{}, err
		}
		for _, c := range file.chain {
			sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
			pins = append(pins, base64.StdEncoding.EncodeToString(sum[:]))
		}
	}
	if len(pins) == 0 || len(pins) > 100 {
		return made{}, invalid("pins", "must be 1 to 100 SHA-256 digests of public keys in base64, or a file with certificates")
	}
	for i, pin := range pins {
		pins[i] = strings.TrimPrefix(pin, "sha256/")
		if sum, err := base64.StdEncoding.DecodeString(pins[i]); err != nil || len(sum) != sha256.Size {
			return made{}, invalid("pins", "pin %d is not the SHA-256 digest of a public key in base64", i+1)
		}
	}
	m := made{fields: map[string]string{"pins": strings.Join(pins, " ")}, facts: Facts{Pins: len(pins)}}
	if len(pins) == 1 {
		m.facts.Warnings = append(m.facts.Warnings, "There is one pin only: when that key is lost or replaced, nobody gets in. Add the pin of a key in reserve.")
	}
	return m, nil
}

func makeList(fields map[string]string) (made, error) {
	at, err := url.Parse(fields["url"])
	if err != nil || at.Scheme != "http" && at.Scheme != "https" || at.Host == "" || at.User != nil || len(fields["url"]) > 2000 {
		return made{}, invalid("url", "must be the http or https address of a certificate revocation list")
	}
	minutes := 60
	if text := fields["minutes"]; text != "" {
		if minutes, err = strconv.Atoi(text); err != nil || minutes < 5 || minutes > 7*24*60 {
			return made{}, invalid("minutes", "must be 5 to 10080")
		}
	}
	return made{
		fields: map[string]string{"url": fields["url"], "minutes": strconv.Itoa(minutes), "crl": ""},
		facts:  Facts{List: &ListFacts{URL: fields["url"], Minutes: minutes}},
	}, nil
}

func makeShared(in Input) (made, error) {
	m := made{fields: map[string]string{}}
	for _, name := range in.Kind.Fields() {
		value := in.Fields[name]
		if in.Kind == Blob && value == "" && len(in.Import.File) > 0 {
			value = string(in.Import.File)
		}
		switch {
		case value == "":
			return made{}, invalid(name, "is missing")
		case !utf8.ValidString(value) || strings.ContainsRune(value, 0):
			return made{}, invalid(name, "must be text; encode bytes in base64")
		case len(value) > MaxMaterial || in.Kind != Blob && len(value) > 8<<10:
			return made{}, invalid(name, "is too long")
		case in.Kind != Blob && strings.ContainsAny(value, "\r\n"):
			return made{}, invalid(name, "must be one line")
		}
		m.fields[name] = value
	}
	first := in.Kind.Fields()[0]
	m.facts.Bytes = len(m.fields[first])
	if in.Kind != Blob && m.facts.Bytes < 12 {
		m.facts.Warnings = append(m.facts.Warnings, "It is shorter than 12 characters, so it could be guessed.")
	}
	return m, nil
}

func (m *made) encode() ([]byte, error) {
	text, err := json.Marshal(material{m.fields})
	if err != nil {
		return nil, fmt.Errorf("writing a secret: %w", err)
	}
	if len(text) > 2*MaxMaterial {
		return nil, invalid("", "the secret is longer than %d KiB", MaxMaterial>>10)
	}
	return text, nil
}
