package saml

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/beevik/etree"
	"github.com/crewjam/saml"
)

const nsMetadata = "urn:oasis:names:tc:SAML:2.0:metadata"

// comments are all those of a document: no other mark begins so.
var comments = regexp.MustCompile(`(?s)<!--.*?-->`)

// peer is what a provider says of itself.
type peer struct {
	issuer string
	// signOn is where people are sent to sign in, signOut where to sign out, and
	// signedOut where the answers to its own logout requests go; the latter two may be
	// empty.
	signOn, signOut, signedOut string
	keys                       []*x509.Certificate
	read                       time.Time
}

// readPeer reads metadata of one entity, or of several among which issuer stands
// once.
func readPeer(text []byte, issuer string, now time.Time) (peer, error) {
	// Metadata are written by people, too: byte order mark and comments are left out.
	text = comments.ReplaceAll(bytes.TrimPrefix(text, []byte("\ufeff")), nil)
	doc, err := parse(text, maxMetadataElements)
	if err != nil {
		return peer{}, err
	}
	var found *etree.Element
	err = each(doc.Root(), func(el *etree.Element) error {
		if !is(el, nsMetadata, "EntityDescriptor") || issuer != "" && el.SelectAttrValue("entityID", "") != issuer {
			return nil
		}
		if found != nil {
			return errors.New("they describe several entities; name the provider's entity id in issuer")
		}
		found = el
		return nil
	})
	if err != nil {
		return peer{}, err
	}
	if found == nil {
		return peer{}, errors.New("they describe no such entity")
	}
	for el := found; el != nil; el = el.Parent() {
		if until := el.SelectAttrValue("validUntil", ""); until != "" {
			if at, err := time.Parse(time.RFC3339, until); err != nil || !now.Before(at) {
				return peer{}, errors.New("they are not valid any more (validUntil)")
			}
		}
	}
	role, err := child(found, nsMetadata, "IDPSSODescriptor")
	if err != nil || role == nil {
		return peer{}, errors.New("they describe not one identity provider (IDPSSODescriptor)")
	}
	of := peer{issuer: found.SelectAttrValue("entityID", "")}
	if of.issuer == "" || len(of.issuer) > 1024 {
		return peer{}, errors.New("they have no entity id")
	}
	if err := of.endpoints(role); err != nil {
		return peer{}, err
	}
	of.keys, err = keysOf(role)
	return of, err
}

// endpoints reads where browsers are sent.
func (of *peer) endpoints(role *etree.Element) error {
	for _, el := range role.ChildElements() {
		if el.SelectAttrValue("Binding", "") != saml.HTTPRedirectBinding || el.NamespaceURI() != nsMetadata {
			continue
		}
		at := el.SelectAttrValue("Location", "")
		switch el.Tag {
		case "SingleSignOnService":
			of.signOn = at
		case "SingleLogoutService":
			of.signOut, of.signedOut = at, el.SelectAttrValue("ResponseLocation", at)
		}
	}
	if of.signOn == "" {
		return errors.New("they have no SingleSignOnService with the HTTP-Redirect binding")
	}
	for _, at := range []string{of.signOn, of.signOut, of.signedOut} {
		if at != "" {
			if err := address(at); err != nil {
				return err
			}
		}
	}
	return nil
}

// keysOf are the certificates that sign, each once.
func keysOf(role *etree.Element) ([]*x509.Certificate, error) {
	var keys []*x509.Certificate
	for _, el := range role.ChildElements() {
		if !is(el, nsMetadata, "KeyDescriptor") || el.SelectAttrValue("use", "signing") != "signing" {
			continue
		}
		err := each(el, func(el *etree.Element) error {
			if !is(el, nsSignature, "X509Certificate") {
				return nil
			}
			raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(el.Text()), ""))
			if err != nil {
				return errors.New("a certificate can't be read")
			}
			key, err := x509.ParseCertificate(raw)
			if err != nil {
				return errors.New("a certificate can't be read")
			}
			if slices.ContainsFunc(keys, key.Equal) {
				return nil
			}
			keys = append(keys, key)
			return strongKey(key)
		})
		if err != nil {
			return nil, err
		}
	}
	switch {
	case len(keys) == 0:
		return nil, errors.New("they have no certificate that signs")
	case len(keys) > maxKeys:
		return nil, fmt.Errorf("they have %d certificates that sign, %d at most are taken", len(keys), maxKeys)
	}
	return keys, nil
}

func strongKey(key *x509.Certificate) error {
	switch k := key.PublicKey.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() >= 2048 {
			return nil
		}
	case *ecdsa.PublicKey:
		if k.Params().BitSize >= 256 {
			return nil
		}
	}
	return errors.New("a key is weaker than RSA of 2048 bits or ECDSA of 256")
}

// Metadata is our own description, for the provider.
func (p *Provider) Metadata() ([]byte, error) {
	yes := true
	certificate := base64.StdEncoding.EncodeToString(p.o.Certificate)
	role := saml.SPSSODescriptor{
		SSODescriptor: saml.SSODescriptor{
			RoleDescriptor: saml.RoleDescriptor{
				ProtocolSupportEnumeration: nsProtocol,
				KeyDescriptors: []saml.KeyDescriptor{{
					Use: "signing", KeyInfo: saml.KeyInfo{X509Data: saml.X509Data{X509Certificates: []saml.X509Certificate{{Data: certificate}}}},
				}},
			},
			SingleLogoutServices: []saml.Endpoint{
				{Binding: saml.HTTPRedirectBinding, Location: p.slo()},
				{Binding: saml.HTTPPostBinding, Location: p.slo()},
			},
			NameIDFormats: []saml.NameIDFormat{saml.NameIDFormat(p.o.Settings.format())},
		},
		AuthnRequestsSigned: &yes, WantAssertionsSigned: &yes,
		AssertionConsumerServices: []saml.IndexedEndpoint{{Binding: saml.HTTPPostBinding, Location: p.acs(), Index: 1, IsDefault: &yes}},
	}
	it := struct {
		XMLName  xml.Name               `xml:"urn:oasis:names:tc:SAML:2.0:metadata EntityDescriptor"`
		EntityID string                 `xml:"entityID,attr"`
		Roles    []saml.SPSSODescriptor `xml:"SPSSODescriptor"`
	}{EntityID: p.entity(), Roles: []saml.SPSSODescriptor{role}}
	text, err := xml.MarshalIndent(it, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing metadata: %w", err)
	}
	return append([]byte(xml.Header), append(text, '\n')...), nil
}
