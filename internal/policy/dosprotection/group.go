package dosprotection

import (
	"net/http"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

// groupsOf are the groups of the refusals of policies. Refusals of all others
// count as content: they looked at what a request holds.
var groupsOf = map[string]int{
	"http-limits": protocol, "client-certificate": authentication,

	"http-basic-authentication-flex": authentication, "ldap-authentication-flex": authentication,
	"client-id-enforcement-flex": authentication, "jwt-validation-flex": authentication,
	"oauth2-token-introspection-flex": authentication, "openidconnect-access-token-enforcement-flex": authentication,
	"external-oauth2-access-token-enforcement": authentication, "openam-access-token-enforcement": authentication,
	"pingfederate-access-token-enforcement": authentication, "native-ext-authz-flex": authentication,
	"api-key": authentication, "authorization": authentication, "csrf-protection": authentication,
	"message-signature": authentication,

	"rate-limiting-flex": qos, "rate-limiting-sla-based-flex": qos, "spike-control-flex": qos,
	"throttling": qos, "throttling-sla-based": qos, "websocket-connection-limit-flex": qos,
	"llm-token-rate-limit": qos, "a2a-token-rate-limit": qos,

	"attack-protection": waf, "injection-protection-flex": waf,
}

// ofService are the policies that refuse for what the service does, or for what
// nobody can help.
var ofService = map[string]bool{"circuit-breaker-flex": true, "access-block": true, "deprecation": true}

// groupOf is the group of the error that an exchange ended with, if it did. A
// policy that failed for want of its store is no fault of the source.
func groupOf(x *traffic.Exchange) (group int, is bool) {
	for i := len(x.Decisions) - 1; i >= 0; i-- {
		d := &x.Decisions[i]
		if d.Action != traffic.Refused || d.Side != "request" || ofService[d.Policy] || d.Policy == "dos-protection" {
			continue
		}
		if group, known := groupsOf[d.Policy]; known {
			return group, true
		}
		return content, true
	}
	if !policy.OwnError(x) {
		return 0, false // a kept 404 is an answer like any other
	}
	switch x.Response.Status {
	case http.StatusNotFound:
		return routing, x.Upstream.Service == ""
	case http.StatusRequestEntityTooLarge, http.StatusRequestTimeout:
		return protocol, true // a body that was cut off on its way
	}
	return 0, false
}
