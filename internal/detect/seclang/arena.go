package seclang

import (
	"strings"
	"unsafe"
)

// Strings that a run makes live in its arena, which the next run uses again.
// What leaves the run must be copied.

// since is the arena from an index on, which must not be written again.
func (r *run) since(from int) string {
	b := r.arena[from:]
	return unsafe.String(unsafe.SliceData(b), len(b))
}

func (r *run) join(parts ...string) string {
	from := len(r.arena)
	for _, p := range parts {
		r.arena = append(r.arena, p...)
	}
	return r.since(from)
}

// lowered is strings.ToLower, without garbage where text is ASCII.
func (r *run) lowered(text string) string {
	upper := false
	for i := range len(text) {
		if text[i] >= 0x80 {
			return strings.ToLower(text)
		}
		upper = upper || 'A' <= text[i] && text[i] <= 'Z'
	}
	if !upper {
		return text
	}
	from := len(r.arena)
	for i := range len(text) {
		r.arena = append(r.arena, lowerByte(text[i]))
	}
	return r.since(from)
}
