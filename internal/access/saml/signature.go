package saml

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/russellhaering/goxmldsig/etreeutils"
)

// algorithm is a signature that counts; false for any other, those of SHA-1 among
// them.
func algorithm(uri string) (x509.SignatureAlgorithm, bool) {
	switch uri {
	case dsig.RSASHA256SignatureMethod:
		return x509.SHA256WithRSA, true
	case dsig.RSASHA384SignatureMethod:
		return x509.SHA384WithRSA, true
	case dsig.RSASHA512SignatureMethod:
		return x509.SHA512WithRSA, true
	case dsig.ECDSASHA256SignatureMethod:
		return x509.ECDSAWithSHA256, true
	case dsig.ECDSASHA384SignatureMethod:
		return x509.ECDSAWithSHA384, true
	case dsig.ECDSASHA512SignatureMethod:
		return x509.ECDSAWithSHA512, true
	}
	return x509.UnknownSignatureAlgorithm, false
}

// digests are the hashes that count.
func digest(uri string) bool {
	return slices.Contains([]string{
		"http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2001/04/xmldsig-more#sha384", "http://www.w3.org/2001/04/xmlenc#sha512",
	}, uri)
}

const (
	enveloped = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
	exclusive = "http://www.w3.org/2001/10/xml-exc-c14n#"
)

// shape holds that a signature is the plain one of SAML: over the element that it
// stands in, all of it and nothing else.
func shape(sig *etree.Element) error {
	for _, part := range sig.ChildElements() {
		if part.NamespaceURI() != nsSignature || part.Tag != "SignedInfo" && part.Tag != "SignatureValue" && part.Tag != "KeyInfo" {
			return refuse(ErrAnswer, "its signature holds more than a signature")
		}
	}
	info, err := child(sig, nsSignature, "SignedInfo")
	if err != nil || info == nil {
		return refuse(ErrAnswer, "its signature does not say once what is signed")
	}
	value, err := child(sig, nsSignature, "SignatureValue")
	if err != nil || value == nil {
		return refuse(ErrAnswer, "its signature has not one value")
	}
	method, err := child(info, nsSignature, "SignatureMethod")
	if err != nil || method == nil {
		return refuse(ErrAnswer, "its signature names not one algorithm")
	}
	if _, ok := algorithm(method.SelectAttrValue("Algorithm", "")); !ok {
		return refuse(ErrAnswer, "its signature is of an algorithm that is not allowed; RSA or ECDSA with SHA-256 or better are")
	}
	canonical, err := child(info, nsSignature, "CanonicalizationMethod")
	if err != nil || canonical == nil || canonical.SelectAttrValue("Algorithm", "") != exclusive {
		return refuse(ErrAnswer, "its signature is not over exclusive canonical XML")
	}
	ref, err := child(info, nsSignature, "Reference")
	if err != nil || ref == nil || len(info.ChildElements()) != 3 {
		return refuse(ErrAnswer, "its signature has not one reference")
	}
	return reference(ref, sig.Parent())
}

func reference(ref, signed *etree.Element) error {
	id := signed.SelectAttrValue("ID", "")
	if id == "" || ref.SelectAttrValue("URI", "") != "#"+id {
		return refuse(ErrAnswer, "its signature is over another element than the one it stands in")
	}
	method, err := child(ref, nsSignature, "DigestMethod")
	if err != nil || method == nil || !digest(method.SelectAttrValue("Algorithm", "")) {
		return refuse(ErrAnswer, "its digest is of an algorithm that is not allowed; SHA-256 or better are")
	}
	transforms, err := child(ref, nsSignature, "Transforms")
	if err != nil || transforms == nil || len(transforms.ChildElements()) != 2 || len(ref.ChildElements()) != 3 {
		return refuse(ErrAnswer, "its signature has other transforms than the two of SAML")
	}
	for i, one := range transforms.ChildElements() {
		if !is(one, nsSignature, "Transform") || one.SelectAttrValue("Algorithm", "") != []string{enveloped, exclusive}[i] {
			return refuse(ErrAnswer, "its signature has other transforms than the two of SAML")
		}
	}
	return nil
}

// verified is an element as it was signed, of the bytes that the signature is over.
// Only keys of the metadata count; what the message says of its key is not looked at.
func verified(el *etree.Element, keys []*x509.Certificate, now time.Time) (*etree.Element, error) {
	around, err := etreeutils.NSBuildParentContext(el)
	if err != nil {
		return nil, refuse(ErrAnswer, "its names can't be read")
	}
	el, err = etreeutils.NSDetatch(around, el)
	if err != nil {
		return nil, refuse(ErrAnswer, "its names can't be read")
	}
	sig, err := child(el, nsSignature, "Signature")
	if err != nil || sig == nil {
		return nil, refuse(ErrAnswer, "it is not signed")
	}
	if info, err := child(sig, nsSignature, "KeyInfo"); err == nil && info != nil {
		sig.RemoveChild(info)
	}
	value, err := child(sig, nsSignature, "SignatureValue")
	if err != nil || value == nil {
		return nil, refuse(ErrAnswer, "its signature has not one value")
	}
	bare := strings.Join(strings.Fields(value.Text()), "")
	late := false
	for _, key := range keys {
		if now.Before(key.NotBefore) || now.After(key.NotAfter) {
			late = true
			continue
		}
		value.SetText(derText(key, bare))
		c := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{key}})
		c.Clock = dsig.NewFakeClockAt(now)
		if signed, err := c.Validate(el); err == nil {
			return signed, nil
		}
	}
	if late && len(keys) == 1 {
		return nil, refuse(ErrAnswer, "the provider's certificate is not valid now; read its metadata again")
	}
	return nil, errKey
}

// errKey says that no key of the provider made a signature.
var errKey = refuse(ErrAnswer, "its signature is wrong, or by a key that is not in the provider's metadata")

// der is a signature as Go's verifier wants it: XML writes ECDSA as two numbers
// side by side.
func der(key *x509.Certificate, sig []byte) []byte {
	k, ok := key.PublicKey.(*ecdsa.PublicKey)
	if !ok {
		return sig
	}
	size := (k.Params().BitSize + 7) / 8
	if len(sig) != 2*size {
		return sig
	}
	text, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(sig[:size]), new(big.Int).SetBytes(sig[size:])})
	if err != nil {
		return sig
	}
	return text
}

func derText(key *x509.Certificate, text string) string {
	sig, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return text
	}
	return base64.StdEncoding.EncodeToString(der(key, sig))
}

// queryPart is a parameter of an address as it was written.
func queryPart(raw, name string) (value string, err error) {
	found := false
	for part := range strings.SplitSeq(raw, "&") {
		key, text, _ := strings.Cut(part, "=")
		if plain, err := url.QueryUnescape(key); err != nil || plain != name {
			continue
		}
		if found {
			return "", refuse(ErrAnswer, "its address has more than one %s", name)
		}
		value, found = text, true
	}
	return value, nil
}

// verifiedQuery holds that the message of an address is signed (Bindings §3.4.4.1).
func verifiedQuery(raw, name string, keys []*x509.Certificate, now time.Time) error {
	signed := ""
	parts := map[string]string{}
	for _, one := range []string{name, "RelayState", "SigAlg", "Signature"} {
		text, err := queryPart(raw, one)
		if err != nil {
			return err
		}
		parts[one] = text
		if text != "" && one != "Signature" {
			signed += "&" + one + "=" + text
		}
	}
	if parts["Signature"] == "" || parts["SigAlg"] == "" {
		return refuse(ErrAnswer, "it is not signed")
	}
	uri, err := url.QueryUnescape(parts["SigAlg"])
	if err != nil {
		return refuse(ErrAnswer, "its address can't be read")
	}
	method, ok := algorithm(uri)
	if !ok {
		return refuse(ErrAnswer, "its signature is of an algorithm that is not allowed; RSA or ECDSA with SHA-256 or better are")
	}
	text, err := url.QueryUnescape(parts["Signature"])
	if err != nil {
		return refuse(ErrAnswer, "its address can't be read")
	}
	sig, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return refuse(ErrAnswer, "its signature can't be read")
	}
	for _, key := range keys {
		if !now.Before(key.NotBefore) && !now.After(key.NotAfter) && key.CheckSignature(method, []byte(strings.TrimPrefix(signed, "&")), der(key, sig)) == nil {
			return nil
		}
	}
	return errKey
}

// signedQuery is the address of a message of ours.
func (p *Provider) signedQuery(to, name string, message *etree.Element, relay string) (string, error) {
	text, err := rendered(message)
	if err != nil {
		return "", err
	}
	packed, err := deflated(text)
	if err != nil {
		return "", err
	}
	query := name + "=" + url.QueryEscape(base64.StdEncoding.EncodeToString(packed))
	if relay != "" {
		query += "&RelayState=" + url.QueryEscape(relay)
	}
	query += "&SigAlg=" + url.QueryEscape(dsig.RSASHA256SignatureMethod)
	sum := sha256.Sum256([]byte(query))
	sig, err := rsa.SignPKCS1v15(rand.Reader, p.o.Signer, crypto.SHA256, sum[:])
	if err != nil {
		return "", err
	}
	between := "?"
	if strings.Contains(to, "?") {
		between = "&"
	}
	return to + between + query + "&Signature=" + url.QueryEscape(base64.StdEncoding.EncodeToString(sig)), nil
}
