package messagesignature

import (
	"errors"
	"time"

	"farrier.dev/farrier/internal/jose"
	"farrier.dev/farrier/internal/traffic"
)

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
	h, err := jose.ParseDetached(values[0].Value, d.crit)
	if errors.Is(err, jose.ErrExtension) {
		return nil, invalid(err.Error())
	}
	if err != nil {
		return nil, malformed(err.Error())
	}
	made, err := issuedAt(h.Header)
	if err != nil {
		return nil, err
	}
	k := d.keys[h.KeyID]
	if h.KeyID == "" {
		k = d.only
	}
	switch {
	case k == nil:
		return nil, invalid("no key has the kid of the signature")
	case k.jose != h.Algorithm && (h.Algorithm != "Ed25519" || k.jose != "EdDSA"):
		return nil, invalid("the alg of the signature is not that of its key")
	}
	p := &proof{signer: k.id}
	if made.IsZero() {
		if d.apart {
			return nil, invalid("the signature does not say when it was made (iat)")
		}
	} else if err := d.check(made, m.now); err != nil {
		return nil, err
	}
	if !k.verifies(h.Signed(m.body), h.Signature) {
		return nil, invalid("the signature does not verify")
	}
	if d.apart {
		p.once, p.until = "signature "+string(h.Signature), d.until(made)
	}
	return p, nil
}

// issuedAt is when the header says that the signature was made, zero when it does
// not. The long name is that of Open Banking.
func issuedAt(h jose.Header) (made time.Time, err error) {
	for _, name := range []string{"iat", "http://openbanking.org.uk/iat"} {
		if h.Has(name) {
			seconds, ok := h.Number(name)
			if !ok || seconds < 0 || seconds > 1e11 {
				return made, malformed("the iat is no time")
			}
			made = time.Unix(int64(seconds), 0)
		}
	}
	return made, nil
}
