// Package catalogue is the only list of the policies that Farrier has.
package catalogue

import (
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/headerinjection"
	"farrier.dev/farrier/internal/policy/route"
	"farrier.dev/farrier/internal/policy/routeweighted"
	"farrier.dev/farrier/internal/policy/tls"
	"farrier.dev/farrier/internal/policy/tlsoutbound"
)

// New makes the catalogue of all policies. An error is a mistake in a policy,
// which the tests find.
func New() (*policy.Catalogue, error) {
	return policy.NewCatalogue([]policy.Policy{
		headerinjection.Policy(),
		route.Policy(),
		routeweighted.Policy(),
		tls.Policy(),
		tlsoutbound.Policy(),
	})
}
