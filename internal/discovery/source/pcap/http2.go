package pcap

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http2/hpack"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/traffic"
)

const (
	// maxFrame is the largest frame that is read, maxStreams how many requests of a
	// connection are followed at once.
	maxFrame   = 1 << 20
	maxStreams = 1000
)

// The types and flags of frames (RFC 9113, section 6).
const (
	frameData         = 0
	frameHeaders      = 1
	frameReset        = 3
	frameContinuation = 9

	flagEndStream  = 1
	flagEndHeaders = 4
	flagPadded     = 8
	flagPriority   = 32
)

// http2 is a connection of HTTP/2 with prior knowledge.
type http2 struct {
	conn    *conn
	ends    [2]http2End
	streams map[uint32]*exchange
	held    int
	over    bool
}

// http2End is one direction.
type http2End struct {
	buffer  []byte
	preface bool
	decoder *hpack.Decoder
	block   []byte
	stream  uint32
	flags   byte
	inBlock bool
}

func newHTTP2(c *conn) *http2 {
	h := &http2{conn: c, streams: map[uint32]*exchange{}}
	for i := range h.ends {
		h.ends[i].decoder = hpack.NewDecoder(4096, nil)
		h.ends[i].decoder.SetMaxStringLength(maxHead)
		// The other side may have allowed a larger table; up to this one it is followed.
		h.ends[i].decoder.SetAllowedMaxDynamicTableSize(64 << 10)
	}
	return h
}

func (h *http2) size() int {
	// The tables of both directions may be as large as this.
	return 64<<10 + h.held + len(h.ends[0].buffer) + len(h.ends[1].buffer) + len(h.ends[0].block) + len(h.ends[1].block)
}

// data takes the next bytes of the client or, answer, of the server.
func (h *http2) data(answer bool, data []byte, at time.Time) {
	if h.over {
		return
	}
	e := &h.ends[0]
	if answer {
		e = &h.ends[1]
	}
	e.buffer = append(e.buffer, data...)
	if !answer && !e.preface {
		if len(e.buffer) < len(preface) {
			return
		}
		if string(e.buffer[:len(preface)]) != preface {
			h.fail()
			return
		}
		e.preface = true
		e.buffer = e.buffer[len(preface):]
	}
	rest := e.buffer
	for len(rest) >= 9 && !h.over {
		length := int(rest[0])<<16 | int(rest[1])<<8 | int(rest[2])
		if length > maxFrame {
			h.fail()
			return
		}
		if len(rest) < 9+length {
			break
		}
		id := (uint32(rest[5])<<24 | uint32(rest[6])<<16 | uint32(rest[7])<<8 | uint32(rest[8])) &^ (1 << 31)
		if !h.frame(e, answer, rest[3], rest[4], id, rest[9:9+length], at) {
			h.fail()
			return
		}
		rest = rest[9+length:]
	}
	e.buffer = append(e.buffer[:0], rest...)
}

// fail leaves the rest of the connection aside.
func (h *http2) fail() {
	h.end()
	h.conn.close("a connection with HTTP/2 that breaks its rules")
}

// end tells what is known when the connection is over.
func (h *http2) end() {
	if h.over {
		return
	}
	h.over = true
	for _, id := range slices.Sorted(maps.Keys(h.streams)) {
		x := h.streams[id]
		if x.o.Status == 0 {
			h.conn.reader.options.Skip(h.conn.reader.n, "a request without an answer in the capture")
			continue
		}
		x.answer.partial = true
		h.conn.tell(x)
	}
	h.streams, h.held = nil, 0
	h.ends[0].buffer, h.ends[1].buffer = nil, nil
}

func (h *http2) frame(e *http2End, answer bool, kind, flags byte, id uint32, payload []byte, at time.Time) bool {
	if e.inBlock && (kind != frameContinuation || id != e.stream) {
		return false
	}
	switch kind {
	case frameHeaders:
		payload, ok := unpad(flags, payload)
		if !ok {
			return false
		}
		if flags&flagPriority != 0 {
			if len(payload) < 5 {
				return false
			}
			payload = payload[5:]
		}
		e.inBlock, e.stream, e.flags = true, id, flags
		e.block = append(e.block[:0], payload...)
	case frameContinuation:
		if !e.inBlock || len(e.block)+len(payload) > maxHead {
			return false
		}
		e.block = append(e.block, payload...)
	case frameData:
		payload, ok := unpad(flags, payload)
		if !ok {
			return false
		}
		h.body(answer, id, payload)
		if flags&flagEndStream != 0 {
			h.finish(answer, id)
		}
		return true
	case frameReset:
		h.reset(id)
		return true
	default:
		return true
	}
	if flags&flagEndHeaders == 0 {
		return true
	}
	e.inBlock = false
	fields, err := e.decoder.DecodeFull(e.block)
	if err != nil || len(fields) > maxFields {
		return false
	}
	if answer {
		h.answer(id, fields, at)
	} else {
		h.request(id, fields, at)
	}
	if e.flags&flagEndStream != 0 {
		h.finish(answer, id)
	}
	return true
}

func unpad(flags byte, payload []byte) ([]byte, bool) {
	if flags&flagPadded == 0 {
		return payload, true
	}
	if len(payload) == 0 || int(payload[0]) >= len(payload) {
		return nil, false
	}
	return payload[1 : len(payload)-int(payload[0])], true
}

// request begins a stream; a second block of fields is its trailer.
func (h *http2) request(id uint32, fields []hpack.HeaderField, at time.Time) {
	if h.streams[id] != nil {
		return
	}
	if len(h.streams) >= maxStreams {
		h.conn.reader.options.Skip(h.conn.reader.n, "a request beyond a thousand that wait for their answers")
		return
	}
	c := h.conn
	o := &discovery.Observation{
		Source: discovery.FromCapture, Sampled: true, Time: at, Scheme: "http", Proto: "HTTP/2.0",
		Service: c.end2().String(), Caller: discovery.Caller{Address: c.end1().Addr()},
	}
	m := &message{at: at}
	m.header = header(fields, func(name, value string) {
		switch name {
		case ":method":
			o.Method = value
		case ":path":
			o.Path = value
		case ":authority":
			o.Host = value
		}
	})
	if o.Host == "" {
		o.Host = m.header.Get("host")
	}
	h.streams[id] = &exchange{o: o, request: m, answer: &message{}}
	h.held += 2048
}

func (h *http2) answer(id uint32, fields []hpack.HeaderField, at time.Time) {
	x := h.streams[id]
	if x == nil {
		h.conn.reader.options.Skip(h.conn.reader.n, "an answer without its request")
		return
	}
	status := 0
	m := &message{at: at}
	m.header = header(fields, func(name, value string) {
		if name == ":status" {
			status, _ = strconv.Atoi(value)
		}
	})
	if status < 200 || status > 999 || x.o.Status != 0 {
		// An interim answer, or a trailer.
		return
	}
	x.o.Status, x.answer = status, m
}

func header(fields []hpack.HeaderField, pseudo func(name, value string)) traffic.Header {
	var out []traffic.Field
	for _, f := range fields {
		if strings.HasPrefix(f.Name, ":") {
			pseudo(f.Name, f.Value)
			continue
		}
		out = append(out, traffic.Field{Name: traffic.LowerName(f.Name), Value: f.Value})
	}
	var h traffic.Header
	h.SetSorted(out)
	return h
}

func (h *http2) body(answer bool, id uint32, data []byte) {
	x := h.streams[id]
	if x == nil {
		return
	}
	m := x.request
	if answer {
		m = x.answer
	}
	before := len(m.body)
	m.add(data, h.conn.reader.options.MaxBody)
	h.held += len(m.body) - before
}

func (h *http2) finish(answer bool, id uint32) {
	x := h.streams[id]
	if x == nil {
		return
	}
	if !answer {
		x.requested = true
	} else {
		x.answered = true
	}
	if x.requested && x.answered {
		h.remove(id, x)
		if x.o.Status != 0 {
			h.conn.tell(x)
		}
	}
}

func (h *http2) reset(id uint32) {
	x := h.streams[id]
	if x == nil {
		return
	}
	h.remove(id, x)
	if x.o.Status == 0 {
		h.conn.reader.options.Skip(h.conn.reader.n, "a request without an answer in the capture")
		return
	}
	x.request.partial = !x.requested
	x.answer.partial = true
	h.conn.tell(x)
}

func (h *http2) remove(id uint32, x *exchange) {
	delete(h.streams, id)
	h.held -= 2048 + len(x.request.body) + len(x.answer.body)
}
