// Package template finds the templates of paths: which segments of the paths of an
// API are values and which are names. It knows the forms of identifiers, words of
// APIs and of English, what people described, and how siblings look alike.
package template

import (
	"strings"
)

// Kind is what a segment looks like by itself.
type Kind uint8

// The kinds. Those up to Text are values wherever they stand; the others are, when
// enough siblings say so; a Word never is.
const (
	// Literal is nothing special.
	Literal Kind = iota
	Integer
	Float
	UUID
	ObjectID
	Hex
	ULID
	Date
	DateTime
	Email
	Address
	Token
	Code
	List
	Domain
	Text
	// Version is a version of an API: it stays as it is.
	Version
	// Number is a short number where a version could stand, Day a date there.
	Number
	Day
	// Locale is a language, with or without a country, or the code of a country or
	// currency; Upper are other two to five capital letters; Numbered is a word with a
	// number; Person is the name of one.
	Locale
	Upper
	Numbered
	Person
	// Name is none of these and no word; Slug is several words that APIs seldom use,
	// Phrase several that they do; Word is one.
	Name
	Slug
	Phrase
	Word
)

// Value says that a segment of this kind is a value without further proof.
func (k Kind) Value() bool { return k >= Integer && k <= Text }

// Classify tells what a segment is. Place is how many segments stand before it
// beside base paths and words like "api"; short numbers and dates at 0 may be
// versions. It allocates nothing for values.
func (w *Words) Classify(segment string, place int) (Kind, Reading) {
	if k := w.form(segment, place); k != Literal {
		return k, Reading{}
	}
	if isLanguage(segment) && w.rank[segment] != Common {
		return Locale, Reading{}
	}
	r := w.Read(segment)
	if r.Words == 0 && isConversion(segment) {
		r = Reading{2, Common}
	}
	switch {
	case r.Words == 1:
		return Word, r
	case r.Words > 1 && r.Rank == Ordinary:
		return Slug, r
	case r.Words > 1:
		return Phrase, r
	case isLocale(segment) || isCode(segment):
		return Locale, r
	case w.isPerson(segment):
		return Person, r
	case len(segment) >= 2 && len(segment) <= 5 && upper(segment):
		return Upper, r
	case w.random(segment):
		if words, known := w.known(segment); words >= 2 && known*2 > len(segment) {
			return Phrase, Reading{words, Ordinary}
		}
		return Token, r
	case isNumbered(segment):
		return Numbered, r
	}
	return Name, r
}

// form tells the kinds that have a form of their own.
func (w *Words) form(s string, place int) Kind {
	digits, letters, others := count(s)
	switch {
	case s == "":
		return Literal
	case others > 0 && (s[0] == '$' || s[0] == '@' && letters == 0):
		return Literal
	case letters == 0 && others == 0:
		if place == 0 && len(s) <= 2 {
			return Number
		}
		return Integer
	case isVersion(s):
		return Version
	case digits > 0 && IsUUID(s):
		return UUID
	case digits >= 8 && IsDate(s):
		if len(s) > 10 {
			return DateTime
		}
		if place == 0 {
			return Day
		}
		return Date
	case letters <= 1 && digits > 0 && isFloat(s):
		if place == 0 && len(s) <= 4 {
			return Number
		}
		return Float
	case strings.IndexByte(s, '%') >= 0:
		return Text
	}
	if others > 0 {
		if k := punctuated(s, digits, letters); k != Literal {
			return k
		}
	}
	if digits > 0 && place > 0 && isSerial(s) && !w.versionedWord(s) {
		return Code
	}
	return w.identifier(s, digits, letters, others)
}

// identifier tells the forms of identifiers made by programs.
func (w *Words) identifier(s string, digits, letters, others int) Kind {
	switch {
	case others == 0 && digits > 0 && len(s) == 24 && all(s, isHex):
		return ObjectID
	case others == 0 && isULID(s):
		return ULID
	case others == 0 && len(s) >= 8 && len(s) <= 128 && all(s, isHex) && (digits > 0 || len(s) >= 16):
		return Hex
	case letters > 0 && digits >= 3 && digits+letters >= 6:
		if w.rank[strings.ToLower(s)] != Unknown || w.versionedWord(s) || w.titled(s, digits, letters) {
			return Literal
		}
		return Code
	case letters == 0 && digits >= 7:
		return Code
	case letters > 0 && digits >= 2 && len(s) >= 5 && changes(s) >= 3:
		if w.titled(s, digits, letters) {
			return Literal
		}
		return Code
	}
	return Literal
}

// versionedWord tells "report-2021", known words with a year behind them, from codes.
func (w *Words) versionedWord(s string) bool {
	word := strings.TrimRight(s, "0123456789")
	number := s[len(word):]
	word = strings.TrimRight(word, "-_")
	return len(word) >= 3 && len(number) == 4 && (number[:2] == "20" || number[:2] == "19") && len(word) < len(s)-4 && w.Read(word).Words > 0
}

// punctuated tells the kinds that a sign betrays.
func punctuated(s string, digits, letters int) Kind {
	if at := strings.IndexByte(s, '@'); at > 0 && strings.IndexByte(s[at:], '.') > 1 {
		return Email
	}
	if strings.ContainsAny(s, ",") {
		return List
	}
	if isAddress(s) {
		return Address
	}
	if isDomain(s) {
		return Domain
	}
	if strings.ContainsAny(s, "~!*'|=<>[]{}\" ") || s[0] == '+' && digits > 0 {
		return Text
	}
	if colons := strings.Count(s, ":"); colons >= 2 || colons == 1 && digits > 0 && letters == 0 {
		return Text
	}
	return Literal
}

// isPerson tells the name of a person.
func (w *Words) isPerson(s string) bool {
	var buf [16]byte
	return len(s) <= len(buf) && w.rank[string(lowered(buf[:0], s))] == Given
}

// isDomain tells a host name by the domains that are used most.
func isDomain(s string) bool {
	dot := strings.LastIndexByte(s, '.')
	if dot < 1 || !all(s[:dot], func(c byte) bool { return isLower(c) || isDigit(c) || c == '-' || c == '.' }) {
		return false
	}
	switch s[dot+1:] {
	case "com", "net", "org", "io", "dev", "info", "biz", "edu", "gov", "app", "eu", "de", "uk", "fr", "nl", "it", "es", "ch", "at", "be", "pl", "se", "dk",
		"us", "ca", "au", "jp", "cn", "in", "br", "ru", "test", "example", "local":
		return true
	}
	return false
}

// random tells a segment that no person wrote.
func (w *Words) random(s string) bool {
	digits, letters, others := count(s)
	if letters < 6 || others > len(s)/4 {
		return false
	}
	if len(s) >= 16 && digits > 0 && changes(s) >= 4 {
		return true
	}
	if len(s) >= 12 && caseChanges(s)*3 > len(s) {
		return true
	}
	return len(s) >= 8 && !w.sayable(s)
}

func count(s string) (digits, letters, others int) {
	for i := range len(s) {
		switch c := s[i]; {
		case isDigit(c):
			digits++
		case isLower(c) || isUpper(c):
			letters++
		default:
			others++
		}
	}
	return digits, letters, others
}

// changes counts where letters meet digits.
func changes(s string) int {
	n := 0
	for i := 1; i < len(s); i++ {
		a, b := s[i-1], s[i]
		if isDigit(a) && (isLower(b) || isUpper(b)) || isDigit(b) && (isLower(a) || isUpper(a)) {
			n++
		}
	}
	return n
}

func caseChanges(s string) int {
	n := 0
	for i := 1; i < len(s); i++ {
		if isLower(s[i-1]) && isUpper(s[i]) || isUpper(s[i-1]) && isLower(s[i]) {
			n++
		}
	}
	return n
}

// isVersion tells v1, v2.1, V3, v1beta2, v20240101 and 1.0.0-rc1.
func isVersion(s string) bool {
	if len(s) < 2 || len(s) > 16 || s[0]|0x20 != 'v' || !isDigit(s[1]) {
		return false
	}
	rest := strings.TrimLeft(s[1:], "0123456789._")
	for _, word := range [...]string{"", "alpha", "beta", "rc", "preview", "p"} {
		if tail, ok := strings.CutPrefix(strings.ToLower(strings.TrimLeft(rest, "-")), word); ok && all0(tail, isDigit) {
			return true
		}
	}
	return false
}

func isFloat(s string) bool {
	s = strings.TrimLeft(s, "+-")
	dots, digits := 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.':
			dots++
		case isDigit(c):
			digits++
		default:
			return false
		}
	}
	return digits > 0 && dots <= 1 && s[len(s)-1] != '.'
}

// IsUUID tells a UUID in its usual form.
func IsUUID(s string) bool {
	const shape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
	if len(s) != len(shape) {
		return false
	}
	for i := range len(s) {
		if shape[i] == '-' && s[i] != '-' || shape[i] == 'x' && !isHex(s[i]) {
			return false
		}
	}
	return true
}

// IsDate tells 2006-01-02, with or without a time behind it.
func IsDate(s string) bool {
	if len(s) < 10 || len(s) > 40 || s[4] != '-' || s[7] != '-' || !all(s[:4], isDigit) || !all(s[5:7], isDigit) || !all(s[8:10], isDigit) {
		return false
	}
	month, day := s[5:7], s[8:10]
	if month < "01" || month > "12" || day < "01" || day > "31" {
		return false
	}
	return len(s) == 10 || (s[10]|0x20 == 't' || s[10] == ' ') && len(s) >= 13 && isDigit(s[11])
}

// isULID tells 26 digits of Crockford's base 32, and the 27 letters and digits of a KSUID.
func isULID(s string) bool {
	digits, letters, _ := count(s)
	switch len(s) {
	case 26:
		return s[0] >= '0' && s[0] <= '7' && digits >= 3 && all(s, func(c byte) bool {
			c &^= (c & 0x40) >> 1
			return isDigit(c) || isUpper(c) && c != 'I' && c != 'L' && c != 'O' && c != 'U'
		})
	case 27:
		return digits >= 2 && letters+digits == 27 && caseChanges(s) >= 4
	}
	return false
}

func isAddress(s string) bool {
	if strings.Count(s, ".") == 3 && len(s) <= 18 {
		return all(s, func(c byte) bool { return isDigit(c) || c == '.' || c == '/' }) && isDigit(s[0])
	}
	return strings.Count(s, ":") >= 2 && len(s) <= 45 && all(s, func(c byte) bool { return isHex(c) || c == ':' || c == '.' })
}

// isLocale tells de-DE and zh_Hant_TW.
func isLocale(s string) bool {
	if len(s) < 5 || len(s) > 10 || !isLower(s[0]) || !isLower(s[1]) || s[2] != '-' && s[2] != '_' {
		return false
	}
	rest := s[3:]
	return len(rest) == 2 && upper(rest) || len(rest) >= 4 && isUpper(rest[0]) && all(rest[1:4], isLower)
}

// isNumbered tells one text with one number behind it.
func isNumbered(s string) bool {
	text := strings.TrimRight(s, "0123456789")
	return text != "" && len(text) < len(s) && changes(text) == 0 && !strings.ContainsAny(text, "0123456789")
}

func all(s string, kind func(byte) bool) bool { return s != "" && all0(s, kind) }

func all0(s string, kind func(byte) bool) bool {
	for i := range len(s) {
		if !kind(s[i]) {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isLower(c byte) bool { return 'a' <= c && c <= 'z' }
func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }
func isHex(c byte) bool   { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }
