package seclang

type sieve struct{}
type scratch struct{ textOf, keyOf []int32 }
type hit uint64

func (h hit) text() int32                    { return int32(h) }
func (s *scratch) small() bool               { return true }
func (s *scratch) forget()                   {}
func newSieve(*Set, Options) (*sieve, error) { return nil, nil }
func (r *run) sifted()                       {}
