package xsd

import (
	"encoding/base64"
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// simple is a simple type: an atomic one with its facets, a list or a union.
type simple struct {
	owner *Type
	// primitive is the name of the primitive type that gives meaning to an atomic
	// value, "" for anySimpleType.
	primitive string
	lexical   func(string) bool // of the built-in type; nil accepts all
	space     whiteSpace
	item      *simple
	union     []*simple
	facets    facets
}

type whiteSpace uint8

const (
	preserve whiteSpace = iota
	replaceSpace
	collapse
)

// facets restrict a type. Those of the type restricted are in inherited.
type facets struct {
	inherited            *facets
	length, least, most  int // -1 for none
	total, fraction      int
	patterns             []*regexp.Regexp // one of them must match
	enumeration          map[string]bool  // by canonical value
	minimum, maximum     string           // canonical, "" for none
	minOpen, maxOpen     bool             // the bound itself is not allowed
	hasMinimum, hasBound bool
}

func noFacets(inherited *facets) facets {
	return facets{inherited: inherited, length: -1, least: -1, most: -1, total: -1, fraction: -1}
}

// maxNumber is the length in characters beyond which a number is refused.
const maxNumber = 1000

var errValue = errors.New("the value is not one of its type")

// normalise applies the whiteSpace facet.
func (w whiteSpace) normalise(text string) string {
	if w == preserve || !strings.ContainsAny(text, blanks) {
		return text
	}
	text = strings.NewReplacer("\t", " ", "\n", " ", "\r", " ").Replace(text)
	if w == collapse {
		text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == ' ' }), " ")
	}
	return text
}

// check tells whether a text is a value of the type.
func (s *simple) check(text string, at *Node) error {
	text = s.space.normalise(text)
	switch {
	case s.union != nil:
		for _, m := range s.union {
			if m.check(text, at) == nil {
				return s.facets.check(s, text, at)
			}
		}
		return errValue
	case s.item != nil:
		for one := range strings.FieldsSeq(text) {
			if err := s.item.check(one, at); err != nil {
				return err
			}
		}
		return s.facets.check(s, text, at)
	}
	if s.lexical != nil && !s.lexical(text) {
		return errValue
	}
	if s.primitive == "QName" {
		if _, err := at.QName(text); err != nil {
			return errValue
		}
	}
	return s.facets.check(s, text, at)
}

func (f *facets) check(s *simple, text string, at *Node) error {
	for ; f != nil; f = f.inherited {
		if err := f.checkOne(s, text, at); err != nil {
			return err
		}
	}
	return nil
}

func (f *facets) checkOne(s *simple, text string, at *Node) error {
	if f.length >= 0 || f.least >= 0 || f.most >= 0 {
		n := s.length(text)
		if f.length >= 0 && n != f.length || f.least >= 0 && n < f.least || f.most >= 0 && n > f.most {
			return errors.New("the value is too short or too long")
		}
	}
	if f.total >= 0 || f.fraction >= 0 {
		whole, part := digits(text)
		if f.total >= 0 && max(len(whole)+len(part), 1) > f.total || f.fraction >= 0 && len(part) > f.fraction {
			return errors.New("the number has too many digits")
		}
	}
	matched := len(f.patterns) == 0
	for _, p := range f.patterns {
		matched = matched || p.MatchString(text)
	}
	if !matched {
		return errors.New("the value does not match its pattern")
	}
	if f.enumeration != nil && !f.enumeration[s.canonical(text, at)] {
		return errors.New("the value is not one of those enumerated")
	}
	if f.hasMinimum {
		if c, ok := s.compare(text, f.minimum); !ok || c < 0 || c == 0 && f.minOpen {
			return errors.New("the value is too small")
		}
	}
	if f.hasBound {
		if c, ok := s.compare(text, f.maximum); !ok || c > 0 || c == 0 && f.maxOpen {
			return errors.New("the value is too large")
		}
	}
	return nil
}

// length is that of the length facets: in characters, bytes or items.
func (s *simple) length(text string) int {
	switch {
	case s.item != nil:
		return len(strings.Fields(text))
	case s.primitive == "hexBinary":
		return len(text) / 2
	case s.primitive == "base64Binary":
		decoded, _ := base64.StdEncoding.DecodeString(strings.ReplaceAll(text, " ", ""))
		return len(decoded)
	}
	return utf8.RuneCountInString(text)
}

// digits are those of a decimal before and behind the point, without zeros that
// say nothing.
func digits(text string) (whole, part string) {
	whole, part, _ = strings.Cut(strings.TrimLeft(text, "+-"), ".")
	return strings.TrimLeft(whole, "0"), strings.TrimRight(part, "0")
}

// canonical is the same text for equal values.
func (s *simple) canonical(text string, at *Node) string {
	text = s.space.normalise(text)
	switch {
	case s.item != nil:
		parts := strings.Fields(text)
		for i := range parts {
			parts[i] = s.item.canonical(parts[i], at)
		}
		return strings.Join(parts, " ")
	case s.union != nil:
		for _, m := range s.union {
			if m.check(text, at) == nil {
				return m.primitive + " " + m.canonical(text, at)
			}
		}
		return text
	}
	switch s.primitive {
	case "decimal":
		whole, part := digits(text)
		sign := ""
		if strings.HasPrefix(text, "-") && whole+part != "" {
			sign = "-"
		}
		return sign + whole + "." + part
	case "boolean":
		if text == "1" {
			return "true"
		}
		if text == "0" {
			return "false"
		}
	case "float", "double":
		return strconv.FormatFloat(number(text, s.primitive), 'g', -1, 64)
	case "hexBinary":
		return strings.ToUpper(text)
	case "base64Binary":
		return strings.ReplaceAll(text, " ", "")
	case "QName":
		if name, err := at.QName(text); err == nil {
			return name.String()
		}
	case "dateTime", "date", "time":
		if when, zone, ok := instant(text, s.primitive); ok {
			return when.UTC().Format(time.RFC3339Nano) + strconv.FormatBool(zone)
		}
	}
	return text
}

// number reads a float; what is too large is infinite.
func number(text, primitive string) float64 {
	bits := 64
	if primitive == "float" {
		bits = 32
	}
	switch text {
	case "INF":
		return math.Inf(1)
	case "-INF":
		return math.Inf(-1)
	case "NaN":
		return math.NaN()
	}
	f, _ := strconv.ParseFloat(text, bits) // checked before; out of range is infinite
	return f
}

// compare orders two values; ok is false where XML Schema knows no order.
func (s *simple) compare(a, b string) (order int, ok bool) {
	switch s.primitive {
	case "decimal":
		return compareDecimals(a, b), true
	case "float", "double":
		x, y := number(a, s.primitive), number(b, s.primitive)
		switch {
		case math.IsNaN(x) || math.IsNaN(y):
			return 0, false
		case x < y:
			return -1, true
		case x > y:
			return 1, true
		}
		return 0, true
	}
	x, zoneX, okX := instant(a, s.primitive)
	y, zoneY, okY := instant(b, s.primitive)
	if !okX || !okY {
		return 0, false
	}
	if zoneX != zoneY {
		// A time without a zone may be 14 hours off.
		const most = 14 * time.Hour
		if d := x.Sub(y); -most <= d && d <= most {
			return 0, false
		}
	}
	return x.Compare(y), true
}

func compareDecimals(a, b string) int {
	wholeA, partA := digits(a)
	wholeB, partB := digits(b)
	negativeA := strings.HasPrefix(a, "-") && wholeA+partA != ""
	negativeB := strings.HasPrefix(b, "-") && wholeB+partB != ""
	if negativeA != negativeB {
		if negativeA {
			return -1
		}
		return 1
	}
	order := len(wholeA) - len(wholeB)
	if order == 0 {
		order = strings.Compare(wholeA+"."+partA, wholeB+"."+partB)
	}
	if negativeA {
		return -order
	}
	return order
}

// instant reads a date, time or both; zone says whether it names its zone.
func instant(text, primitive string) (when time.Time, zone, ok bool) {
	layout := "2006-01-02T15:04:05.999999999"
	switch primitive {
	case "date":
		layout = "2006-01-02"
	case "time":
		layout = "15:04:05.999999999"
	}
	bare := text
	offset := time.Duration(0)
	if strings.HasSuffix(text, "Z") {
		bare, zone = text[:len(text)-1], true
	} else if n := len(text) - 6; n > 0 && (text[n] == '+' || text[n] == '-') && text[n+3] == ':' {
		hours, _ := strconv.Atoi(text[n+1 : n+3])
		minutes, _ := strconv.Atoi(text[n+4:])
		if hours > 14 || minutes > 59 || hours == 14 && minutes > 0 {
			return when, false, false
		}
		offset = time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
		if text[n] == '-' {
			offset = -offset
		}
		bare, zone = text[:n], true
	}
	day := time.Duration(0)
	if i := strings.Index(bare, "24:00:00"); i >= 0 && strings.Trim(bare[i+8:], ".0") == "" {
		bare, day = bare[:i]+"00:00:00", 24*time.Hour
		if primitive == "time" {
			day = 0
		}
	}
	when, err := time.Parse(layout, bare)
	if err != nil {
		return when, false, false
	}
	return when.Add(day - offset), zone, true
}
