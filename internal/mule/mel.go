package mule

import (
	"farrier.dev/farrier/internal/dataweave/syntax"
	"farrier.dev/farrier/internal/dataweave/syntax/mel"
)

// parseMEL reads an expression of Mule 3.
func parseMEL(text string) *syntax.Script { return mel.Parse(text) }
