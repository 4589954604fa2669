package messagesignature

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/dataweave"
	"farrier.dev/farrier/internal/traffic"
)

const maxJWS = 16 << 10 // bytes of a detached JWS

// detached is the scheme of a JWS without its payload, which is the body (RFC
// 7515 appendix F), encoded or, with b64 false, as it is (RFC 7797).
type detached struct {
	window
	keys   map[string]*key
	only   *key // the key of tokens without kid, when there is one key
	header string
	crit   []string
	apart  bool
}

func compileDetached(s *Settings, keys []*key, w window) (scheme, error) {
	if len(keys) == 0 {
		return nil, errors.New("keys: empty; give the keys that may have signed")
	}
	d := &detached{window: w, keys: byID(keys), header: traffic.LowerName(s.SignatureHeader), crit: s.CriticalHeaders, apart: s.RejectReplays}
	if len(keys) == 1 {
		d.only = keys[0]
	}
	if d.header == "" {
		d.header = "x-jws-signature"
	}
	return d, nil
}

func (d *detached) verify(m *message) (*proof, error) {
	values := m.x.Request.Header.Values(d.header)
	switch {
	case len(values) == 0:
		return nil, missing("the header " + d.header + " is not there")
	case len(values) > 1:
		return nil, malformed("the header " + d.header + " is there twice")
	}
	parts := strings.Split(values[0].Value, ".")
	if len(parts) != 3 || parts[1] != "" || len(values[0].Value) > maxJWS {
		return nil, malformed("it is not a detached JWS: header, nothing, signature")
	}
	signature, err := decode64(parts[2])
	if err != nil {
		return nil, malformed("the signature is not base64url")
	}
	h, err := d.readHeader(parts[0])
	if err != nil {
		return nil, err
	}
	k := d.keys[h.kid]
	if h.kid == "" {
		k = d.only
	}
	switch {
	case k == nil:
		return nil, invalid("no key has the kid of the signature")
	case k.jose != h.alg && (h.alg != "Ed25519" || k.jose != "EdDSA"):
		return nil, invalid("the alg of the signature is not that of its key")
	}
	p := &proof{signer: k.id}
	if h.iat.IsZero() {
		if d.apart {
			return nil, invalid("the signature does not say when it was made (iat)")
		}
	} else if err := d.check(h.iat, m.now); err != nil {
		return nil, err
	}
	signed := append([]byte(parts[0]), '.')
	if h.encoded {
		signed = base64.RawURLEncoding.AppendEncode(signed, m.body)
	} else {
		signed = append(signed, m.body...)
	}
	if !k.verifies(signed, signature) {
		return nil, invalid("the signature does not verify")
	}
	if d.apart {
		p.once, p.until = "signature "+string(signature), d.until(h.iat)
	}
	return p, nil
}

// joseHeader is what is read of the protected header.
type joseHeader struct {
	alg, kid string
	encoded  bool
	iat      time.Time
}

// readHeader reads the protected header as strictly as that of a token: jku, x5c
// and jwk are ignored, for a message must not choose the key that verifies it.
func (d *detached) readHeader(segment string) (h joseHeader, err error) {
	text, err := decode64(segment)
	if err != nil {
		return h, malformed("the header is not base64url")
	}
	value, err := dataweave.FromJSON(text)
	if err != nil {
		return h, malformed("the header is not JSON with names that occur once")
	}
	object, ok := value.AsObject()
	if !ok {
		return h, malformed("the header is not a JSON object")
	}
	alg, _ := object.Get("alg")
	if h.alg, ok = alg.AsString(); !ok {
		return h, malformed("the header has no alg")
	}
	if kid, present := object.Get("kid"); present {
		if h.kid, ok = kid.AsString(); !ok {
			return h, malformed("the kid is not text")
		}
	}
	for _, name := range []string{"iat", "http://openbanking.org.uk/iat"} {
		if iat, present := object.Get(name); present {
			seconds, ok := iat.AsNumber()
			if !ok || seconds < 0 || seconds > 1e11 {
				return h, malformed("the iat is no time")
			}
			h.iat = time.Unix(int64(seconds), 0)
		}
	}
	return h, d.readCrit(object, &h)
}

// readCrit holds that every extension marked critical is known (RFC 7515 section
// 4.1.11), and that b64 is marked (RFC 7797 section 6).
func (d *detached) readCrit(object dataweave.Object, h *joseHeader) error {
	h.encoded = true
	marked := false
	if crit, present := object.Get("crit"); present {
		list, ok := crit.AsArray()
		if !ok || list.Len() == 0 {
			return malformed("crit is no list of names")
		}
		for i := range list.Len() {
			name, ok := list.At(i).AsString()
			_, there := object.Get(name)
			switch {
			case !ok || !there:
				return malformed("crit names what the header does not have")
			case name == "b64":
				marked = true
			case !slices.Contains(d.crit, name):
				return invalid("crit marks an extension that is not understood here")
			}
		}
	}
	if b64, present := object.Get("b64"); present {
		encoded, ok := b64.AsBool()
		if !ok || !marked {
			return malformed("b64 is no boolean, or is not marked in crit")
		}
		h.encoded = encoded
	}
	return nil
}

// decode64 reads base64url without padding in its one canonical form.
func decode64(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, errors.New("line break")
	}
	return base64.RawURLEncoding.Strict().DecodeString(s)
}
