// Package catalogue is the only list of the policies that Farrier has.
package catalogue

import (
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/accessblock"
	"farrier.dev/farrier/internal/policy/apikey"
	"farrier.dev/farrier/internal/policy/attackprotection"
	"farrier.dev/farrier/internal/policy/authorization"
	"farrier.dev/farrier/internal/policy/aws"
	"farrier.dev/farrier/internal/policy/basicauth"
	"farrier.dev/farrier/internal/policy/circuitbreaker"
	"farrier.dev/farrier/internal/policy/clientcertificate"
	"farrier.dev/farrier/internal/policy/clientid"
	"farrier.dev/farrier/internal/policy/cors"
	"farrier.dev/farrier/internal/policy/credentialinjection"
	"farrier.dev/farrier/internal/policy/csrf"
	"farrier.dev/farrier/internal/policy/customerrors"
	"farrier.dev/farrier/internal/policy/deprecation"
	"farrier.dev/farrier/internal/policy/errorsanitization"
	"farrier.dev/farrier/internal/policy/extauthz"
	"farrier.dev/farrier/internal/policy/extproc"
	"farrier.dev/farrier/internal/policy/headerinjection"
	"farrier.dev/farrier/internal/policy/headerremoval"
	"farrier.dev/farrier/internal/policy/healthcheck"
	"farrier.dev/farrier/internal/policy/iplist"
	"farrier.dev/farrier/internal/policy/jsonthreat"
	"farrier.dev/farrier/internal/policy/jwtgeneration"
	"farrier.dev/farrier/internal/policy/jwtvalidation"
	"farrier.dev/farrier/internal/policy/ldapauth"
	"farrier.dev/farrier/internal/policy/messagelogging"
	"farrier.dev/farrier/internal/policy/messagesignature"
	"farrier.dev/farrier/internal/policy/ratelimit"
	"farrier.dev/farrier/internal/policy/ratelimitsla"
	"farrier.dev/farrier/internal/policy/responsehardening"
	"farrier.dev/farrier/internal/policy/route"
	"farrier.dev/farrier/internal/policy/routeweighted"
	"farrier.dev/farrier/internal/policy/spikecontrol"
	"farrier.dev/farrier/internal/policy/throttling"
	"farrier.dev/farrier/internal/policy/throttlingsla"
	"farrier.dev/farrier/internal/policy/timeouts"
	"farrier.dev/farrier/internal/policy/tls"
	"farrier.dev/farrier/internal/policy/tlsoutbound"
	"farrier.dev/farrier/internal/policy/tokenenforcement"
	"farrier.dev/farrier/internal/policy/websocketlimit"
	"farrier.dev/farrier/internal/policy/xmlthreat"
)

// New makes the catalogue of all policies. content gives the rules that were
// installed besides those built in; nil means none. An error is a mistake in a
// policy, which the tests find.
func New(content func() attackprotection.Content) (*policy.Catalogue, error) {
	return policy.NewCatalogue([]policy.Policy{
		accessblock.Policy(),
		apikey.Policy(),
		attackprotection.Policy(content),
		authorization.Policy(),
		aws.Lambda(),
		aws.Signature(),
		basicauth.Policy(),
		circuitbreaker.Policy(),
		clientcertificate.Policy(),
		clientid.Policy(),
		cors.Policy(),
		credentialinjection.APIKey(),
		credentialinjection.Basic(),
		credentialinjection.OAuth2(),
		credentialinjection.OnBehalfOf(),
		csrf.Policy(),
		customerrors.Policy(),
		deprecation.Policy(),
		errorsanitization.Policy(),
		extauthz.Policy(),
		extproc.Policy(),
		headerinjection.Policy(),
		headerremoval.Policy(),
		healthcheck.Policy(),
		iplist.Allowlist(),
		iplist.Blocklist(),
		iplist.Feeds(),
		jsonthreat.Policy(),
		jwtgeneration.Policy(),
		jwtvalidation.Policy(),
		ldapauth.Policy(),
		messagelogging.Policy(),
		messagesignature.Policy(),
		ratelimit.Policy(),
		ratelimitsla.Policy(),
		responsehardening.Policy(),
		route.Policy(),
		routeweighted.Policy(),
		spikecontrol.Policy(),
		throttling.Policy(),
		throttlingsla.Policy(),
		timeouts.Response(),
		timeouts.StreamIdle(),
		timeouts.UpstreamIdle(),
		tls.Policy(),
		tlsoutbound.Policy(),
		tokenenforcement.Introspection(),
		tokenenforcement.MuleProvider(),
		tokenenforcement.OpenAM(),
		tokenenforcement.OpenIDConnect(),
		tokenenforcement.PingFederate(),
		websocketlimit.Policy(),
		xmlthreat.Policy(),
	})
}
