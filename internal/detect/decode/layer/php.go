package layer

import (
	"strconv"
	"strings"
)

const (
	maxNesting   = 32
	maxClassName = 512
	// maxSessionName is how long a name before a bar may be.
	maxSessionName = 128
)

// php reads PHP's serialised values, also the session form with its names and
// bars, and hands out strings (under their keys), class names and odd keys. What
// stands before a damage is handed out.
func (o *opener) php() {
	text := strings.TrimSpace(o.text)
	r := phpReader{text: text}
	for r.pos < len(text) && !r.failed {
		rest := text[r.pos:]
		if !isPHP(rest) {
			bar := strings.IndexByte(rest[:min(len(rest), maxSessionName)], '|')
			if bar < 1 || !isPHP(rest[bar+1:]) {
				return
			}
			r.pos += bar + 1
			o.phpValue(&r, rest[:bar], 0)
			continue
		}
		o.phpValue(&r, "", 0)
	}
}

// isPHP tells whether s begins like a value that holds text.
func isPHP(s string) bool {
	if len(s) < 4 || s[1] != ':' && s[1] != ';' {
		return false
	}
	switch s[0] {
	case 'a', 'O', 's', 'S', 'C', 'E':
		return s[1] == ':' && (isDigit(s[2]) || s[2] == '+' && isDigit(s[3]))
	case 'i', 'b', 'd':
		return s[1] == ':' && (isDigit(s[2]) || s[2] == '-') && strings.IndexByte(s[:min(len(s), 32)], ';') > 0
	}
	return false
}

// phpReader walks one text. It fails at the first damage.
type phpReader struct {
	text   string
	pos    int
	failed bool
}

func (r *phpReader) fail() string {
	r.failed = true
	return ""
}

func (r *phpReader) want(c byte) bool {
	if r.failed || r.pos >= len(r.text) || r.text[r.pos] != c {
		r.failed = true
		return false
	}
	r.pos++
	return true
}

// number reads a length and the colon behind it.
func (r *phpReader) number() int {
	start := r.pos
	for r.pos < len(r.text) && r.pos-start < 12 && (isDigit(r.text[r.pos]) || r.text[r.pos] == '+') {
		r.pos++
	}
	n, err := strconv.Atoi(r.text[start:r.pos])
	if err != nil || n < 0 || !r.want(':') {
		r.failed = true
		return 0
	}
	return n
}

// escaped reads length:"bytes" where \XX is one byte.
func (r *phpReader) escaped() string {
	n := r.number()
	if !r.want('"') || n > len(r.text)-r.pos {
		return r.fail()
	}
	out := make([]byte, 0, n)
	for range n {
		if r.pos == len(r.text) {
			return r.fail()
		}
		c := r.text[r.pos]
		r.pos++
		if c == '\\' {
			b, ok := hexByte(r.text, r.pos)
			if !ok {
				return r.fail()
			}
			c = b
			r.pos += 2
		}
		out = append(out, c)
	}
	r.want('"')
	return string(out)
}

// quoted reads length:"bytes".
func (r *phpReader) quoted() string {
	n := r.number()
	if !r.want('"') || n > len(r.text)-r.pos {
		return r.fail()
	}
	s := r.text[r.pos : r.pos+n]
	r.pos += n
	r.want('"')
	return s
}

// phpValue reads one value and hands out what it holds under name.
func (o *opener) phpValue(r *phpReader, name string, depth int) {
	if depth > maxNesting {
		o.cut |= SetOf(PHP)
		r.failed = true
	}
	if r.failed || o.stopped {
		r.failed = true
		return
	}
	if len(r.text)-r.pos < 2 {
		r.failed = true
		return
	}
	kind := r.text[r.pos]
	r.pos++
	if kind == 'N' {
		r.want(';')
		return
	}
	if !r.want(':') {
		return
	}
	switch kind {
	case 'b', 'i', 'd', 'r', 'R':
		r.scalar()
	case 's', 'E':
		s := r.quoted()
		r.want(';')
		o.phpHand(r, name, s)
	case 'S':
		s := r.escaped()
		r.want(';')
		o.phpHand(r, name, s)
	case 'a':
		o.phpMembers(r, depth)
	case 'O':
		o.phpHand(r, "class", r.quoted())
		if r.want(':') {
			o.phpMembers(r, depth)
		}
	case 'C':
		o.phpHand(r, "class", r.quoted())
		o.phpCustom(r, name)
	default:
		r.failed = true
	}
}

func (r *phpReader) scalar() string {
	n := strings.IndexByte(r.text[r.pos:min(len(r.text), r.pos+64)], ';')
	if n < 0 {
		return r.fail()
	}
	s := r.text[r.pos : r.pos+n]
	r.pos += n + 1
	return s
}

// phpMembers reads count:{key value ...}, and the semicolon that some write behind.
func (o *opener) phpMembers(r *phpReader, depth int) {
	n := r.number()
	if !r.want('{') {
		return
	}
	for range n {
		if r.pos < len(r.text) && r.text[r.pos] == '}' {
			break
		}
		key := o.phpKey(r)
		o.phpValue(r, key, depth+1)
		if r.failed {
			return
		}
	}
	r.want('}')
}

func (o *opener) phpKey(r *phpReader) string {
	if len(r.text)-r.pos < 2 || r.text[r.pos+1] != ':' {
		return r.fail()
	}
	kind := r.text[r.pos]
	r.pos += 2
	switch kind {
	case 'i':
		return r.scalar()
	case 's', 'S':
		read := r.quoted
		if kind == 'S' {
			read = r.escaped
		}
		key := read()
		r.want(';')
		// Names of private members are \0class\0name and \0*\0name.
		if !strings.HasPrefix(key, "\x00") && !isName(key) {
			o.phpHand(r, "key", key)
		}
		return key[strings.LastIndexByte(key, 0)+1:]
	}
	return r.fail()
}

// phpCustom reads length:{data} of a class with a form of its own.
func (o *opener) phpCustom(r *phpReader, name string) {
	if !r.want(':') {
		return
	}
	n := r.number()
	if !r.want('{') || n > len(r.text)-r.pos {
		r.failed = true
		return
	}
	o.phpHand(r, name, r.text[r.pos:r.pos+n])
	r.pos += n
	r.want('}')
}

func (o *opener) phpHand(r *phpReader, name, s string) {
	if !r.failed && s != "" && !o.emit(PHP, name, s) {
		r.failed = true
	}
}

func isName(s string) bool {
	for i := range len(s) {
		if !isAlnum(s[i]) && s[i] != '_' && s[i] != '-' {
			return false
		}
	}
	return true
}
