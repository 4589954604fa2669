package opinion

import "strings"

// kind is the kind of a token of SQL.
type kind uint8

const (
	end        kind = iota
	number          // 1, 0x31, 1e5
	text            // '...', "..." where it is no identifier
	open            // a string that the surroundings must close
	word            // an identifier or keyword
	variable        // @x, @@version, :x, $$
	operator        // = <> || ...
	leftParen       // (
	rightParen      // )
	comma           // ,
	semicolon       // ;
	dot             // .
	star            // *
	comment         // -- # /* to the end of the text
	other           // what no dialect knows
)

type token struct {
	kind kind
	// word is in lower case, for words and operators.
	word string
}

// lexer cuts a text into tokens. A comment that is closed is white space, and
// MySQL's conditional comments are what they hold.
type lexer struct {
	rest string
	// quote closes the surroundings of the text, 0 when there are none.
	quote byte
}

func (l *lexer) next() token {
	for {
		l.rest = strings.TrimLeft(l.rest, " \t\r\n\v\f\x00\u00a0")
		if strings.HasPrefix(l.rest, "*/") { // the end of a conditional comment
			l.rest = l.rest[2:]
			continue
		}
		if !strings.HasPrefix(l.rest, "/*") {
			break
		}
		if strings.HasPrefix(l.rest, "/*!") {
			l.rest = strings.TrimLeft(l.rest[3:], "0123456789")
			continue
		}
		_, after, closed := strings.Cut(l.rest[2:], "*/")
		if !closed {
			l.rest = ""
			return token{kind: comment}
		}
		l.rest = after
	}
	if l.rest == "" {
		return token{}
	}
	c := l.rest[0]
	switch {
	case c == '#', strings.HasPrefix(l.rest, "--"), c == ';' && l.rest[1:] == "\x00":
		return l.comment()
	case c == '\'' || c == '"' || c == '`' || c == '[' && strings.IndexByte(l.rest, ']') > 0:
		return l.string()
	case digit(c) || c == '.' && len(l.rest) > 1 && digit(l.rest[1]):
		return l.number()
	case letter(c) || c >= 0x80:
		return l.word()
	case c == '@' || c == ':' && len(l.rest) > 1 && letter(l.rest[1]) || c == '$' && len(l.rest) > 1 && l.rest[1] == '$':
		return l.variable()
	}
	return l.symbol()
}

// comment reads "--" and "#", which reach to the end of the line.
func (l *lexer) comment() token {
	if i := strings.IndexByte(l.rest, '\n'); i >= 0 && strings.TrimSpace(l.rest[i:]) != "" {
		l.rest = l.rest[i+1:]
		return l.next()
	}
	l.rest = ""
	return token{kind: comment}
}

func (l *lexer) string() token {
	quote := l.rest[0]
	closing := quote
	if quote == '[' {
		closing = ']'
	}
	for i := 1; i < len(l.rest); i++ {
		switch {
		case l.rest[i] == '\\' && quote != '[' && i+1 < len(l.rest):
			i++
		case l.rest[i] == closing && i+1 < len(l.rest) && l.rest[i+1] == closing && quote != '[':
			i++
		case l.rest[i] == closing:
			l.rest = l.rest[i+1:]
			if quote == '`' || quote == '[' {
				return token{kind: word, word: "`"}
			}
			return token{kind: text}
		}
	}
	l.rest = ""
	if quote == l.quote {
		return token{kind: open}
	}
	return token{kind: other}
}

func (l *lexer) number() token {
	i := 1
	for i < len(l.rest) && (digit(l.rest[i]) || l.rest[i] == '.') {
		i++
	}
	// 0x31, 0b1 and 1e5; "1and" is a number and a word in MySQL.
	if i == 1 && l.rest[0] == '0' && len(l.rest) > 2 && (l.rest[1]|0x20 == 'x' || l.rest[1]|0x20 == 'b') && hexDigit(l.rest[2]) {
		for i = 2; i < len(l.rest) && hexDigit(l.rest[i]); i++ {
		}
	} else if i+1 < len(l.rest) && l.rest[i]|0x20 == 'e' && (digit(l.rest[i+1]) || l.rest[i+1] == '-' || l.rest[i+1] == '+') {
		for i += 2; i < len(l.rest) && digit(l.rest[i]); i++ {
		}
	}
	l.rest = l.rest[i:]
	return token{kind: number}
}

func (l *lexer) word() token {
	i := 1
	for i < len(l.rest) && (letter(l.rest[i]) || digit(l.rest[i]) || l.rest[i] >= 0x80 || l.rest[i] == '$') {
		i++
	}
	w := strings.ToLower(l.rest[:i])
	l.rest = l.rest[i:]
	// x'31', n'text', e'text', q'[text]' are strings.
	if len(w) <= 2 && l.rest != "" && l.rest[0] == '\'' && strings.Contains(" x n b e q u& nq ", " "+w+" ") && strings.IndexByte(l.rest[1:], '\'') >= 0 {
		return l.string()
	}
	return token{kind: word, word: w}
}

func (l *lexer) variable() token {
	i := 1
	for i < len(l.rest) && (letter(l.rest[i]) || digit(l.rest[i]) || strings.IndexByte("@.$:", l.rest[i]) >= 0) {
		i++
	}
	system := strings.HasPrefix(l.rest, "@@")
	l.rest = l.rest[i:]
	if system {
		return token{kind: variable, word: "@@"}
	}
	return token{kind: variable}
}

// operators in the order in which they are tried.
var operators = []string{
	"->>", "#>>", "<=>", "||", "&&", "<>", "!=", "<=", ">=", ":=", "==", "^=", "!<", "!>", "<<", ">>", "::", "->", "#>", "@>", "<@",
	"!~*", "!~", "~*", "=", "<", ">", "+", "-", "/", "%", "&", "|", "^", "~", "!",
}

func (l *lexer) symbol() token {
	c := l.rest[0]
	single := map[byte]kind{'(': leftParen, ')': rightParen, ',': comma, ';': semicolon, '.': dot, '*': star}
	if k, ok := single[c]; ok {
		l.rest = l.rest[1:]
		return token{kind: k}
	}
	for _, o := range operators {
		if strings.HasPrefix(l.rest, o) {
			l.rest = l.rest[len(o):]
			return token{kind: operator, word: o}
		}
	}
	l.rest = ""
	return token{kind: other}
}

func digit(c byte) bool    { return '0' <= c && c <= '9' }
func hexDigit(c byte) bool { return digit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }
func letter(c byte) bool   { return c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z' }
