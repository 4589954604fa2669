package operator

import (
	"slices"
	"strings"

	libinjection "github.com/corazawaf/libinjection-go"
)

// SQLi says whether libinjection takes text for SQL injection, and the
// fingerprint that it knows it by. Most ordinary text is answered without the
// library and without an allocation, by a test that never hides a match.
func SQLi(text string) (fingerprint string, found bool) {
	if harmlessSQL(text) {
		return "", false
	}
	found, fingerprint = libinjection.IsSQLi(text)
	return fingerprint, found
}

// The library cuts text into tokens, folds the first of them into at most five
// and looks up the string of their kinds in a table of attacks. Reading text as
// it is, as if inside single quotes and as if inside double quotes, it always
// cuts anew behind a quote; and folding makes new kinds of token only in the
// few ways listed below. So all kinds that any of its readings can see are
// among those of one pass that cuts anew behind every quote. If the table has
// no string of such kinds, no reading can be an attack.
//
// These are the kinds of token, as bits, and marks of words.
const (
	sqlBare    = 1 << iota // n: a word
	sqlNumber              // 1
	sqlComma               // ,
	sqlDot                 // .
	sqlOp                  // o: an arithmetic or comparing operator
	sqlColon               // :
	sqlUnknown             // ?
	sqlSemi                // ;
	sqlString              // s
	sqlVar                 // v: @name
	sqlKeyword             // k
	sqlLogic               // &: and, or
	sqlFunc                // f: the name of a function
	sqlOpen                // (
	sqlClose               // )
	sqlExpr                // E: select, update
	sqlUnion               // U
	sqlUnsafe              // anything else: comments, backticks, types, statements
	sqlOdd                 // braces, brackets, backslashes: in no attack of the table, but they fold
	sqlFirst               // begins phrases such as GROUP BY, which are tokens of other kinds
	sqlLater               // goes on in them
	sqlCalled              // becomes a function or an operator before (
	sqlIf                  // IF becomes a statement behind ;

	sqlKinds = sqlUnsafe - 1
)

// harmlessSets are the largest sets of kinds over which the table of attacks
// has no string. A string of three with a keyword in the middle does not count:
// the library drops it unless the keyword is INTO OUTFILE, a phrase.
// TestHarmlessSets holds them against the table.
func harmlessSets() []uint32 {
	const plain = sqlComma | sqlDot | sqlColon | sqlUnknown
	const n = plain | sqlBare
	return []uint32{
		n | sqlNumber | sqlOp | sqlSemi | sqlFunc,
		n | sqlOp | sqlVar,
		n | sqlOp | sqlSemi | sqlLogic,
		n | sqlSemi | sqlKeyword | sqlFunc,
		n | sqlNumber | sqlString | sqlKeyword | sqlFunc,
		n | sqlNumber | sqlVar | sqlKeyword | sqlFunc,
		n | sqlString | sqlVar | sqlKeyword | sqlFunc,
		n | sqlOp | sqlExpr,
		n | sqlLogic | sqlExpr,
		n | sqlFunc | sqlExpr,
		n | sqlOp | sqlUnion,
		n | sqlNumber | sqlSemi | sqlOpen,
		n | sqlNumber | sqlSemi | sqlFunc | sqlClose,
		n | sqlNumber | sqlString | sqlFunc | sqlClose,
		n | sqlNumber | sqlVar | sqlFunc | sqlClose,
		n&^sqlComma | sqlNumber | sqlSemi | sqlOpen | sqlClose,
		n&^sqlComma | sqlSemi | sqlString | sqlOpen | sqlClose,
		n&^sqlComma | sqlString | sqlVar | sqlOpen | sqlClose,
	}
}

var (
	sqlHarmless = harmlessSets()
	sqlWords    = newWordTable()
	sqlByte     = sqlBytes()
)

// sqlRun is how many words and numbers in a row end what the library reads:
// they fold into nothing among themselves, at most one folds into what stands
// before them, and six tokens that do not fold fill its window.
const sqlRun = 7

// harmlessSQL says that the library finds nothing in text. False: it may.
func harmlessSQL(text string) bool {
	s := sqlScan{text: text}
	run := 0
	for s.pos < len(text) {
		kind := s.token()
		s.seen |= kind
		switch {
		case s.seen&sqlUnsafe != 0:
			return false
		case kind == 0: // space
		case kind&^(sqlFirst|sqlLater|sqlCalled) == sqlBare || kind == sqlNumber:
			if run++; run == sqlRun && s.seen&(sqlString|sqlOpen|sqlClose|sqlOdd) == 0 {
				rest := text[s.pos:]
				if strings.IndexByte(rest, '\'') < 0 && strings.IndexByte(rest, '"') < 0 {
					return harmlessKinds(s.seen)
				}
			}
		default:
			run = 0
		}
	}
	return harmlessKinds(s.seen)
}

// harmlessKinds says that no attack consists of tokens of these kinds, after
// all that folding can make of them.
func harmlessKinds(seen uint32) bool {
	switch {
	case seen&sqlFirst != 0 && seen&sqlLater != 0:
		return false
	case seen&sqlIf != 0 && seen&sqlSemi != 0:
		return false
	case seen&sqlCalled != 0 && seen&sqlOpen != 0:
		seen |= sqlFunc | sqlOp
	}
	if seen&sqlKeyword != 0 {
		seen |= sqlBare // IN not before a parenthesis
	}
	kinds := seen & sqlKinds
	return slices.ContainsFunc(sqlHarmless, func(set uint32) bool { return kinds&^set == 0 })
}

// SQLiCost bounds what SQLi(text) costs, in units of about 4 ns. 0: it finds
// nothing and need not be asked. The library takes time for every token that it
// reads, and for a quote inside a string that does not end it, for the string so
// far once more: 2 kB of escaped quotes take it 9 ms, 64 kB 10 s. Callers must
// not ask it beyond their budget.
func SQLiCost(text string) int64 {
	if harmlessSQL(text) {
		return 0
	}
	read := text[:sqlReads(text)]
	const perByte, perWord, perSign, perQuotedByte = 3, 8, 40, 2
	var units, quoted int64
	var closed [128]int // by kind of quote: the last that must have ended a string
	comments := false
	before := byte(' ')
	for i := range len(read) {
		c := read[i]
		switch {
		case isTokenByte(c):
			if !isTokenByte(before) {
				units += perWord
			}
		case c == '\'' || c == '"' || c == '`':
			units += perSign
			if doubtfulQuote(text, i) {
				quoted += int64(i - closed[c])
			} else {
				closed[c] = i
			}
		case c > ' ':
			units += perSign
			comments = comments || c == '#' || c == before && c == '-' || c == '*' && before == '/'
		}
		before = c
	}
	units += int64(len(read)) * perByte
	readings := int64(1)
	if strings.IndexByte(text, '\'') >= 0 {
		readings++
	}
	if comments { // in two dialects
		readings *= 2
	}
	if strings.IndexByte(text, '"') >= 0 {
		readings++
	}
	return int64(len(text)) + readings*(units+quoted*perQuotedByte)
}

func isTokenByte(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '.' || c >= 0x80
}

// doubtfulQuote says that the quote at i need not end a string: it is doubled or
// escaped.
func doubtfulQuote(text string, i int) bool {
	return i > 0 && (text[i-1] == text[i] || text[i-1] == '\\') || i+1 < len(text) && text[i+1] == text[i]
}

// sqlReads bounds how many bytes of text the library reads. It reads text as it
// is, as if inside single quotes and as if inside double quotes; each of these
// ends with enough words in a row outside of strings. Where anything makes it
// doubtful what is a string, it reads all.
func sqlReads(text string) int {
	const outside = 0
	states := append(make([]byte, 0, 3), outside)
	for _, quote := range []byte{'\'', '"'} {
		if strings.IndexByte(text, quote) >= 0 {
			states = append(states, quote)
		}
	}
	s := sqlScan{text: text}
	run := 0
	for s.pos < len(text) {
		from := s.pos
		kind := s.token()
		s.pos = max(s.pos, from+1) // an odd token may end the pass
		switch c := text[from]; {
		case kind == 0: // space
		case c == '\'' || c == '"':
			if doubtfulQuote(text, from) || from > 0 && strings.IndexByte("xXbBnNeEqQ&", text[from-1]) >= 0 && (from == 1 || !isTokenByte(text[from-2]) || text[from-2]|0x20 == 'n') {
				return len(text)
			}
			s.pos = from + 1
			for i, state := range states {
				switch state {
				case outside:
					states[i] = c
				case c:
					states[i] = outside
				}
			}
			run = 0
		case c >= 0x80 || kind&^(sqlFirst|sqlLater|sqlCalled) == sqlBare || kind == sqlNumber:
			// Letters beyond ASCII are words too, apart from a no-break space.
			for c >= 0x80 && s.pos < len(text) && text[s.pos] >= 0x80 {
				s.pos++
			}
			if run++; run >= sqlRun {
				states = slices.DeleteFunc(states, func(state byte) bool { return state == outside })
				if len(states) == 0 {
					return s.pos
				}
			}
		case c == '[':
			end := from + 1
			for end < len(text) && end < from+32 && (isTokenByte(text[end]) || text[end] == '-') {
				end++
			}
			if end == len(text) || text[end] != ']' {
				return len(text)
			}
			s.pos, run = end+1, 0
		case kind&(sqlUnsafe|sqlOdd|sqlVar) != 0:
			return len(text)
		default:
			run = 0
		}
	}
	return len(text)
}
