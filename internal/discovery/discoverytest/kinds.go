package discoverytest

import (
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// Kind is what the values of a template of a path look like.
type Kind string

// The kinds. All but the last three are identifiers.
const (
	Integer  Kind = "integer"
	Decimal  Kind = "decimal"
	UUID     Kind = "uuid"
	ObjectID Kind = "objectid"
	Hex      Kind = "hex"
	Date     Kind = "date"
	EMail    Kind = "e-mail"
	// Code is one of ISO or IATA, Mixed a code of letters and digits, Slug words
	// with a number at the end.
	Code  Kind = "code"
	Mixed Kind = "mixed"
	Slug  Kind = "slug"
	Word  Kind = "word"
	Enum  Kind = "enum"
	// Text is what a pattern or a rare format asks for.
	Text Kind = "text"
)

// IDLike tells that the values of the kind are identifiers.
func (k Kind) IDLike() bool { return k != Word && k != Enum && k != Text }

// random is a source of choices.
type random struct{ *rand.Rand }

// seeded is a source that is the same for the same seed and names.
func seeded(seed uint64, names ...string) random {
	h := fnv.New64a()
	for _, name := range names {
		_, _ = h.Write([]byte(name))
		_, _ = h.Write([]byte{0})
	}
	return random{rand.New(rand.NewPCG(seed, h.Sum64()))}
}

func (r random) chance(p float64) bool { return r.Float64() < p }

func oneOf[T any](r random, from ...T) T { return from[r.IntN(len(from))] }

// weighted draws one of the values by their weights.
func weighted[T any](r random, values []T, weights []int) T {
	sum := 0
	for _, w := range weights {
		sum += w
	}
	n := r.IntN(sum)
	for i, w := range weights {
		if n -= w; n < 0 {
			return values[i]
		}
	}
	return values[len(values)-1]
}

func (r random) digits(n int) string { return r.from("0123456789", n) }

func (r random) hex(n int) string { return r.from("0123456789abcdef", n) }

func (r random) from(alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}

const (
	upper   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	letters = "abcdefghijklmnopqrstuvwxyz" + upper
	base62  = "0123456789" + letters
)

func (r random) uuid() string {
	return fmt.Sprintf("%s-%s-4%s-%s%s-%s", r.hex(8), r.hex(4), r.hex(3), r.from("89ab", 1), r.hex(3), r.hex(12))
}

func (r random) word() string { return oneOf(r, nouns...) }

func (r random) person() (first, last string) { return oneOf(r, forenames...), oneOf(r, surnames...) }

func (r random) email() string {
	first, last := r.person()
	return strings.ToLower(first+"."+last) + oneOf(r, "", "", r.digits(2)) + "@" + oneOf(r, "example.com", "example.org", "mail.example.net", "corp.example")
}

func (r random) sentence() string {
	n := 2 + r.IntN(8)
	parts := make([]string, n)
	for i := range parts {
		parts[i] = r.word()
	}
	return strings.ToUpper(parts[0][:1]) + parts[0][1:] + " " + strings.Join(parts[1:], " ")
}

func (r random) day() time.Time {
	return time.Date(2019+r.IntN(7), time.Month(1+r.IntN(12)), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60), 0, time.UTC)
}

// kindByName is the kind that a name suggests, "" for none.
func kindByName(r random, name string) Kind {
	words := wordsOf(name)
	last := words[len(words)-1]
	has := func(any ...string) bool {
		for _, w := range any {
			if last == w || last == w+"s" {
				return true
			}
		}
		return false
	}
	switch {
	case has("uuid", "guid"):
		return UUID
	case has("email", "mail"):
		return EMail
	case has("date", "day") || has("from", "to", "since", "until") && r.chance(0.7):
		return Date
	case has("country", "currency", "airport", "iata", "lang", "language", "locale") || has("code") && len(words) > 1 && isCode(words[len(words)-2]):
		return Code
	case has("year", "month", "number", "num", "no", "index", "version", "count", "page", "limit", "offset", "zip", "size", "level", "position"):
		return Integer
	case has("sha", "hash", "digest", "checksum", "fingerprint"):
		return Hex
	case has("slug", "handle", "permalink"):
		return Slug
	case has("lat", "lon", "lng", "latitude", "longitude"):
		return Decimal
	case has("id", "ids", "identifier", "key", "ref", "reference", "token"):
		return weighted(r, []Kind{Integer, UUID, ObjectID, Hex, Mixed, Slug}, []int{30, 25, 10, 8, 20, 7})
	case has("name", "username", "user", "owner", "org", "organization", "login", "title", "repo", "tag", "category", "type", "label", "group", "role", "status", "format", "action", "resource", "namespace", "path", "branch", "team", "project", "topic", "region", "parent"):
		return Word
	default:
		return ""
	}
}

func isCode(word string) bool {
	return word == "country" || word == "currency" || word == "airport" || word == "language" || word == "iata"
}

// wordsOf splits a name at its case and punctuation, in lower case.
func wordsOf(name string) []string {
	var words []string
	start := 0
	for i, c := range name {
		upperNow := c >= 'A' && c <= 'Z'
		letter := upperNow || c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		switch {
		case !letter:
			if i > start {
				words = append(words, strings.ToLower(name[start:i]))
			}
			start = i + len(string(c))
		case upperNow && i > start && (name[i-1] < 'A' || name[i-1] > 'Z'):
			words = append(words, strings.ToLower(name[start:i]))
			start = i
		}
	}
	if start < len(name) {
		words = append(words, strings.ToLower(name[start:]))
	}
	if len(words) == 0 {
		return []string{""}
	}
	return words
}

// identifier is the value of a kind with a number, the same each time: pools of
// values need no memory.
func identifier(seed uint64, kind Kind, pool string, number int) string {
	r, common := seeded(seed, "value", pool, strconv.Itoa(number)), seeded(seed, "pool", pool)
	switch kind {
	case Integer:
		start := weighted(common, []int{1, 1_000, 100_000, 40_000_000, 7_000_000_000}, []int{3, 3, 3, 2, 1})
		return strconv.Itoa(start + number*(1+common.IntN(3)))
	case Decimal:
		return strconv.FormatFloat(float64(r.IntN(180_000)-90_000)/1000, 'f', 3, 64)
	case UUID:
		return r.uuid()
	case ObjectID:
		return "6" + r.hex(23)
	case Hex:
		return r.hex(oneOf(common, 16, 32, 40, 64))
	case Date:
		return r.day().Format(oneOf(common, "2006-01-02", "2006-01-02", "2006-01-02", "20060102"))
	case EMail:
		return r.email()
	case Code:
		return oneOf(r, codesFor(common, pool)...)
	case Mixed:
		return mixed(r, common)
	case Slug:
		return r.word() + "-" + r.word() + "-" + r.digits(1+common.IntN(5))
	case Enum, Text, Word:
	}
	first, last := r.person()
	switch common.IntN(6) {
	case 0:
		return strings.ToLower(first)
	case 1:
		return strings.ToLower(first + "." + last)
	case 2:
		return r.word() + "-" + r.word()
	case 3:
		title := r.word() + " " + r.word()
		return strings.ToUpper(title[:1]) + title[1:]
	case 4:
		return r.word() + "_" + r.word()
	default:
		return r.word()
	}
}

func mixed(r, common random) string {
	prefix := common.from(upper, 2+common.IntN(2))
	switch common.IntN(5) {
	case 0:
		return prefix + "-" + strconv.Itoa(2018+r.IntN(8)) + "-" + r.digits(5)
	case 1:
		return strings.ToLower(prefix) + "_" + r.digits(1) + r.from(base62, 15)
	case 2:
		return prefix + r.digits(6)
	case 3:
		return r.digits(1) + r.from("0123456789ABCDEFGHJKMNPQRSTVWXYZ", 25)
	default:
		return base64.RawURLEncoding.EncodeToString([]byte(r.from(base62, 8) + r.digits(4)))
	}
}

func codesFor(common random, pool string) []string {
	words := strings.Join(wordsOf(pool), " ")
	switch {
	case strings.Contains(words, "currency"):
		return currencies
	case strings.Contains(words, "airport"), strings.Contains(words, "iata"):
		return airports
	case strings.Contains(words, "lang"), strings.Contains(words, "locale"):
		return locales
	case strings.Contains(words, "country"):
		return countries
	default:
		return oneOf(common, countries, currencies, airports)
	}
}
