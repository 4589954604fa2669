// Package automaton answers which of a set of regular expressions match
// somewhere in a text. The answer is exactly that of Go's regexp (or of a
// byte-wise reading of the same syntax), and is found by deterministic automata
// whose states are built when a text first needs them and are shared by all
// goroutines. It tells neither where an expression matches nor what its groups
// hold: for that, run the expression itself on the few texts that match.
package automaton

import (
	"fmt"
	"regexp/syntax"
)

// A Pattern is one regular expression of a Set.
type Pattern struct {
	// Expr is the expression in the syntax of package regexp/syntax, flags
	// included.
	Expr string
	// Latin reads every byte of a text as the rune of the same number, where
	// the text is otherwise read as UTF-8 with invalid bytes as U+FFFD.
	Latin bool
}

// Options bound what a Set may spend. The zero value is useful.
type Options struct {
	// MaxBytes is the size at which the cached states of the whole Set are
	// dropped and built anew as needed; 0 means 32 MiB. While texts are scanned,
	// dropped states live until the scans that use them reach one not built yet.
	MaxBytes int
	// Cache, if not nil, is shared with other sets, and MaxBytes does not matter.
	Cache *Cache
	// Budget is the number of transitions the common automaton may build for one
	// text, to which one per 32 of the first bytes is added; beyond it some blocks
	// of the text are read by automata of a few patterns each before the common one
	// is tried again, the more the oftener it failed. 0 means 64; a negative number
	// means none, so that every text is read by an automaton per pattern.
	Budget int
}

// A Cache counts the bytes of the states of several sets, which are dropped
// together when they are too many.
type Cache struct{ pool pool }

// NewCache makes a cache of at most so many bytes.
func NewCache(maxBytes int) *Cache {
	return &Cache{pool: pool{limit: int64(min(maxBytes, 2<<30))}}
}

// Stats tells how many bytes are cached, and how often the cache was full.
func (c *Cache) Stats() (bytes, flushes int64) { return c.pool.used.Load(), c.pool.epoch.Load() }

// A Meter bounds the work of many calls. One unit is the reading of one byte by
// one automaton whose states are built, about 4 ns; building states costs more
// units, in proportion to the work done.
type Meter struct {
	// Left is the number of units that may still be spent. Below zero, Scan
	// stops.
	Left int64
}

// Stats tells what a Set consists of and what it has built.
type Stats struct {
	Patterns int   // patterns of the set
	Classes  int   // classes of characters that the patterns tell apart
	States   int   // states cached at present
	Bytes    int64 // bytes cached at present
	Built    int64 // states built since Compile
	Steps    int64 // transitions built since Compile
	Flushes  int64 // times the cache was full and dropped
	Tails    int64 // texts that exceeded the budget of the common automaton
}

// A Set is a compiled set of patterns. It is safe for concurrent use.
type Set struct {
	engines  []*engine // at most two: UTF-8 and Latin
	always   []uint64  // patterns that match every text
	patterns int
	pool     *pool
}

const (
	defaultMaxBytes = 32 << 20
	defaultBudget   = 64
)

// Compile builds the automata of the patterns. Bit i of the hits of Scan stands
// for patterns[i]. The error of a pattern that can not be compiled names its
// index and expression.
func Compile(patterns []Pattern, o Options) (*Set, error) {
	if o.MaxBytes <= 0 {
		o.MaxBytes = defaultMaxBytes
	}
	if o.Cache == nil {
		o.Cache = NewCache(o.MaxBytes)
	}
	if o.Budget == 0 {
		o.Budget = defaultBudget
	}
	s := &Set{patterns: len(patterns), always: make([]uint64, (len(patterns)+63)/64), pool: &o.Cache.pool}
	for _, latin := range []bool{false, true} {
		b := newBuilder(latin)
		for i, p := range patterns {
			if p.Latin != latin {
				continue
			}
			prog, err := compileExpr(p.Expr)
			if err != nil {
				return nil, fmt.Errorf("compiling pattern %d %q: %w", i, p.Expr, err)
			}
			always, err := b.add(prog, i)
			if err != nil {
				return nil, fmt.Errorf("compiling pattern %d %q: %w", i, p.Expr, err)
			}
			if always {
				s.always[i/64] |= 1 << (i % 64)
			}
		}
		if len(b.prog.patterns) > 0 {
			s.engines = append(s.engines, newEngine(b.finish(), s.pool, o.Budget))
		}
	}
	return s, nil
}

func compileExpr(expr string) (*syntax.Prog, error) {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil, err
	}
	return syntax.Compile(re.Simplify())
}

// Scan sets the bit of every pattern that matches somewhere in text and leaves
// other bits as they are; a pattern whose bit is set already is not looked for.
// hits must hold a bit for every pattern. It reports false when the meter ran
// out: hits are then incomplete. A nil meter bounds nothing.
func (s *Set) Scan(text string, hits []uint64, m *Meter) bool {
	for i, w := range s.always {
		hits[i] |= w
	}
	if m == nil {
		m = &Meter{Left: 1 << 62}
	}
	for _, e := range s.engines {
		if !e.scan(text, hits, m) {
			return false
		}
	}
	return m.Left >= 0
}

// Stats tells the present state of the Set.
func (s *Set) Stats() Stats {
	st := Stats{Patterns: s.patterns, Bytes: s.pool.used.Load(), Flushes: s.pool.epoch.Load()}
	for _, e := range s.engines {
		st.Classes = max(st.Classes, e.prog.classes)
		st.Tails += e.tails.Load()
		e.union.count(&st)
		for _, m := range e.singles {
			m.count(&st)
		}
		for i, m := range e.parts {
			if e.bounds[i+1]-e.bounds[i] > 1 {
				m.count(&st)
			}
		}
	}
	return st
}
