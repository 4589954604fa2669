package discoverytest

import (
	"encoding/base64"
	"regexp/syntax"
	"strconv"
	"strings"
	"time"
)

// text draws a string.
func (d *drawer) text(m map[string]any, at string) string {
	least, most := integer(m, "minLength", 0), integer(m, "maxLength", 1<<20)
	if s, ok := d.formatted(text(m["format"]), at); ok {
		return s
	}
	if p := text(m["pattern"]); p != "" {
		for range 8 {
			if s, ok := d.matching(p); ok && len(s) >= least && len(s) <= most {
				return s
			}
		}
	}
	s := d.named(at)
	for len(s) < least {
		s += oneOf(d.random, nouns...)
	}
	if len(s) > most {
		s = s[:most]
	}
	return s
}

func (d *drawer) formatted(format, at string) (string, bool) {
	switch format {
	case "date":
		return d.day().Format(time.DateOnly), true
	case "date-time":
		return d.day().Format(time.RFC3339), true
	case "time":
		return d.day().Format("15:04:05Z"), true
	case "duration":
		return "PT" + strconv.Itoa(1+d.IntN(59)) + "M", true
	case "email", "idn-email":
		return d.email(), true
	case "uuid", "guid":
		return d.uuid(), true
	case "uri", "url", "uri-reference", "iri":
		return "https://" + oneOf(d.random, "www.example.com", "files.example.org", "hooks.example.net") + "/" + d.word() + "/" + d.digits(4), true
	case "ipv4", "ip":
		return "198.51.100." + strconv.Itoa(d.IntN(256)), true
	case "ipv6":
		return "2001:db8::" + strconv.FormatInt(int64(1+d.IntN(65535)), 16), true
	case "hostname":
		return d.word() + ".example.com", true
	case "byte", "binary":
		return base64.StdEncoding.EncodeToString([]byte(d.sentence())), true
	case "int64", "uint64", "int32", "uint32":
		return identifier(d.seed, Integer, d.owner+at, d.IntN(5000)), true
	case "google-datetime":
		return d.day().Format(time.RFC3339), true
	case "google-duration":
		return strconv.Itoa(1+d.IntN(3600)) + "s", true
	case "google-fieldmask":
		return d.word() + "," + d.word(), true
	default:
		return "", false
	}
}

// named draws the string that a name suggests.
func (d *drawer) named(at string) string {
	r := seeded(d.seed, "text", d.owner, at)
	words := wordsOf(lastName(at))
	switch last := words[len(words)-1]; last {
	case "url", "uri", "href", "link", "website", "webhook", "image", "avatar":
		s, _ := d.formatted("uri", at)
		return s
	case "at", "time", "timestamp", "datetime":
		return d.day().Format(time.RFC3339)
	case "phone", "tel", "mobile", "fax":
		return "+49 30 " + d.digits(7)
	case "firstname":
		return oneOf(d.random, forenames...)
	case "lastname", "surname":
		return oneOf(d.random, surnames...)
	case "city", "state", "street", "address", "description", "message", "comment", "note", "text", "summary", "body", "content", "title", "subject", "query", "q", "search":
		return d.sentence()
	case "password", "secret", "signature":
		return d.from(base62, 24)
	case "version":
		// Few versions are in use at a time.
		major := 1 + r.IntN(3)
		return strconv.Itoa(major) + "." + strconv.Itoa(r.IntN(20)+d.IntN(3)) + "." + strconv.Itoa(r.IntN(9))
	case "cursor":
		return base64.RawURLEncoding.EncodeToString([]byte(d.from(base62, 18)))
	}
	kind := kindByName(r, lastName(at))
	if kind == "" {
		kind = weighted(r, []Kind{Word, Slug, Mixed, UUID, Integer}, []int{70, 6, 10, 6, 8})
	}
	return identifier(d.seed, kind, d.owner+" "+at, d.IntN(1+5*d.IntN(400)))
}

// matching draws a text of a regular expression; false when it can't.
func (d *drawer) matching(pattern string) (string, bool) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return "", false
	}
	var b strings.Builder
	d.write(&b, re.Simplify())
	return b.String(), b.Len() < 4000
}

func (d *drawer) write(b *strings.Builder, re *syntax.Regexp) {
	switch re.Op {
	case syntax.OpLiteral:
		b.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		b.WriteRune(d.runeOf(re.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteString(d.from(letters, 1))
	case syntax.OpCapture, syntax.OpConcat:
		for _, sub := range re.Sub {
			d.write(b, sub)
		}
	case syntax.OpAlternate:
		d.write(b, oneOf(d.random, re.Sub...))
	case syntax.OpStar, syntax.OpPlus:
		n := d.IntN(8)
		if re.Op == syntax.OpPlus {
			n++
		}
		d.repeat(b, re.Sub[0], n)
	case syntax.OpQuest:
		d.repeat(b, re.Sub[0], d.IntN(2))
	case syntax.OpRepeat:
		most := re.Max
		if most < 0 || most > re.Min+12 {
			most = re.Min + 12
		}
		d.repeat(b, re.Sub[0], re.Min+d.IntN(most-re.Min+1))
	default:
	}
}

func (d *drawer) repeat(b *strings.Builder, re *syntax.Regexp, n int) {
	for range n {
		if b.Len() > 4000 {
			return
		}
		d.write(b, re)
	}
}

// runeOf draws of a class, letters and digits where it has them.
func (d *drawer) runeOf(class []rune) rune {
	allowed := func(c rune) bool {
		for i := 0; i+1 < len(class); i += 2 {
			if c >= class[i] && c <= class[i+1] {
				return true
			}
		}
		return false
	}
	for range 20 {
		if c := rune(base62[d.IntN(len(base62))]); allowed(c) {
			return c
		}
	}
	for c := rune('!'); c < 127; c++ {
		if allowed(c) && d.chance(0.3) {
			return c
		}
	}
	if len(class) > 0 {
		return class[0]
	}
	return 'x'
}
