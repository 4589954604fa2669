package mule

import "farrier.dev/farrier/internal/dataweave/syntax"

// parseMEL reads an expression of Mule 3.
func parseMEL(text string) *syntax.Script { return syntax.Parse(text) }
