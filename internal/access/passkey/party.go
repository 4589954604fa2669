package passkey

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"unicode"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// party is the console under one host.
func (s *Service) party(host string) (*webauthn.WebAuthn, string, error) {
	name := host
	if bare, _, err := net.SplitHostPort(host); err == nil {
		name = bare
	}
	name = strings.ToLower(strings.TrimSuffix(strings.Trim(name, "[]"), "."))
	if _, err := netip.ParseAddr(name); err == nil || name == "" {
		return nil, "", refuse(ErrHost, "browsers have none for the address %.60s; open the console as http://localhost on this machine, or by its host name over https", name)
	}
	origins := []string{"https://" + strings.ToLower(host)}
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		origins = append(origins, "http://"+strings.ToLower(host))
	}
	w, err := webauthn.New(&webauthn.Config{
		RPID: name, RPDisplayName: "Farrier", RPOrigins: origins, AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, UserVerification: protocol.VerificationRequired,
		},
	})
	if err != nil {
		return nil, "", refuse(ErrHost, "%.60s is none that browsers have passkeys for", name)
	}
	return w, name, nil
}

// told is what the library says is wrong, on one bounded line.
func told(err error) string {
	var p *protocol.Error
	if !errors.As(err, &p) {
		return "it can't be read"
	}
	text := strings.ToLower(p.Details)
	if p.DevInfo != "" {
		text += ": " + p.DevInfo
	}
	return strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text[:min(len(text), 300)]), "")
}

// Host reports whether browsers have passkeys for a host.
func (s *Service) Host(host string) bool {
	_, _, err := s.party(host)
	return err == nil
}
