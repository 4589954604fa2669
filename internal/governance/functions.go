package governance

import "farrier.dev/farrier/internal/governance/spectral"

// functions are those that the built-in rules may name beside Spectral's own.
var functions = map[string]spectral.Function{}
