package layer

import "unicode/utf8"

// reveal hands out decoded bytes when they are plausible: text, or something
// with a known magic, or else the runs of text in them, so that a few bytes of
// junk hide nothing. Short ones that are not sure must be clean text with a
// character that is no letter or digit. It tells whether anything was handed out.
func (o *opener) reveal(d Decoder, b []byte, sure bool) bool {
	if len(b) == 0 {
		return false
	}
	t := tally(b)
	if sure && t.control*10 > len(b) { // no text, without looking at its characters
		known := magicOf(b) != 0 || t.nul*4 >= len(b) && looksUTF16(b) || o.enabled.Has(Protobuf) && o.binaryProtobuf(b)
		if !known {
			return o.runs(d, b)
		}
		o.emitBytes(d, "", b)
		return true
	}
	k := survey(b)
	switch {
	case !sure:
		if k.text != len(b) || t.special == 0 {
			return false
		}
	case k.text*10 >= len(b)*9 || k.latinText(len(b)) || magicOf(b) != 0 || looksUTF16(b):
	case o.enabled.Has(Protobuf) && o.binaryProtobuf(b):
	default:
		return o.runs(d, b)
	}
	o.emitBytes(d, "", b)
	return true
}

// counts is how many bytes of some kinds a text has.
type counts struct {
	ascii   int // printable, with line breaks
	control int // control characters, with NUL
	nul     int
	special int // printable, no letters, digits or line breaks
}

// tally counts bytes. It is much faster than a survey.
func tally[T string | []byte](b T) (c counts) {
	const most = 1<<16 - 1 // of a field of 16 bits
	for len(b) > 0 {
		n := min(len(b), most)
		var sum uint64
		for i := range n {
			sum += fields[b[i]]
		}
		field := func(i int) int { return int(sum >> (16 * i) & most) } //nolint:gosec // 16 bits
		c.ascii += field(0)
		c.control += field(1)
		c.nul += field(2)
		c.special += field(3)
		b = b[n:]
	}
	return c
}

// fields has a one in the field of 16 bits of each kind that a byte is of.
var fields = fieldTable()

func fieldTable() (t [256]uint64) {
	for i, kind := range asciiKind {
		switch kind {
		case 0:
			t[i] = 1 << 16
		case 1:
			t[i] = 1
		default:
			t[i] = 1 | 1<<48
		}
	}
	t[0] |= 1 << 32
	return t
}

// census is what a survey counts.
type census struct {
	text  int // bytes of printable characters, UTF-8
	ascii int // printable ASCII among them
	latin int // bytes that are letters in Latin-1 and no UTF-8
}

// latinText tells a text in Latin-1: most of it is ASCII and nearly all the rest
// are letters.
func (k census) latinText(n int) bool {
	return k.latin > 0 && k.ascii*10 >= n*7 && (k.text+k.latin)*20 >= n*19
}

func survey[T string | []byte](b T) (k census) {
	var char [utf8.UTFMax]byte
	for i := 0; i < len(b); {
		c := b[i]
		switch {
		case c < utf8.RuneSelf:
			if asciiKind[c] != 0 {
				k.ascii++
			}
			i++
		default:
			r, n := utf8.DecodeRune(char[:copy(char[:], b[i:])])
			if r != utf8.RuneError || n > 1 {
				k.text += n
			} else if c >= 0xc0 {
				k.latin++
			}
			i += n
		}
	}
	k.text += k.ascii
	return k
}

// asciiKind is 0 for what is not printable, 1 for letters, digits and line
// breaks, 2 for the rest.
var asciiKind = kindTable()

func kindTable() (t [128]byte) {
	for i := byte(' '); i < 0x7f; i++ {
		t[i] = 2
		if isAlnum(i) {
			t[i] = 1
		}
	}
	t['\n'], t['\r'], t['\t'] = 1, 1, 1
	return t
}

// runs hands out the stretches of printable ASCII in binary data, one a line. A
// stretch must be long enough to be no accident in a text of this size, and hold
// more than letters and digits.
func (o *opener) runs(d Decoder, b []byte) bool {
	least := 20
	switch whole := max(len(b), len(o.text)*3/4); {
	case whole < 128:
		least = 10
	case whole < 1024:
		least = 12
	case whole < 8192:
		least = 16
	}
	out := textRuns(b, least)
	if len(out) == 0 {
		return false
	}
	o.emitBytes(d, o.name, out)
	return true
}

// textRuns joins the runs of printable ASCII of least bytes or more that are not
// just letters and digits. It looks first where a run would end.
func textRuns[T string | []byte](b T, least int) (out []byte) {
	for i := 0; i+least <= len(b); {
		k := i + least - 1
		for k >= i && isPrintable(b[k]) {
			k--
		}
		if k >= i {
			i = k + 1
			continue
		}
		end := i + least
		for end < len(b) && isPrintable(b[end]) {
			end++
		}
		if tally(b[i:end]).special > 0 {
			if len(out) > 0 {
				out = append(out, '\n')
			}
			out = append(out, b[i:end]...)
		}
		i = end + 1
	}
	return out
}

func isPrintable(c byte) bool { return c < utf8.RuneSelf && asciiKind[c] != 0 }

// magicOf gives the decoder whose magic the text begins with; none has less than
// eight bytes.
func magicOf[T string | []byte](text T) Set {
	if len(text) < 8 {
		return 0
	}
	switch text[0] {
	case 0x1f:
		if text[1] == 0x8b && text[2] == 8 {
			return SetOf(Gzip)
		}
	case 0x78:
		if (0x78<<8|int(text[1]))%31 == 0 && text[1]&0x20 == 0 {
			return SetOf(Deflate)
		}
	case 0x28:
		if text[1] == 0xb5 && text[2] == 0x2f && text[3] == 0xfd {
			return SetOf(Zstd)
		}
	case 0xac:
		if text[1] == 0xed && text[2] == 0 && text[3] == 5 {
			return SetOf(Java)
		}
	case nrbfMagic[0], pickleMark, rubyMagic[0]:
		if objectKind(text) != "" {
			return SetOf(Objects)
		}
	}
	return 0
}

// looksUTF16 tells whether b is ASCII as UTF-16 for the most part.
func looksUTF16(b []byte) bool {
	if len(b) < 8 {
		return false
	}
	_, found, _ := byteOrder(b)
	return found
}

// byteOrder tells whether b looks like UTF-16 of either order and where it
// begins: behind its mark, or with a NUL beside most characters.
func byteOrder[T string | []byte](b T) (big, found bool, start int) {
	if len(b) >= 2 && b[0]^b[1] == 1 && b[0]&b[1] == 0xfe {
		return b[0] == 0xfe, true, 2
	}
	even, odd := 0, 0
	for i := 0; i+1 < len(b); i += 2 {
		if b[i] == 0 && b[i+1] != 0 {
			even++
		} else if b[i+1] == 0 && b[i] != 0 {
			odd++
		}
	}
	return even > odd, max(even, odd)*10 >= len(b)/2*6, 0
}
