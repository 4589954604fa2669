package classify

import "strings"

// named is the value of a place whose name SecretName knows: name=value,
// "name": "value", Name: value and <name>value</name>, also percent-encoded.
func (f *finder) named(i int) Match {
	if i > f.edge && isName(f.text[i-1]) && !f.escapedBefore(i) {
		return Match{}
	}
	end := f.run(i, &f.nameEnd, isName)
	if end == len(f.text) || strings.IndexByte("\"'\\]%=: \t+<>", f.text[end]) < 0 {
		return Match{}
	}
	name := f.text[max(i, end-maxName):end]
	p := end
	for range 3 {
		p = f.pass(p, `"`, `'`, `\`, `]`, "%22", "%27", "%5d")
	}
	blank := f.space(p)
	sep := f.pass(blank, "=", ":", "%3d", "%3a")
	switch {
	case sep > blank:
		if SecretName(name) {
			return f.value(name, blank, sep)
		}
	case i > f.edge && (f.text[i-1] == '<' || f.text[i-1] == ':') && SecretName(name):
		return f.element(end)
	}
	return Match{}
}

// escapedBefore tells whether a percent-encoded byte ends before i.
func (f *finder) escapedBefore(i int) bool {
	return i-3 >= f.edge && f.text[i-3] == '%' && isHex(f.text[i-2]) && isHex(f.text[i-1])
}

// pass gives the place behind the first of words that stands at i, or i.
func (f *finder) pass(i int, words ...string) int {
	for _, w := range words {
		if f.has(i, w) {
			return i + len(w)
		}
	}
	return i
}

// element is the text of the XML element whose start tag's name ends at i.
func (f *finder) element(i int) Match {
	const maxTag = 256
	head := f.text[i:min(len(f.text), i+maxTag)]
	stop := strings.IndexAny(head, "<>")
	if stop < 0 || head[stop] == '<' || stop > 0 && !isBlank(head[0]) {
		return Match{}
	}
	start := i + stop + 1
	end := f.until(start, "<")
	return f.secret(start, end)
}

// value is what stands behind the separator of a name; sep is its end and at its
// beginning.
func (f *finder) value(name string, at, sep int) Match {
	start := f.space(sep)
	if start >= len(f.text) {
		return Match{}
	}
	for _, quote := range [...]string{`\"`, `"`, `'`, "%22", "%27"} {
		if f.has(start, quote) {
			start += len(quote)
			return f.secret(start, f.closing(start, quote))
		}
	}
	switch c := f.text[start]; {
	case c == '[' && placeholder(f.text[start:]) == 0:
		return f.secret(start+1, f.until(start+1, "]"))
	case c == '{':
		if next := f.space(start + 1); next >= len(f.text) || strings.IndexByte("\"'}\\\r\n", f.text[next]) >= 0 {
			return Match{}
		}
	}
	if f.text[at] == ':' && isCredentialHeader(name) {
		end := f.until(start, "\r\n")
		if start > sep && isProse(f.text[start:end]) {
			return Match{}
		}
		return f.secret(start, end)
	}
	end := f.until(f.afterPlaceholders(start), " \t\r\n&;,\"'<>)}]")
	if f.text[at] == ':' && start > sep && isProse(f.text[start:end]) {
		return Match{}
	}
	return f.secret(start, end)
}

// secret is the match of a value, without placeholders at its beginning and
// unless it is empty or a literal.
func (f *finder) secret(start, end int) Match {
	start = min(f.afterPlaceholders(start), end)
	value := strings.TrimSpace(f.text[start:end])
	switch strings.ToLower(value[:min(len(value), 10)]) {
	case "", "null", "nil", "none", "true", "false", "undefined":
		return Match{}
	}
	return Match{Secret, start, end}
}

func (f *finder) afterPlaceholders(i int) int {
	for {
		n := placeholder(f.text[i:])
		if n == 0 {
			return i
		}
		i += n
	}
}

// until gives the place of the first of the given bytes at or behind i, or the
// end of the text.
func (f *finder) until(i int, stops string) int {
	if k := strings.IndexAny(f.text[i:], stops); k >= 0 {
		return i + k
	}
	return len(f.text)
}

// closing gives the place of the quote that closes a string begun at i.
func (f *finder) closing(i int, quote string) int {
	for p := i; p < len(f.text); p++ {
		if f.has(p, quote) {
			return p
		}
		if f.text[p] == '\\' && quote[0] != '\\' {
			p++
		}
	}
	return len(f.text)
}

// isCredentialHeader tells the header fields whose whole value is secret.
func isCredentialHeader(name string) bool {
	name = strings.ToLower(name)
	return strings.HasSuffix(name, "authorization") || strings.HasSuffix(name, "cookie")
}

// isProse tells whether a value reads like the words of a sentence, as in
// "token: expired": small letters and blanks, the first perhaps a capital.
func isProse(value string) bool {
	for i := range len(value) {
		c := value[i]
		if !isLower(c) && !isBlank(c) && c != '.' && c != '-' && c != '\'' && (i > 0 || !isUpper(c)) {
			return false
		}
	}
	return true
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
