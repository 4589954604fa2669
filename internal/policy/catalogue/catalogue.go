// Package catalogue is the only list of the policies that Farrier has.
package catalogue

import (
	"slices"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/a2a"
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
	"farrier.dev/farrier/internal/policy/datamasking"
	"farrier.dev/farrier/internal/policy/dataweavetransform"
	"farrier.dev/farrier/internal/policy/deprecation"
	"farrier.dev/farrier/internal/policy/dosprotection"
	"farrier.dev/farrier/internal/policy/errorsanitization"
	"farrier.dev/farrier/internal/policy/extauthz"
	"farrier.dev/farrier/internal/policy/extproc"
	"farrier.dev/farrier/internal/policy/fieldencryption"
	"farrier.dev/farrier/internal/policy/graphql"
	"farrier.dev/farrier/internal/policy/headerinjection"
	"farrier.dev/farrier/internal/policy/headerremoval"
	"farrier.dev/farrier/internal/policy/healthcheck"
	"farrier.dev/farrier/internal/policy/httpcaching"
	"farrier.dev/farrier/internal/policy/httplimits"
	"farrier.dev/farrier/internal/policy/idempotency"
	"farrier.dev/farrier/internal/policy/injectionprotection"
	"farrier.dev/farrier/internal/policy/iplist"
	"farrier.dev/farrier/internal/policy/jsonthreat"
	"farrier.dev/farrier/internal/policy/jwtgeneration"
	"farrier.dev/farrier/internal/policy/jwtvalidation"
	"farrier.dev/farrier/internal/policy/ldapauth"
	"farrier.dev/farrier/internal/policy/llm"
	"farrier.dev/farrier/internal/policy/mcp"
	"farrier.dev/farrier/internal/policy/messagelogging"
	"farrier.dev/farrier/internal/policy/messagesignature"
	"farrier.dev/farrier/internal/policy/proxywasm"
	"farrier.dev/farrier/internal/policy/ratelimit"
	"farrier.dev/farrier/internal/policy/ratelimitsla"
	"farrier.dev/farrier/internal/policy/responsefilter"
	"farrier.dev/farrier/internal/policy/responsehardening"
	"farrier.dev/farrier/internal/policy/responsesize"
	"farrier.dev/farrier/internal/policy/route"
	"farrier.dev/farrier/internal/policy/routeweighted"
	"farrier.dev/farrier/internal/policy/schemavalidation"
	"farrier.dev/farrier/internal/policy/soapvalidation"
	"farrier.dev/farrier/internal/policy/specvalidation"
	"farrier.dev/farrier/internal/policy/spikecontrol"
	"farrier.dev/farrier/internal/policy/throttling"
	"farrier.dev/farrier/internal/policy/throttlingsla"
	"farrier.dev/farrier/internal/policy/timeouts"
	"farrier.dev/farrier/internal/policy/tls"
	"farrier.dev/farrier/internal/policy/tlsoutbound"
	"farrier.dev/farrier/internal/policy/tokenenforcement"
	"farrier.dev/farrier/internal/policy/tokenization"
	"farrier.dev/farrier/internal/policy/tracing"
	"farrier.dev/farrier/internal/policy/websocketlimit"
	"farrier.dev/farrier/internal/policy/xmlthreat"
)

//go:generate go run ./docgen ../../..

// New makes the catalogue of all policies. content gives the rules that were
// installed besides those built in; nil means none. An error is a mistake in a
// policy, which the tests find.
func New(content func() attackprotection.Content) (*policy.Catalogue, error) {
	return policy.NewCatalogue(slices.Concat(
		callers(), protection(content), traffic(), shaping(), outbound(), ai(),
	))
}

// callers find out who calls, and whether the caller may.
func callers() []policy.Policy {
	return []policy.Policy{
		apikey.Policy(),
		authorization.Policy(),
		basicauth.Policy(),
		clientcertificate.Policy(),
		clientid.Policy(),
		extauthz.Policy(),
		jwtvalidation.Policy(),
		ldapauth.Policy(),
		messagesignature.Policy(),
		tokenenforcement.Introspection(),
		tokenenforcement.MuleProvider(),
		tokenenforcement.OpenAM(),
		tokenenforcement.OpenIDConnect(),
		tokenenforcement.PingFederate(),
	}
}

// protection keeps harm from services, from the data in their answers, and from
// the gateway.
func protection(content func() attackprotection.Content) []policy.Policy {
	return []policy.Policy{
		accessblock.Policy(),
		attackprotection.Policy(content),
		cors.Policy(),
		csrf.Policy(),
		datamasking.Policy(),
		dosprotection.Policy(),
		errorsanitization.Policy(),
		fieldencryption.Decrypt(),
		fieldencryption.Encrypt(),
		graphql.Complexity(),
		graphql.Introspection(),
		graphql.Limits(),
		graphql.Schema(),
		httplimits.Policy(),
		injectionprotection.Policy(),
		iplist.Allowlist(),
		iplist.Blocklist(),
		iplist.Feeds(),
		jsonthreat.Policy(),
		responsefilter.Policy(),
		responsehardening.Policy(),
		responsesize.Policy(),
		schemavalidation.Policy(),
		soapvalidation.Policy(),
		specvalidation.Policy(),
		tokenization.Detokenize(),
		tokenization.Tokenize(),
		xmlthreat.Policy(),
	}
}

// traffic says where requests go, how many of them, and how long that may take.
func traffic() []policy.Policy {
	return []policy.Policy{
		deprecation.Policy(),
		healthcheck.Policy(),
		httpcaching.Policy(),
		idempotency.Policy(),
		ratelimit.Policy(),
		ratelimitsla.Policy(),
		route.Policy(),
		routeweighted.Policy(),
		spikecontrol.Policy(),
		throttling.Policy(),
		throttlingsla.Policy(),
		timeouts.Response(),
		timeouts.StreamIdle(),
		tls.Policy(),
		websocketlimit.Policy(),
	}
}

// shaping changes what passes, or tells of it.
func shaping() []policy.Policy {
	return []policy.Policy{
		customerrors.Policy(),
		dataweavetransform.Body(),
		dataweavetransform.Filter(),
		dataweavetransform.Headers(),
		extproc.Policy(),
		headerinjection.Policy(),
		headerremoval.Policy(),
		messagelogging.Policy(),
		messagelogging.SSE(),
		proxywasm.Policy(),
		tracing.Policy(),
	}
}

// outbound is bound to services, all others to APIs.
func outbound() []policy.Policy {
	return []policy.Policy{
		aws.Lambda(),
		aws.Signature(),
		circuitbreaker.Policy(),
		credentialinjection.APIKey(),
		credentialinjection.Basic(),
		credentialinjection.OAuth2(),
		credentialinjection.OnBehalfOf(),
		jwtgeneration.Policy(),
		messagelogging.Outbound(),
		timeouts.UpstreamIdle(),
		tlsoutbound.Policy(),
	}
}

// ai is for the protocols of agents and models: MCP, A2A and LLM.
func ai() []policy.Policy {
	return []policy.Policy{
		a2a.Card(),
		a2a.Decorator(),
		a2a.Limit(),
		a2a.PII(),
		a2a.Validation(),
		llm.Guard(),
		llm.Limit(),
		llm.PII(),
		mcp.Access(),
		mcp.Global(),
		mcp.Mapping(),
		mcp.PII(),
		mcp.Support(),
		mcp.Validation(),
	}
}
