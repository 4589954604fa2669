// Package shape keeps statistics of values and documents that can be added up,
// stored and shown, and that hold no value: types and formats, coarse ranges,
// numbers of different values, the words of small vocabularies, classes of
// sensitive data with a redacted shape, and trees of them for whole documents.
//
// Everything is bounded whatever is sent: a document's tree by nodes, depth and
// members, a vocabulary by MaxWords. Values are told apart by hashes under a key,
// and a text is kept only when it is a word of a small vocabulary that was seen
// SupportedWord times at a place where nothing sensitive was ever seen.
//
// What is concluded (Schema.JSONSchema) holds for all that was seen. Whether it
// will hold for what comes is a bet, and each constraint has its price: what was
// always so in n messages may still be no rule. With odds o, set for each kind of
// constraint, that it is none, and its violation then as likely as not anything
// between never and always, the next message breaks it with
//
//	o/(o+n+1) · 1/(n+2)
//
// which is Laplace's rule behind the doubt whether there is a rule at all. The
// constraints of a schema are bought from the cheapest on while their sum stays
// within Budget; the others are told as annotations only (x-farrier-presence,
// x-farrier-values, x-farrier-format). Integers are numbers until enough of them
// were seen. Ranges and lengths are never constraints.
package shape

import (
	"encoding/binary"
	"math/bits"
	"sync"
	"sync/atomic"

	"farrier.dev/farrier/internal/classify/sensitive"
	"farrier.dev/farrier/internal/encoding/jsontext"
	"farrier.dev/farrier/internal/encoding/xmltext"
)

// The published bounds.
const (
	// MaxNodes, MaxDepth and MaxMembers bound the tree of a document: its nodes in all,
	// how deep they lie, and the members of one object. Beyond, members and
	// elements are counted as unknown.
	MaxNodes   = 400
	MaxDepth   = 12
	MaxMembers = 100
	// MaxWords is how many different values are told apart to find a vocabulary, and
	// SupportedWord how often a word must have been seen before it is kept.
	MaxWords      = 16
	SupportedWord = 5
	// MaxClasses is how many classes of sensitive data are counted at one place.
	MaxClasses = 8
	// Budget is the share of future messages that a schema may be wrong about.
	Budget = 0.002
	// maxName is the longest name of a member that is kept, in bytes.
	maxName = 128
	// maxLooked is how much of a text is looked at, in bytes.
	maxLooked = 2048
	// maxInterned is how many names of members are shared between documents.
	maxInterned = 8192
)

// Looker is what values are looked at with. It is safe for concurrent use.
type Looker struct {
	detector *sensitive.Detector
	k0, k1   uint64
	readers  sync.Pool
	places   [cachedPlaces]atomic.Pointer[knownPlace]
	mu       sync.Mutex
	names    map[string]string
}

// NewLooker gives a looker whose hashes are made under key. A nil detector finds nothing.
func NewLooker(d *sensitive.Detector, key [32]byte) *Looker {
	word := func(i int) uint64 { return binary.LittleEndian.Uint64(key[8*i:]) }
	return &Looker{
		detector: d,
		k0:       word(0) ^ bits.RotateLeft64(word(2), 17), k1: word(1) ^ bits.RotateLeft64(word(3), 41),
		readers: sync.Pool{New: func() any { return new(reader) }},
		names:   map[string]string{},
	}
}

// reader is what reading a document needs.
type reader struct {
	json   jsontext.Scanner
	xml    xmltext.Reader
	frames []frame
	tokens []token
}

// maxTokens is how many tokens a reader keeps room for between documents.
const maxTokens = 1 << 15

// reader gives one with all its memory; release takes it back.
func (l *Looker) reader() *reader { return l.readers.Get().(*reader) }

func (l *Looker) release(r *reader) {
	clear(r.frames[:cap(r.frames)])
	r.frames = r.frames[:0]
	if cap(r.tokens) > maxTokens {
		r.tokens = nil
	}
	r.json.Reset(nil, jsontext.Limits{})
	r.xml.Reset(nil, xmltext.Limits{})
	l.readers.Put(r)
}

// intern gives a copy of name that documents share.
func (l *Looker) intern(name string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known, ok := l.names[name]; ok {
		return known
	}
	name = string(append([]byte(nil), name...))
	if len(l.names) < maxInterned {
		l.names[name] = name
	}
	return name
}

// Hash is the hash of a value under the looker's key (SipHash-1-3), of its beginning
// and its length where it is very long. Sketch.Add takes it.
func (l *Looker) Hash(text string) uint64 {
	v0, v1 := l.k0^0x736f6d6570736575, l.k1^0x646f72616e646f6d
	v2, v3 := l.k0^0x6c7967656e657261, l.k1^0x7465646279746573
	round := func() {
		v0 += v1
		v1 = bits.RotateLeft64(v1, 13) ^ v0
		v0 = bits.RotateLeft64(v0, 32)
		v2 += v3
		v3 = bits.RotateLeft64(v3, 16) ^ v2
		v0 += v3
		v3 = bits.RotateLeft64(v3, 21) ^ v0
		v2 += v1
		v1 = bits.RotateLeft64(v1, 17) ^ v2
		v2 = bits.RotateLeft64(v2, 32)
	}
	last := uint64(len(text)) << 56
	text = text[:min(len(text), maxLooked)]
	for ; len(text) >= 8; text = text[8:] {
		m := uint64(text[0]) | uint64(text[1])<<8 | uint64(text[2])<<16 | uint64(text[3])<<24 |
			uint64(text[4])<<32 | uint64(text[5])<<40 | uint64(text[6])<<48 | uint64(text[7])<<56
		v3 ^= m
		round()
		v0 ^= m
	}
	for i := range len(text) {
		last |= uint64(text[i]) << (8 * i)
	}
	v3 ^= last
	round()
	v0 ^= last
	v2 ^= 0xff
	round()
	round()
	round()
	return v0 ^ v1 ^ v2 ^ v3
}
