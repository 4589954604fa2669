// Package layer opens one layer of one text: it tries every decoding that the
// text may be under (percent, Base64, entities, escapes, compression, tokens,
// serialised objects and so on) and hands out what comes to light. It is a set of
// pure, bounded functions: it does not recurse, judge, or know where a text comes
// from, and that something can be decoded is never held against it.
package layer

import "math/bits"

// Form tells what the text of a part is, as far as the decoder knows.
type Form uint8

// The forms of a part.
const (
	// Plain is text to judge and to open further.
	Plain Form = iota
	// AsJSON is text to be read as one JSON document (RFC 8259).
	AsJSON
	// AsXML is text to be read as an XML document or fragment.
	AsXML
	// AsPairs is text to be read as name=value pairs joined by ampersands.
	AsPairs
)

// String gives the name of the form.
func (f Form) String() string {
	switch f {
	case Plain:
		return "plain"
	case AsJSON:
		return "json"
	case AsXML:
		return "xml"
	case AsPairs:
		return "form"
	}
	return "unknown"
}

// Part is one text that a decoding brought to light.
type Part struct {
	// Name is the place within the decoded whole, such as the number of a field
	// or the key of a member; often empty.
	Name string
	// Text is the decoded text, any bytes.
	Text string
	// Form says who reads Text next.
	Form Form
}

// Visit takes one part; false ends the call of Open that it came from. It may
// call Open itself, with the same Scratch.
type Visit func(d Decoder, part Part) (more bool)

const (
	// DefaultBytes is how many bytes of parts one call hands out.
	DefaultBytes = 1 << 20
	// DefaultParts is how many parts one call hands out.
	DefaultParts = 4096
	// DefaultRatio is how many times larger than its text a decompressed part
	// may be; 4,096 bytes are always allowed.
	DefaultRatio = 100
)

// Scratch is the memory and the limits of calls of Open. It serves one goroutine.
// The zero value is ready, with the default limits. It keeps room for the largest
// part so far, and for its decompressors: under 100 KiB for gzip and deflate, up
// to 9 MiB once a Zstandard frame has asked for the largest window.
type Scratch struct {
	// Bytes is how many bytes of parts one call hands out; 0 is DefaultBytes.
	Bytes int
	// Parts is how many parts one call hands out; 0 is DefaultParts.
	Parts int
	// Ratio is the largest factor of a decompression; 0 is DefaultRatio.
	Ratio int

	buf       []byte
	changes   []int // where in buf something was decoded
	inflaters inflaters
}

// Open calls visit for the parts of each decoding in enabled that text looks to
// be under, in the order of the decoders; a text that is under none costs one
// pass and no memory. Parts are strings of their own or pieces of text, and stay
// good. Of binary data the runs of text are opened. What is returned are the
// decoders that had more to give than the limits of s allow.
func Open(text string, enabled Set, s *Scratch, visit Visit) (cut Set) {
	if len(text) < minText {
		return 0
	}
	m := maskOf(text)
	c := candidates(text, m) & enabled
	if c == 0 {
		return 0
	}
	if len(text) >= minBinary && m&hasHigh != 0 && m&(hasControl|hasNUL) != 0 && isBinary(text) {
		return openBinary(text, m, c, enabled, s, visit)
	}
	return open(text, m, c, enabled, s, visit)
}

// minBinary is the length from which a text may count as binary.
const minBinary = 512

// binaryDecoders are those that read binary data.
const binaryDecoders = Set(1<<Gzip | 1<<Deflate | 1<<Zstd | 1<<Java | 1<<Objects | 1<<UTF16 | 1<<Protobuf)

// isBinary tells pictures and the like, which have many control characters.
func isBinary(text string) bool { return tally(text).control*20 > len(text) }

// openBinary opens binary data: as a whole by the decoders made for it, and by
// the others the runs of text in it. An accidental escape is in any picture, and
// undoing it there would give as large a picture.
func openBinary(text string, m mask, c, enabled Set, s *Scratch, visit Visit) (cut Set) {
	if c := c & binaryDecoders; c != 0 {
		found := false
		cut = open(text, m, c, enabled, s, func(d Decoder, p Part) bool {
			found = true
			return visit(d, p)
		})
		if found {
			return cut
		}
	}
	runs := string(textRuns(text, minRun))
	if len(runs) < minText {
		return cut
	}
	m = maskOf(runs)
	return cut | open(runs, m, candidates(runs, m)&enabled.Without(CSV, YAML), enabled, s, visit)
}

// minRun is the shortest run of text in binary data that is looked at.
const minRun = 8

// open asks the decoders c about text.
func open(text string, m mask, c, enabled Set, s *Scratch, visit Visit) Set {
	o := opener{text: text, mask: m, enabled: enabled, s: s, visit: visit}
	o.limits()
	for c != 0 && !o.stopped {
		d := Decoder(bits.TrailingZeros32(uint32(c))) //nolint:gosec // at most 32
		c &^= SetOf(d)
		if o.run(d) {
			c &^= preempted[d]
		}
	}
	return o.cut
}

// OpenAs decodes text by d alone and without asking whether it looks like it:
// for what a sender names, such as a media type or a coding. Bare deflate (RFC
// 1951) and Brotli are decoded only so, and protobuf is read leniently: what
// stands before a damage is handed out.
func OpenAs(d Decoder, text string, s *Scratch, visit Visit) (cut Set) {
	if len(text) == 0 {
		return 0
	}
	o := opener{text: text, mask: maskOf(text), enabled: SetOf(d), s: s, visit: visit, named: true}
	o.limits()
	o.run(d)
	return o.cut
}

// opener is one call of Open.
type opener struct {
	text    string
	mask    mask
	enabled Set
	s       *Scratch
	visit   Visit
	named   bool
	name    string // of the parts of runs
	bytes   int    // left to hand out
	parts   int    // left to hand out
	cut     Set
	stopped bool
}

func (o *opener) limits() {
	o.bytes, o.parts = o.s.Bytes, o.s.Parts
	if o.bytes <= 0 {
		o.bytes = DefaultBytes
	}
	if o.parts <= 0 {
		o.parts = DefaultParts
	}
}

// preempted says which decoders need not be asked when one opened the text.
var preempted = [decoders]Set{
	Percent: SetOf(Hex),
	Gzip:    ^Set(0),
	Deflate: ^Set(0),
	Zstd:    ^Set(0),
	JWT:     SetOf(Base64, Base64URL),
	Java:    SetOf(Protobuf, UTF16),
	Objects: SetOf(Protobuf, UTF16),
	UTF16:   SetOf(Protobuf),
}

// run asks one decoder, and tells whether it opened the text.
func (o *opener) run(d Decoder) bool {
	before := o.parts
	switch d {
	case Percent:
		o.percent()
	case JWT:
		o.jwt()
	case Base64, Base64URL:
		o.base64(d)
	case Hex:
		o.hex()
	case HTML:
		o.entities()
	case JS:
		o.escapes()
	case Unicode:
		o.bestFit()
	case UTF7:
		o.utf7()
	case UTF16:
		o.utf16()
	case Overlong:
		o.overlong()
	case Gzip, Deflate, Brotli, Zstd:
		o.inflate(d)
	case Protobuf:
		o.protobuf()
	case PHP:
		o.php()
	case Java:
		o.java()
	case Objects:
		o.objects()
	case YAML:
		o.yaml()
	case CSV:
		o.csv()
	case JSON, XML:
		o.hint(d)
	case FormPairs:
		o.pairs()
	case decoders:
	}
	return o.parts != before
}

// take reserves a part of n bytes, and gives how many of them may be handed out.
func (o *opener) take(d Decoder, n int) (int, bool) {
	if o.stopped {
		return 0, false
	}
	if o.parts == 0 || o.bytes == 0 && n > 0 {
		o.cut |= SetOf(d)
		return 0, false
	}
	if n > o.bytes {
		o.cut |= SetOf(d)
		n = o.bytes
	}
	o.parts--
	o.bytes -= n
	return n, true
}

// emit hands out a part and tells whether more is wanted.
func (o *opener) emit(d Decoder, name, text string) bool {
	return o.emitForm(d, name, text, Plain)
}

func (o *opener) emitForm(d Decoder, name, text string, f Form) bool {
	n, ok := o.take(d, len(text))
	if !ok {
		return false
	}
	o.stopped = !o.visit(d, Part{Name: name, Text: text[:n], Form: f})
	return !o.stopped
}

// emitBytes hands out a copy of b, which may be memory of the Scratch.
func (o *opener) emitBytes(d Decoder, name string, b []byte) bool {
	n, ok := o.take(d, len(b))
	if !ok {
		return false
	}
	o.stopped = !o.visit(d, Part{Name: name, Text: string(b[:n])})
	return !o.stopped
}

// keep remembers the memory of a buffer that grew.
func (o *opener) keep(b []byte) { o.s.buf = b[:0] }
