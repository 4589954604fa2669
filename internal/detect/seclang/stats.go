package seclang

// Stats tell what the automata of a set remember.
type Stats struct {
	// Automata are those of the set, States and Bytes what they remember now.
	Automata, States int
	Bytes            int64
	// Cap is the most bytes that they may remember.
	Cap int64
	// Flushes counts how often they were full and all began anew.
	Flushes int64
}

// Stats counts.
func (s *Set) Stats() Stats {
	var sum Stats
	if s.sieve == nil {
		return sum
	}
	for i := range s.sieve.scans {
		scan := &s.sieve.scans[i]
		one := scan.set.Stats()
		sum.Automata++
		sum.States += one.States
	}
	sum.Bytes, sum.Flushes = s.sieve.cache.Stats()
	sum.Cap = s.sieve.cap
	return sum
}
