// Package routeweighted is the policy route-weighted: it divides the requests
// that the binding's rules match among several services by weight. It is part
// of the revision and runs no step.
package routeweighted

import (
	_ "embed"
	"encoding/json"
	"fmt"

	"farrier.dev/farrier/internal/policy"
)

//go:generate go run ../schemagen .

//go:embed schema.json
var schema []byte

// Policy is the entry of the catalogue.
func Policy() policy.Policy {
	return policy.Policy{
		Name: "route-weighted", Title: "Weighted Route", Category: "Traffic Management",
		Structural: true, Schema: schema, Compile: compile,
	}
}

// Settings are what operators set.
type Settings struct {
	// Routes are the destinations. Each gets the share of requests that its
	// weight has in the sum of all weights.
	Routes []Route `json:"routes" required:"true" minItems:"1"`
}

// Route is one weighted destination.
type Route struct {
	// Weight is the share, 1 to 100.
	Weight int `json:"weight" required:"true" min:"1" max:"100"`
	// DestinationPath is put in front of the path that the service sees. It is
	// empty or begins with a slash.
	DestinationPath string `json:"destinationPath"`
	// DestinationRef names the service.
	DestinationRef Destination `json:"destinationRef" required:"true"`
}

// Destination names a service.
type Destination struct {
	// Name is the service's name.
	Name string `json:"name" required:"true" minLength:"1"`
	// Kind is the kind of the destination.
	Kind string `json:"kind" default:"Service" enum:"Service"`
	// Namespace is the service's namespace; without it, that of the binding.
	Namespace string `json:"namespace"`
}

func compile(settings json.RawMessage) (policy.Compiled, error) {
	var s Settings
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	for i, r := range s.Routes {
		if err := policy.CheckDestination(fmt.Sprintf("routes[%d].destinationPath", i), r.DestinationPath); err != nil {
			return nil, err
		}
	}
	return policy.Structure{}, nil
}
