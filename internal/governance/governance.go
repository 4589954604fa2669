// Package governance judges descriptions of APIs, and the instances that serve
// them, by rulesets: Farrier's own, MuleSoft's validation profiles and
// Spectral's. It says what violates which rule, where, and how to mend it; a
// profile says which APIs which rulesets hold for. The languages of rulesets are
// the folders below; the package serves nothing and decides nothing about
// publishing.
package governance

import (
	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/spec"
)

// Aspect is what of an API a rule looks at.
type Aspect string

// The aspects.
const (
	// Specification is the description itself; Documentation what it tells people.
	Specification Aspect = "specification"
	Documentation Aspect = "documentation"
	// OfInstance is the API as it is served: policies, TLS, contracts.
	OfInstance Aspect = "instance"
)

// Rule is one rule as people read of it, whatever its ruleset is written in.
type Rule struct {
	// ID is unique in its ruleset.
	ID       string
	Title    string
	Severity finding.Severity
	// Violation says that what violates the rule does not conform. Others warn.
	Violation bool
	Aspect    Aspect
	// Why tells what goes wrong otherwise, Mend what to do.
	Why, Mend string
	// Documentation is a link; empty for none.
	Documentation string
	Taxonomy      finding.Taxonomy
	// Good and Bad are examples of a description, in YAML.
	Good, Bad []string
	// Fixes tells that the rule can mend what it finds.
	Fixes bool
}

// Target is what is judged: a description, an instance, or an instance with its
// description.
type Target struct {
	// Document is nil where there is no description.
	Document *spec.Document
	// Instance is nil where nothing serves it.
	Instance *Instance
	// File is the document as those who asked know it, besides by the name that it
	// has in its project; it may be empty.
	File string
	// Labels are facts about an API that has no instance, as those of an instance.
	Labels map[string]string
}

// Violation is one place that violates a rule.
type Violation struct {
	finding.Finding
	Ruleset string
	Aspect  Aspect
	// Violates says that the API does not conform because of it.
	Violates bool
	// Path leads to the place in the description.
	Path []string
	// Fix is what would mend it; nil where nothing is safe.
	Fix *Fix
	// Waived is the reason why it does not count; empty where it does.
	Waived string
}

// Fix mends one place by setting members of an object.
type Fix struct {
	// At is the object; Set the members to add to it, with their values.
	At  *tree.Node
	Set *tree.Node
}
