// Package credentialinjection is the outbound policies that give requests the
// credentials which a service wants of the gateway:
// credential-injection-basic-auth-flex, -api-key-flex, -oauth2-flex and
// -oauth2-obo. They authenticate the gateway to the service; who the client is
// they neither ask nor check.
package credentialinjection

import (
	_ "embed"
	"fmt"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:generate go run ../schemagen . .:APIKeySettings .:OAuth2Settings .:OBOSettings

//go:embed schema.json
var basicSchema []byte

//go:embed apikey.json
var apiKeySchema []byte

//go:embed oauth2.json
var oauth2Schema []byte

//go:embed obo.json
var oboSchema []byte

// Basic is the entry of the catalogue for credential-injection-basic-auth-flex,
// which gives requests a name and a password.
func Basic() policy.Policy {
	return policy.Policy{
		Name: "credential-injection-basic-auth-flex", Title: "Credential Injection: Basic Authentication", Category: "Security",
		Phase: policy.Shape, Outbound: true, Schema: basicSchema, Compile: compileBasic,
	}
}

// APIKey is the entry of the catalogue for credential-injection-api-key-flex,
// which gives requests a key, or a client id and secret.
func APIKey() policy.Policy {
	return policy.Policy{
		Name: "credential-injection-api-key-flex", Title: "Credential Injection: API Key", Category: "Security",
		Phase: policy.Shape, Outbound: true, Schema: apiKeySchema, Compile: compileAPIKey,
	}
}

// OAuth2 is the entry of the catalogue for credential-injection-oauth2-flex,
// which gives requests a token that the gateway fetches for itself.
func OAuth2() policy.Policy {
	return policy.Policy{
		Name: "credential-injection-oauth2-flex", Title: "Credential Injection: OAuth 2.0", Category: "Security",
		Phase: policy.Shape, Outbound: true, Schema: oauth2Schema, Compile: compileOAuth2, Warn: warnOAuth2,
	}
}

// OnBehalfOf is the entry of the catalogue for credential-injection-oauth2-obo,
// which exchanges the token of the client for one that the service takes.
func OnBehalfOf() policy.Policy {
	return policy.Policy{
		Name: "credential-injection-oauth2-obo", Title: "Credential Injection: OAuth 2.0 on Behalf Of", Category: "Security",
		Phase: policy.Shape, Outbound: true, Schema: oboSchema, Compile: compileOBO, Warn: warnOBO,
	}
}

// ownHeaders are those that the gateway sets itself.
var ownHeaders = map[string]bool{
	"connection": true, "content-length": true, "content-type": true, "host": true, "keep-alive": true, "te": true,
	"trailer": true, "transfer-encoding": true, "upgrade": true,
}

// headerName is a name from the settings in lower case.
func headerName(setting, name string) (string, error) {
	lower := traffic.LowerName(name)
	if !httpguts.ValidHeaderFieldName(name) {
		return "", fmt.Errorf("%s: %q is not a header name", setting, name)
	}
	if ownHeaders[lower] {
		return "", fmt.Errorf("%s: %s is set by the gateway itself; choose another header", setting, lower)
	}
	return lower, nil
}

// headerValue says whether a secret may stand in a header; the message does not
// repeat it.
func headerValue(setting, value string) error {
	if !httpguts.ValidHeaderFieldValue(value) {
		return fmt.Errorf("%s: it holds a character that no header may have", setting)
	}
	return nil
}

// injection is the headers that carry one credential.
type injection struct {
	names     []string
	overwrite bool
}

// present says that the client sent a credential that is to stay. A name with
// a dash and the same with an underscore are one to many servers.
func (in *injection) present(h *traffic.Header) bool {
	if in.overwrite {
		return false
	}
	for _, name := range in.names {
		if h.Has(name) || h.Has(otherSpelling(name)) {
			return true
		}
	}
	return false
}

func (in *injection) set(h *traffic.Header, values ...string) {
	for i, name := range in.names {
		h.Del(otherSpelling(name))
		h.Set(name, values[i])
	}
}

// clear removes what the client sent and what was to be overwritten.
func (in *injection) clear(h *traffic.Header) {
	for _, name := range in.names {
		h.Del(name)
		h.Del(otherSpelling(name))
	}
}

// otherSpelling is the name with dashes for underscores, or the other way
// round.
func otherSpelling(name string) string {
	if strings.Contains(name, "_") {
		return strings.ReplaceAll(name, "_", "-")
	}
	return strings.ReplaceAll(name, "-", "_")
}

// endpoint checks the address of a token service.
func endpoint(setting, text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http" {
		return fmt.Errorf("%s: it is not the address of a token service; write https://HOST/PATH", setting)
	}
	return nil
}

// gatewayWait is how long in milliseconds the gateway waits in its own calls.
const gatewayWait = 10000

// warnings are what is unwise for both kinds of token services.
func warnings(setting, address, wait string, milliseconds int) []string {
	var list []string
	if u, err := url.Parse(address); err == nil && u.Scheme == "http" && u.Hostname() != "localhost" && !strings.HasPrefix(u.Hostname(), "127.") && u.Hostname() != "::1" {
		list = append(list, setting+": over http the client secret and the tokens travel unencrypted; use https")
	}
	if milliseconds > gatewayWait {
		list = append(list, fmt.Sprintf("%s: the gateway waits at most %d ms in calls of its own", wait, gatewayWait))
	}
	return list
}
