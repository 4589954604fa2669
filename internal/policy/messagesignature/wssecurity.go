package messagesignature

import (
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"time"
)

// Namespaces of WS-Security 1.0 and 1.1 with the X.509 token profile.
const (
	nsSOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
	nsSOAP12 = "http://www.w3.org/2003/05/soap-envelope"
	nsWSSE   = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
	nsWSU    = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
	nsDS     = "http://www.w3.org/2000/09/xmldsig#"
	nsExc    = "http://www.w3.org/2001/10/xml-exc-c14n#"
	nsXML    = "http://www.w3.org/XML/1998/namespace"

	x509Token = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3" //nolint:gosec // a name

	maxReferences = 16
)

// wsSecurity is the scheme of an XML signature with an X.509 certificate over
// the body and the timestamp of a SOAP message.
type wsSecurity struct {
	window
	roots *x509.CertPool
	apart bool
}

func compileWSS(s *Settings, w window) (scheme, error) {
	c := &wsSecurity{window: w, roots: x509.NewCertPool(), apart: s.RejectReplays}
	rest := []byte(strings.ReplaceAll(s.TrustedCertificates, `\n`, "\n"))
	count := 0
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, errors.New("trustedCertificates: one of them is not a certificate in PEM")
		}
		c.roots.AddCert(certificate)
		count++
	}
	switch {
	case count == 0 || strings.TrimSpace(string(rest)) != "":
		return nil, errors.New("trustedCertificates: give certificates in PEM, at least one and nothing else")
	case len(s.Keys) > 0:
		return nil, errors.New("keys: the scheme ws-security has trustedCertificates instead")
	}
	return c, nil
}

// parts are the elements of a message that the signature is about.
type parts struct {
	body, header, security, timestamp, signature, signedInfo int
}

func (c *wsSecurity) verify(m *message) (*proof, error) {
	if len(m.body) == 0 {
		return nil, missing("there is no SOAP message")
	}
	if coding := m.x.Request.Header.Joined("content-encoding"); coding != "" && coding != "identity" {
		m.body = m.x.Request.Body.Bytes()
	}
	elements, err := readTree(m.body)
	if err != nil {
		return nil, malformed(err.Error())
	}
	t := &tree{m.body, elements}
	p, err := t.find()
	if err != nil {
		return nil, err
	}
	made, err := c.timestamp(t, p.timestamp, m.now)
	if err != nil {
		return nil, err
	}
	certificate, err := t.certificate(p)
	if err != nil {
		return nil, err
	}
	// The signature is checked before what it covers: nothing is hashed for
	// somebody unknown.
	if _, err := certificate.Verify(x509.VerifyOptions{
		Roots: c.roots, CurrentTime: m.now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}); err != nil {
		return nil, invalid("the certificate leads to no trusted one, or is not valid now")
	}
	signature, err := t.checkSignature(p, certificate)
	if err != nil {
		return nil, err
	}
	if err := t.checkReferences(p); err != nil {
		return nil, err
	}
	good := &proof{signer: certificate.Subject.String()}
	if c.apart {
		good.once, good.until = "signature "+string(signature), c.until(made)
	}
	return good, nil
}

// find finds the parts and refuses messages in which two readers might find
// different ones.
func (t *tree) find() (p parts, err error) {
	soap := t.elements[0].space
	if t.elements[0].local != "Envelope" || soap != nsSOAP11 && soap != nsSOAP12 {
		return p, malformed("it is no SOAP envelope")
	}
	p.body, p.header = t.only(0, soap, "Body"), t.only(0, soap, "Header")
	for _, one := range []struct{ space, local string }{
		{nsSOAP11, "Envelope"},
		{nsSOAP12, "Envelope"},
		{nsSOAP11, "Body"},
		{nsSOAP12, "Body"},
		{nsSOAP11, "Header"},
		{nsSOAP12, "Header"},
		{nsWSSE, "Security"},
		{nsDS, "Signature"},
		{nsWSU, "Timestamp"},
	} {
		if t.count(one.space, one.local) > 1 {
			return p, invalid("the message has more than one " + one.local)
		}
	}
	if t.count(nsSOAP11, "Body")+t.count(nsSOAP12, "Body") != 1 || p.body < 0 {
		return p, invalid("the message has not one Body directly inside its Envelope")
	}
	p.security = t.only(p.header, nsWSSE, "Security")
	p.signature = t.only(p.security, nsDS, "Signature")
	if p.signature < 0 {
		return p, missing("the header Security has no Signature")
	}
	if p.timestamp = t.only(p.security, nsWSU, "Timestamp"); p.timestamp < 0 {
		return p, invalid("the header Security has no Timestamp")
	}
	if p.signedInfo = t.only(p.signature, nsDS, "SignedInfo"); p.signedInfo < 0 {
		return p, malformed("the Signature has not one SignedInfo")
	}
	seen := map[string]bool{}
	for i := range t.elements {
		for _, id := range t.elements[i].ids() {
			if seen[id] {
				return p, invalid("two elements have one Id")
			}
			seen[id] = true
		}
	}
	return p, nil
}

// ids are the values of the attributes by which one reader or another finds an
// element.
func (e *element) ids() []string {
	var found []string
	for _, a := range e.attributes {
		switch {
		case a.space == nsWSU && a.local == "Id", a.space == nsXML && a.local == "id",
			a.space == "" && (a.local == "Id" || a.local == "ID"):
			if id := string(a.value); !slices.Contains(found, id) {
				found = append(found, id)
			}
		}
	}
	return found
}

// timestamp checks the time window and gives when the message was made.
func (c *wsSecurity) timestamp(t *tree, at int, now time.Time) (made time.Time, err error) {
	read := func(local string) (time.Time, bool) {
		i := t.only(at, nsWSU, local)
		if i < 0 {
			return time.Time{}, false
		}
		when, err := time.Parse(time.RFC3339, strings.TrimSpace(string(t.elements[i].text)))
		return when, err == nil
	}
	made, ok := read("Created")
	if !ok {
		return made, malformed("the Timestamp has no time in Created")
	}
	if err := c.check(made, now); err != nil {
		return made, err
	}
	if len(t.children(at, nsWSU, "Expires")) > 0 {
		expires, ok := read("Expires")
		switch {
		case !ok:
			return made, malformed("the Timestamp has no time in Expires")
		case !now.Before(expires.Add(c.skew)):
			return made, invalid("the message has expired")
		}
	}
	return made, nil
}

// certificate is the one that KeyInfo names: inside it, or a token of the header.
func (t *tree) certificate(p parts) (*x509.Certificate, error) {
	info := t.only(p.signature, nsDS, "KeyInfo")
	at := t.only(t.only(info, nsDS, "X509Data"), nsDS, "X509Certificate")
	if token := t.only(info, nsWSSE, "SecurityTokenReference"); token >= 0 {
		reference := t.only(token, nsWSSE, "Reference")
		if reference < 0 {
			at = t.only(t.only(token, nsDS, "X509Data"), nsDS, "X509Certificate")
		} else {
			at = t.resolve(t.elements[reference].attr("URI"))
			if at >= 0 && (t.elements[at].parent != p.security || t.elements[at].local != "BinarySecurityToken" ||
				t.elements[at].space != nsWSSE || t.elements[at].attr("ValueType") != x509Token) {
				at = -1
			}
		}
	}
	if at < 0 {
		return nil, invalid("KeyInfo names no X.509 certificate of this message")
	}
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(t.elements[at].text)), ""))
	if err != nil {
		return nil, malformed("the certificate is not base64")
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, malformed("the certificate can't be read")
	}
	return certificate, nil
}

// resolve is the element with the Id of a reference within the message, -1 when
// there is none.
func (t *tree) resolve(uri string) int {
	id, ok := strings.CutPrefix(uri, "#")
	if !ok || id == "" {
		return -1
	}
	return slices.IndexFunc(t.elements, func(e element) bool { return slices.Contains(e.ids(), id) })
}

// signatureMethod is the algorithm of this name; SHA-1 is not among them.
func signatureMethod(uri string) x509.SignatureAlgorithm {
	switch uri {
	case "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256":
		return x509.SHA256WithRSA
	case "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384":
		return x509.SHA384WithRSA
	case "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512":
		return x509.SHA512WithRSA
	case "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256":
		return x509.ECDSAWithSHA256
	case "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384":
		return x509.ECDSAWithSHA384
	}
	return x509.UnknownSignatureAlgorithm
}

// digestMethod is the hash of this name; SHA-1 is not among them.
func digestMethod(uri string) crypto.Hash {
	switch uri {
	case "http://www.w3.org/2001/04/xmlenc#sha256":
		return crypto.SHA256
	case "http://www.w3.org/2001/04/xmldsig-more#sha384":
		return crypto.SHA384
	case "http://www.w3.org/2001/04/xmlenc#sha512":
		return crypto.SHA512
	}
	return 0
}
