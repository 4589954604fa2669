// Package formdata reads multipart/form-data (RFC 7578) bodies that are in
// memory, part by part and under limits. Multipart is where readers differ most, so
// it is strict: CRLF only, nothing before the first delimiter or behind the last,
// no continued or repeated headers, no transfer encodings, nothing that looks
// like a delimiter and is none. It decodes no content and follows no charset.
package formdata

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"strings"

	"farrier.dev/farrier/internal/encoding"
)

// Limits bound a body. A negative value (encoding.Off) switches a limit off; any
// other is the largest allowed, zero included.
type Limits struct {
	// MaxParts is the number of parts.
	MaxParts int
	// MaxHeaderBytes is the number of bytes of the headers of one part.
	MaxHeaderBytes int
}

// DefaultLimits are the published defaults: 100 parts, 8,192 bytes of headers a
// part.
func DefaultLimits() Limits { return Limits{MaxParts: 100, MaxHeaderBytes: 8 << 10} }

// Reasons for refusing a body, inside an encoding.SyntaxError, or a
// Content-Type.
var (
	// ErrContentType reports a Content-Type that is not multipart/form-data
	// with one good boundary.
	ErrContentType = errors.New("content type is not multipart/form-data with one boundary")
	// ErrStart reports a body that does not begin with its delimiter.
	ErrStart = errors.New("body does not begin with its delimiter")
	// ErrDelimiter reports a line that begins like the delimiter and is none.
	ErrDelimiter = errors.New("malformed delimiter")
	// ErrLineEnd reports a delimiter or a header line that does not end in CRLF,
	// or begins behind something else.
	ErrLineEnd = errors.New("line does not end in CRLF")
	// ErrEnd reports a body without its closing delimiter.
	ErrEnd = errors.New("unexpected end of the body")
	// ErrTrailing reports data behind the closing delimiter.
	ErrTrailing = errors.New("data behind the closing delimiter")
	// ErrHeader reports a malformed, continued or repeated header.
	ErrHeader = errors.New("malformed or repeated header")
	// ErrDisposition reports a missing or malformed Content-Disposition, or one
	// without a name, or with a parameter twice.
	ErrDisposition = errors.New("malformed content disposition")
	// ErrTransferEncoding reports a part in a transfer encoding.
	ErrTransferEncoding = errors.New("transfer encodings are not accepted")
)

// Boundary gives the boundary of a Content-Type, or an error that is
// ErrContentType.
func Boundary(contentType string) (string, error) {
	media, params, err := mime.ParseMediaType(contentType)
	boundary := params["boundary"]
	// RFC 2231 continuations are read by some, and not by others.
	if err != nil || media != "multipart/form-data" || !isBoundary(boundary) ||
		strings.Contains(strings.ToLower(contentType), "boundary*") {
		return "", ErrContentType
	}
	return boundary, nil
}

// isBoundary holds a boundary to RFC 2046, section 5.1.1.
func isBoundary(s string) bool {
	if s == "" || len(s) > 70 || s[len(s)-1] == ' ' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !isAlnum(c) && strings.IndexByte("'()+_,-./:=? ", c) < 0 {
			return false
		}
	}
	return true
}

// Header is one header of a part.
type Header struct {
	// Name and Value are as they stand in the body, without white space around
	// the value.
	Name, Value []byte
	// Offset is the number of bytes before the name.
	Offset int
}

// Part is one part of a body. Its slices share the body's memory, except for
// names in which something had to be decoded.
type Part struct {
	// Offset is the number of bytes before the part's headers.
	Offset int
	// Headers are the headers in their order, good until the next call of Next.
	Headers []Header
	// Name is the name of the field.
	Name []byte
	// HasFilename tells that filename or filename* is given, if only empty.
	HasFilename bool
	// Filename is the value of filename, without quotes.
	Filename []byte
	// FilenameExt is the decoded value of filename* (RFC 8187), which RFC 7578
	// forbids and some servers prefer.
	FilenameExt []byte
	// ContentType is the value of Content-Type.
	ContentType []byte
	// Content is the content, and ContentOffset the number of bytes before it.
	Content       []byte
	ContentOffset int
}

// Reader reads one body. It is not safe for concurrent use.
type Reader struct {
	body    []byte
	mark    []byte // "\r\n--boundary"
	pos     int
	lim     Limits
	parts   int
	err     error
	headers []Header
}

// NewReader gives a reader of body, which must not change while it is read.
func NewReader(body []byte, boundary string, lim Limits) *Reader {
	return &Reader{body: body, mark: []byte("\r\n--" + boundary), lim: lim}
}

// Next gives the next part; io.EOF tells that the body is complete and
// well-formed to its last byte. Other errors are *encoding.SyntaxError and
// *encoding.LimitError. An error is final: it is given again.
func (r *Reader) Next() (Part, error) {
	if r.err != nil {
		return Part{}, r.err
	}
	p, err := r.next()
	if err != nil {
		r.err = err
		return Part{}, err
	}
	return p, nil
}

func (r *Reader) next() (Part, error) {
	if r.parts == 0 {
		if !bytes.HasPrefix(r.body, r.mark[2:]) {
			return Part{}, r.fault(0, ErrStart)
		}
		r.pos = len(r.mark) - 2
	}
	if err := r.delimiter(); err != nil {
		return Part{}, err
	}
	if r.parts++; r.lim.MaxParts >= 0 && r.parts > r.lim.MaxParts {
		return Part{}, r.exceeded("MaxParts", r.lim.MaxParts, r.pos)
	}
	p := Part{Offset: r.pos}
	if err := r.readHeaders(&p); err != nil {
		return Part{}, err
	}
	end, err := r.contentEnd()
	if err != nil {
		return Part{}, err
	}
	p.Headers, p.Content, p.ContentOffset = r.headers, r.body[r.pos:end:end], r.pos
	r.pos = end + len(r.mark)
	return p, nil
}

// delimiter reads what stands behind a boundary: CRLF, or the end of the body.
func (r *Reader) delimiter() error {
	rest := r.body[r.pos:]
	switch {
	case bytes.HasPrefix(rest, []byte("\r\n")):
		r.pos += 2
		return nil
	case bytes.HasPrefix(rest, []byte("--")):
		if r.pos += 2; len(rest) == 2 || string(rest[2:]) == "\r\n" {
			r.pos = len(r.body)
			return io.EOF
		}
		return r.fault(r.pos, ErrTrailing)
	case len(rest) < 2:
		return r.fault(len(r.body), ErrEnd)
	case rest[0] == '\n' || rest[0] == '\r':
		return r.fault(r.pos, ErrLineEnd)
	}
	return r.fault(r.pos, ErrDelimiter)
}

// contentEnd gives the place of the delimiter behind the content at the
// position. A delimiter at the beginning of a line that does not begin behind
// CRLF is refused: some readers take it for one.
func (r *Reader) contentEnd() (int, error) {
	dashes := r.mark[2:]
	for p := r.pos; ; {
		k := bytes.Index(r.body[p:], dashes)
		if k < 0 {
			return 0, r.fault(len(r.body), ErrEnd)
		}
		at := p + k
		switch {
		case at == r.pos: // of an empty part: the blank line's CRLF is not its own
			return 0, r.fault(at, ErrDelimiter)
		case r.body[at-1] == '\n' && at-2 >= r.pos && r.body[at-2] == '\r':
			return at - 2, nil
		case r.body[at-1] == '\n' || r.body[at-1] == '\r':
			return 0, r.fault(at, ErrLineEnd)
		}
		p = at + 1
	}
}

func (r *Reader) fault(at int, reason error) error {
	return &encoding.SyntaxError{Format: "multipart", Offset: at, Err: reason}
}

func (r *Reader) exceeded(limit string, most, at int) error {
	return &encoding.LimitError{Format: "multipart", Limit: limit, Max: most, Offset: at}
}

func isAlnum(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
