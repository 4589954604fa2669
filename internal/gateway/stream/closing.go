package stream

import (
	"crypto/rand"
	"encoding/binary"
)

// CloseFrame is a Close frame with a status (RFC 6455 §5.5.1), masked as a
// client must.
func CloseFrame(status uint16, masked bool) []byte {
	if !masked {
		return binary.BigEndian.AppendUint16([]byte{0x80 | opClose, 2}, status)
	}
	frame := make([]byte, 6, 8)
	frame[0], frame[1] = 0x80|opClose, 0x80|2
	_, _ = rand.Read(frame[2:6]) // never fails: crypto/rand ends the process instead
	frame = binary.BigEndian.AppendUint16(frame, status)
	unmask(frame[6:], frame[2:6])
	return frame
}

// Boundary follows the frames of a direction that nobody inspects, so that a
// Close frame is put between two of them and into none.
type Boundary struct {
	head [10]byte
	have int
	left uint64
}

// Pass takes bytes that are sent on.
func (b *Boundary) Pass(p []byte) {
	for len(p) > 0 {
		if b.left > 0 {
			n := min(b.left, uint64(len(p)))
			b.left -= n
			p = p[n:]
			continue
		}
		b.head[b.have] = p[0]
		b.have++
		p = p[1:]
		if b.have < 2 {
			continue
		}
		length, extended := uint64(b.head[1]&0x7f), 0
		switch length {
		case 126:
			extended = 2
		case 127:
			extended = 8
		}
		if b.have < 2+extended {
			continue
		}
		switch extended {
		case 2:
			length = uint64(binary.BigEndian.Uint16(b.head[2:]))
		case 8:
			length = binary.BigEndian.Uint64(b.head[2:]) &^ (1 << 63)
		}
		if b.have, b.left = 0, length; b.head[1]&0x80 != 0 {
			b.left += 4 // the mask
		}
	}
}

// Between says that no frame has begun.
func (b *Boundary) Between() bool { return b.have == 0 && b.left == 0 }
