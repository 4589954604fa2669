package seclang

import (
	"hash/maphash"
	"slices"
	"strings"
	"sync/atomic"
)

// memo remembers what the sieve found for texts that come again with nearly
// every request: names, and values of headers that browsers and programs always
// send. It holds no other values, for those may be secrets. Its answers are
// those that the sieve would give.
type memo struct {
	slots [memoSlots]atomic.Pointer[memorised]
	// seen holds the hash of the last text of each slot that was not there: only
	// what comes twice is kept.
	seen [memoSlots]atomic.Uint64
}

type memorised struct {
	text    string
	classes uint64
	rules   []int32 // that match
}

const (
	memoSlots = 1 << 13
	maxMemo   = 160 // bytes of a text, and the rules it matches
)

// recurringHeaders have values that say what a program is, not who uses it.
var recurringHeaders = setOf(
	"accept", "accept-charset", "accept-encoding", "accept-language", "cache-control", "connection",
	"content-type", "dnt", "host", "pragma", "priority", "sec-ch-ua", "sec-ch-ua-mobile",
	"sec-ch-ua-platform", "sec-fetch-dest", "sec-fetch-mode", "sec-fetch-site", "sec-fetch-user", "te",
	"upgrade-insecure-requests", "user-agent",
)

// recurs says whether the text (or the key) of a value may be remembered.
func recurs(c Collection, names bool, lowerKey string) bool {
	switch c {
	case RequestHeaders:
		_, ok := recurringHeaders[lowerKey]
		return ok || names
	case RequestMethod, RequestProtocol, ReqbodyProcessor:
		return true
	default:
		return names
	}
}

func (m *memo) slot(text string, classes uint64) (uint64, *atomic.Pointer[memorised]) {
	h := maphash.String(seed, text) ^ classes*0x9e3779b97f4a7c15
	return h, &m.slots[h%memoSlots]
}

// get tells the rules that match a text of some classes, if remembered.
func (m *memo) get(text string, classes uint64) ([]int32, bool) {
	if len(text) > maxMemo {
		return nil, false
	}
	_, slot := m.slot(text, classes)
	if e := slot.Load(); e != nil && e.classes == classes && e.text == text {
		return e.rules, true
	}
	return nil, false
}

// put remembers the hits of a text that was met before.
func (m *memo) put(text string, classes uint64, hits []hit) {
	if len(text) > maxMemo || len(hits) > maxMemo {
		return
	}
	h, slot := m.slot(text, classes)
	if m.seen[h%memoSlots].Swap(h) != h {
		return
	}
	e := &memorised{text: strings.Clone(text), classes: classes}
	for _, one := range hits {
		e.rules = append(e.rules, int32(one.rule())) //nolint:gosec // an index
	}
	e.rules = slices.Clip(e.rules)
	slot.Store(e)
}
