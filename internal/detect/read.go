package detect

import (
	"strings"

	"farrier.dev/farrier/internal/traffic"
)

// source says how a value is handed to the rule engine.
type source uint8

const (
	fromQuery source = iota
	fromPath
	fromBody
	fromFileName
	fromFileField
	fromPartHeader
)

// field is one value that the rules look at.
type field struct {
	source source
	// key is the name that the rules see; it leads back to the place.
	key, value string
	place      place
	decoders   []string
}

// maxFields bounds the values inspected, for each costs about half a
// millisecond of processor time whatever it says.
const maxFields = 1000

// content is what was read of a request.
type content struct {
	path, query string
	fields      []field
	// byKey leads from a key to the fields that have it.
	byKey map[string][]int
	// text is the body where it is text, length its inspected length in bytes,
	// processor the name of the reader, as the rules know it.
	text      string
	length    int
	processor string
	// own are the complaints of the readers themselves.
	own     []match
	skipped []string
	// seen holds what need not be looked at twice.
	seen map[string]bool
}

// read opens a request, at most limit bytes of its body.
func read(q *traffic.Request, limit int64) *content {
	c := &content{byKey: map[string][]int{}, path: rawPath(q), query: q.RawQuery}
	c.readPath()
	c.readPairs(q.RawQuery, fromQuery, inQuery)
	c.readBody(q, limit)
	return c
}

// rawPath is the path as the client wrote it, for what its spelling betrays.
func rawPath(q *traffic.Request) string {
	path, _, _ := strings.Cut(q.RawTarget, "?")
	if !strings.HasPrefix(path, "/") {
		path = q.Path
	}
	// The engine would cut the path at a number sign.
	return strings.ReplaceAll(path, "#", "%23")
}

func (c *content) add(f field) {
	if len(c.fields) >= maxFields {
		if len(c.fields) == maxFields {
			c.complain(ruleFlood, f.place, "")
			c.skipped = append(c.skipped, "values beyond the first 1000")
			// One more, so that this is said once.
			c.fields = append(c.fields, field{source: fromFileField})
		}
		return
	}
	if f.source <= fromBody {
		if embeddedPicture(f.value) {
			f.value = ""
		}
		c.byKey[f.key] = append(c.byKey[f.key], len(c.fields))
	}
	c.fields = append(c.fields, f)
}

// once says whether it is asked this for the first time.
func (c *content) once(parts ...string) bool {
	key := strings.Join(parts, "\x00")
	if c.seen[key] {
		return false
	}
	if c.seen == nil {
		c.seen = map[string]bool{}
	}
	c.seen[key] = true
	return true
}

func (c *content) complain(r rule, at place, text string) {
	c.own = append(c.own, match{rule: r, places: []place{at}, text: text[:min(len(text), maxMatched)]})
}

// readPath hands over the segments that are more than plain words, for APIs
// carry parameters in them.
func (c *content) readPath() {
	for segment := range strings.SplitSeq(c.path, "/") {
		if plainSegment(segment) {
			continue
		}
		c.add(field{
			source: fromPath, key: "path", value: unescape(segment, false),
			place: place{kind: inPath}, decoders: []string{"url"},
		})
	}
}

func plainSegment(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '-' && c != '_' && c != '.' && c != '~' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

// readPairs reads name=value pairs of a query or form.
func (c *content) readPairs(text string, from source, k kind) {
	for pair := range strings.SplitSeq(text, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, value = unescape(name, true), unescape(value, true)
		if !c.once(string(k), name, value) {
			continue
		}
		c.add(field{source: from, key: name, value: value, place: named(k, name), decoders: []string{"url"}})
	}
}

// unescape opens percent encoding, and plus signs when asked. What is no valid
// encoding stays as it is: a service behind us may be as lenient.
func unescape(s string, plus bool) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+' && plus:
			b.WriteByte(' ')
		case s[i] == '%' && i+2 < len(s) && unhex(s[i+1]) >= 0 && unhex(s[i+2]) >= 0:
			b.WriteByte(byte(unhex(s[i+1])<<4 | unhex(s[i+2])))
			i += 2
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
