package model

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
)

// Key names an operation of an API.
type Key struct{ API, Operation string }

// Snapshot is what is normal for all operations at one moment. It is immutable.
type Snapshot struct {
	normals map[Key]*Normal
	digest  string
}

// NewSnapshot takes what was learned of each operation.
func NewSnapshot(learned map[Key]*Operation) (*Snapshot, error) {
	s := &Snapshot{normals: make(map[Key]*Normal, len(learned))}
	keys := make([]Key, 0, len(learned))
	for k := range learned {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b Key) int {
		return cmp.Or(cmp.Compare(a.API, b.API), cmp.Compare(a.Operation, b.Operation))
	})
	h := sha256.New()
	for _, k := range keys {
		text, err := learned[k].MarshalBinary()
		if err != nil {
			return nil, err
		}
		_, _ = h.Write([]byte(k.API + "\x00" + k.Operation + "\x00"))
		_, _ = h.Write(text)
		s.normals[k] = learned[k].Normal()
	}
	s.digest = hex.EncodeToString(h.Sum(nil)[:16])
	return s, nil
}

// Digest identifies what was learned; that of no snapshot is empty.
func (s *Snapshot) Digest() string {
	if s == nil {
		return ""
	}
	return s.digest
}

// Normal is what is normal for an operation; nil when nothing is known.
func (s *Snapshot) Normal(k Key) *Normal {
	if s == nil {
		return nil
	}
	return s.normals[k]
}
