package framing

import "math"

// chunk is the state of reading a chunked body.
type chunk struct {
	digits     int // of the current size
	extensions int // bytes of extensions so far, in the whole body
}

// advanceChunk releases the held bytes of a chunked body up to the end of the
// message, the trailer section, or the first byte that is wrong. Sizes are 1
// to 16 hexadecimal digits, lines end with CRLF, extensions are counted and
// may not be quoted, since a quoted one can hide a line end.
func (c *Conn) advanceChunk() {
	for c.v < c.w {
		b := c.buf[c.v]
		var wrong string
		switch c.phase {
		case inChunkSize:
			wrong = c.chunkSize(b)
		case inChunkExtension:
			wrong = c.chunkExtension(b)
		case inChunkSizeLF:
			if b != '\n' {
				wrong = "a chunk size line has a bare CR"
			} else if c.chunk.digits = 0; c.remain == 0 {
				c.phase = inTrailer
				c.head.reset()
				c.v++
				return
			} else {
				c.phase = inChunkData
			}
		case inChunkData:
			n := min(int64(c.w-c.v), c.remain)
			c.v += int(n)
			c.consume(n)
			continue
		case inChunkDataCR:
			if c.phase = inChunkDataLF; b != '\r' {
				wrong = "a chunk is longer than its size"
			}
		case inChunkDataLF:
			if c.phase = inChunkSize; b != '\n' {
				wrong = "a chunk does not end with CRLF"
			}
		case inHead, inLength, inTrailer, isRefused:
			return // not a chunked body any more
		}
		if wrong != "" {
			c.refuseBody(bad(wrong))
			return
		}
		c.v++
	}
}

func (c *Conn) chunkSize(b byte) (wrong string) {
	if c.chunk.digits == 0 {
		c.remain = 0
	}
	if octets[b]&isHex != 0 {
		if c.chunk.digits++; c.chunk.digits > 16 {
			return "a chunk size has more than 16 digits"
		}
		d := int64(lower[b] - '0')
		if d > 9 {
			d = int64(lower[b]-'a') + 10
		}
		if c.remain > (math.MaxInt64-d)/16 {
			return "a chunk size is too large"
		}
		c.remain = c.remain*16 + d
		return ""
	}
	switch {
	case b == '\n':
		return "a chunk size line ends with a bare LF"
	case c.chunk.digits == 0:
		return "a chunk size is missing"
	case b == '\r':
		c.phase = inChunkSizeLF
	case b == ';':
		c.phase = inChunkExtension
		return c.chunkExtension(b)
	default:
		return "a chunk size is not hexadecimal"
	}
	return ""
}

func (c *Conn) chunkExtension(b byte) (wrong string) {
	switch {
	case b == '\r':
		c.phase = inChunkSizeLF
		return ""
	case b == '\n':
		return "a chunk size line ends with a bare LF"
	case octets[b]&isToken == 0 && b != ';' && b != '=':
		return "a chunk extension is not made of tokens"
	}
	if c.chunk.extensions++; c.chunk.extensions > c.set.limits.ChunkExtensionBytes {
		return "the chunk extensions are too long"
	}
	return ""
}
