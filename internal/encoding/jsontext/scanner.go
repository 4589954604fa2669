// Package jsontext reads JSON (RFC 8259) in one pass over bytes that are already
// in memory, strictly and under limits: a pull scanner with positions, and a
// walk over the leaves with their paths. It converts nothing: a token is a slice
// of the document, so that a rewriter can copy what it leaves alone byte for
// byte. Beyond the grammar it refuses what two parsers would read differently:
// invalid UTF-8, escapes of half a surrogate pair and a byte order mark.
package jsontext

import (
	"errors"
	"io"

	"farrier.dev/farrier/internal/encoding"
)

// Kind is the kind of a token.
type Kind uint8

// The kinds of tokens. Commas and colons are no tokens.
const (
	// None is the kind of no token.
	None Kind = iota
	// BeginObject is "{".
	BeginObject
	// EndObject is "}".
	EndObject
	// BeginArray is "[".
	BeginArray
	// EndArray is "]".
	EndArray
	// Name is the name of an object's member.
	Name
	// String is a string that is no name.
	String
	// Number is a number.
	Number
	// True is the literal true.
	True
	// False is the literal false.
	False
	// Null is the literal null.
	Null
)

// Limits bound a document. A negative value (encoding.Off) switches a limit off;
// any other is the largest allowed, zero included. Lengths count Unicode
// characters after unescaping.
type Limits struct {
	// MaxDepth is the number of objects and arrays that may be open at once.
	MaxDepth int
	// MaxEntries is the number of members in one object.
	MaxEntries int
	// MaxElements is the number of elements in one array.
	MaxElements int
	// MaxNameLength is the length of a member's name.
	MaxNameLength int
	// MaxStringLength is the length of a string that is no name.
	MaxStringLength int
	// MaxTokens is the number of tokens in the document.
	MaxTokens int
	// UniqueNames refuses an object in which two names are equal after
	// unescaping.
	UniqueNames bool
}

// DefaultLimits are the published defaults: depth 300, 10,000 entries and
// elements, names of 1,024 and strings of 1,048,576 characters, 500,000 tokens,
// names need not be unique.
func DefaultLimits() Limits {
	return Limits{
		MaxDepth: 300, MaxEntries: 10_000, MaxElements: 10_000,
		MaxNameLength: 1024, MaxStringLength: 1 << 20, MaxTokens: 500_000,
	}
}

// NoLimits switches every limit off. Memory is still bounded by the document's
// length: the scanner does not recurse.
func NoLimits() Limits {
	return Limits{
		MaxDepth: encoding.Off, MaxEntries: encoding.Off, MaxElements: encoding.Off,
		MaxNameLength: encoding.Off, MaxStringLength: encoding.Off, MaxTokens: encoding.Off,
	}
}

// Reasons for refusing a document, inside an encoding.SyntaxError.
var (
	// ErrEnd reports a document that ends too early.
	ErrEnd = errors.New("unexpected end of the document")
	// ErrCharacter reports a byte that can not stand where it stands.
	ErrCharacter = errors.New("unexpected character")
	// ErrNumber reports a malformed number.
	ErrNumber = errors.New("malformed number")
	// ErrEscape reports a malformed escape sequence in a string.
	ErrEscape = errors.New("malformed escape sequence")
	// ErrSurrogate reports the escape of half a surrogate pair.
	ErrSurrogate = errors.New("escape of half a surrogate pair")
	// ErrControl reports a control character inside a string.
	ErrControl = errors.New("control character in a string")
	// ErrUTF8 reports bytes that are not UTF-8.
	ErrUTF8 = errors.New("invalid UTF-8")
	// ErrBOM reports a byte order mark.
	ErrBOM = errors.New("byte order mark")
	// ErrTrailing reports something behind the document's value.
	ErrTrailing = errors.New("data behind the value")
	// ErrDuplicate reports two equal names in one object.
	ErrDuplicate = errors.New("duplicate name")
)

// frame is one open object or array.
type frame struct {
	object bool
	count  int // members or elements begun
	// name is where the current member's name stands, quotes included.
	nameStart, nameEnd int
	firstName          int // into names.list, with UniqueNames
}

// inline is how many open containers a Scanner holds without allocating.
const inline = 32

type state uint8

const (
	stateValue        state = iota // a value must follow
	stateValueOrEnd                // after "["
	stateNameOrEnd                 // after "{"
	stateName                      // after "," in an object
	stateCommaOrClose              // after a value
	stateDone                      // after the only value
)

// Scanner reads one document. Its zero value must be given a document by Reset.
// It must not be copied once it reads, and is not safe for concurrent use.
type Scanner struct {
	data   []byte
	pos    int
	lim    Limits
	state  state
	tokens int
	err    error
	names  names
	// The open containers: depth of them, the outermost in first, the others in
	// deep. A slice of first would point into s and so keep s off the stack.
	depth int
	first [inline]frame
	deep  []frame
}

// NewScanner gives a scanner of data, which must not change while it is read.
func NewScanner(data []byte, lim Limits) *Scanner {
	s := new(Scanner)
	s.Reset(data, lim)
	return s
}

// Reset makes s read data from its beginning, keeping what memory it has.
func (s *Scanner) Reset(data []byte, lim Limits) {
	s.data, s.pos, s.lim, s.state, s.tokens, s.err = data, 0, lim, stateValue, 0, nil
	s.depth, s.deep = 0, s.deep[:0]
	s.names.reset()
}

// Offset is the number of bytes read.
func (s *Scanner) Offset() int { return s.pos }

// Depth is the number of open objects and arrays.
func (s *Scanner) Depth() int { return s.depth }

// frame gives the open container i, counted from the outermost.
func (s *Scanner) frame(i int) *frame {
	if i < inline {
		return &s.first[i]
	}
	return &s.deep[i-inline]
}

// top gives the innermost open container.
func (s *Scanner) top() *frame { return s.frame(s.depth - 1) }

// Next gives the next token; io.EOF tells that the document is complete and
// well-formed to its last byte. Other errors are *encoding.SyntaxError and
// *encoding.LimitError. An error is final: it is given again.
func (s *Scanner) Next() (Token, error) {
	if s.err != nil {
		return Token{}, s.err
	}
	t, err := s.next()
	if err != nil {
		s.err = err
		return Token{}, err
	}
	if s.tokens++; s.lim.MaxTokens >= 0 && s.tokens > s.lim.MaxTokens {
		s.err = s.exceeded("MaxTokens", s.lim.MaxTokens, t.Offset)
		return Token{}, s.err
	}
	return t, nil
}

func (s *Scanner) next() (Token, error) {
	s.blanks()
	if s.state == stateCommaOrClose {
		if done, t, err := s.separator(); done {
			return t, err
		}
	}
	if s.pos == len(s.data) {
		if s.state == stateDone {
			return Token{}, io.EOF
		}
		return Token{}, s.fault(s.pos, ErrEnd)
	}
	c := s.data[s.pos]
	switch s.state {
	case stateDone:
		return Token{}, s.fault(s.pos, ErrTrailing)
	case stateNameOrEnd:
		if c == '}' {
			return s.close(EndObject), nil
		}
		return s.name(c)
	case stateName:
		return s.name(c)
	case stateValueOrEnd:
		if c == ']' {
			return s.close(EndArray), nil
		}
	case stateValue, stateCommaOrClose:
	}
	return s.value(c)
}

// separator reads what follows a value in a container: the end, which is a
// token, or a comma, which is none.
func (s *Scanner) separator() (done bool, t Token, err error) {
	if s.pos == len(s.data) {
		return true, Token{}, s.fault(s.pos, ErrEnd)
	}
	object := s.top().object
	switch c := s.data[s.pos]; {
	case c == '}' && object:
		return true, s.close(EndObject), nil
	case c == ']' && !object:
		return true, s.close(EndArray), nil
	case c != ',':
		return true, Token{}, s.fault(s.pos, ErrCharacter)
	}
	s.pos++
	s.blanks()
	s.state = stateValue
	if object {
		s.state = stateName
	}
	return false, Token{}, nil
}

func (s *Scanner) blanks() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return
		}
	}
}

// name reads a member's name and the colon behind it.
func (s *Scanner) name(c byte) (Token, error) {
	if c != '"' {
		return Token{}, s.fault(s.pos, ErrCharacter)
	}
	f := s.top()
	if f.count++; s.lim.MaxEntries >= 0 && f.count > s.lim.MaxEntries {
		return Token{}, s.exceeded("MaxEntries", s.lim.MaxEntries, s.pos)
	}
	t, err := s.text(Name, "MaxNameLength", s.lim.MaxNameLength)
	if err != nil {
		return Token{}, err
	}
	f.nameStart, f.nameEnd = t.Offset, s.pos
	if s.lim.UniqueNames && !s.names.add(s.data, t, f.firstName) {
		return Token{}, s.fault(t.Offset, ErrDuplicate)
	}
	s.blanks()
	switch {
	case s.pos == len(s.data):
		return Token{}, s.fault(s.pos, ErrEnd)
	case s.data[s.pos] != ':':
		return Token{}, s.fault(s.pos, ErrCharacter)
	}
	s.pos++
	s.state = stateValue
	return t, nil
}

// value reads a scalar or the beginning of a container.
func (s *Scanner) value(c byte) (Token, error) {
	if s.depth > 0 && !s.top().object {
		f := s.top()
		if f.count++; s.lim.MaxElements >= 0 && f.count > s.lim.MaxElements {
			return Token{}, s.exceeded("MaxElements", s.lim.MaxElements, s.pos)
		}
	}
	switch c {
	case '{':
		return s.open(BeginObject, stateNameOrEnd)
	case '[':
		return s.open(BeginArray, stateValueOrEnd)
	}
	s.state = stateCommaOrClose
	if s.depth == 0 {
		s.state = stateDone
	}
	switch {
	case c == '"':
		return s.text(String, "MaxStringLength", s.lim.MaxStringLength)
	case c == '-' || '0' <= c && c <= '9':
		return s.number()
	case c == 't':
		return s.literal(True, "true")
	case c == 'f':
		return s.literal(False, "false")
	case c == 'n':
		return s.literal(Null, "null")
	case s.pos == 0 && len(s.data) >= 3 && string(s.data[:3]) == "\xef\xbb\xbf":
		return Token{}, s.fault(0, ErrBOM)
	}
	return Token{}, s.fault(s.pos, ErrCharacter)
}

func (s *Scanner) open(kind Kind, next state) (Token, error) {
	if s.lim.MaxDepth >= 0 && s.depth >= s.lim.MaxDepth {
		return Token{}, s.exceeded("MaxDepth", s.lim.MaxDepth, s.pos)
	}
	if s.depth++; s.depth > inline {
		s.deep = append(s.deep, frame{})
	}
	*s.top() = frame{object: kind == BeginObject, firstName: len(s.names.list)}
	s.state = next
	return s.take(kind, s.pos+1), nil
}

func (s *Scanner) close(kind Kind) Token {
	f := s.top()
	if s.lim.UniqueNames && f.object {
		s.names.cut(f.firstName)
	}
	if s.depth--; s.depth >= inline {
		s.deep = s.deep[:s.depth-inline]
	}
	s.state = stateCommaOrClose
	if s.depth == 0 {
		s.state = stateDone
	}
	return s.take(kind, s.pos+1)
}

// take makes the token that ends at end.
func (s *Scanner) take(kind Kind, end int) Token {
	t := Token{Kind: kind, Offset: s.pos, Raw: s.data[s.pos:end:end]}
	s.pos = end
	return t
}

func (s *Scanner) fault(at int, reason error) error {
	return &encoding.SyntaxError{Format: "json", Offset: at, Err: reason}
}

func (s *Scanner) exceeded(limit string, most, at int) error {
	return &encoding.LimitError{Format: "json", Limit: limit, Max: most, Offset: at}
}
