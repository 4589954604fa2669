package schema

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2/v2"
	ecmasyntax "github.com/dlclark/regexp2/v2/syntax"
)

// Pattern is a regular expression of ECMA 262, with the flag u. Wherever it can be
// it is run by RE2, in a time linear in the text; what looks around or refers back
// runs by backtracking, on short texts, for a short time.
type Pattern struct {
	text string
	// parts must all hold.
	parts []part
	// ecma is the whole where RE2 can't run it.
	ecma *regexp2.Regexp
}

type part struct {
	re *regexp.Regexp
	// not tells that the text must not match.
	not bool
	// least and most bound the number of characters, -1 for no limit.
	least, most int
}

const (
	// maxPattern is the length in bytes of the longest expression.
	maxPattern = 64 << 10
	// maxBacktracked is the length in bytes of the longest text on which an
	// expression may backtrack, maxTime how long it may.
	maxBacktracked = 4096
	maxTime        = 20 * time.Millisecond
	// costOfBacktracking is how many steps that is taken for.
	costOfBacktracking = 1000
)

// CompilePattern compiles a regular expression.
func CompilePattern(text string) (*Pattern, error) {
	if len(text) > maxPattern {
		return nil, fmt.Errorf("the regular expression is longer than %d bytes", maxPattern)
	}
	p := &Pattern{text: text}
	if one, ok := repeated(text); ok {
		p.parts = []part{one}
		return p, nil
	}
	ours := translate(text)
	re, err := regexp.Compile(ours)
	if err == nil {
		p.parts = []part{{re: re, least: -1, most: -1}}
		return p, nil
	}
	if p.parts = lookahead(ours); p.parts != nil {
		return p, nil
	}
	ecma, other := regexp2.Compile(text, regexp2.ECMAScript, regexp2.Unicode)
	if other != nil {
		return nil, fmt.Errorf("the regular expression is malformed: %w", err)
	}
	ecma.MatchTimeout = maxTime
	p.ecma = ecma
	return p, nil
}

// String is the expression as it was written.
func (p *Pattern) String() string { return p.text }

// Linear says whether the expression runs in a time linear in the text.
func (p *Pattern) Linear() bool { return p.ecma == nil }

// Match says whether the expression is found in a text. One that takes too long
// is not.
func (p *Pattern) Match(text []byte) bool {
	var room []rune
	ok, done := p.match(text, &room)
	return ok && done
}

// MatchString is Match of a string.
func (p *Pattern) MatchString(text string) bool { return p.Match([]byte(text)) }

func (p *Pattern) cost() int {
	if p.ecma != nil {
		return costOfBacktracking
	}
	return len(p.parts)
}

// match is done when it came to a result.
func (p *Pattern) match(text []byte, room *[]rune) (ok, done bool) {
	if p.ecma != nil {
		if len(text) > maxBacktracked {
			return false, false
		}
		*room = runes((*room)[:0], text)
		ok, err := p.ecma.MatchRunes(*room)
		return ok, err == nil
	}
	for i := range p.parts {
		if q := &p.parts[i]; !q.holds(text) {
			return false, true
		}
	}
	return true, true
}

func (p *part) holds(text []byte) bool {
	if p.least >= 0 {
		if n := utf8.RuneCount(text); n < p.least || p.most >= 0 && n > p.most {
			return false
		}
	}
	return p.re == nil || p.re.Match(text) != p.not
}

// repeated reads "^x{2,500}$", where x stands for one character: the length is
// then counted, which RE2 would do in a machine of as many states.
func repeated(text string) (part, bool) {
	inner, ok := strings.CutPrefix(text, "^")
	if !ok {
		return part{}, false
	}
	n := atom(inner)
	rest, ok := strings.CutSuffix(inner[n:], "}$")
	if n == 0 || !ok || !strings.HasPrefix(rest, "{") {
		return part{}, false
	}
	low, high, ranged := strings.Cut(rest[1:], ",")
	p := part{most: -1}
	var err error
	if p.least, err = strconv.Atoi(low); err != nil || p.least < 0 {
		return part{}, false
	}
	switch {
	case !ranged:
		p.most = p.least
	case high != "":
		if p.most, err = strconv.Atoi(high); err != nil || p.most < p.least {
			return part{}, false
		}
	}
	p.re, err = regexp.Compile("^" + translate(inner[:n]) + "*$")
	return p, err == nil
}

// atom is the length of what stands for one character at the beginning: a class,
// the dot or an escape of a class; 0 for anything else.
func atom(text string) int {
	switch {
	case strings.HasPrefix(text, "."):
		return 1
	case len(text) > 1 && text[0] == '\\' && strings.IndexByte("dDwWsS", text[1]) >= 0:
		return 2
	case !strings.HasPrefix(text, "["):
		return 0
	}
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case ']':
			return i + 1
		}
	}
	return 0
}

// lookahead takes apart "^(?=a)(?!b)c", as rules for passwords are written: each
// part is then an expression of its own. It is nil where it can't.
func lookahead(text string) []part {
	rest, ok := strings.CutPrefix(text, "^")
	if !ok || alternates(rest) {
		return nil
	}
	var parts []part
	for strings.HasPrefix(rest, "(?=") || strings.HasPrefix(rest, "(?!") {
		end := closing(rest)
		if end < 0 || end+1 < len(rest) && strings.IndexByte("*+?{", rest[end+1]) >= 0 {
			return nil
		}
		re, err := regexp.Compile("^(?:" + rest[3:end] + ")")
		if err != nil {
			return nil
		}
		parts = append(parts, part{re: re, not: rest[2] == '!', least: -1, most: -1})
		rest = rest[end+1:]
	}
	re, err := regexp.Compile("^(?:" + rest + ")")
	if err != nil {
		return nil
	}
	return append(parts, part{re: re, least: -1, most: -1})
}

// groups walks over an expression and calls visit for each byte that is neither
// escaped nor in a class, with the number of groups around it; visit ends it by
// false.
func groups(text string, visit func(i, depth int) bool) {
	depth := 0
	class := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			i++
			continue
		case class:
			class = c != ']'
			continue
		case c == '[':
			class = true
		case c == '(':
			depth++
		case c == ')':
			depth--
		}
		if !visit(i, depth) {
			return
		}
	}
}

// alternates says whether an expression is alternatives.
func alternates(text string) bool {
	found := false
	groups(text, func(i, depth int) bool {
		found = found || depth == 0 && text[i] == '|'
		return !found
	})
	return found
}

// closing is where the group ends that the text begins with, -1 for nowhere.
func closing(text string) int {
	end := -1
	groups(text, func(i, depth int) bool {
		if depth == 0 {
			end = i
		}
		return end < 0
	})
	return end
}

// wellFormed says whether a text is a regular expression. It is not compiled.
func wellFormed(text string) bool {
	if _, err := syntax.Parse(translate(text), syntax.Perl); err == nil {
		return true
	}
	_, err := ecmasyntax.Parse(text, ecmasyntax.ParseOptions{RegexOptions: ecmasyntax.ECMAScript | ecmasyntax.Unicode})
	return err == nil
}
