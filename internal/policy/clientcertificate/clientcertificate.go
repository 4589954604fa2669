// Package clientcertificate is the policy client-certificate: it makes the
// certificate that a client showed in the TLS handshake its identity, and binds
// certificates to clients and tokens to certificates (RFC 8705). That a trusted
// authority signed it is what the tls policy of the port checks.
package clientcertificate

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"farrier.dev/farrier/internal/dataweave"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:generate go run ../schemagen .

//go:embed schema.json
var schema []byte

// Policy is the entry of the catalogue.
func Policy() policy.Policy {
	return policy.Policy{
		Name: "client-certificate", Title: "Client Certificate", Category: "Security",
		Phase: policy.Identify, Identifies: true, Schema: schema, Compile: compile,
	}
}

// Settings are what operators set.
type Settings struct {
	// Clients are the certificates that pass and whose they are. Without any, each trusted certificate passes, and its subject is the principal.
	Clients []Client `json:"clients" default:"[]"`
	// RequireContract refuses clients that have no approved contract on the API.
	RequireContract bool `json:"requireContract" default:"false"`
	// TokenBinding refuses a token that is bound to another certificate, or to none: its claim cnf.x5t#S256 must be the certificate's digest. A policy before this one must have verified the token.
	TokenBinding bool `json:"tokenBinding" default:"false"`
	// ForwardHeader is the header in which the service reads the certificate's SHA-256, in hexadecimal; empty sends nothing. What a client sends under that name is removed.
	ForwardHeader string `json:"forwardHeader" default:""`
}

// Client says by which certificate a client is known. All that is set must fit.
type Client struct {
	// Client is the client id.
	Client string `json:"client" required:"true" minLength:"1"`
	// SHA256 is the hexadecimal SHA-256 of the certificate.
	SHA256 string `json:"sha256" default:""`
	// Subject is the subject's distinguished name (RFC 4514), as CN=shop,O=Example.
	Subject string `json:"subject" default:""`
	// Issuer is that of the issuer.
	Issuer string `json:"issuer" default:""`
	// DNSName is one of the names of the certificate.
	DNSName string `json:"dnsName" default:""`
	// URI is one of the URIs of the certificate, as spiffe://example.org/shop.
	URI string `json:"uri" default:""`
}

type verifier struct {
	Settings
	digests [][]byte // of the clients, nil where none is set
	header  string
	spelled string // header, with hyphens only
}

func compile(settings json.RawMessage) (policy.Compiled, error) {
	v := &verifier{}
	if err := policy.DecodeWithDefaults(schema, settings, &v.Settings); err != nil {
		return nil, err
	}
	v.header = traffic.LowerName(v.ForwardHeader)
	if v.header != "" && !httpguts.ValidHeaderFieldName(v.header) {
		return nil, fmt.Errorf("forwardHeader: %q is no name of a header", v.ForwardHeader)
	}
	v.spelled = strings.ReplaceAll(v.header, "_", "-")
	for i, c := range v.Clients {
		if c.SHA256+c.Subject+c.DNSName+c.URI == "" {
			return nil, fmt.Errorf("clients[%d]: set sha256, subject, dnsName or uri, or every certificate would be that client's", i)
		}
		digest, err := hex.DecodeString(strings.ReplaceAll(c.SHA256, ":", ""))
		if err != nil || c.SHA256 != "" && len(digest) != sha256.Size {
			return nil, fmt.Errorf("clients[%d].sha256: must be 64 hexadecimal digits", i)
		}
		v.digests = append(v.digests, digest)
	}
	if v.RequireContract && len(v.Clients) == 0 {
		return nil, errors.New("requireContract: needs clients, which say whose a certificate is")
	}
	return v, nil
}

// Bind implements policy.Compiled.
func (v *verifier) Bind(env policy.Env) (policy.Step, error) {
	return policy.Step{Request: func(_ context.Context, x *traffic.Exchange) policy.Verdict {
		if v.header != "" {
			// Many services take either spelling.
			x.Request.Header.DelFunc(func(f traffic.Field) bool {
				return len(f.Name) == len(v.spelled) && strings.ReplaceAll(f.Name, "_", "-") == v.spelled
			})
		}
		tls := x.Request.TLS
		if tls == nil || len(tls.Peer) == 0 || !tls.Verified {
			return refuse("A client certificate is required.", "the client showed no certificate that leads to a trusted root")
		}
		leaf := tls.Peer[0]
		if now := env.Now(); now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
			return refuse("The client certificate is not valid.", "the certificate is not valid at this time")
		}
		digest := sha256.Sum256(leaf.Raw)
		if v.TokenBinding && !bound(x, digest[:]) {
			return refuse("The token is bound to another certificate.", "the token's cnf claim is not the digest of the certificate")
		}
		if why := v.establish(env, x, leaf, digest[:]); why != "" {
			return refuse("The client certificate is not known.", why)
		}
		if v.header != "" {
			x.Request.Header.Set(v.header, hex.EncodeToString(digest[:]))
		}
		return policy.Go()
	}}, nil
}

// establish makes the owner of the certificate the caller, or says why not.
func (v *verifier) establish(env policy.Env, x *traffic.Exchange, leaf *x509.Certificate, digest []byte) string {
	if len(v.Clients) == 0 {
		x.Auth.Principal = leaf.Subject.String()
		return ""
	}
	for i := range v.Clients {
		c := &v.Clients[i]
		if !c.fits(leaf, v.digests[i], digest) {
			continue
		}
		if x.Auth.ClientID != "" && x.Auth.ClientID != c.Client {
			return "the certificate is that of another client than the one identified"
		}
		client := env.Clients.Find(c.Client)
		switch {
		case client != nil:
			client.Establish(&x.Auth)
		case v.RequireContract:
			return env.Clients.Why(c.Client)
		default:
			x.Auth.ClientID = c.Client
		}
		if x.Auth.Principal == "" {
			x.Auth.Principal = leaf.Subject.String()
		}
		return ""
	}
	return "the certificate belongs to no client of the settings"
}

func (c *Client) fits(leaf *x509.Certificate, want, digest []byte) bool {
	switch {
	case c.SHA256 != "" && subtle.ConstantTimeCompare(want, digest) != 1,
		c.Subject != "" && c.Subject != leaf.Subject.String(),
		c.Issuer != "" && c.Issuer != leaf.Issuer.String(),
		c.DNSName != "" && !slices.ContainsFunc(leaf.DNSNames, func(name string) bool { return strings.EqualFold(name, c.DNSName) }):
		return false
	}
	if c.URI == "" {
		return true
	}
	for _, u := range leaf.URIs {
		if u.String() == c.URI {
			return true
		}
	}
	return false
}

// bound says whether the token of the caller is bound to the certificate
// (RFC 8705 §3.1).
func bound(x *traffic.Exchange, digest []byte) bool {
	claims, err := dataweave.FromAny(x.Auth.Properties["claims"])
	if err != nil {
		return false
	}
	for _, name := range []string{"cnf", "x5t#S256"} {
		object, ok := claims.AsObject()
		if !ok {
			return false
		}
		if claims, ok = object.Get(name); !ok {
			return false
		}
	}
	text, ok := claims.AsString()
	return ok && subtle.ConstantTimeCompare([]byte(text), []byte(base64.RawURLEncoding.EncodeToString(digest))) == 1
}

func refuse(public, reason string) policy.Verdict {
	return policy.Refuse(http.StatusUnauthorized, public, reason)
}
