package app

import (
	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/policy/catalogue"
)

// RealCatalogue is the catalogue as the builder of revisions sees it.
func RealCatalogue() (manifest.Catalogue, error) {
	all, err := catalogue.New()
	return policies{all}, err
}
