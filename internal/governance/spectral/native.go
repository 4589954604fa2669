package spectral

import "farrier.dev/farrier/internal/encoding/tree"

// CoreFunction is the function of a name that every ruleset may use, nil where
// there is none: for functions that are built on it.
func CoreFunction(name string) Function { return coreFunctions()[name] }

// At is the input for a value that steps lead to from the value of this one, or
// that stands for what they lead to.
func (in *Input) At(value *tree.Node, steps ...string) *Input {
	out := *in
	out.Value = value
	out.field = append(append([]string{}, in.field...), steps...)
	return &out
}
