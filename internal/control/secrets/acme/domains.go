package acme

import (
	"errors"
	"fmt"
	"net/mail"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// MaxDomains is how many names one certificate may have, as at Let's Encrypt.
const MaxDomains = 100

const (
	maxDomain = 253
	maxLabel  = 63
)

// Domains gives names as they are asked for: in lower case, each once. They must be 1 to
// 100 names of DNS.
func Domains(names []string) ([]string, error) {
	var out []string
	for _, name := range names {
		name = strings.TrimSuffix(strings.ToLower(strings.TrimSpace(name)), ".")
		if err := checkDomain(name); err != nil {
			return nil, err
		}
		if !slices.Contains(out, name) {
			if out = append(out, name); len(out) > MaxDomains {
				break
			}
		}
	}
	if len(out) == 0 || len(out) > MaxDomains {
		return nil, fmt.Errorf("must be 1 to %d names, as shop.example.com", MaxDomains)
	}
	return out, nil
}

func checkDomain(name string) error {
	if strings.Contains(name, "*") {
		return fmt.Errorf("%.100q is a wildcard: authorities prove those by DNS (dns-01) alone, and Farrier answers http-01; list each name", name)
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return fmt.Errorf("%.100q is an address, not a name", name)
	}
	if len(name) > maxDomain {
		return fmt.Errorf("%.60q… is longer than %d characters", name, maxDomain)
	}
	for label := range strings.SplitSeq(name, ".") {
		if !isLabel(label) {
			return fmt.Errorf("%.100q is no name of DNS; write names with other letters in their ASCII form (xn--…)", name)
		}
	}
	return nil
}

func isLabel(label string) bool {
	if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	for i := range len(label) {
		if c := label[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// Directory checks the URL of a directory.
func Directory(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" || len(text) > maxURL {
		return errors.New("must be the https address of an ACME directory")
	}
	return nil
}

// Contact checks an e-mail address; empty is none.
func Contact(text string) error {
	if text == "" {
		return nil
	}
	at, err := mail.ParseAddress(text)
	if err != nil || at.Address != text || len(text) > 254 || strings.ContainsAny(text, ",? %") {
		return errors.New("must be one e-mail address, as ops@example.com")
	}
	return nil
}
