package formdata

import (
	"bytes"
	"strings"
)

// readHeaders reads the headers of a part and the blank line behind them.
func (r *Reader) readHeaders(p *Part) error {
	r.headers = r.headers[:0]
	start := r.pos
	seen := 0
	for {
		window := r.body[r.pos:]
		if most := r.lim.MaxHeaderBytes; most >= 0 {
			window = window[:min(len(window), max(0, start+most+2-r.pos))]
		}
		end := bytes.IndexByte(window, '\n')
		switch {
		case end < 0 && len(window) < len(r.body)-r.pos:
			return r.exceeded("MaxHeaderBytes", r.lim.MaxHeaderBytes, start+r.lim.MaxHeaderBytes)
		case end < 0:
			return r.fault(len(r.body), ErrEnd)
		case end == 0 || window[end-1] != '\r':
			return r.fault(r.pos+end, ErrLineEnd)
		}
		line, at := window[:end-1], r.pos
		if r.pos += end + 1; len(line) == 0 {
			break
		}
		h, err := r.header(line, at)
		if err != nil {
			return err
		}
		r.headers = append(r.headers, h)
		bit, err := r.known(p, h)
		if err != nil {
			return err
		}
		if seen&bit != 0 {
			return r.fault(at, ErrHeader)
		}
		seen |= bit
	}
	if seen&1 == 0 {
		return r.fault(start, ErrDisposition)
	}
	return nil
}

// header reads one line.
func (r *Reader) header(line []byte, at int) (Header, error) {
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 {
		return Header{}, r.fault(at, ErrHeader)
	}
	for _, c := range line[:colon] {
		if !isTokenByte(c) {
			return Header{}, r.fault(at, ErrHeader)
		}
	}
	for i, c := range line[colon:] {
		if c < 0x20 && c != '\t' || c == 0x7f {
			return Header{}, r.fault(at+colon+i, ErrHeader)
		}
	}
	return Header{Name: line[:colon], Value: bytes.Trim(line[colon+1:], " \t"), Offset: at}, nil
}

// known reads the headers that mean something here; each has a bit.
func (r *Reader) known(p *Part, h Header) (bit int, err error) {
	switch strings.ToLower(string(h.Name)) {
	case "content-disposition":
		if !p.disposition(h.Value) {
			return 0, r.fault(h.Offset, ErrDisposition)
		}
		return 1, nil
	case "content-type":
		p.ContentType = h.Value
		return 2, nil
	case "content-transfer-encoding":
		switch strings.ToLower(string(h.Value)) {
		case "7bit", "8bit", "binary":
			return 4, nil
		}
		return 0, r.fault(h.Offset, ErrTransferEncoding)
	}
	return 0, nil
}

// disposition reads form-data and its parameters (RFC 7578, section 4.2), and
// tells whether they are well-formed, with a name, and each given once.
func (p *Part) disposition(value []byte) bool {
	kind, rest, _ := bytes.Cut(value, []byte(";"))
	if !bytes.EqualFold(bytes.Trim(kind, " \t"), []byte("form-data")) {
		return false
	}
	var named, filed, extended bool
	for rest = bytes.TrimLeft(rest, " \t"); len(rest) > 0; {
		name, after, ok := bytes.Cut(rest, []byte("="))
		if !ok || len(name) == 0 {
			return false
		}
		var text []byte
		if text, rest, ok = parameter(after); !ok {
			return false
		}
		switch strings.ToLower(string(name)) {
		case "name":
			if named {
				return false
			}
			named, p.Name = true, text
		case "filename":
			if filed {
				return false
			}
			filed, p.Filename = true, text
		case "filename*":
			if extended {
				return false
			}
			extended = true
			if p.FilenameExt, ok = extendedValue(text); !ok {
				return false
			}
		default:
			return false
		}
	}
	p.HasFilename = filed || extended
	return named
}

// parameter reads a value, quoted or not, and what separates it from the next
// parameter.
func parameter(b []byte) (text, rest []byte, ok bool) {
	end := 0
	if len(b) > 0 && b[0] == '"' {
		escaped := false
		for end = 1; end < len(b) && b[end] != '"'; end++ {
			if escapes(b, end) {
				escaped = true
				end++
			}
		}
		if end == len(b) {
			return nil, nil, false
		}
		text = b[1:end]
		if escaped {
			text = unescape(text)
		}
		end++
	} else {
		for end < len(b) && isTokenByte(b[end]) {
			end++
		}
		if text = b[:end]; end == 0 {
			return nil, nil, false
		}
	}
	rest = bytes.TrimLeft(b[end:], " \t")
	if len(rest) == 0 {
		return text, nil, true
	}
	if rest[0] != ';' {
		return nil, nil, false
	}
	rest = bytes.TrimLeft(rest[1:], " \t")
	return text, rest, len(rest) > 0
}

// escapes tells whether a backslash that escapes stands at i. One before
// anything but a quote or a backslash is part of a path, as old browsers send.
func escapes(b []byte, i int) bool {
	return b[i] == '\\' && i+1 < len(b) && (b[i+1] == '"' || b[i+1] == '\\')
}

func unescape(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if escapes(b, i) {
			i++
		}
		out = append(out, b[i])
	}
	return out
}

// extendedValue decodes UTF-8'language'percent-encoded (RFC 8187).
func extendedValue(b []byte) ([]byte, bool) {
	charset, rest, ok := bytes.Cut(b, []byte("'"))
	if !ok || !bytes.EqualFold(charset, []byte("utf-8")) {
		return nil, false
	}
	if _, rest, ok = bytes.Cut(rest, []byte("'")); !ok {
		return nil, false
	}
	out := make([]byte, 0, len(rest))
	for i := 0; i < len(rest); i++ {
		c := rest[i]
		if c == '%' {
			if i+2 >= len(rest) {
				return nil, false
			}
			high, low := unhex(rest[i+1]), unhex(rest[i+2])
			if high < 0 || low < 0 {
				return nil, false
			}
			c = byte(high<<4 | low)
			i += 2
		}
		out = append(out, c)
	}
	return out, true
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// isTokenByte tells the bytes of a token (RFC 9110, section 5.6.2).
func isTokenByte(c byte) bool {
	return isAlnum(c) || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}
