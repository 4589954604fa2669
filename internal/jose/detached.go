package jose

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
)

// ErrExtension tells that the header of a detached JWS marks an extension as
// critical that the caller does not understand (RFC 7515 §4.1.11).
var ErrExtension = errors.New("crit marks an extension that is not understood here")

// Reasons for which a detached JWS is refused.
var (
	errDetached     = errors.New("it is not a detached JWS: header, nothing, signature")
	errCritList     = errors.New("crit is no list of names")
	errCritStranger = errors.New("crit names what the header does not have")
	errB64          = errors.New("b64 is no boolean, or is not marked in crit")
)

// Detached is a JWS in compact serialisation whose payload was left out (RFC 7515
// appendix F), read but not verified.
type Detached struct {
	// Algorithm is the alg of the header, never empty. It is what the sender
	// claims; compare it with that of the key.
	Algorithm string
	// KeyID is the kid of the header, empty when there is none.
	KeyID string
	// Header is the whole protected header.
	Header Header
	// Signature is the signature, decoded.
	Signature []byte

	protected string
	encoded   bool // that is, the payload is, as long as b64 is not false
}

// ParseDetached reads a detached JWS of at most 16 KiB as strictly as Parse reads
// a token. Every extension that crit marks must be b64 (RFC 7797) or among those
// understood, else the error is ErrExtension; any other error says what is
// malformed. Errors quote nothing of the text.
func ParseDetached(text string, understood []string) (*Detached, error) {
	if len(text) > maxDetached {
		return nil, errDetached
	}
	parts := strings.Split(text, ".")
	if len(parts) != 3 || parts[1] != "" {
		return nil, errDetached
	}
	signature, err := Decode(parts[2])
	if err != nil {
		return nil, err
	}
	header, err := readHeader(parts[0])
	if err != nil {
		return nil, err
	}
	d := &Detached{Header: header, Signature: signature, protected: parts[0]}
	if d.Algorithm, d.KeyID, err = header.names(); err != nil {
		return nil, err
	}
	if err := d.readCritical(understood); err != nil {
		return nil, err
	}
	return d, nil
}

// readCritical holds that every extension marked critical is known (RFC 7515
// §4.1.11), and that b64 is marked (RFC 7797 §6).
func (d *Detached) readCritical(understood []string) error {
	marked := false
	if crit := d.Header.raw("crit"); crit != nil {
		list, ok := elements(crit)
		if !ok || len(list) == 0 {
			return errCritList
		}
		for _, one := range list {
			name, ok := plainText(one)
			switch {
			case !ok || !d.Header.Has(name):
				return errCritStranger
			case name == "b64":
				marked = true
			case !slices.Contains(understood, name):
				return ErrExtension
			}
		}
	}
	b64 := string(d.Header.raw("b64"))
	if b64 != "" && (!marked || b64 != "true" && b64 != "false") {
		return errB64
	}
	d.encoded = b64 != "false"
	return nil
}

// Signed is what the signature covers when this is the payload: the header, a
// dot, and the payload in base64url or, with b64 false, as it is.
func (d *Detached) Signed(payload []byte) []byte {
	signed := append([]byte(d.protected), '.')
	if d.encoded {
		return base64.RawURLEncoding.AppendEncode(signed, payload)
	}
	return append(signed, payload...)
}
