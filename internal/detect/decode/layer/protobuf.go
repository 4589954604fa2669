package layer

import (
	"encoding/binary"
	"strconv"
	"strings"
)

const (
	// maxFieldGuess is the largest number that a field of a guessed message has.
	maxFieldGuess = 10000
	// maxMessages is how deep messages are followed.
	maxMessages = 16
)

// Wire types of protocol buffers.
const (
	wireVarint = iota
	wireFixed64
	wireBytes
	wireStart
	wireEnd
	wireFixed32
)

// field is one field of a message on the wire.
type field struct {
	number int
	wire   int
	start  int // of the payload of wireBytes
	end    int // of the field
}

// protobuf hands out the text in a message, or in the messages of a gRPC body,
// under the numbers of its fields ("1.2"). A guess must be sure: the message
// uses all bytes, its field numbers are small, and text is in it.
func (o *opener) protobuf() {
	messages, ok := frames(o.text)
	if !ok {
		messages = []string{o.text}
	}
	for _, m := range messages {
		if !o.named && (!wellFormed(m, maxFieldGuess) || !holdsText(m)) {
			return
		}
	}
	for _, m := range messages {
		o.message(m, "", 0)
	}
}

// binaryProtobuf tells whether b is sure to be a message.
func (o *opener) binaryProtobuf(b []byte) bool {
	text := string(b)
	return wellFormed(text, maxFieldGuess) && holdsText(text)
}

// frames cuts a gRPC body into its messages; one that is compressed is left out.
func frames(text string) (messages []string, ok bool) {
	rest := text
	for len(rest) >= 5 && rest[0] <= 1 {
		n := int(rest[1])<<24 | int(rest[2])<<16 | int(rest[3])<<8 | int(rest[4])
		if n > len(rest)-5 {
			return nil, false
		}
		if rest[0] == 0 && n > 0 {
			messages = append(messages, rest[5:5+n])
		}
		rest = rest[5+n:]
	}
	return messages, rest == "" && len(messages) > 0
}

// next reads the field at p.
func next(m string, p, most int) (f field, ok bool) {
	tag, n := uvarint(m[p:])
	if n <= 0 || tag>>3 == 0 || tag>>3 > uint64(most) { //nolint:gosec // most is positive
		return f, false
	}
	f = field{number: int(tag >> 3), wire: int(tag & 7), end: p + n} //nolint:gosec // below most
	switch f.wire {
	case wireVarint:
		_, n = uvarint(m[f.end:])
		f.end += n
		return f, n > 0
	case wireFixed64:
		f.end += 8
	case wireFixed32:
		f.end += 4
	case wireBytes:
		size, n := uvarint(m[f.end:])
		if n <= 0 || size > uint64(len(m)) {
			return f, false
		}
		f.start = f.end + n
		f.end = f.start + int(size) //nolint:gosec // at most the length of m
	case wireStart, wireEnd:
	default:
		return f, false
	}
	return f, f.end <= len(m)
}

func uvarint(s string) (uint64, int) {
	var b [binary.MaxVarintLen64]byte
	return binary.Uvarint(b[:copy(b[:], s)])
}

// wellFormed tells whether m is one message, with groups closed.
func wellFormed(m string, most int) bool {
	if m == "" {
		return false
	}
	var groups [maxNesting]int
	depth := 0
	for p := 0; p < len(m); {
		f, ok := next(m, p, most)
		switch {
		case !ok:
			return false
		case f.wire == wireStart:
			if depth == len(groups) {
				return false
			}
			groups[depth] = f.number
			depth++
		case f.wire == wireEnd:
			if depth == 0 || groups[depth-1] != f.number {
				return false
			}
			depth--
		}
		p = f.end
	}
	return depth == 0
}

// holdsText tells whether a field of m is text of four bytes or more, or a
// message, of which one level is looked at.
func holdsText(m string) bool {
	for p := 0; p < len(m); {
		f, ok := next(m, p, maxFieldGuess)
		if !ok {
			return false
		}
		if f.wire == wireBytes && f.end-f.start >= 4 {
			s := m[f.start:f.end]
			if isText(s) || wellFormed(s, maxFieldGuess) {
				return true
			}
		}
		p = f.end
	}
	return false
}

// isText tells whether nearly all of s is printable.
func isText(s string) bool {
	if tally(s).control*10 > len(s) {
		return false
	}
	k := survey(s)
	return k.text*10 >= len(s)*9
}

// message hands out the text of m. A field may be text and a message at once;
// then it is both. Each byte is read twice a level.
func (o *opener) message(m, way string, depth int) {
	if depth > maxMessages {
		o.cut |= SetOf(Protobuf)
		return
	}
	most := maxFieldGuess
	if o.named {
		most = 1<<29 - 1
	}
	for p := 0; p < len(m) && !o.stopped; {
		f, ok := next(m, p, most)
		if !ok {
			o.cut |= SetOf(Protobuf)
			return
		}
		p = f.end
		if f.wire != wireBytes || f.start == f.end {
			continue
		}
		o.fieldText(m[f.start:f.end], way+strconv.Itoa(f.number), most, depth)
		if o.parts == 0 {
			o.cut |= SetOf(Protobuf)
			return
		}
	}
}

func (o *opener) fieldText(s, way string, most, depth int) {
	text := isText(s)
	if text && !o.emit(Protobuf, way, s) {
		return
	}
	if text && strings.IndexFunc(s, func(r rune) bool { return r < ' ' }) < 0 {
		return
	}
	if !text && magicOf(s) != 0 { // an object or archive of its own
		o.emit(Protobuf, way, s)
		return
	}
	if wellFormed(s, most) {
		o.message(s, way+".", depth+1)
	} else if !text {
		o.name = way
		o.runs(Protobuf, []byte(s))
		o.name = ""
	}
}
