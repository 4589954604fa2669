package proxywasm

import (
	"strings"

	"farrier.dev/farrier/internal/traffic"
)

// The buffers of the ABI.
const (
	requestBody   = 0
	responseBody  = 1
	replyBody     = 4
	vmConfig      = 6
	pluginConfig  = 7
	bufferNothing = 0
)

func getPairs(a args) status {
	m, there := a.in.current.headerMap(a.u32(0))
	if !there {
		return badArgument
	}
	fields := m.pseudo()
	for f := range m.h.All() {
		fields = append(fields, f)
	}
	return a.give(1, encodePairs(fields))
}

func setPairs(a args) status {
	m, there := a.in.current.headerMap(a.u32(0))
	b, good := a.bytes(1)
	if !good {
		return invalidMemoryAccess
	}
	fields, good := decodePairs(b)
	if !there || m.fixed || !good || !within(fields) {
		return badArgument
	}
	for _, f := range fields {
		if !strings.HasPrefix(f.Name, ":") && !valid(f) {
			return badArgument
		}
	}
	m.h.DelFunc(func(f traffic.Field) bool { return !framing(f.Name) })
	for _, f := range fields {
		if st := m.set(f, true); st != ok {
			return st
		}
	}
	return ok
}

func getMapSize(a args) status {
	m, there := a.in.current.headerMap(a.u32(0))
	if !there {
		return badArgument
	}
	size := 0
	for _, f := range m.pseudo() {
		size += len(f.Name) + len(f.Value)
	}
	for f := range m.h.All() {
		size += len(f.Name) + len(f.Value)
	}
	if !a.put(1, uint32(size)) { //nolint:gosec // a header
		return invalidMemoryAccess
	}
	return ok
}

func getValue(a args) status {
	m, there := a.in.current.headerMap(a.u32(0))
	name, good := a.bytes(1)
	switch {
	case !good:
		return invalidMemoryAccess
	case !there:
		return badArgument
	}
	value, there := m.value(traffic.LowerName(string(name)))
	if !there {
		return notFound
	}
	return a.give(3, []byte(value))
}

func changeValue(a args, add bool) status {
	m, there := a.in.current.headerMap(a.u32(0))
	name, value, good := a.two(1)
	switch {
	case !good:
		return invalidMemoryAccess
	case !there:
		return badArgument
	}
	return m.set(traffic.Field{Name: traffic.LowerName(string(name)), Value: string(value)}, add)
}

func addValue(a args) status { return changeValue(a, true) }

func replaceValue(a args) status { return changeValue(a, false) }

func removeValue(a args) status {
	m, there := a.in.current.headerMap(a.u32(0))
	b, good := a.bytes(1)
	name := traffic.LowerName(string(b))
	switch {
	case !good:
		return invalidMemoryAccess
	case !there || m.fixed || strings.HasPrefix(name, ":"):
		return badArgument
	case !framing(name):
		m.h.Del(name)
	}
	return ok
}

// buffer finds a buffer; false when there is none now.
func (s *session) buffer(kind uint32) ([]byte, bool) {
	switch kind {
	case requestBody, responseBody:
		if s.x != nil && s.shown[kind] {
			return s.body[kind], true
		}
	case replyBody:
		if s.in.reply != nil {
			return s.in.reply.body, true
		}
	case vmConfig:
		return nil, true
	case pluginConfig:
		return s.in.plugin.config, true
	}
	return nil, false
}

func getBuffer(a args) status {
	b, there := a.in.current.buffer(a.u32(0))
	if !there {
		return notFound
	}
	from := min(uint64(a.u32(1)), uint64(len(b)))
	to := min(from+uint64(a.u32(2)), uint64(len(b)))
	return a.give(3, b[from:to])
}

func bufferStatus(a args) status {
	b, there := a.in.current.buffer(a.u32(0))
	if !there {
		return notFound
	}
	if !a.put(1, uint32(len(b))) || !a.put(2, bufferNothing) { //nolint:gosec // bounded by MaxBodyBytes
		return invalidMemoryAccess
	}
	return ok
}

// setBuffer replaces a range of a body: at 0 with length 0 that is to put
// before, behind the end to append.
func setBuffer(a args) status {
	s, kind := a.in.current, a.u32(0)
	data, good := a.bytes(3)
	if !good {
		return invalidMemoryAccess
	}
	if s.x == nil || kind > responseBody || uint32(s.side) != kind || !s.shown[kind] {
		return badArgument
	}
	old := s.body[kind]
	from := min(uint64(a.u32(1)), uint64(len(old)))
	to := min(from+uint64(a.u32(2)), uint64(len(old)))
	size := uint64(len(old)) - (to - from) + uint64(len(data))
	if size > uint64(s.in.plugin.MaxBodyBytes) { //nolint:gosec // not negative
		return badArgument
	}
	next := make([]byte, 0, size)
	next = append(append(append(next, old[:from]...), data...), old[to:]...)
	s.body[kind], s.changed[kind] = next, true
	return ok
}
