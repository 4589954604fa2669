package shape

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"math/bits"
	"slices"
)

const (
	// registers is how many a sketch has: its error is about 13 %.
	registers = 64
	// exact is up to how many hashes a sketch keeps as they are.
	exact = 15
)

// Sketch estimates a number of different things from their hashes: exactly up to 15
// of them, with an error of about 13 % beyond (HyperLogLog of 64 registers). It
// can be merged. The zero value has seen nothing.
type Sketch struct {
	few  []uint32 // sorted
	many *dense
}

// Add counts what has the hash, of which the upper half is used.
func (s *Sketch) Add(hash uint64) { s.add(uint32(hash >> 32)) } //nolint:gosec // The upper half fits.

func (s *Sketch) add(h uint32) {
	if s.many != nil {
		s.many.add(h)
		return
	}
	at, found := slices.BinarySearch(s.few, h)
	if found {
		return
	}
	if len(s.few) < exact {
		s.few = slices.Insert(s.few, at, h)
		return
	}
	s.many = new(dense)
	s.many.add(h)
	for _, h := range s.few {
		s.many.add(h)
	}
	s.few = nil
}

// dense has in each register the longest run of zeros that was seen, and one more.
type dense [registers]uint8

func (d *dense) add(h uint32) {
	at := h >> 26
	run := uint8(bits.LeadingZeros32(h<<6|1<<5) + 1) //nolint:gosec // At most 27.
	d[at] = max(d[at], run)
}

// Estimate is about how many different things were added.
func (s *Sketch) Estimate() uint64 {
	if s.many == nil {
		return uint64(len(s.few))
	}
	sum, empty := 0.0, 0
	for _, run := range s.many {
		sum += math.Ldexp(1, -int(run))
		if run == 0 {
			empty++
		}
	}
	const alpha = 0.709
	estimate := alpha * registers * registers / sum
	if estimate <= 2.5*registers && empty > 0 {
		estimate = registers * math.Log(float64(registers)/float64(empty))
	}
	return max(exact+1, uint64(estimate+0.5))
}

// Merge adds what other has seen.
func (s *Sketch) Merge(other *Sketch) {
	for _, h := range other.few {
		s.add(h)
	}
	if other.many == nil {
		return
	}
	if s.many == nil {
		few := s.few
		s.few, s.many = nil, new(dense)
		for _, h := range few {
			s.many.add(h)
		}
	}
	for i, run := range other.many {
		s.many[i] = max(s.many[i], run)
	}
}

// Clone is a copy that shares nothing.
func (s *Sketch) Clone() Sketch {
	c := Sketch{few: slices.Clone(s.few)}
	if s.many != nil {
		many := *s.many
		c.many = &many
	}
	return c
}

// IsZero says that nothing was seen.
func (s Sketch) IsZero() bool { return len(s.few) == 0 && s.many == nil }

var errSketch = errors.New("malformed sketch")

// MarshalJSON gives a short text.
func (s Sketch) MarshalJSON() ([]byte, error) { return json.Marshal(s.text()) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *Sketch) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return errSketch
	}
	return s.read(text)
}

func (s Sketch) text() string {
	var b []byte
	if s.many != nil {
		b = s.many[:]
	}
	for _, h := range s.few {
		b = append(b, byte(h>>24), byte(h>>16), byte(h>>8), byte(h))
	}
	return base64.RawStdEncoding.EncodeToString(b)
}

func (s *Sketch) read(text string) error {
	*s = Sketch{}
	b, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || len(b)%4 != 0 || len(b) > registers {
		return errSketch
	}
	if len(b) == registers && !slices.ContainsFunc(b, func(run byte) bool { return run > 27 }) {
		s.many = new(dense)
		copy(s.many[:], b)
		return nil
	}
	for ; len(b) > 0; b = b[4:] {
		s.add(uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3]))
	}
	return nil
}
