package tokenenforcement

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

// metadataPath is where an API tells who issues its tokens, below its base
// path: what lies above belongs to other APIs (RFC 9728 §3 permits both for an
// API at the root, and a client finds any address by WWW-Authenticate).
const metadataPath = "/.well-known/oauth-protected-resource"

// metadata is what an API tells of itself as a protected resource.
type metadata struct {
	Servers []string `json:"authorization_servers"`
	Scopes  []string `json:"scopes_supported,omitempty"`
	Methods []string `json:"bearer_methods_supported"`
}

// apply adds the metadata to an enforcer. from is the issuer or the endpoint that
// the settings name.
func (r *ResourceMetadata) apply(e *enforcer, from string) error {
	if !r.EnableProtectedResourceMetadata {
		return nil
	}
	issuer := e.server.issuer
	if r.OverrideProtectedResourceMetadataAuthorizationServerURL {
		const setting = "protectedResourceMetadataAuthorizationServerUrl"
		if r.ProtectedResourceMetadataAuthorizationServerURL == "" {
			return errors.New(setting + ": it is empty; name the authorization server, or turn overrideProtectedResourceMetadataAuthorizationServerUrl off")
		}
		var err error
		if issuer, err = address(setting, r.ProtectedResourceMetadataAuthorizationServerURL); err != nil {
			return err
		}
	}
	if issuer == "" {
		u, err := url.Parse(from)
		if err != nil {
			return errors.New("the address of the authorization server can't be read")
		}
		issuer = u.Scheme + "://" + u.Host
	}
	e.metadata = &metadata{Servers: []string{issuer}, Scopes: e.rules.scopes, Methods: []string{"header"}}
	return nil
}

// resource is the identifier of the API as the client addresses it.
func resource(x *traffic.Exchange) string {
	return x.Request.Scheme + "://" + x.Request.Host + x.BasePath
}

// answer tells the metadata to anybody, pages of other origins included.
func (m *metadata) answer(x *traffic.Exchange) policy.Verdict {
	if x.Request.Method != http.MethodGet && x.Request.Method != http.MethodHead {
		return policy.Refuse(http.StatusMethodNotAllowed, "Method not allowed.", "protected resource metadata can only be read",
			traffic.Field{Name: "allow", Value: "GET, HEAD"})
	}
	text, err := json.Marshal(struct {
		Resource string `json:"resource"`
		*metadata
	}{resource(x), m})
	if err != nil {
		return policy.Fail(http.StatusInternalServerError, "Internal error.", "the metadata could not be written")
	}
	return policy.Reply(policy.Answer{Status: http.StatusOK, Body: text, Header: []traffic.Field{
		{Name: "content-type", Value: "application/json"},
		{Name: "cache-control", Value: "max-age=300"},
		{Name: "access-control-allow-origin", Value: "*"},
	}}, "protected resource metadata")
}
