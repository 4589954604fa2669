// Package operator has the operators of SecLang rules except the regular
// expressions of rx: phrases of many rules in one pass, libinjection behind
// cheap tests that never hide a match, and the small ones. They answer as
// Coraza's operators do. Macros in arguments are expanded by the caller, who
// also reads the files that arguments name.
package operator

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Match says whether an operator with its argument matches text. It may be
// called concurrently.
type Match func(text string) bool

// Operator is one of the small operators.
type Operator struct {
	// Compile makes the operator for a constant argument. For
	// ipmatchfromfile the argument is the content of the file.
	Compile func(argument string) (Match, error)
	// Test is the operator for an argument that is known only when a request
	// runs. Nil: the argument is always constant.
	Test func(argument, text string) bool
}

var errNoArgument = errors.New("the argument is empty: write one, or use @rx ^$ to match an empty text")

// Lookup returns the operator of a name in lower case.
func Lookup(name string) (Operator, bool) {
	if test := dynamic(name); test != nil {
		return Operator{
			Compile: func(argument string) (Match, error) {
				if argument == "" {
					return nil, errNoArgument
				}
				return compileDynamic(name, test, argument), nil
			},
			Test: test,
		}, true
	}
	var compile func(string) (Match, error)
	switch name {
	case "ipmatch":
		compile = compileIPMatch
	case "ipmatchfromfile", "ipmatchf":
		compile = compileIPMatchFile
	case "validatebyterange":
		compile = compileByteRange
	case "validatenid":
		compile = compileNationalID
	case "restpath":
		compile = compileRestPath
	case "validateurlencoding":
		compile = always(invalidURLEncoding)
	case "validateutf8encoding":
		compile = always(func(text string) bool { return !utf8.ValidString(text) })
	case "nomatch":
		compile = always(func(string) bool { return false })
	case "unconditionalmatch":
		compile = always(func(string) bool { return true })
	default:
		return Operator{}, false
	}
	return Operator{Compile: compile}, true
}

func always(m Match) func(string) (Match, error) {
	return func(string) (Match, error) { return m, nil }
}

// dynamic returns the operators whose argument may hold macros.
func dynamic(name string) func(argument, text string) bool {
	switch name {
	case "streq":
		return func(argument, text string) bool { return argument == text }
	case "contains", "strmatch":
		return func(argument, text string) bool { return strings.Contains(text, argument) }
	case "containsword":
		return containsWord
	case "within":
		return strings.Contains
	case "beginswith":
		return func(argument, text string) bool { return strings.HasPrefix(text, argument) }
	case "endswith":
		return func(argument, text string) bool { return strings.HasSuffix(text, argument) }
	case "eq":
		return func(argument, text string) bool { return number(text) == number(argument) }
	case "ge":
		return func(argument, text string) bool { return number(text) >= number(argument) }
	case "gt":
		return func(argument, text string) bool { return number(text) > number(argument) }
	case "le":
		return func(argument, text string) bool { return number(text) <= number(argument) }
	case "lt":
		return func(argument, text string) bool { return number(text) < number(argument) }
	}
	return nil
}

// compileDynamic binds a constant argument; comparisons read their number
// once.
func compileDynamic(name string, test func(argument, text string) bool, argument string) Match {
	n := number(argument)
	switch name {
	case "eq":
		return func(text string) bool { return number(text) == n }
	case "ge":
		return func(text string) bool { return number(text) >= n }
	case "gt":
		return func(text string) bool { return number(text) > n }
	case "le":
		return func(text string) bool { return number(text) <= n }
	case "lt":
		return func(text string) bool { return number(text) < n }
	}
	return func(text string) bool { return test(argument, text) }
}

// number reads a decimal integer. What is none counts as 0, what is too large
// as the largest. The common text that is none costs no error value.
func number(text string) int {
	switch {
	case text == "":
		return 0
	case len(text) > 18:
		return numberSlow(text)
	}
	digits := text
	if text[0] == '-' || text[0] == '+' {
		digits = text[1:]
	}
	n := 0
	for i := range len(digits) {
		c := digits[i] - '0'
		if c > 9 {
			return 0
		}
		n = n*10 + int(c)
	}
	if text[0] == '-' {
		return -n
	}
	return n
}

func numberSlow(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0
	}
	return n // of a number out of range, the nearest
}

// containsWord is contains where no letter, digit or underscore touches what
// is found. Coraza has no such operator; ModSecurity does.
func containsWord(argument, text string) bool {
	if argument == "" {
		return true
	}
	for from := 0; ; {
		i := strings.Index(text[from:], argument)
		if i < 0 {
			return false
		}
		start := from + i
		end := start + len(argument)
		if (start == 0 || !isWordByte(text[start-1])) && (end == len(text) || !isWordByte(text[end])) {
			return true
		}
		from = start + 1
	}
}

func isWordByte(c byte) bool {
	return c == '_' || isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'z'
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
