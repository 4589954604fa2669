package shape

import (
	"math/bits"

	"farrier.dev/farrier/internal/classify/sensitive"
)

// cachedPlaces is how many places a looker remembers as the detector reads them.
const cachedPlaces = 1 << 12

// knownPlace is a place as the detector has read it.
type knownPlace struct {
	key      uint64
	prepared sensitive.Prepared
}

// place is where a value stands: in a document below the frames, or as base says.
type place struct {
	l      *Looker
	base   *sensitive.Context
	frames []frame
	key    uint64
	name   string
}

// at is the place of a value that is in no document.
func (l *Looker) at(c *sensitive.Context) place {
	return place{l: l, base: c, key: mix(l.key(c), l.Hash(c.Name)), name: c.Name}
}

// key is a hash of all of a context but its name.
func (l *Looker) key(c *sensitive.Context) uint64 {
	key := mix(l.Hash(c.In), l.Hash(c.Direction))
	for _, name := range c.Path {
		key = mix(key, l.Hash(name))
	}
	for _, word := range c.Route {
		key = mix(key+1, l.Hash(word))
	}
	return key
}

func mix(a, b uint64) uint64 {
	high, low := bits.Mul64(a^0x9e3779b97f4a7c15, b^0xbf58476d1ce4e5b9)
	return high ^ low ^ bits.RotateLeft64(a, 23)
}

// context writes the place out.
func (p *place) context() sensitive.Context {
	c := *p.base
	if len(p.frames) == 0 {
		return c
	}
	path := append([]string(nil), c.Path...)
	if c.Name != "" {
		path = append(path, c.Name)
	}
	for i := range p.frames {
		if f := &p.frames[i]; !f.array && f.name != "" {
			path = append(path, f.name)
		}
	}
	c.Name = ""
	if len(path) > 0 {
		c.Name, path = path[len(path)-1], path[:len(path)-1]
	}
	c.Path = path
	return c
}

// classify gives the class of a value, empty for none.
func (p *place) classify(value string) sensitive.Class {
	if p.l.detector == nil || value == "" {
		return ""
	}
	slot := &p.l.places[p.key%cachedPlaces]
	known := slot.Load()
	if known == nil || known.key != p.key {
		known = &knownPlace{key: p.key, prepared: p.l.detector.Name(p.context())}
		slot.Store(known)
	}
	class, _ := known.prepared.Classify(value[:min(len(value), maxLooked)])
	return class
}
