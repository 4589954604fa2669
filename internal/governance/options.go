package governance

import (
	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/governance/spectral"
	"farrier.dev/farrier/internal/governance/spectral/core"
)

// spectralOptions are what rulesets in Spectral's words may use.
func spectralOptions() spectral.Options {
	return spectral.Options{Functions: functions, Builtin: core.Builtin()}
}

// exampleText is an example as people read it.
func exampleText(n *tree.Node) string {
	text, err := n.YAML()
	if err != nil {
		return ""
	}
	return text
}
