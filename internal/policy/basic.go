package policy

import (
	"encoding/base64"
	"net/http"
	"strings"

	"farrier.dev/farrier/internal/traffic"
)

// BasicCredentials reads the value of an Authorization header of the Basic
// scheme (RFC 7617 §2).
func BasicCredentials(value string) (name, password string, ok bool) {
	scheme, coded, ok := strings.Cut(value, " ")
	if !ok || !strings.EqualFold(scheme, "basic") {
		return "", "", false
	}
	decoded, err := base64.StdEncoding.Strict().DecodeString(strings.Trim(coded, " "))
	if err != nil {
		return "", "", false
	}
	return strings.Cut(string(decoded), ":")
}

// RefuseBasic refuses with 401 and asks for Basic credentials, with the realm
// that MuleSoft's policies name.
func RefuseBasic(public, reason string) Verdict {
	return Refuse(http.StatusUnauthorized, public, reason,
		traffic.Field{Name: "www-authenticate", Value: `Basic realm="mule-realm"`})
}
