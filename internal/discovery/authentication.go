package discovery

import (
	"strings"

	"farrier.dev/farrier/internal/encoding/form"
	"farrier.dev/farrier/internal/traffic"
)

// CredentialName says which kind of credentials a header, cookie or query parameter of
// this name carries; empty for none. In is header, cookie or query.
func CredentialName(in, name string) Authentication {
	n := squeezed(name)
	switch in {
	case "header":
		switch n {
		case "apikey", "xapikey", "xapitoken", "apitoken", "ocpapimsubscriptionkey", "xsecret", "xtoken", "jwt", "xauthtoken", "xaccesstoken",
			"authtoken", "accesstoken", "xauthkey", "xgoogapikey", "xfunctionskey", "xauth", "privatetoken", "xvaulttoken", "xapisecret", "xsubscriptionkey":
			return APIKey
		case "clientsecret", "clientid", "xclientid", "xclientsecret", "xibmclientid":
			return ClientID
		case "xamzsecuritytoken":
			return AWSSignature
		case "xsignature", "xhubsignature", "xhubsignature256", "signature", "xhmacsignature", "xhmac", "xslacksignature", "stripesignature":
			return HMACSignature
		}
	case "query":
		switch n {
		case "accesstoken", "oauthtoken", "bearertoken":
			return Bearer
		case "apikey", "authorization", "refreshtoken", "key", "subscriptionkey", "authtoken", "apitoken", "appkey", "appid":
			if n == "key" || n == "appid" {
				return ""
			}
			return APIKey
		case "clientsecret":
			return ClientID
		case "xamzsignature":
			return AWSSignature
		}
	case "cookie":
		switch n {
		case "accesstoken", "authtoken", "authorization", "jwt", "keycloakidentity", "refreshtoken", "sessiontoken", "session", "sessionid", "sid",
			"phpsessid", "jsessionid", "aspsessionid", "aspnetsessionid", "connectsid", "laravelsession", "aspnetcoreidentityapplication", "idtoken", "token":
			return SessionCookie
		}
	}
	return ""
}

// squeezed is a name in lower case without separators.
func squeezed(name string) string {
	if len(name) > 64 {
		return ""
	}
	plain := true
	for i := range len(name) {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			plain = false
			break
		}
	}
	if plain {
		return name
	}
	var b [64]byte
	n := 0
	for i := range len(name) {
		c := name[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			b[n] = c
			n++
		}
	}
	return string(b[:n])
}

// authenticated tells by what a call proved who it is.
func (c *call) authenticated() Authentication {
	h := c.Request.Header
	if a := h.Get("authorization"); a != "" {
		return schemeOf(a)
	}
	for f := range h.All() {
		if kind := CredentialName("header", f.Name); kind != "" && f.Value != "" {
			return kind
		}
	}
	if kind := c.queryCredential(); kind != "" {
		return kind
	}
	for cookie := range cookies(h) {
		if kind := CredentialName("cookie", cookie.Name); kind != "" {
			return kind
		}
	}
	if c.Caller.Certificate != "" {
		return Certificate
	}
	return NoAuthentication
}

func schemeOf(field string) Authentication {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(field), " ")
	switch strings.ToLower(scheme) {
	case "bearer", "token":
		if strings.HasPrefix(rest, "eyJ") && strings.Count(rest, ".") >= 2 {
			return JWTBearer
		}
		return Bearer
	case "basic":
		return Basic
	case "digest":
		return Digest
	case "negotiate", "ntlm", "kerberos":
		return Negotiate
	case "aws4-hmac-sha256", "aws", "aws4-ecdsa-p256-sha256":
		return AWSSignature
	case "hmac", "hmac-sha256", "signature", "hawk", "sharedkey", "sharedaccesssignature":
		return HMACSignature
	case "apikey", "api-key":
		return APIKey
	}
	return OtherScheme
}

func (c *call) queryCredential() Authentication {
	if c.Query == "" {
		return ""
	}
	it := form.Pairs(c.Query, MaxParameters)
	for it.Next() {
		name, _ := it.Pair().Name.Decode()
		if kind := CredentialName("query", name); kind != "" {
			return kind
		}
	}
	return ""
}

// cookies gives the names and values of a request's cookies.
func cookies(h *traffic.Header) func(func(traffic.Field) bool) {
	return func(yield func(traffic.Field) bool) {
		for _, f := range h.Values("cookie") {
			for pair := range strings.SplitSeq(f.Value, ";") {
				name, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
				if ok && name != "" && !yield(traffic.Field{Name: name, Value: value}) {
					return
				}
			}
		}
	}
}
