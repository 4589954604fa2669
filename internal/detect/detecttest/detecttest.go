// Package detecttest supplies the requests that detection is measured with: a
// corpus of attacks, a corpus of ordinary requests, values for differential and
// soundness tests, and requests made to be expensive. All are raw HTTP/1.1
// requests with labels, grown from hand-written seeds by seeded generators, so
// that two runs see the same bytes. It is support for tests: it judges nothing
// and knows nothing of the packages that do.
package detecttest

import (
	"hash/fnv"
	"math/rand/v2"
)

// Case is one request with its labels.
type Case struct {
	Name     string // unique in its corpus
	Type     string // of the attack ("sql-injection") or of the benign request ("ticket")
	Encoding string // "plain", "base64", ...; see the encodings in encoding.go
	Place    string // "query value", "json string", ...; see the places in place.go
	Protocol string // "REST", "SOAP", "GraphQL", "gRPC" or "form"
	Payload  string // what the request carries, before it was encoded; for reading
	Ordinary bool   // in Hostile: an upload that must not exhaust any budget
	Raw      []byte // the whole request: request line, header, body
}

// random gives the generator that belongs to a name. Each part of a corpus has
// its own, so that a change in one part leaves the others as they were.
func random(name string) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // never fails
	return rand.New(rand.NewPCG(h.Sum64(), 0x6661727269))
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }
