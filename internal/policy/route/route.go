// Package route is the policy route: it sends the requests that the binding's
// rules match to one service. It is part of the revision and runs no step.
package route

import (
	_ "embed"
	"encoding/json"

	"farrier.dev/farrier/internal/policy"
)

//go:generate go run ../schemagen .

//go:embed schema.json
var schema []byte

// Policy is the entry of the catalogue.
func Policy() policy.Policy {
	return policy.Policy{
		Name: "route", Title: "Route", Category: "Traffic Management",
		Structural: true, Schema: schema, Compile: compile,
	}
}

// Settings are what operators set.
type Settings struct {
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
	if err := policy.CheckDestination("destinationPath", s.DestinationPath); err != nil {
		return nil, err
	}
	return policy.Structure{}, nil
}
