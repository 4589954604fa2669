package operator

import (
	"strings"
)

// sqlScan cuts text into tokens as libinjection does, as far as their kinds
// and ends go. What it does not cut exactly it calls unsafe.
type sqlScan struct {
	text string
	pos  int
	seen uint32
}

// How a byte begins a token.
const (
	beginsWord = iota
	beginsSpace
	beginsNumber
	beginsSingle // a token of its own, of the kind in sqlSingle
	beginsDouble // perhaps an operator of two bytes
	beginsDash
	beginsSlash
	beginsMoney
	beginsVar
	beginsString
	beginsBackslash
	beginsUnsafe
)

// sqlByteTable says how bytes begin tokens and which end words and variables.
type sqlByteTable struct {
	begins  [256]uint8
	single  [256]uint32
	inWord  [256]byte // the byte in upper case; 0: it ends a word; strange: look closer
	endsVar [256]bool
}

func sqlBytes() *sqlByteTable {
	t := &sqlByteTable{}
	mark := func(begins uint8, kind uint32, members string) {
		for _, c := range []byte(members) {
			t.begins[c], t.single[c] = begins, kind
		}
	}
	for c := range 33 {
		t.begins[c] = beginsSpace
	}
	mark(beginsSpace, 0, "\x7f\xa0")
	mark(beginsNumber, 0, ".0123456789")
	mark(beginsSingle, sqlOp, "%+^~")
	mark(beginsSingle, sqlComma, ",")
	mark(beginsSingle, sqlSemi, ";")
	mark(beginsSingle, sqlOpen, "(")
	mark(beginsSingle, sqlClose, ")")
	mark(beginsSingle, sqlUnknown, "?]")
	mark(beginsDouble, 0, "!&*:<=>|")
	mark(beginsDash, 0, "-")
	mark(beginsSlash, 0, "/")
	mark(beginsMoney, 0, "$")
	mark(beginsVar, 0, "@")
	mark(beginsString, 0, `'"`)
	mark(beginsSingle, sqlOdd, "{}")
	mark(beginsSingle, sqlOdd|sqlBare, "[") // a word up to ], whose inside we read too
	mark(beginsBackslash, 0, `\`)
	mark(beginsUnsafe, 0, "#`")
	for c := range 256 {
		t.inWord[c] = byte(c)
		if c >= 'a' && c <= 'z' {
			t.inWord[c] -= 'a' - 'A'
		}
	}
	for _, c := range []byte("`.\xc4\xc5\x01") {
		t.inWord[c] = strange
	}
	for _, c := range []byte(" []{}<>:\\?=@!#~+-*/&|^%(),';\t\n\v\f\r\"\xa0\x00") {
		t.inWord[c] = 0
	}
	for _, c := range []byte(" <>:\\?=@!#~+-*/&|^%(),';\t\n\v\f\r'`\"") {
		t.endsVar[c] = true
	}
	return t
}

// token reads one token, or one byte of space, and returns its kind.
func (s *sqlScan) token() uint32 {
	c := s.text[s.pos]
	switch sqlByte.begins[c] {
	case beginsWord:
		return s.word()
	case beginsSpace:
		s.pos++
		return 0
	case beginsNumber:
		return s.number()
	case beginsSingle:
		s.pos++
		return sqlByte.single[c]
	case beginsDouble:
		return s.operator()
	case beginsDash:
		return s.unless('-')
	case beginsSlash:
		return s.unless('*')
	case beginsMoney:
		return s.money()
	case beginsVar:
		return s.variable()
	case beginsString:
		s.pos++
		return sqlString
	case beginsBackslash:
		// \N is NULL; before an operator it is a number, else it is dropped.
		s.pos++
		if s.peek(0) == 'N' {
			s.pos++
		}
		return sqlOdd | sqlNumber
	}
	return sqlUnsafe
}

// peek is the byte that far ahead, or 0 behind the end.
func (s *sqlScan) peek(ahead int) byte {
	if i := s.pos + ahead; i < len(s.text) {
		return s.text[i]
	}
	return 0
}

// unless reads an operator that with the next byte begins a comment.
func (s *sqlScan) unless(next byte) uint32 {
	if s.peek(1) == next {
		return sqlUnsafe
	}
	s.pos++
	return sqlOp
}

func (s *sqlScan) operator() uint32 {
	rest := s.text[s.pos:]
	if strings.HasPrefix(rest, "<=>") {
		s.pos += 3
		return sqlOp
	}
	if len(rest) > 1 {
		switch rest[:2] {
		case "&&", "||":
			s.pos += 2
			return sqlLogic
		case "!!", "!<", "!=", "!>", "&=", "*=", "::", ":=", "<<", "<=", "<>", "<@", ">=", ">>", "|/", "|=":
			s.pos += 2
			return sqlOp
		}
	}
	s.pos++
	if rest[0] == ':' && len(rest) > 1 {
		return sqlColon
	}
	return sqlOp
}

// money reads $1,000.00. A dollar sign before anything else may open a string
// if another one follows.
func (s *sqlScan) money() uint32 {
	rest := s.text[s.pos+1:]
	if rest != "" && isDigit(rest[0]) {
		s.pos++
		for c := s.peek(0); isDigit(c) || c == '.' || c == ','; c = s.peek(0) {
			s.pos++
		}
		return sqlNumber
	}
	if rest != "" && (rest[0] == '.' || rest[0] == ',') || strings.IndexByte(rest, '$') >= 0 {
		return sqlUnsafe
	}
	s.pos++
	return sqlBare
}

func (s *sqlScan) variable() uint32 {
	s.pos++
	if s.peek(0) == '@' {
		s.pos++
	}
	if s.peek(0) == '`' {
		return sqlUnsafe
	}
	for s.pos < len(s.text) && !sqlByte.endsVar[s.text[s.pos]] {
		if s.text[s.pos] == ']' {
			return sqlUnsafe // where a word in brackets would end
		}
		s.pos++
	}
	return sqlVar
}

func (s *sqlScan) digits() (count int) {
	for isDigit(s.peek(0)) {
		s.pos++
		count++
	}
	return count
}

// number reads what begins with a digit or a dot. An exponent without digits
// makes the library skip the number; it is then no token here either.
func (s *sqlScan) number() uint32 {
	if s.text[s.pos] == '0' {
		switch s.peek(1) | 0x20 {
		case 'x':
			return s.literal(isHex)
		case 'b':
			return s.literal(func(c byte) bool { return c == '0' || c == '1' })
		}
	}
	before := s.digits()
	if s.peek(0) == '.' {
		s.pos++
		if s.digits() == 0 && before == 0 {
			return sqlDot
		}
	}
	kind := uint32(sqlNumber)
	if s.peek(0)|0x20 == 'e' {
		s.pos++
		if c := s.peek(0); c == '+' || c == '-' {
			s.pos++
		}
		if s.digits() == 0 {
			kind = 0
		}
	}
	if c := s.peek(0) | 0x20; c == 'd' || c == 'f' {
		next := s.peek(1)
		if s.pos+1 >= len(s.text) || next == ';' || next|0x20 == 'u' || next == 0xa0 || next == 0 || next == ' ' || next >= '\t' && next <= '\r' {
			s.pos++
		}
	}
	return kind
}

// literal reads 0x1f or 0b01; without digits it is a word.
func (s *sqlScan) literal(digit func(byte) bool) uint32 {
	s.pos += 2
	start := s.pos
	for s.pos < len(s.text) && digit(s.text[s.pos]) {
		s.pos++
	}
	if s.pos == start {
		return sqlBare
	}
	return sqlNumber
}

const (
	strange      = 1  // in sqlByteTable.inWord
	longestToken = 31 // bytes of a token that the library looks at
	upperDotless = "\xc4\xb1"
	upperLongS   = "\xc5\xbf"
)

// word reads a word. One with a dot is cut at the dot if what precedes it is
// known, and one with a backtick likewise; both are left to the library, as
// are the two letters outside ASCII whose upper case is in ASCII.
func (s *sqlScan) word() uint32 {
	var upper [longestToken]byte
	rest := s.text[s.pos:]
	n := 0
	for ; n < len(rest); n++ {
		c := sqlByte.inWord[rest[n]]
		if c == 0 {
			break
		}
		if n >= longestToken {
			continue
		}
		if c == strange {
			c = rest[n]
			if leftToLibrary(rest[n:], upper[:n]) {
				return sqlUnsafe
			}
		}
		upper[n] = c
	}
	s.pos += n
	if n > longestToken {
		return sqlBare
	}
	kind := sqlWords.find(upper[:n])
	if n == 1 && (upper[0] == 'X' || upper[0] == 'B') && s.peek(0) == '\'' {
		kind |= sqlNumber // x'1f' and b'01'
	}
	return kind
}

// leftToLibrary judges a strange byte, the first of rest, behind the beginning
// of a word.
func leftToLibrary(rest string, before []byte) bool {
	switch rest[0] {
	case '`':
		return true
	case '.':
		return sqlWords.find(before)&^(sqlFirst|sqlLater|sqlCalled) > sqlBare
	}
	return strings.HasPrefix(rest, upperDotless) || strings.HasPrefix(rest, upperLongS)
}

// wordTable finds the words that the library knows.
type wordTable struct {
	kinds map[string]uint32
	// perhaps is false where no word has this shape: most words of a text are
	// no words of SQL by that alone.
	perhaps [4096]bool
}

// shape mixes the length and three letters of a word that is not empty.
func shape[T string | []byte](w T) uint {
	n := uint(len(w))
	return (n*331 + uint(w[0])*97 + uint(w[n/2])*41 + uint(w[n-1])*13) % 4096
}

func newWordTable() *wordTable {
	t := &wordTable{kinds: map[string]uint32{}}
	add := func(kind uint32, words string) {
		for _, w := range strings.Fields(words) {
			t.kinds[w] |= kind
			t.perhaps[shape(w)] = true
		}
	}
	add(sqlBare, sqlBareWords)
	add(sqlFunc, sqlFunctionWords)
	add(sqlKeyword, sqlKeywordWords)
	add(sqlOp, sqlOperatorWords)
	add(sqlLogic, sqlLogicWords)
	add(sqlVar, sqlVariableWords)
	add(sqlNumber, sqlNumberWords)
	add(sqlExpr, sqlExpressionWords)
	add(sqlUnion, sqlUnionWords)
	add(sqlUnsafe, sqlOtherWords)
	add(sqlFirst, sqlFirstWords)
	add(sqlLater, sqlLaterWords)
	add(sqlCalled, sqlCalledWords)
	add(sqlIf, "IF")
	return t
}

// find returns the kind of a word in upper case.
func (t *wordTable) find(upper []byte) uint32 {
	if len(upper) == 0 || !t.perhaps[shape(upper)] {
		return sqlBare
	}

	if kind, known := t.kinds[string(upper)]; known {
		return kind
	}
	return sqlBare
}
