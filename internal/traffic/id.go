package traffic

import (
	"crypto/rand"
	"time"
)

const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// NewID makes a correlation id: a ULID, 26 characters of which the first ten
// are the time in milliseconds, so that ids sort by time, and the rest random.
func NewID(now time.Time) string {
	var random [10]byte
	_, _ = rand.Read(random[:]) // never fails: crypto/rand ends the process instead
	var out [26]byte
	ms := uint64(now.UnixMilli()) //nolint:gosec // a clock before 1970 only spoils the order
	for i := 9; i >= 0; i-- {
		out[i] = crockford[ms&31]
		ms >>= 5
	}
	// 80 random bits are sixteen groups of five.
	var bits uint32
	have, at := 0, 10
	for _, b := range random {
		bits = bits<<8 | uint32(b)
		have += 8
		for have >= 5 {
			have -= 5
			out[at] = crockford[bits>>have&31]
			at++
		}
	}
	return string(out[:])
}

// ValidID says whether a text has the form of a correlation id.
func ValidID(id string) bool {
	if len(id) != 26 {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}
