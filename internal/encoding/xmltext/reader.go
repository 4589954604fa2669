package xmltext

import (
	"bytes"
	"hash/maphash"
	"io"

	"farrier.dev/farrier/internal/encoding"
)

// inline is how many open elements a Reader holds without allocating.
const inline = 32

// element is an open element.
type element struct {
	nameStart, nameEnd int
	children           int
}

// Reader reads one document. Its zero value must be given a document by Reset.
// It must not be copied once it reads, and is not safe for concurrent use.
type Reader struct {
	data   []byte
	pos    int
	lim    Limits
	tokens int
	err    error
	// closing tells that an empty-element tag was given, and its end not yet.
	closing bool
	root    bool // a root element was begun
	attrs   []Attr
	// seen is the hash table that large numbers of attributes are compared with.
	seen []int32
	seed maphash.Seed
	// The open elements, as in jsontext.Scanner: the outermost in first.
	depth int
	first [inline]element
	deep  []element
}

// NewReader gives a reader of data, which must not change while it is read.
func NewReader(data []byte, lim Limits) *Reader {
	r := new(Reader)
	r.Reset(data, lim)
	return r
}

// Reset makes r read data from its beginning, keeping what memory it has.
func (r *Reader) Reset(data []byte, lim Limits) {
	r.data, r.pos, r.lim, r.tokens, r.err = data, 0, lim, 0, nil
	r.closing, r.root, r.depth, r.deep, r.attrs = false, false, 0, r.deep[:0], r.attrs[:0]
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		r.pos = 3
	case len(data) >= 2 && (data[0] == 0xfe && data[1] == 0xff || data[0] == 0xff && data[1] == 0xfe || data[0] == 0 || data[1] == 0):
		r.err = r.fault(0, ErrEncoding)
	}
}

// Offset is the number of bytes read.
func (r *Reader) Offset() int { return r.pos }

// Depth is the number of open elements.
func (r *Reader) Depth() int { return r.depth }

// Path appends the names of the open elements to dst, each behind a slash, as in
// "/soap:Envelope/soap:Body".
func (r *Reader) Path(dst []byte) []byte {
	for i := range r.depth {
		e := r.element(i)
		dst = append(dst, '/')
		dst = append(dst, r.data[e.nameStart:e.nameEnd]...)
	}
	return dst
}

func (r *Reader) element(i int) *element {
	if i < inline {
		return &r.first[i]
	}
	return &r.deep[i-inline]
}

// Next gives the next token; io.EOF tells that the document is complete and
// well-formed to its last byte. Other errors are *encoding.SyntaxError and
// *encoding.LimitError. An error is final: it is given again. After a StartTag
// the element is open, after an EndTag it is not.
func (r *Reader) Next() (Token, error) {
	if r.err != nil {
		return Token{}, r.err
	}
	t, err := r.next()
	if err == nil {
		if r.tokens++; r.lim.MaxTokens >= 0 && r.tokens > r.lim.MaxTokens {
			err = r.exceeded("MaxTokens", r.lim.MaxTokens, t.Offset)
		}
	}
	if err != nil {
		r.err = err
		return Token{}, err
	}
	return t, nil
}

// Valid tells whether data is one well-formed document; nil means that it is.
func Valid(data []byte, lim Limits) error {
	var r Reader
	r.Reset(data, lim)
	for {
		if _, err := r.Next(); err != nil {
			return endOf(err)
		}
	}
}

// endOf is nil when reading ended because the document did.
func endOf(err error) error {
	if err == io.EOF { //nolint:errorlint // Next gives it bare
		return nil
	}
	return err
}

func (r *Reader) next() (Token, error) {
	if r.closing {
		r.closing = false
		e := r.element(r.depth - 1)
		t := Token{Kind: EndTag, Offset: r.pos, Raw: r.data[r.pos:r.pos:r.pos], Name: r.data[e.nameStart:e.nameEnd]}
		r.pop()
		return t, nil
	}
	if r.pos >= len(r.data) {
		switch {
		case r.depth > 0:
			return Token{}, r.fault(len(r.data), ErrEnd)
		case !r.root:
			return Token{}, r.fault(len(r.data), ErrRoot)
		}
		return Token{}, io.EOF
	}
	if r.data[r.pos] != '<' {
		return r.text()
	}
	switch rest := r.data[r.pos:]; {
	case hasPrefix(rest, "</"):
		return r.endTag()
	case hasPrefix(rest, "<?"):
		return r.procInst()
	case hasPrefix(rest, "<!--"):
		return r.comment()
	case hasPrefix(rest, "<![CDATA["):
		return r.cdata()
	case hasPrefix(rest, "<!"):
		if len(rest) >= 9 && bytes.EqualFold(rest[2:9], []byte("DOCTYPE")) {
			return Token{}, r.fault(r.pos, ErrDoctype)
		}
		return Token{}, r.fault(r.pos, ErrMarkup)
	}
	return r.startTag()
}

func (r *Reader) push(nameStart, nameEnd int) error {
	if r.depth == 0 {
		if r.root {
			return r.fault(nameStart-1, ErrRoot)
		}
		r.root = true
	} else {
		e := r.element(r.depth - 1)
		if e.children++; r.lim.MaxChildren >= 0 && e.children > r.lim.MaxChildren {
			return r.exceeded("MaxChildren", r.lim.MaxChildren, nameStart-1)
		}
	}
	if r.lim.MaxDepth >= 0 && r.depth >= r.lim.MaxDepth {
		return r.exceeded("MaxDepth", r.lim.MaxDepth, nameStart-1)
	}
	if r.depth++; r.depth > inline {
		r.deep = append(r.deep, element{})
	}
	*r.element(r.depth - 1) = element{nameStart: nameStart, nameEnd: nameEnd}
	return nil
}

func (r *Reader) pop() {
	if r.depth--; r.depth >= inline {
		r.deep = r.deep[:r.depth-inline]
	}
}

// take makes the token that ends at end.
func (r *Reader) take(kind Kind, end int) Token {
	t := Token{Kind: kind, Offset: r.pos, Raw: r.data[r.pos:end:end]}
	r.pos = end
	return t
}

// within sets the content of a token.
func (t *Token) within(data []byte, start, end int) {
	t.Content, t.ContentOffset = data[start:end:end], start
}

func (r *Reader) fault(at int, reason error) error {
	return &encoding.SyntaxError{Format: "xml", Offset: at, Err: reason}
}

func (r *Reader) exceeded(limit string, most, at int) error {
	return &encoding.LimitError{Format: "xml", Limit: limit, Max: most, Offset: at}
}

func hasPrefix(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && string(b[:len(prefix)]) == prefix
}
