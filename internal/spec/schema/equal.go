package schema

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"hash/maphash"
	"slices"
)

// equal says whether the items i of d and j of other are equal as JSON values:
// numbers by their value, objects whatever the order of their members.
func (d *Document) equal(i int32, other *Document, j int32) bool {
	a, b := &d.items[i], &other.items[j]
	if a.kind != b.kind || a.count != b.count && a.kind != isNumber || a.opaque || b.opaque {
		return false
	}
	switch a.kind {
	case isBoolean:
		return a.truth == b.truth
	case isString:
		return bytes.Equal(d.bytes(a), other.bytes(b))
	case isNumber:
		left, right := d.bytes(a), other.bytes(b)
		return bytes.Equal(left, right) || decimalOf(left).compare(decimalOf(right)) == 0
	case isArray:
		for m, n := i+1, j+1; m < a.next; m, n = d.items[m].next, other.items[n].next {
			if !d.equal(m, other, n) {
				return false
			}
		}
		return true
	case isObject:
		return d.equalObjects(a, i, other, b, j)
	default: // null
		return true
	}
}

// few is how many members are looked for one by one.
const few = 8

func (d *Document) equalObjects(a *item, i int32, other *Document, b *item, j int32) bool {
	var places map[string]int32
	if b.count > few {
		places = make(map[string]int32, b.count)
		for n := j + 1; n < b.next; n = other.items[n+1].next {
			places[string(other.bytes(&other.items[n]))] = n + 1
		}
	}
	for m := i + 1; m < a.next; m = d.items[m+1].next {
		name := d.bytes(&d.items[m])
		at, ok := places[string(name)]
		for n := j + 1; places == nil && n < b.next; n = other.items[n+1].next {
			if bytes.Equal(name, other.bytes(&other.items[n])) {
				at, ok = n+1, true
				break
			}
		}
		if !ok || !d.equal(m+1, other, at) {
			return false
		}
	}
	return true
}

// sum is the hash of an item.
type sum struct {
	hash uint64
	at   int32
}

// differ says whether the items of an array differ from one another: each is
// compared with those of the same hash alone.
func (r *run) differ(it *item, i int32) bool {
	if it.count < 2 {
		return true
	}
	if !r.d.seeded {
		r.d.seed, r.d.seeded = maphash.MakeSeed(), true
	}
	r.sums = r.sums[:0]
	for m := i + 1; m < it.next; m = r.d.items[m].next {
		r.sums = append(r.sums, sum{r.d.hash(m), m})
	}
	if !r.pay(int(it.next-i) / 2) {
		return false
	}
	slices.SortFunc(r.sums, func(a, b sum) int { return cmp.Compare(a.hash, b.hash) })
	for k := 1; k < len(r.sums); k++ {
		for l := k - 1; l >= 0 && r.sums[l].hash == r.sums[k].hash; l-- {
			if !r.pay(1) || r.d.equal(r.sums[k].at, r.d, r.sums[l].at) {
				return false
			}
		}
	}
	return true
}

// hash is equal for equal values, and hard to make equal for others: its seed is
// secret.
func (d *Document) hash(i int32) uint64 {
	var h maphash.Hash
	h.SetSeed(d.seed)
	it := &d.items[i]
	_ = h.WriteByte(byte(it.kind))
	switch it.kind {
	case isBoolean:
		_ = h.WriteByte(byte(index(it.truth)))
	case isString:
		_, _ = h.Write(d.bytes(it))
	case isNumber:
		decimalOf(d.bytes(it)).hash(&h)
	case isArray:
		for m := i + 1; m < it.next; m = d.items[m].next {
			writeSum(&h, d.hash(m))
		}
	case isObject:
		var all uint64
		for m := i + 1; m < it.next; m = d.items[m+1].next {
			var member maphash.Hash
			member.SetSeed(d.seed)
			writeSum(&member, d.hash(m))
			writeSum(&member, d.hash(m+1))
			all += member.Sum64()
		}
		writeSum(&h, all)
	default: // null
	}
	return h.Sum64()
}

func writeSum(h *maphash.Hash, sum uint64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], sum)
	_, _ = h.Write(b[:])
}
