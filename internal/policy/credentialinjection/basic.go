package credentialinjection

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

// Settings are what operators set of credential-injection-basic-auth-flex.
type Settings struct {
	// Username is the name that the service knows the gateway by. It may hold no colon.
	Username string `json:"username" required:"true" minLength:"1"`
	// Password is the password.
	Password string `json:"password" required:"true" secret:"true"`
	// Overwrite replaces a credential that the client sent; otherwise that one goes to the service.
	Overwrite bool `json:"overwrite" default:"false"`
	// CustomHeader is the header that carries the credential.
	CustomHeader string `json:"customHeader" default:"Authorization"`
}

// static are credentials that are the same for every request.
type static struct {
	injection
	values []string
}

func compileBasic(settings json.RawMessage) (policy.Compiled, error) {
	s := Settings{CustomHeader: "Authorization"}
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	if s.CustomHeader == "" {
		s.CustomHeader = "Authorization"
	}
	if strings.Contains(s.Username, ":") {
		return nil, errors.New("username: it holds a colon, at which servers would cut it")
	}
	name, err := headerName("customHeader", s.CustomHeader)
	if err != nil {
		return nil, err
	}
	value := "Basic " + base64.StdEncoding.EncodeToString([]byte(s.Username+":"+s.Password))
	return &static{injection{[]string{name}, s.Overwrite}, []string{value}}, nil
}

// APIKeySettings are what operators set of credential-injection-api-key-flex.
type APIKeySettings struct {
	// AuthType is what the service wants: apiKey is one key, clientCredentials is a client id and secret in two headers.
	AuthType string `json:"authType" default:"apiKey" enum:"apiKey|clientCredentials"`
	// Overwrite replaces a credential that the client sent; otherwise that one goes to the service.
	Overwrite bool `json:"overwrite" default:"false"`
	// APIKey is the key, with apiKey.
	APIKey string `json:"apiKey" default:"" secret:"true"`
	// CustomHeader is the header that carries the key.
	CustomHeader string `json:"customHeader" default:"x-api-key"`
	// ClientID is the client id, with clientCredentials.
	ClientID string `json:"clientId" default:""`
	// ClientSecret is the client secret, with clientCredentials.
	ClientSecret string `json:"clientSecret" default:"" secret:"true"`
	// CustomClientIDHeader is the header that carries the client id.
	CustomClientIDHeader string `json:"customClientIdHeader" default:"client_id"`
	// CustomClientSecretHeader is the header that carries the client secret.
	CustomClientSecretHeader string `json:"customClientSecretHeader" default:"client_secret"`
}

// credential is one header and what it carries, under the names of the settings.
type credential struct{ setting, value, headerSetting, header, standard string }

func compileAPIKey(settings json.RawMessage) (policy.Compiled, error) {
	s := APIKeySettings{AuthType: "apiKey"}
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	list := []credential{{"apiKey", s.APIKey, "customHeader", s.CustomHeader, "x-api-key"}}
	if s.AuthType == "clientCredentials" {
		list = []credential{
			{"clientId", s.ClientID, "customClientIdHeader", s.CustomClientIDHeader, "client_id"},
			{"clientSecret", s.ClientSecret, "customClientSecretHeader", s.CustomClientSecretHeader, "client_secret"},
		}
	}
	compiled := &static{injection: injection{overwrite: s.Overwrite}}
	for _, c := range list {
		if c.value == "" {
			return nil, errors.New(c.setting + ": required with authType " + s.AuthType + ", but missing")
		}
		if err := headerValue(c.setting, c.value); err != nil {
			return nil, err
		}
		if c.header == "" {
			c.header = c.standard
		}
		name, err := headerName(c.headerSetting, c.header)
		if err != nil {
			return nil, err
		}
		compiled.names, compiled.values = append(compiled.names, name), append(compiled.values, c.value)
	}
	if n := compiled.names; len(n) == 2 && (n[0] == n[1] || n[0] == otherSpelling(n[1])) {
		return nil, errors.New("customClientIdHeader and customClientSecretHeader name the same header")
	}
	return compiled, nil
}

// Bind implements policy.Compiled.
func (s *static) Bind(policy.Env) (policy.Step, error) {
	return policy.Step{Request: func(_ context.Context, x *traffic.Exchange) policy.Verdict {
		if s.present(&x.Request.Header) {
			return policy.GoBecause("the client sent a credential of its own, which stays")
		}
		s.set(&x.Request.Header, s.values...)
		return policy.Go()
	}}, nil
}
