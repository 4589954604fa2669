package operator

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
)

// compileIPMatch matches an address that lies in one of the networks of a
// list. A text that is no address lies in none.
func compileIPMatch(argument string) (Match, error) {
	var networks []*net.IPNet
	for entry := range strings.SplitSeq(argument, ",") {
		entry = strings.TrimSpace(entry)
		if entry == "" {
			continue
		}
		cidr := entry
		switch {
		case strings.Contains(entry, "/"):
		case strings.Contains(entry, ":"):
			cidr += "/128"
		default:
			cidr += "/32"
		}
		_, network, err := net.ParseCIDR(cidr)
		if err != nil {
			return nil, fmt.Errorf("%q is neither an address nor a network: write 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32", entry)
		}
		networks = append(networks, network)
	}
	return func(text string) bool {
		ip := net.ParseIP(text)
		for _, network := range networks {
			if network.Contains(ip) {
				return true
			}
		}
		return false
	}, nil
}

// compileIPMatchFile is compileIPMatch for the content of a file: entries in
// lines, and lines that begin with # are comments.
func compileIPMatchFile(content string) (Match, error) {
	var entries []string
	for line := range strings.SplitSeq(content, "\n") {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			entries = append(entries, line)
		}
	}
	return compileIPMatch(strings.Join(entries, ","))
}

// compileByteRange matches a text with a byte outside the ranges. No ranges
// match everything, as in Coraza.
func compileByteRange(argument string) (Match, error) {
	if argument == "" {
		return func(string) bool { return true }, nil
	}
	var valid [256]bool
	for part := range strings.SplitSeq(argument, ",") {
		first, last, isRange := strings.Cut(strings.TrimSpace(part), "-")
		low, err := strconv.ParseUint(strings.TrimPrefix(first, "+"), 10, 8)
		high := low
		if err == nil && isRange {
			high, err = strconv.ParseUint(strings.TrimPrefix(last, "+"), 10, 8)
		}
		if err != nil {
			return nil, fmt.Errorf("%q is no range of bytes: write numbers from 0 to 255, as 9,10,32-126", part)
		}
		for c := low; c <= high; c++ {
			valid[c] = true
		}
	}
	return func(text string) bool {
		for i := range len(text) {
			if !valid[text[i]] {
				return true
			}
		}
		return false
	}, nil
}

// invalidURLEncoding says whether a percent sign begins no escape.
func invalidURLEncoding(text string) bool {
	for {
		i := strings.IndexByte(text, '%')
		switch {
		case i < 0:
			return false
		case i+2 >= len(text) || !isHex(text[i+1]) || !isHex(text[i+2]):
			return true
		}
		text = text[i+3:]
	}
}

func isHex(c byte) bool {
	return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f'
}

// RestPath compiles the argument of the operator restpath: each {name} of it
// is a group of that name, whose text belongs into ARGS_PATH.
func RestPath(argument string) (*regexp.Regexp, error) {
	var expr strings.Builder
	rest := strings.ReplaceAll(argument, "/", `\/`)
	for {
		open := strings.IndexByte(rest, '{')
		if open < 0 {
			break
		}
		length := strings.IndexByte(rest[open+1:], '}')
		if length < 0 {
			break
		}
		if length == 0 {
			expr.WriteString(rest[:open+2])
			rest = rest[open+2:]
			continue
		}
		expr.WriteString(rest[:open])
		fmt.Fprintf(&expr, "(?P<%s>[^?/]+)", rest[open+1:open+1+length])
		rest = rest[open+length+2:]
	}
	expr.WriteString(rest)
	re, err := regexp.Compile(expr.String())
	if err != nil {
		return nil, fmt.Errorf("%q is no path: write names in braces, as /items/{id}: %w", argument, err)
	}
	return re, nil
}

func compileRestPath(argument string) (Match, error) {
	re, err := RestPath(argument)
	if err != nil {
		return nil, err
	}
	return re.MatchString, nil
}

// compileNationalID matches a text in which a regular expression finds, among
// its first ten matches, a valid number of Chile (cl) or the USA (us).
func compileNationalID(argument string) (Match, error) {
	country, expr, _ := strings.Cut(argument, " ")
	valid := map[string]func(string) bool{"cl": validChile, "us": validUSA}[country]
	if valid == nil || expr == "" {
		return nil, errors.New("the argument must be cl or us, a space and a regular expression")
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, fmt.Errorf("reading the expression of validateNid: %w", err)
	}
	return func(text string) bool {
		for _, found := range re.FindAllString(text, 10) {
			if valid(found) {
				return true
			}
		}
		return false
	}, nil
}

// keep returns the digits of text, and the letters k if asked.
func keep(text string, k bool) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || k && r == 'k' {
			return r
		}
		return -1
	}, text)
}

// validChile checks the digit of a RUT, modulo 11.
func validChile(text string) bool {
	if len(text) < 8 {
		return false
	}
	text = keep(strings.ToLower(text), true)
	if text == "" {
		return false
	}
	sum, factor := 0, 2
	for rut := number(text[:len(text)-1]); rut != 0; rut /= 10 {
		sum += rut % 10 * factor
		if factor++; factor == 8 {
			factor = 2
		}
	}
	want := strconv.Itoa(11 - sum%11)
	switch sum % 11 {
	case 0:
		want = "0"
	case 1:
		want = "k"
	}
	return text[len(text)-1:] == want
}

// validUSA checks the parts of a social security number.
func validUSA(text string) bool {
	text = keep(text, false)
	if len(text) < 9 {
		return false
	}
	area, group, serial := number(text[:3]), number(text[3:5]), number(text[5:9])
	if area == 0 || group == 0 || serial == 0 || area >= 740 || area == 666 {
		return false
	}
	sequence, equal := true, true
	for i := 1; i < len(text); i++ {
		equal = equal && text[i] == text[i-1]
		sequence = sequence && text[i] == text[i-1]+1
	}
	return !sequence && !equal
}
