package taint

import "strconv"

// function is what a call of a value runs.
type function struct{ id int }

func (f *function) key() string { return "f" + strconv.Itoa(f.id) }

func joinFunctions(a, b *function) *function {
	if a == nil {
		return b
	}
	return a
}
