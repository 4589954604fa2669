package stream

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"sync"
)

// deflateTail is what a sender leaves out at the end of a message (RFC 7692
// §7.2.1), and a last, empty block, so that a decoder knows the end.
const deflateTail = "\x00\x00\xff\xff\x01\x00\x00\xff\xff"

// window is how far back DEFLATE refers (RFC 1951 §2). So much a message may
// become whatever its size: it may repeat the one before.
const window = 32 << 10

// inflater decompresses the messages of one direction, with the memory of those
// before when takeover is set.
type inflater struct {
	takeover bool
	holder   *holder
	before   []byte // the last bytes that came out, at most window
	out      []byte
}

var decoders = sync.Pool{New: func() any { return flate.NewReader(nil) }}

// message gives the first Inspected bytes of a message and whether there are
// more. The caller's slice must have room for the tail.
func (i *inflater) message(coded []byte) (data []byte, partial bool, err error) {
	most := min(max(window, Ratio*len(coded)), Largest)
	src := bytes.NewReader(append(coded, deflateTail...))
	decoder := decoders.Get().(io.ReadCloser)
	defer decoders.Put(decoder)
	if err := decoder.(flate.Resetter).Reset(src, i.before); err != nil {
		return nil, false, undecodable("a message can't be decompressed")
	}
	chunk := buffers.Get().(*[]byte)
	defer buffers.Put(chunk)
	i.out = i.out[:0]
	if cap(i.out) > keptData {
		i.holder.give(cap(i.out))
		i.out = nil
	}
	for total := 0; ; {
		n, err := decoder.Read(*chunk)
		if total += n; total > most {
			return nil, false, tooLarge("a message is too large when decompressed")
		}
		if ok := i.keep((*chunk)[:n]); !ok {
			return nil, false, overloaded()
		}
		switch {
		case err == nil:
		case !errors.Is(err, io.EOF):
			return nil, false, undecodable("a message can't be decompressed")
		case src.Len() > 0: // a receiver might read on where we don't
			return nil, false, undecodable("a compressed message ends before its data does")
		default:
			return i.out, total > len(i.out), nil
		}
	}
}

var buffers = sync.Pool{New: func() any { b := make([]byte, window); return &b }}

// keep takes what came out into the view and into the memory.
func (i *inflater) keep(p []byte) bool {
	view := p[:min(len(p), Inspected-len(i.out))]
	if need := len(i.out) + len(view); need > cap(i.out) {
		size := min(max(need, 2*cap(i.out)), Inspected)
		if !i.holder.take(size) {
			return false
		}
		grown := make([]byte, len(i.out), size)
		copy(grown, i.out)
		i.holder.give(cap(i.out))
		i.out = grown
	}
	i.out = append(i.out, view...)
	if !i.takeover {
		return true
	}
	if i.before == nil {
		if !i.holder.take(window) {
			return false
		}
		i.before = make([]byte, 0, window)
	}
	if over := len(i.before) + len(p) - window; over > 0 { // len(p) is at most window
		i.before = i.before[:copy(i.before, i.before[over:])]
	}
	i.before = append(i.before, p...)
	return true
}
