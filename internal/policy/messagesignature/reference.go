package messagesignature

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/subtle"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"strings"

	"farrier.dev/farrier/internal/jose"
)

// checkSignature verifies the signature over SignedInfo and gives it.
func (t *tree) checkSignature(p parts, certificate *x509.Certificate) ([]byte, error) {
	method := t.only(p.signedInfo, nsDS, "SignatureMethod")
	canonical := t.only(p.signedInfo, nsDS, "CanonicalizationMethod")
	value := t.only(p.signature, nsDS, "SignatureValue")
	if method < 0 || canonical < 0 || value < 0 {
		return nil, malformed("the Signature lacks a part")
	}
	if t.elements[canonical].attr("Algorithm") != nsExc {
		return nil, invalid("SignedInfo is not in exclusive canonical form")
	}
	algorithm := signatureMethod(t.elements[method].attr("Algorithm"))
	if algorithm == x509.UnknownSignatureAlgorithm {
		return nil, invalid("the signature's algorithm is not one of RSA or ECDSA with SHA-256, SHA-384 or SHA-512")
	}
	signature, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(t.elements[value].text)), ""))
	if err != nil {
		return nil, malformed("the SignatureValue is not base64")
	}
	signed, err := excC14N(t.doc, t.elements[p.signedInfo].start, t.inclusive(canonical))
	if err != nil {
		return nil, malformed(err.Error())
	}
	der := signature
	switch k := certificate.PublicKey.(type) {
	case *rsa.PublicKey:
		if n := k.N.BitLen(); n < jose.MinRSA || n > jose.MaxRSA {
			return nil, invalid("the certificate's RSA key is too short or too long")
		}
	case *ecdsa.PublicKey:
		// RFC 6931 section 2.3.6: r and s, each as long as the order of the curve.
		size := (k.Curve.Params().BitSize + 7) / 8
		if len(signature) != 2*size {
			return nil, invalid("the signature does not verify")
		}
		pair := struct{ R, S *big.Int }{new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:])}
		if der, err = asn1.Marshal(pair); err != nil {
			return nil, invalid("the signature does not verify")
		}
	}
	if err := certificate.CheckSignature(algorithm, signed, der); err != nil {
		return nil, invalid("the signature does not verify")
	}
	return signature, nil
}

// inclusive is the list of prefixes of an InclusiveNamespaces inside an element.
func (t *tree) inclusive(at int) []string {
	list := t.only(at, nsExc, "InclusiveNamespaces")
	if list < 0 {
		return nil
	}
	return strings.Fields(t.elements[list].attr("PrefixList"))
}

// checkReferences holds that the body and the timestamp that were found are among
// what SignedInfo covers, and that each digest is right. What is covered must be
// a part of the header or the body itself: an element elsewhere that is signed is
// how signatures are moved around content (XML signature wrapping).
func (t *tree) checkReferences(p parts) error {
	references := t.children(p.signedInfo, nsDS, "Reference")
	if len(references) > maxReferences {
		return malformed("the Signature has too many references")
	}
	covered := map[int]bool{}
	for _, r := range references {
		at := t.resolve(t.elements[r].attr("URI"))
		if at < 0 {
			return invalid("a reference leads to nothing in the message")
		}
		parent := t.elements[at].parent
		if at != p.body && parent != p.security && parent != p.header {
			return invalid("a reference leads elsewhere than to the Body or a part of the Header")
		}
		if err := t.checkDigest(r, at); err != nil {
			return err
		}
		covered[at] = true
	}
	switch {
	case !covered[p.body]:
		return invalid("the signature does not cover the Body")
	case !covered[p.timestamp]:
		return invalid("the signature does not cover the Timestamp")
	}
	return nil
}

// checkDigest compares an element with the digest of a reference, whose only
// transform must be the exclusive canonical form.
func (t *tree) checkDigest(reference, at int) error {
	transforms := t.only(reference, nsDS, "Transforms")
	transform := t.only(transforms, nsDS, "Transform")
	method := t.only(reference, nsDS, "DigestMethod")
	value := t.only(reference, nsDS, "DigestValue")
	if method < 0 || value < 0 {
		return malformed("a reference lacks a part")
	}
	if transform < 0 || t.elements[transform].attr("Algorithm") != nsExc {
		return invalid("a reference is not in exclusive canonical form alone")
	}
	hash := digestMethod(t.elements[method].attr("Algorithm"))
	if hash == 0 {
		return invalid("a digest's algorithm is not SHA-256, SHA-384 or SHA-512")
	}
	want, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(t.elements[value].text)))
	if err != nil {
		return malformed("a DigestValue is not base64")
	}
	content, err := excC14N(t.doc, t.elements[at].start, t.inclusive(transform))
	if err != nil {
		return malformed(err.Error())
	}
	h := hash.New()
	_, _ = h.Write(content) // a hash never fails
	if subtle.ConstantTimeCompare(h.Sum(nil), want) != 1 {
		return invalid("a signed part of the message was changed")
	}
	return nil
}
