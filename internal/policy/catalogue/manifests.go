package catalogue

import (
	"encoding/json"

	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/policy"
)

// Manifests shows a catalogue to the builder of revisions.
type Manifests struct{ *policy.Catalogue }

// Find implements manifest.Catalogue.
func (c Manifests) Find(name string) (manifest.Policy, bool) {
	e := c.Catalogue.Find(name)
	if e == nil {
		return manifest.Policy{}, false
	}
	return manifest.Policy{
		Name: e.Name, Phase: int(e.Phase), Outbound: e.Outbound, Structural: e.Structural,
		Identifies: e.Identifies, Meters: e.Phase == policy.Meter, First: e.First, Describes: e.Describes,
		Check: func(settings json.RawMessage) []manifest.FieldProblem {
			var found []manifest.FieldProblem
			for _, p := range e.Check(settings) {
				found = append(found, manifest.FieldProblem{Path: p.Path, Message: p.Message, Known: p.Known})
			}
			if len(found) == 0 && e.Compile != nil {
				// What a schema can't say is said by compiling.
				if _, err := e.Compile(settings); err != nil {
					found = append(found, manifest.FieldProblem{Message: err.Error()})
				}
			}
			return found
		},
		Resolve: e.Resolve, Warn: e.Warn,
	}, true
}

// Names implements manifest.Catalogue.
func (c Manifests) Names() []string {
	names := make([]string, 0, len(c.All()))
	for _, e := range c.All() {
		names = append(names, e.Name)
	}
	return names
}
