package classify

import (
	"encoding/base64"
	"strings"
)

// privateKey is a PEM block (RFC 7468) whose label ends in PRIVATE KEY, or what
// is left of one.
func (f *finder) privateKey(i int) Match {
	const begin, label, end = "-----BEGIN ", "PRIVATE KEY", "-----END "
	rest := f.text[i:]
	if !strings.HasPrefix(rest, begin) {
		return Match{}
	}
	head := rest[len(begin):min(len(rest), len(begin)+48)]
	if !strings.Contains(head, label) {
		return Match{}
	}
	stop := strings.Index(rest, end)
	if stop < 0 {
		return Match{PrivateKey, i, len(f.text)}
	}
	stop += len(end)
	if tail := strings.Index(rest[stop:min(len(rest), stop+64)], "-----"); tail >= 0 {
		return Match{PrivateKey, i, i + stop + tail + len("-----")}
	}
	return Match{PrivateKey, i, len(f.text)}
}

// mark is a prefix by which an issuer marks its keys.
type mark struct {
	prefix string
	class  Class
	// min is the fewest bytes of the alphabet that follow; exact, whether it is
	// also the most.
	min   int
	exact bool
	kind  func(byte) bool
}

// issued is a key of an issuer that marks its keys.
func (f *finder) issued(i int) Match {
	for _, m := range marks(f.text[i]) {
		if !strings.HasPrefix(f.text[i:], m.prefix) {
			continue
		}
		p := i + len(m.prefix)
		if m.exact {
			if end := f.span(p, m.min, m.kind); end-p == m.min && !f.alnumAt(end) {
				return Match{m.class, i, end}
			}
			continue
		}
		if end := f.span(p, m.min, m.kind); end-p == m.min {
			return Match{m.class, i, f.span(p, len(f.text), m.kind)}
		}
	}
	return Match{}
}

// FindIssued gives, of what Find would give, the keys of issuers that mark their
// keys by a prefix, also those inside the values of named places. It is much quicker
// than Find, for texts that are large.
func FindIssued(text string) []Match {
	var found []Match
	f := finder{text: text}
	for i := 0; i < len(text); i++ {
		if marks(text[i]) == nil || !f.starts(i) {
			continue
		}
		if m := f.issued(i); m.End > m.Start {
			found = append(found, m)
			i = m.End - 1
		}
	}
	return found
}

// marks gives the marks that begin with c.
func marks(c byte) []mark {
	switch c {
	case 'A':
		return markedA[:]
	case 'g':
		return markedG[:]
	case 'x':
		return markedX[:]
	case 's', 'r', 'w':
		return markedS[:]
	case 'y', 'G', 'n', 'h', 'd', 'S', 'p':
		return markedOther[:]
	}
	return nil
}

// Arrays that nothing writes to: see issued.
var (
	markedA = [...]mark{
		{"AKIA", AWSKey, 16, true, isUpperDigit},
		{"ASIA", AWSKey, 16, true, isUpperDigit},
		{"AROA", AWSKey, 16, true, isUpperDigit},
		{"AIDA", AWSKey, 16, true, isUpperDigit},
		{"AGPA", AWSKey, 16, true, isUpperDigit},
		{"ANPA", AWSKey, 16, true, isUpperDigit},
		{"AIza", GoogleKey, 30, false, isURL64},
	}
	markedG = [...]mark{
		{"ghp_", GitHubToken, 16, false, isAlnum},
		{"gho_", GitHubToken, 16, false, isAlnum},
		{"ghu_", GitHubToken, 16, false, isAlnum},
		{"ghs_", GitHubToken, 16, false, isAlnum},
		{"ghr_", GitHubToken, 16, false, isAlnum},
		{"github_pat_", GitHubToken, 16, false, isWord},
		{"glpat-", GitLabToken, 16, false, isURL64},
		{"gldt-", GitLabToken, 16, false, isURL64},
		{"glrt-", GitLabToken, 16, false, isURL64},
		{"glptt-", GitLabToken, 16, false, isURL64},
		{"glcbt-", GitLabToken, 16, false, isURL64},
	}
	markedX = [...]mark{
		{"xoxb-", SlackToken, 10, false, isURL64},
		{"xoxp-", SlackToken, 10, false, isURL64},
		{"xoxa-", SlackToken, 10, false, isURL64},
		{"xoxr-", SlackToken, 10, false, isURL64},
		{"xoxs-", SlackToken, 10, false, isURL64},
		{"xoxe-", SlackToken, 10, false, isURL64},
		{"xoxe.", SlackToken, 10, false, isName},
		{"xapp-", SlackToken, 10, false, isURL64},
	}
	markedS = [...]mark{
		{"sk_live_", StripeKey, 16, false, isAlnum},
		{"sk_test_", StripeKey, 16, false, isAlnum},
		{"rk_live_", StripeKey, 16, false, isAlnum},
		{"rk_test_", StripeKey, 16, false, isAlnum},
		{"whsec_", StripeKey, 16, false, isToken},
		{"sk-ant-", APIKey, 20, false, isURL64},
		{"sk-proj-", APIKey, 20, false, isURL64},
		{"sk-", APIKey, 32, false, isAlnum},
		{"shpat_", APIKey, 20, false, isAlnum},
	}
	markedOther = [...]mark{
		{"ya29.", GoogleKey, 20, false, isURL64},
		{"GOCSPX-", GoogleKey, 20, false, isURL64},
		{"npm_", APIKey, 30, false, isAlnum},
		{"pypi-", APIKey, 30, false, isURL64},
		{"hvs.", APIKey, 20, false, isURL64},
		{"hvb.", APIKey, 20, false, isURL64},
		{"dop_v1_", APIKey, 30, false, isHex},
		{"SG.", APIKey, 30, false, isName},
	}
)

func isUpperDigit(c byte) bool { return isUpper(c) || isDigit(c) }

// jwt is three parts of base64url, or five, of which the first opens a JSON
// object (RFC 7519, RFC 7516).
func (f *finder) jwt(i int) Match {
	const open, minHead = "eyJ", 16
	if !strings.HasPrefix(f.text[i:], open) {
		return Match{}
	}
	head := f.run(i, &f.urlEnd, isURL64)
	if head-i < minHead || head >= len(f.text) || f.text[head] != '.' {
		return Match{}
	}
	end := f.span(head+1, len(f.text), isURL64)
	if end == head+1 {
		return Match{}
	}
	for range 3 {
		if end >= len(f.text) || f.text[end] != '.' {
			break
		}
		end = f.span(end+1, len(f.text), isURL64)
	}
	return Match{JWT, i, end}
}

// scheme is what follows the name of an authentication scheme.
func (f *finder) scheme(i int) Match {
	basic := f.has(i, "basic")
	p := i + len("basic")
	if !basic {
		if !f.has(i, "bearer") {
			return Match{}
		}
		p = i + len("bearer")
	}
	start := f.space(p)
	if start == p {
		return Match{}
	}
	if start >= len(f.text) {
		return Match{}
	}
	end := f.run(start, &f.credEnd, isToken68)
	value := f.text[start:end]
	if basic && !isUserPass(value) || !basic && !isOpaque(value) {
		return Match{}
	}
	return Match{Credentials, start, end}
}

// isUserPass tells whether value is, or begins, the base64 of something with a
// colon (RFC 7617).
func isUserPass(value string) bool {
	value = strings.TrimRight(value, "=")
	var buf [96]byte
	whole := min(len(value), 128) / 4 * 4
	n, err := base64.RawStdEncoding.Decode(buf[:], []byte(value[:whole]))
	if err != nil || n == 0 {
		return isOpaque(value)
	}
	return strings.IndexByte(string(buf[:n]), ':') >= 0 || len(value)%4 != 0 && isOpaque(value)
}

// isOpaque tells whether value is no word of a sentence: eight bytes or more,
// with a digit, or with a capital behind a small letter, or of forty bytes.
func isOpaque(value string) bool {
	if len(value) < 8 {
		return false
	}
	for i := range len(value) {
		if isDigit(value[i]) || i > 0 && isUpper(value[i]) && isLower(value[i-1]) {
			return true
		}
	}
	return len(value) >= 40
}

// urlCredentials are the user and password of a URL (RFC 3986, section 3.2.1).
func (f *finder) urlCredentials(i int) Match {
	if !strings.HasPrefix(f.text[i:], "://") {
		return Match{}
	}
	start, colon, at := i+3, -1, -1
scan:
	for p := start; p < len(f.text); p++ {
		switch f.text[p] {
		case ':':
			if colon < 0 {
				colon = p
			}
		case '@':
			at = p
		case '/', '?', '#', ' ', '\t', '\r', '\n', '"', '\'', '<', '>':
			break scan
		}
	}
	if colon < 0 || at <= colon+1 || at-1 == colon+placeholder(f.text[colon+1:]) {
		return Match{}
	}
	return Match{Credentials, start, at}
}
