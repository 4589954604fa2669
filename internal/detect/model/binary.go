package model

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sort"
)

// format is the first byte of what was written.
const format = 1

// maxPlaceName bounds the names that are read back, in bytes.
const maxPlaceName = 1 << 10

// MarshalBinary writes what was learned; equal lessons give equal bytes.
func (o *Operation) MarshalBinary() ([]byte, error) {
	b := []byte{format}
	for _, s := range o.Sources {
		b = binary.LittleEndian.AppendUint64(b, s)
	}
	names := make([]string, 0, len(o.Places))
	for name := range o.Places {
		names = append(names, name)
	}
	sort.Strings(names)
	b = binary.AppendUvarint(b, uint64(len(names)))
	for _, name := range names {
		b = binary.AppendUvarint(b, uint64(len(name)))
		b = append(b, name...)
		b = o.Places[name].append(b)
	}
	return b, nil
}

func (p *Profile) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(p.Values))
	for _, features := range p.features() {
		for _, shown := range features {
			b = binary.AppendUvarint(b, shown)
		}
	}
	for _, l := range p.Longest {
		b = binary.AppendUvarint(b, uint64(l))
	}
	return b
}

// features are the sets of sources in the order in which they are written.
func (p *Profile) features() [4][]uint64 {
	sources := []uint64{p.Sources}
	return [...][]uint64{sources, p.Types[:], p.Lengths[:], p.Characters[:]}
}

var errDamaged = errors.New("damaged")

// UnmarshalBinary reads what MarshalBinary wrote. A mistake leaves the
// operation as it was.
func (o *Operation) UnmarshalBinary(b []byte) error {
	if len(b) < 1+8*maxSources || b[0] != format {
		return fmt.Errorf("reading what was learned: %w or of another version", errDamaged)
	}
	r := reader{rest: b[1:]}
	fresh := NewOperation()
	for i := range fresh.Sources {
		fresh.Sources[i] = binary.LittleEndian.Uint64(r.rest)
		r.rest = r.rest[8:]
	}
	places := r.number()
	if places > maxPlaces {
		return fmt.Errorf("reading what was learned: %d places: %w", places, errDamaged)
	}
	for range places {
		name := r.text()
		p := &Profile{Values: uint32(r.number())} //nolint:gosec // it only counts
		features := p.features()
		for _, f := range features {
			for i := range f {
				f[i] = r.number()
			}
		}
		p.Sources = features[0][0]
		for i := range p.Longest {
			p.Longest[i] = uint16(r.number()) //nolint:gosec // it was written from one
		}
		fresh.Places[name] = p
	}
	if r.failed || len(r.rest) > 0 {
		return fmt.Errorf("reading what was learned: %w", errDamaged)
	}
	*o = *fresh
	return nil
}

// reader remembers the first failure and reads zeros from then on.
type reader struct {
	rest   []byte
	failed bool
}

func (r *reader) number() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.failed, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) text() string {
	n := r.number()
	if n > maxPlaceName || n > uint64(len(r.rest)) {
		r.failed, r.rest = true, nil
		return ""
	}
	s := string(r.rest[:n])
	r.rest = slices.Clip(r.rest[n:])
	return s
}
