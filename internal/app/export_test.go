package app

import (
	"net/http"
	"time"

	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/policy/catalogue"
)

// RealCatalogue is the catalogue as the builder of revisions sees it.
func RealCatalogue() (manifest.Catalogue, error) {
	all, err := catalogue.New(nil)
	return catalogue.Manifests{Catalogue: all}, err
}

// SampleAPI is the API behind farrier demo.
func SampleAPI() http.Handler { return sampleAPI(time.Now) }

// PrintPolicies is Policies with a catalogue at hand.
var PrintPolicies = printPolicies
