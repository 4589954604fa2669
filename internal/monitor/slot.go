package monitor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"time"
)

// buckets is the number of latency classes: class 0 is below 256 µs, each
// further one ends at twice the end of the one before, the last has no end.
const buckets = 18

// bucketUnit is the end of the first latency class.
const bucketUnit = 256 * time.Microsecond

// bucketOf is the latency class of a duration.
func bucketOf(took time.Duration) int {
	if took < bucketUnit {
		return 0
	}
	return min(bits.Len64(uint64(took/bucketUnit)), buckets-1) //nolint:gosec // not negative here
}

// bucketEnd is where a latency class ends.
func bucketEnd(class int) time.Duration { return bucketUnit << class }

// Slot is what happened in one stretch of time.
type Slot struct {
	// Requests counts all exchanges; Refused those that a policy or the gateway
	// refused; Errors those of the rest that ended with 5xx or in an error.
	Requests uint64 `json:"requests"`
	Refused  uint64 `json:"refused"`
	Errors   uint64 `json:"errors"`
	// Attacks counts the exchanges with a finding, refused or only watched.
	Attacks uint64 `json:"attacks"`
	// Took is the sum of the durations.
	Took     time.Duration `json:"took"`
	BytesIn  uint64        `json:"bytesIn"`
	BytesOut uint64        `json:"bytesOut"`
	// latency counts the exchanges of each latency class.
	latency [buckets]uint64
}

// Add adds what happened in another stretch.
func (s *Slot) Add(o Slot) {
	s.Requests += o.Requests
	s.Refused += o.Refused
	s.Errors += o.Errors
	s.Attacks += o.Attacks
	s.Took += o.Took
	s.BytesIn += o.BytesIn
	s.BytesOut += o.BytesOut
	for i, n := range o.latency {
		s.latency[i] += n
	}
}

// minus is what was added to o to make s. Where s was read while it was being
// counted, a part may lag behind; it is then found by the next reading.
func (s Slot) minus(o Slot) Slot {
	s.Requests -= o.Requests
	s.Refused -= o.Refused
	s.Errors -= o.Errors
	s.Attacks -= o.Attacks
	s.Took -= o.Took
	s.BytesIn -= o.BytesIn
	s.BytesOut -= o.BytesOut
	for i, n := range o.latency {
		s.latency[i] -= n
	}
	return s
}

func (s Slot) empty() bool { return s == Slot{} }

// Quantile estimates the duration that the given part of the exchanges did not
// exceed, exact to a factor of two: 0.5 is the median. It is 0 without exchanges.
func (s Slot) Quantile(q float64) time.Duration {
	var total uint64
	for _, n := range s.latency {
		total += n
	}
	if total == 0 {
		return 0
	}
	rank := q * float64(total)
	var below float64
	for class, n := range s.latency {
		if n > 0 && below+float64(n) >= rank {
			start, end := time.Duration(0), bucketEnd(class)
			if class > 0 {
				start = bucketEnd(class - 1)
			}
			return start + time.Duration(float64(end-start)*(rank-below)/float64(n))
		}
		below += float64(n)
	}
	return bucketEnd(buckets - 1)
}

// minutes is one hour of one operation.
type minutes [60]Slot

// packing is the version of the packed form: a byte 1, then for each slot that
// is not empty its number and its values as unsigned varints, the latency
// classes as the number of those that are not zero and then class and count.
const packing = 1

// pack writes slots in their packed form.
func pack(slots []Slot) []byte {
	out := []byte{packing}
	for i := range slots {
		s := &slots[i]
		if s.empty() {
			continue
		}
		for _, v := range []uint64{
			uint64(i), s.Requests, s.Refused, s.Errors, s.Attacks, //nolint:gosec // an index
			uint64(max(s.Took, 0)), s.BytesIn, s.BytesOut, //nolint:gosec // not negative
		} {
			out = binary.AppendUvarint(out, v)
		}
		classes := 0
		for _, n := range s.latency {
			if n > 0 {
				classes++
			}
		}
		out = binary.AppendUvarint(out, uint64(classes)) //nolint:gosec // at most buckets
		for class, n := range s.latency {
			if n > 0 {
				out = binary.AppendUvarint(out, uint64(class))
				out = binary.AppendUvarint(out, n)
			}
		}
	}
	return out
}

var errPacked = errors.New("a rollup that this program does not understand")

// unpack adds what a packed form holds to slots.
func unpack(packed []byte, slots []Slot) error {
	if len(packed) == 0 || packed[0] != packing {
		return errPacked
	}
	u := unpacker{rest: packed[1:]}
	for len(u.rest) > 0 {
		i := u.below(uint64(len(slots)))
		s := Slot{
			Requests: u.next(), Refused: u.next(), Errors: u.next(), Attacks: u.next(),
			Took: time.Duration(u.below(1 << 62)), BytesIn: u.next(), BytesOut: u.next(), //nolint:gosec // bounded
		}
		for range u.below(buckets + 1) {
			class := u.below(buckets)
			s.latency[class] += u.next()
		}
		if u.err != nil {
			return fmt.Errorf("unpacking a rollup: %w", u.err)
		}
		slots[i].Add(s)
	}
	return nil
}

type unpacker struct {
	rest []byte
	err  error
}

func (u *unpacker) next() uint64 {
	v, n := binary.Uvarint(u.rest)
	if n <= 0 {
		u.err, u.rest = errPacked, nil
		return 0
	}
	u.rest = u.rest[n:]
	return v
}

func (u *unpacker) below(limit uint64) uint64 {
	v := u.next()
	if v >= limit {
		u.err, u.rest = errPacked, nil
		return 0
	}
	return v
}
