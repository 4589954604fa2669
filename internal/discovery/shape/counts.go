package shape

import "slices"

// counts are numbers of values by kind, sorted by kind: the kind in the upper byte of
// each, the number below.
type counts []uint64

const countMask = 1<<56 - 1

func kindOf(entry uint64) kind { return kind(entry >> 56) } //nolint:gosec // It is the upper byte.

func (c *counts) add(k kind, n uint64) {
	if n == 0 {
		return
	}
	for i, entry := range *c {
		switch have := kindOf(entry); {
		case have == k:
			(*c)[i] = uint64(k)<<56 | min(entry&countMask+min(n, countMask), countMask)
			return
		case have > k:
			*c = slices.Insert(*c, i, uint64(k)<<56|min(n, countMask))
			return
		}
	}
	if *c == nil {
		*c = make(counts, 0, 1)
	}
	*c = append(*c, uint64(k)<<56|min(n, countMask))
}

func (c counts) of(k kind) uint64 {
	for _, entry := range c {
		if kindOf(entry) == k {
			return entry & countMask
		}
	}
	return 0
}

// sum is the number of values of the kinds that are meant.
func (c counts) sum(meant func(kind) bool) (n uint64) {
	for _, entry := range c {
		if meant(kindOf(entry)) {
			n += entry & countMask
		}
	}
	return n
}

// each calls visit for every kind that was seen.
func (c counts) each(visit func(k kind, n uint64)) {
	for _, entry := range c {
		visit(kindOf(entry), entry&countMask)
	}
}
