package messagesignature

import (
	"encoding/json"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/policy"
)

const (
	schemeHTTP = "http-message-signatures"
	schemeJWS  = "jws-detached"
	schemeHMAC = "hmac"
	schemeWSS  = "ws-security"
)

// Settings are what operators set.
type Settings struct {
	// Scheme is how requests are signed: by RFC 9421; by a JWS whose payload is
	// the body; by an HMAC in a header; or by an XML signature in the header of a
	// SOAP message.
	Scheme string `json:"scheme" default:"http-message-signatures" enum:"http-message-signatures|jws-detached|hmac|ws-security"`
	// Keys are the keys that may have signed; ws-security has trustedCertificates
	// instead.
	Keys []Key `json:"keys" default:"[]"`
	// MaxAge is how many seconds old a signature may be.
	MaxAge int64 `json:"maxAge" default:"300" min:"1" max:"31536000"`
	// ClockSkew is how many seconds the clocks of signer and gateway may differ.
	ClockSkew int64 `json:"clockSkew" default:"30" min:"0" max:"3600"`
	// RejectReplays accepts each signature once while it is young enough, by its
	// nonce where it has one. Then the signature must say when it was made. A nonce
	// of http-message-signatures is accepted once in any case. Gateways that share
	// a store remember together.
	RejectReplays bool `json:"rejectReplays" default:"false"`

	// RequiredComponents are what an HTTP message signature must cover at least:
	// derived components (@method, @authority, @path, @query, @target-uri, @scheme,
	// @request-target) and names of header fields. content-digest is required of
	// requests that have a body only, and is then compared with it.
	RequiredComponents []string `json:"requiredComponents" default:"[\"@method\",\"@authority\",\"@path\",\"@query\",\"content-digest\"]"`
	// Label is the label of the HTTP message signature to look at; without it any
	// one that satisfies the settings is enough.
	Label string `json:"label" default:""`
	// Tag is the application that an HTTP message signature must be meant for.
	Tag string `json:"tag" default:""`
	// RequireNonce refuses HTTP message signatures without a nonce.
	RequireNonce bool `json:"requireNonce" default:"false"`

	// SignatureHeader is the header that holds the JWS or the HMAC. The default is
	// x-jws-signature for jws-detached and x-signature for hmac.
	SignatureHeader string `json:"signatureHeader" default:""`
	// CriticalHeaders are names that crit of a JWS may hold besides b64, because
	// the service, or nobody, looks at them.
	CriticalHeaders []string `json:"criticalHeaders" default:"[]"`

	// SignaturePrefix stands in front of the HMAC in its header, as sha256= or v0=.
	SignaturePrefix string `json:"signaturePrefix" default:""`
	// SignatureField is the name of the HMAC in a header like t=1700000000,v1=ab….
	SignatureField string `json:"signatureField" default:""`
	// Encoding is how the HMAC is written.
	Encoding string `json:"encoding" default:"hex" enum:"hex|base64|base64url"`
	// Template is the text over which the HMAC is computed, with {method}, {path},
	// {query}, {target}, {timestamp}, {body} and {header:NAME} in it; \n is a line
	// break. It must have {body}.
	Template string `json:"template" default:"{body}"`
	// TimestampHeader is the header that says when the HMAC was made: seconds or
	// milliseconds since 1970, or an RFC 3339 time.
	TimestampHeader string `json:"timestampHeader" default:""`
	// TimestampField is the name of the time in the signature's header, as t.
	TimestampField string `json:"timestampField" default:""`
	// KeyIDHeader is the header that names the key of the HMAC. Without it all keys
	// are tried.
	KeyIDHeader string `json:"keyIdHeader" default:""`

	// TrustedCertificates are, for ws-security, the certificates in PEM of the
	// authorities that issued those of the signers, or of the signers themselves.
	TrustedCertificates string `json:"trustedCertificates" default:""`
}

// Key is one key that may have signed.
type Key struct {
	// ID is the key's name: keyid of RFC 9421, kid of a JWS. It becomes the
	// principal.
	ID string `json:"id" required:"true" minLength:"1"`
	// Algorithm is the only algorithm that the key is used with.
	Algorithm string `json:"algorithm" required:"true" enum:"rsa-pss-sha512|rsa-pss-sha256|rsa-v1_5-sha256|rsa-v1_5-sha512|ecdsa-p256-sha256|ecdsa-p384-sha384|ed25519|hmac-sha256|hmac-sha512"`
	// Key is a public key or certificate in PEM, or the secret of an HMAC of at
	// least 16 bytes: text, or base64 behind "base64:".
	Key string `json:"key" required:"true" secret:"true" minLength:"1"`
}

func defaults() Settings {
	return Settings{
		Scheme: schemeHTTP, MaxAge: 300, ClockSkew: 30, Encoding: "hex", Template: "{body}",
		RequiredComponents: []string{"@method", "@authority", "@path", "@query", contentDigest},
	}
}

func warn(settings json.RawMessage) []string {
	s := defaults()
	if policy.Decode(settings, &s) != nil {
		return nil
	}
	var warnings []string
	add := func(text string) { warnings = append(warnings, text) }
	covers := func(name string) bool { return slices.Contains(s.RequiredComponents, name) }
	switch s.Scheme {
	case schemeHTTP:
		if !covers(contentDigest) {
			add("requiredComponents has no content-digest, so anybody on the way can change bodies")
		}
		if !covers("@method") || !covers("@path") && !covers("@target-uri") && !covers("@request-target") {
			add("requiredComponents has not @method and @path, so a signature can be moved to another operation")
		}
	case schemeHMAC:
		if !strings.Contains(s.Template, "{timestamp}") {
			add("template has no {timestamp}, so a request that was overheard can be sent again at any time")
		}
		if !strings.Contains(s.Template, "{path}") && !strings.Contains(s.Template, "{target}") {
			add("template has no {path}, so a signature can be moved to another operation")
		}
	case schemeJWS:
		add("a detached JWS covers the body alone: neither method nor path")
	}
	return warnings
}
