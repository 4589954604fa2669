package stream

import (
	"encoding/binary"
	"errors"
	"io"
	"strings"

	"farrier.dev/farrier/internal/policy"
)

// The opcodes of RFC 6455 §5.2.
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPong         = 0xa
)

// maxControl is the most payload of a control frame (RFC 6455 §5.5).
const maxControl = 125

// keptData is the size up to which the buffer of a message is kept for the next.
const keptData = 16 << 10

// Compression is what both ends agreed on for one connection (RFC 7692). The
// zero value is none.
type Compression struct {
	On bool
	// ClientResets and ServiceResets say that this side begins every message
	// without the memory of those before.
	ClientResets, ServiceResets bool
}

// Offer keeps of a list of extensions (RFC 6455 §9.1) the offers that a reader
// can follow.
func Offer(extensions string) string {
	var kept []string
	for one := range strings.SplitSeq(extensions, ",") {
		if name, _, _ := strings.Cut(one, ";"); strings.TrimSpace(name) == "permessage-deflate" {
			kept = append(kept, strings.TrimSpace(one))
		}
	}
	return strings.Join(kept, ", ")
}

// Agreed reads the extensions that a service accepted. It fails on any that a
// reader can't follow.
func Agreed(extensions string) (Compression, error) {
	var c Compression
	if strings.TrimSpace(extensions) == "" {
		return c, nil
	}
	parts := strings.Split(extensions, ";")
	if strings.TrimSpace(parts[0]) != "permessage-deflate" {
		return c, errors.New("the service chose an extension of WebSocket that can't be inspected")
	}
	c.On = true
	for _, part := range parts[1:] {
		name, _, _ := strings.Cut(part, "=")
		switch strings.TrimSpace(name) {
		case "client_no_context_takeover":
			c.ClientResets = true
		case "server_no_context_takeover":
			c.ServiceResets = true
		case "client_max_window_bits", "server_max_window_bits": // the largest window reads all
		default:
			return c, errors.New("the service chose a parameter of permessage-deflate that is not known")
		}
	}
	return c, nil
}

// webSocket is the format of one direction of a WebSocket.
type webSocket struct {
	o       *Options
	inflate *inflater // nil without compression
	holder  holder
	at      int // whole frames end here in what is held

	// Of the message that has begun:
	open, compressed bool
	kind             policy.MessageKind
	data             []byte // unmasked, up to what is needed of it
	more             bool   // data is not all

	closed bool
}

// NewWebSocket reads the frames of one side. A message is given when all of it
// was judged, with the control frames that came between its fragments; other
// control frames are given at once. A message that a Close frame cuts off is
// not given.
func NewWebSocket(from io.Reader, o Options, c Compression) *Reader {
	w := &webSocket{o: &o, holder: holder{budget: o.Budget}}
	if c.On {
		resets := c.ServiceResets
		if o.FromClient {
			resets = c.ClientResets
		}
		w.inflate = &inflater{takeover: !resets, holder: &w.holder}
	}
	return newReader(from, &o, w)
}

// frame is the head of a frame.
type frame struct {
	fin, compressed bool
	opcode          byte
	mask            []byte // 4 bytes or none
	head, length    int
}

// readFrame reads the head of a frame; ok is false when it has not come whole.
func (w *webSocket) readFrame(b []byte) (f frame, ok bool, err error) {
	if len(b) < 2 {
		return f, false, nil
	}
	f.fin, f.opcode, f.compressed = b[0]&0x80 != 0, b[0]&0x0f, b[0]&0x40 != 0
	masked := b[1]&0x80 != 0
	f.head, f.length = 2, int(b[1]&0x7f)
	if err := w.check(&f, b[0], masked); err != nil {
		return f, false, err
	}
	switch f.length {
	case 126:
		f.head += 2
	case 127:
		f.head += 8
	}
	if masked {
		f.head += 4
	}
	if len(b) < f.head {
		return f, false, nil
	}
	switch f.length {
	case 126:
		if f.length = int(binary.BigEndian.Uint16(b[2:])); f.length < 126 {
			return f, false, malformed("a frame's length is written longer than needed")
		}
	case 127:
		length := binary.BigEndian.Uint64(b[2:])
		switch {
		case length>>63 != 0:
			return f, false, malformed("a frame's length has its highest bit set")
		case length < 1<<16:
			return f, false, malformed("a frame's length is written longer than needed")
		case length > Largest:
			return f, false, tooLarge("a message is larger than the largest allowed")
		}
		f.length = int(length)
	}
	if masked {
		f.mask = b[f.head-4 : f.head]
	}
	return f, true, nil
}

// check holds the first two bytes of a frame to RFC 6455 §5.2 and to the state
// of the message.
func (w *webSocket) check(f *frame, first byte, masked bool) error {
	control := f.opcode >= opClose
	switch {
	case first&0x30 != 0 || f.compressed && (w.inflate == nil || control || f.opcode == opContinuation):
		return malformed("a frame has a reserved bit set")
	case f.opcode > opPong || f.opcode > opBinary && !control:
		return malformed("a frame has a reserved opcode")
	case masked != w.o.FromClient:
		return malformed("a frame of a client is not masked or one of a service is")
	case control && !f.fin:
		return malformed("a control frame is fragmented")
	case control && f.length > maxControl:
		return malformed("a control frame is too long")
	case f.opcode == opClose && f.length == 1:
		return malformed("a Close frame has half a status")
	case f.opcode == opContinuation && !w.open:
		return malformed("a fragment continues no message")
	case f.opcode != opContinuation && !control && w.open:
		return malformed("a message begins within another")
	}
	return nil
}

func (w *webSocket) scan(held []byte) (int, error) {
	if w.closed {
		return 0, ErrClosed
	}
	for {
		f, ok, err := w.readFrame(held[w.at:])
		if err != nil {
			return 0, err
		}
		if ok && w.at+f.head+f.length > Largest {
			return 0, tooLarge("a message is larger than the largest allowed")
		}
		if !ok || len(held)-w.at < f.head+f.length {
			return 0, nil
		}
		begin := w.at
		w.at += f.head + f.length
		payload := held[begin+f.head : w.at]
		switch {
		case f.opcode == opClose:
			// What the Close frame cuts off was not judged and is left out.
			w.closed = true
			copy(held, held[begin:w.at])
			return w.at - begin, nil
		case f.opcode > opClose:
			if !w.open {
				return w.done(), nil
			}
		default:
			if err := w.add(&f, payload); err != nil {
				return 0, err
			}
			if f.fin {
				if err := w.judge(); err != nil {
					return 0, err
				}
				return w.done(), nil
			}
		}
	}
}

func (w *webSocket) done() (n int) {
	n, w.at = w.at, 0
	return n
}

// add takes the payload of a data frame.
func (w *webSocket) add(f *frame, payload []byte) error {
	if f.opcode != opContinuation {
		w.open, w.compressed, w.more = true, f.compressed, false
		if w.kind = policy.BinaryMessage; f.opcode == opText {
			w.kind = policy.TextMessage
		}
	}
	if !w.compressed && len(payload) > Inspected-len(w.data) {
		w.more = true
		payload = payload[:Inspected-len(w.data)]
	}
	// The tail of a compressed message is put behind it.
	if need := len(w.data) + len(payload) + len(deflateTail); need > cap(w.data) {
		if err := w.grow(max(need, min(2*cap(w.data), Largest+len(deflateTail)))); err != nil {
			return err
		}
	}
	from := len(w.data)
	w.data = append(w.data, payload...)
	if f.mask != nil {
		unmask(w.data[from:], f.mask)
	}
	return nil
}

func (w *webSocket) grow(size int) error {
	if !w.holder.take(size) {
		return overloaded()
	}
	grown := make([]byte, len(w.data), size)
	copy(grown, w.data)
	w.holder.give(cap(w.data))
	w.data = grown
	return nil
}

// judge has the message judged and forgets it.
func (w *webSocket) judge() error {
	m := policy.Message{FromClient: w.o.FromClient, Kind: w.kind, Data: w.data, Partial: w.more}
	if w.compressed {
		var err error
		if m.Data, m.Partial, err = w.inflate.message(w.data); err != nil {
			return err
		}
	}
	if err := w.o.Judge(m); err != nil {
		return err
	}
	w.open = false
	if w.data = w.data[:0]; cap(w.data) > keptData {
		w.holder.give(cap(w.data))
		w.data = nil
	}
	return nil
}

// end lets nothing of a message pass that did not come whole.
func (w *webSocket) end([]byte) (int, error) { return 0, nil }

func (w *webSocket) release() {
	w.holder.give(int(w.holder.taken))
	w.data = nil
}

// unmask undoes the masking of a client (RFC 6455 §5.3).
func unmask(b, key []byte) {
	word := uint64(binary.LittleEndian.Uint32(key))
	word |= word << 32
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^word)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= key[i&3]
	}
}
