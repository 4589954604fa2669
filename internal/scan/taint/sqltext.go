package taint

import "strings"

// SQLPosition says where the hole of number i stands in a text of SQL or SOQL:
// InValue where a bound parameter could stand in its place (in a literal, behind an
// operator, in a list of values), InIdentifier elsewhere, also where it begins the
// statement or is all of it. Bound parameters (:name) are text, not holes.
func SQLPosition(pieces []Piece, i int) Position {
	if i < 0 || i >= len(pieces) {
		return InIdentifier
	}
	s := sqlReader{}
	for _, p := range pieces[:i] {
		if p.Hole != nil {
			s.hole()
			continue
		}
		s.read(p.Text)
	}
	return s.position()
}

// sqlBare says whether the hole of number i stands outside of quotes.
func sqlBare(pieces []Piece, i int) bool {
	s := sqlReader{}
	for _, p := range pieces[:i] {
		if p.Hole != nil {
			s.hole()
			continue
		}
		s.read(p.Text)
	}
	return s.quote == 0
}

// withBare are kinds, and where SQL is among them what it is outside of quotes: who
// declares a value harmless there means all of it.
func (k Kind) withBare() Kind {
	if k&(SQL|SOQL) != 0 {
		k |= Bare
	}
	return k
}

// sqlReader keeps of a beginning of a statement what says what may follow.
type sqlReader struct {
	// quote is that of the literal it ends in, 0 for none; comment says that it ends
	// in one: '-' for one to the end of the line, '*' for one of a block.
	quote, comment byte
	// opened is the position that the quote was opened at.
	opened Position
	// last is the last word or operator, in lower case; glued says that nothing
	// stands behind it.
	last  string
	glued bool
	// clause is the last word that begins a clause; before are those outside the
	// parentheses that are open, with the word in front of each.
	clause string
	before []sqlLevel
	// between says that BETWEEN waits for its AND.
	between bool
	started bool
}

type sqlLevel struct{ clause, word string }

var sqlClauses = map[string]bool{
	"select": true, "from": true, "where": true, "having": true, "set": true, "values": true, "into": true, "update": true,
	"join": true, "on": true, "limit": true, "offset": true, "fetch": true, "top": true, "order": true, "group": true,
	"call": true, "exec": true, "execute": true, "union": true, "delete": true, "insert": true, "returning": true,
	"using": true, "find": true, "merge": true, "table": true, "with": true, "when": true, "then": true, "else": true,
	"end": true, "return": true,
}

var sqlValueWords = map[string]bool{
	"like": true, "ilike": true, "rlike": true, "regexp": true, "between": true, "limit": true, "offset": true, "top": true,
	"values": true, "escape": true, "then": true, "else": true, "interval": true, "first": true, "next": true, "date": true,
	"timestamp": true, "includes": true, "excludes": true, "in": true, "find": true, "return": true,
}

func (s *sqlReader) read(t string) {
	for i := 0; i < len(t); i++ {
		switch {
		case s.comment == '-':
			if t[i] == '\n' {
				s.comment = 0
			}
		case s.comment == '*':
			if t[i] == '*' && i+1 < len(t) && t[i+1] == '/' {
				s.comment = 0
				i++
			}
		case s.quote != 0:
			i = s.inQuote(t, i)
		default:
			i = s.outside(t, i)
		}
	}
}

// inQuote reads one byte of a literal, or the two of an escaped one.
func (s *sqlReader) inQuote(t string, i int) int {
	switch {
	case t[i] == '\\' && i+1 < len(t):
		return i + 1
	case t[i] == s.quote && i+1 < len(t) && t[i+1] == s.quote:
		return i + 1
	case t[i] == s.quote:
		s.quote = 0
		s.word("''", false)
	}
	return i
}

func (s *sqlReader) outside(t string, i int) int {
	b := t[i]
	switch {
	case b == ' ' || b == '\t' || b == '\n' || b == '\r':
		s.glued = false
	case b == '\'' || b == '"' || b == '`':
		s.opened = s.position()
		s.quote, s.started = b, true
	case b == '-' && i+1 < len(t) && t[i+1] == '-':
		s.comment = '-'
		return i + 1
	case b == '/' && i+1 < len(t) && t[i+1] == '*':
		s.comment = '*'
		return i + 1
	case wordByte(b):
		j := i
		for j < len(t) && wordByte(t[j]) {
			j++
		}
		w := strings.ToLower(t[i:j])
		if s.glued {
			w = s.last + w
		}
		s.word(w, true)
		return j - 1
	case b == '(':
		s.before = append(s.before, sqlLevel{s.clause, s.last})
		s.word("(", false)
	case b == ')':
		if n := len(s.before); n > 0 {
			s.clause = s.before[n-1].clause
			s.before = s.before[:n-1]
		}
		s.word(")", false)
	case b == ';':
		*s = sqlReader{started: false}
	default:
		s.word(string(b), false)
	}
	return i
}

func wordByte(b byte) bool {
	return b == '_' || b == '.' || b == ':' || b == '@' || b == '$' || b == '#' || b >= '0' && b <= '9' ||
		b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= 0x80
}

func (s *sqlReader) word(w string, glued bool) {
	s.started = true
	if glued && sqlClauses[w] {
		s.clause = w
		s.between = false
	}
	if w == "between" {
		s.between = true
	}
	if w == "and" && s.between {
		s.between = false
		w = "between"
	}
	s.last, s.glued = w, glued
}

// hole passes a part that is not known.
func (s *sqlReader) hole() {
	if s.quote != 0 || s.comment != 0 {
		return
	}
	s.word("?", true)
}

// position is where what follows stands.
func (s *sqlReader) position() Position {
	switch {
	case s.comment != 0 || !s.started:
		return InIdentifier
	case s.quote == '\'':
		return InValue
	case s.quote != 0:
		return s.opened
	case s.glued:
		return InIdentifier
	}
	switch s.last {
	case "=", "<", ">", "!", "+", "-", "/", "%", "|", "~":
		return InValue
	case "*":
		if s.clause == "select" {
			return InIdentifier
		}
		return InValue
	case "(", ",":
		return s.inList()
	case "{":
		if s.clause == "find" {
			return InValue
		}
	}
	if sqlValueWords[s.last] {
		return InValue
	}
	return InIdentifier
}

// inList is where an item of a list stands.
func (s *sqlReader) inList() Position {
	n := len(s.before)
	if n == 0 {
		switch s.clause {
		case "values", "exec", "execute", "call", "limit", "offset":
			return InValue
		}
		return InIdentifier
	}
	level := s.before[n-1]
	if s.clause == "select" && level.clause != "select" && level.word != "in" {
		return InIdentifier // a query in parentheses
	}
	switch {
	case sqlValueWords[level.word] || level.clause == "values" || level.clause == "call":
		return InValue
	case level.word == "(" && n > 1:
		return InValue
	case level.clause == "where" || level.clause == "having" || level.clause == "set" || level.clause == "on":
		// A function's argument; a parenthesis for its own sake begins a condition.
		switch level.word {
		case "where", "and", "or", "not", "on", "having":
			return InIdentifier
		}
		return InValue
	case level.clause == "into" || level.clause == "insert" || level.clause == "from" || level.clause == "table":
		return InIdentifier
	case level.clause == "select" && s.last == "(" && level.word != "select" && level.word != ",":
		return InValue
	}
	return InIdentifier
}
