package seclang

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/corazawaf/libinjection-go"
)

func isSQLi(text string) bool        { ok, _ := libinjection.IsSQLi(text); return ok }
func fingerprint(text string) string { _, f := libinjection.IsSQLi(text); return f }
func isXSS(text string) bool         { return libinjection.IsXSS(text) }

func operatorMatch(name, argument string) (func(string) bool, error) {
	switch name {
	case "validatebyterange":
		var ok [256]bool
		for _, r := range strings.Split(argument, ",") {
			a, b, two := strings.Cut(strings.TrimSpace(r), "-")
			x, _ := strconv.Atoi(a)
			y := x
			if two {
				y, _ = strconv.Atoi(b)
			}
			for i := x; i <= y; i++ {
				ok[i] = true
			}
		}
		return func(s string) bool {
			for i := range len(s) {
				if !ok[s[i]] {
					return true
				}
			}
			return false
		}, nil
	case "validateutf8encoding":
		return func(s string) bool { return !utf8.ValidString(s) }, nil
	case "unconditionalmatch":
		return func(string) bool { return true }, nil
	case "ipmatch":
		return func(s string) bool {
			a, err := netip.ParseAddr(s)
			if err != nil {
				return false
			}
			for _, p := range strings.Split(argument, ",") {
				p = strings.TrimSpace(p)
				if x, err := netip.ParseAddr(p); err == nil && x == a {
					return true
				}
				if x, err := netip.ParsePrefix(p); err == nil && x.Contains(a) {
					return true
				}
			}
			return false
		}, nil
	case "validateurlencoding":
		return func(s string) bool {
			for i := 0; i < len(s); i++ {
				if s[i] == '%' {
					if i+2 >= len(s) {
						return true
					}
					if _, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err != nil {
						return true
					}
					i += 2
				}
			}
			return false
		}, nil
	}
	return nil, fmt.Errorf("the operator @%s is not known: check the spelling", name)
}
