package xsd

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// set is a set of characters: sorted ranges that do not touch.
type set []span

type span struct{ from, to rune }

func normal(s set) set {
	slices.SortFunc(s, func(a, b span) int { return int(a.from - b.from) })
	var out set
	for _, r := range s {
		if n := len(out); n > 0 && r.from <= out[n-1].to+1 {
			out[n-1].to = max(out[n-1].to, r.to)
			continue
		}
		out = append(out, r)
	}
	return out
}

func (s set) negate() set {
	var out set
	next := rune(0)
	for _, r := range normal(s) {
		if r.from > next {
			out = append(out, span{next, r.from - 1})
		}
		next = r.to + 1
	}
	if next <= unicode.MaxRune {
		out = append(out, span{next, unicode.MaxRune})
	}
	return out
}

// minus is what is in s and not in t.
func (s set) minus(t set) set { return append(s.negate(), t...).negate() }

func (s set) text() string {
	if len(s) == 0 {
		return `[^\x{0}-\x{10FFFF}]`
	}
	var b strings.Builder
	b.WriteByte('[')
	for _, r := range normal(s) {
		_, _ = fmt.Fprintf(&b, `\x{%X}-\x{%X}`, r.from, r.to)
	}
	b.WriteByte(']')
	return b.String()
}

func ofTable(t *unicode.RangeTable) set {
	var s set
	for _, r := range t.R16 {
		for c := rune(r.Lo); c <= rune(r.Hi); c += rune(r.Stride) {
			if r.Stride == 1 {
				s = append(s, span{c, rune(r.Hi)})
				break
			}
			s = append(s, span{c, c})
		}
	}
	for _, r := range t.R32 {
		for c := rune(r.Lo); c <= rune(r.Hi); c += rune(r.Stride) {
			if r.Stride == 1 {
				s = append(s, span{c, rune(r.Hi)})
				break
			}
			s = append(s, span{c, c})
		}
	}
	return s
}

// nameStart and nameChar are the characters of names (XML 1.0, fifth edition).
func nameStart() set {
	return set{
		{':', ':'},
		{'A', 'Z'},
		{'_', '_'},
		{'a', 'z'},
		{0xC0, 0xD6},
		{0xD8, 0xF6},
		{0xF8, 0x2FF},
		{0x370, 0x37D},
		{0x37F, 0x1FFF},
		{0x200C, 0x200D},
		{0x2070, 0x218F},
		{0x2C00, 0x2FEF},
		{0x3001, 0xD7FF},
		{0xF900, 0xFDCF},
		{0xFDF0, 0xFFFD},
		{0x10000, 0xEFFFF},
	}
}

func nameChar() set {
	return append(nameStart(), set{{'-', '.'}, {'0', '9'}, {0xB7, 0xB7}, {0x300, 0x36F}, {0x203F, 0x2040}}...)
}

// notWord is punctuation, separators and others.
func notWord() set {
	return slices.Concat(ofTable(unicode.P), ofTable(unicode.Z), ofTable(unicode.C), set{{0xD800, 0xDFFF}})
}

// patternReader translates a regular expression of XML Schema (part 2, appendix
// F), which is another language than that of package regexp.
type patternReader struct {
	rest string
	out  strings.Builder
}

// pattern compiles the expression; it must match a whole text.
func pattern(text string) (*regexp.Regexp, error) {
	p := &patternReader{rest: text}
	p.out.WriteString(`^(?:`)
	for p.rest != "" {
		if err := p.atom(); err != nil {
			return nil, fmt.Errorf("the pattern: %w", err)
		}
	}
	p.out.WriteString(`)$`)
	compiled, err := regexp.Compile(p.out.String())
	if err != nil {
		return nil, errors.New("the pattern is malformed, or repeats more than 1,000 times")
	}
	return compiled, nil
}

func (p *patternReader) atom() error {
	c, size := utf8.DecodeRuneInString(p.rest)
	switch c {
	case '[':
		s, err := p.class()
		if err != nil {
			return err
		}
		p.out.WriteString(s.text())
		return nil
	case '\\':
		s, err := p.escape()
		if err != nil {
			return err
		}
		p.out.WriteString(s.text())
		return nil
	case '.':
		p.out.WriteString(`[^\n\r]`)
	case '^', '$':
		p.out.WriteString(`\` + string(c))
	case '(':
		if strings.HasPrefix(p.rest, "(?") {
			return errors.New("groups with (? are not known")
		}
		p.out.WriteString("(?:")
	default:
		p.out.WriteRune(c)
	}
	p.rest = p.rest[size:]
	return nil
}

// escape reads what a backslash begins.
func (p *patternReader) escape() (set, error) {
	if len(p.rest) < 2 {
		return nil, errors.New("it ends with a backslash")
	}
	c := p.rest[1]
	p.rest = p.rest[2:]
	one := func(r rune) (set, error) { return set{{r, r}}, nil }
	switch c {
	case 'n':
		return one('\n')
	case 'r':
		return one('\r')
	case 't':
		return one('\t')
	case 'd':
		return ofTable(unicode.Nd), nil
	case 'D':
		return ofTable(unicode.Nd).negate(), nil
	case 's':
		return set{{'\t', '\n'}, {'\r', '\r'}, {' ', ' '}}, nil
	case 'S':
		return set{{'\t', '\n'}, {'\r', '\r'}, {' ', ' '}}.negate(), nil
	case 'i':
		return nameStart(), nil
	case 'I':
		return nameStart().negate(), nil
	case 'c':
		return nameChar(), nil
	case 'C':
		return nameChar().negate(), nil
	case 'w':
		return notWord().negate(), nil
	case 'W':
		return notWord(), nil
	case 'p', 'P':
		return p.category(c == 'P')
	}
	if strings.IndexByte(`\|.?*+(){}-[]^$`, c) >= 0 {
		return one(rune(c))
	}
	return nil, fmt.Errorf(`the escape \%c is not known`, c)
}

func (p *patternReader) category(not bool) (set, error) {
	name, rest, ok := strings.Cut(strings.TrimPrefix(p.rest, "{"), "}")
	if !ok || !strings.HasPrefix(p.rest, "{") {
		return nil, errors.New(`\p has no {…}`)
	}
	p.rest = rest
	table := unicode.Categories[name]
	var s set
	switch {
	case name == "IsBasicLatin":
		s = set{{0, 0x7F}}
	case name == "IsLatin-1Supplement":
		s = set{{0x80, 0xFF}}
	case table == nil || len(name) > 2:
		return nil, fmt.Errorf(`\p{%s} is not supported`, name)
	default:
		s = ofTable(table)
	}
	if not {
		s = s.negate()
	}
	return s, nil
}

// class reads a character class with its subtractions.
func (p *patternReader) class() (set, error) {
	p.rest = p.rest[1:]
	not := strings.HasPrefix(p.rest, "^")
	if not {
		p.rest = p.rest[1:]
	}
	var s set
	for first := true; ; first = false {
		switch {
		case p.rest == "":
			return nil, errors.New("a class has no ]")
		case p.rest[0] == ']' && !first:
			p.rest = p.rest[1:]
			if not {
				s = s.negate()
			}
			return s, nil
		case strings.HasPrefix(p.rest, "-[") && !first:
			p.rest = p.rest[1:]
			inner, err := p.class()
			if err != nil {
				return nil, err
			}
			if !strings.HasPrefix(p.rest, "]") {
				return nil, errors.New("something follows the subtraction in a class")
			}
			p.rest = p.rest[1:]
			if not {
				s = s.negate()
			}
			return s.minus(inner), nil
		}
		from, err := p.classItem()
		if err != nil {
			return nil, err
		}
		single := len(from) == 1 && from[0].from == from[0].to
		if single && len(p.rest) > 1 && p.rest[0] == '-' && p.rest[1] != ']' && p.rest[1] != '[' {
			p.rest = p.rest[1:]
			to, err := p.classItem()
			if err != nil {
				return nil, err
			}
			if len(to) != 1 || to[0].from != to[0].to || to[0].from < from[0].from {
				return nil, errors.New("a range in a class is malformed")
			}
			from[0].to = to[0].to
		}
		s = append(s, from...)
	}
}

func (p *patternReader) classItem() (set, error) {
	c, size := utf8.DecodeRuneInString(p.rest)
	switch c {
	case '\\':
		return p.escape()
	case '[', ']':
		return nil, errors.New("a bracket in a class needs a backslash")
	}
	p.rest = p.rest[size:]
	return set{{c, c}}, nil
}
