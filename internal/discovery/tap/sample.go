package tap

import (
	"hash/maphash"
	"math"
	"math/bits"
	"strings"
	"sync/atomic"

	"farrier.dev/farrier/internal/traffic"
)

// The size of the table that counts shapes: 1 MiB, however many there are.
const (
	rows  = 4
	width = 1 << 16
)

// counters count the exchanges of each shape in a table of a fixed size
// (a count-min sketch: Cormode and Muthukrishnan, 2005). Shapes that share cells
// are counted too high, so that less of them is looked into than could be, never
// more. Who invents shapes is counted as well; the table ages when half of it is
// taken.
type counters struct {
	seed  maphash.Seed
	cells [rows][width]atomic.Uint32
	// fresh counts the shapes that were new since the table aged.
	fresh atomic.Int64
}

func newCounters() *counters { return &counters{seed: maphash.MakeSeed()} }

// sample counts an exchange and says whether it is to be looked into: the first
// full of its shape are, then one of every. The first few are to be seen whole.
func (c *counters) sample(x *traffic.Exchange, full, every uint32) (wanted, whole bool) {
	h := c.shape(x.API, x.Request.Method, x.Request.Path)
	n := uint32(math.MaxUint32)
	for row := range rows {
		n = min(n, c.cells[row][h>>(16*row)&(width-1)].Add(1))
	}
	if n == 1 {
		c.fresh.Add(1)
	}
	return n <= full || n%every == 0, n <= wholeSample
}

// age halves all counts when the table has become crowded. It is for the workers.
func (c *counters) age() {
	if n := c.fresh.Load(); n < width/2 || !c.fresh.CompareAndSwap(n, 0) {
		return
	}
	for row := range c.cells {
		for i := range c.cells[row] {
			cell := &c.cells[row][i]
			cell.Store(cell.Load() / 2) // an exchange that is counted meanwhile may be lost
		}
	}
}

// maxShape is how many segments of a path make its shape.
const maxShape = 24

// shape is a hash of an API, a method and a path whose segments that look like
// identifiers are all the same.
func (c *counters) shape(api, method, path string) uint64 {
	const prime = 0x9e3779b97f4a7c15
	h := maphash.String(c.seed, api) ^ bits.RotateLeft64(maphash.String(c.seed, method), 7)
	for range maxShape {
		if path == "" {
			break
		}
		segment := path[1:]
		if i := strings.IndexByte(segment, '/'); i >= 0 {
			segment = segment[:i]
		}
		path = path[1+len(segment):]
		part := uint64(prime)
		if !folded(segment) {
			part = maphash.String(c.seed, segment)
		}
		h = bits.RotateLeft64((h^part)*prime, 29)
	}
	return h
}

// folded says that a segment looks like an identifier: it has a digit, is long, or
// is made of the letters of hexadecimal numbers alone.
func folded(segment string) bool {
	if len(segment) > 40 {
		return true
	}
	hex := len(segment) >= 8
	for i := range len(segment) {
		c := segment[i] | 0x20 // digits stay what they are
		if '0' <= c && c <= '9' {
			return true
		}
		hex = hex && ('a' <= c && c <= 'f' || c == '-')
	}
	return hex
}
