package governance

import (
	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/governance/spectral"
)

// spectralOptions are what rulesets in Spectral's words may use.
func spectralOptions() spectral.Options {
	return spectral.Options{Functions: functions}
}

// exampleText is an example as people read it.
func exampleText(n *tree.Node) string {
	text, err := n.YAML()
	if err != nil {
		return ""
	}
	return text
}
