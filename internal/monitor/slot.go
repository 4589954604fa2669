package monitor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"time"
)

// buckets is the number of latency classes: class 0 is below 256 µs, each octave
// above it has two, parted in its middle, and the last has no end.
const buckets = 1 + 2*octaves

// octaves is how often the end of the first class is doubled.
const octaves = 17

// bucketUnit is the end of the first latency class.
const bucketUnit = 256 * time.Microsecond

// bucketOf is the latency class of a duration.
func bucketOf(took time.Duration) int {
	if took < bucketUnit {
		return 0
	}
	octave := bits.Len64(uint64(took/bucketUnit)) - 1 //nolint:gosec // not negative here
	if octave >= octaves {
		return buckets - 1
	}
	class := 1 + 2*octave
	if start := bucketUnit << octave; took >= start+start/2 {
		class++
	}
	return class
}

// bucketEnd is where a latency class ends.
func bucketEnd(class int) time.Duration {
	if class%2 == 0 {
		return bucketUnit << (class / 2)
	}
	start := bucketUnit << (class / 2)
	return start + start/2
}

// codes are the status codes that are counted one by one; others count in their
// class only.
var codes = [...]int{400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 429, 500, 501, 502, 503, 504}

// Codes lists the status codes that are counted one by one.
func Codes() []int { return slices.Clone(codes[:]) }

// codeIndex is the place of a status code in codes, -1 for none.
func codeIndex(status int) int {
	for i, code := range codes {
		if code == status {
			return i
		}
	}
	return -1
}

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
	// Status counts by status class: without status, 1xx to 5xx.
	Status [classes]uint64 `json:"status"`
	// codes counts the status codes that are counted one by one.
	codes [len(codes)]uint64
	// latency counts the exchanges of each latency class.
	latency [buckets]uint64
}

// Code is how many exchanges ended with a status code, and whether that code is
// counted by itself.
func (s *Slot) Code(status int) (uint64, bool) {
	i := codeIndex(status)
	if i < 0 {
		return 0, false
	}
	return s.codes[i], true
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
	for i, n := range o.Status {
		s.Status[i] += n
	}
	for i, n := range o.codes {
		s.codes[i] += n
	}
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
	for i, n := range o.Status {
		s.Status[i] -= n
	}
	for i, n := range o.codes {
		s.codes[i] -= n
	}
	for i, n := range o.latency {
		s.latency[i] -= n
	}
	return s
}

func (s Slot) empty() bool { return s == Slot{} }

// Quantile estimates the duration that the given part of the exchanges did not
// exceed, exact to about a quarter: 0.5 is the median. It is 0 without exchanges.
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

// packing is the version of the packed form: a byte 2, then for each slot that
// is not empty its number and its values as unsigned varints; the status classes,
// the codes and the latency classes each as the number of those that are not zero
// and then place and count. Version 1 had neither status nor codes, and latency
// classes of a whole octave; codes are only ever added at the end.
const packing = 2

// oldBuckets is the number of latency classes of version 1.
const oldBuckets = 18

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
		out = packSparse(out, s.Status[:])
		out = packSparse(out, s.codes[:])
		out = packSparse(out, s.latency[:])
	}
	return out
}

func packSparse(out []byte, counts []uint64) []byte {
	set := uint64(0)
	for _, n := range counts {
		if n > 0 {
			set++
		}
	}
	out = binary.AppendUvarint(out, set)
	for i, n := range counts {
		if n > 0 {
			out = binary.AppendUvarint(out, uint64(i)) //nolint:gosec // an index
			out = binary.AppendUvarint(out, n)
		}
	}
	return out
}

var errPacked = errors.New("a rollup that this program does not understand")

// unpack adds what a packed form holds to slots.
func unpack(packed []byte, slots []Slot) error {
	return eachPacked(packed, len(slots), func(i int, s *Slot) { slots[i].Add(*s) })
}

// eachPacked visits the slots of a packed form that has n of them; a slot is worth
// nothing after its visit. When it is damaged, what was visited before is right.
func eachPacked(packed []byte, n int, visit func(i int, s *Slot)) error {
	if len(packed) == 0 || packed[0] != packing && packed[0] != 1 {
		return errPacked
	}
	u := unpacker{rest: packed[1:]}
	var s Slot
	for len(u.rest) > 0 {
		i := u.below(uint64(n)) //nolint:gosec // a length
		s = Slot{
			Requests: u.next(), Refused: u.next(), Errors: u.next(), Attacks: u.next(),
			Took: time.Duration(u.below(1 << 62)), BytesIn: u.next(), BytesOut: u.next(), //nolint:gosec // bounded
		}
		if packed[0] == 1 {
			u.oldLatency(&s)
		} else {
			u.sparse(s.Status[:])
			u.sparse(s.codes[:])
			u.sparse(s.latency[:])
		}
		if u.err != nil {
			return fmt.Errorf("unpacking a rollup: %w", u.err)
		}
		visit(int(i), &s) //nolint:gosec // below n
	}
	return nil
}

func (u *unpacker) sparse(counts []uint64) {
	for range u.below(uint64(len(counts)) + 1) {
		i := u.below(uint64(len(counts)))
		counts[i] += u.next()
	}
}

// oldLatency reads classes of whole octaves; each half gets half of the count.
func (u *unpacker) oldLatency(s *Slot) {
	for range u.below(oldBuckets + 1) {
		class, n := u.below(oldBuckets), u.next()
		if class == 0 {
			s.latency[0] += n
			continue
		}
		s.latency[2*class-1] += n - n/2
		s.latency[2*class] += n / 2
	}
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
