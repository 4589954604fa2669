package shape

import (
	"strings"

	"farrier.dev/farrier/internal/classify"
	"farrier.dev/farrier/internal/classify/sensitive"
)

// Telling says that the name of a member, a parameter or an operation is a value
// itself: an identifier, a date, an address, a number, the name of a person, or
// whatever else is sensitive. Such a name is not kept.
func (l *Looker) Telling(name string) bool {
	plain := strings.TrimLeft(name, "@#$_")
	if plain == "" {
		return false
	}
	switch k := stringKind(name); k {
	case kindDigits, kindUUID, kindDate, kindDateTime, kindDateTimeOther, kindTime, kindEmail, kindURI, kindIPv4,
		kindIPv6, kindHex, kindObjectID, kindBase64, kindJWT:
		return true
	default:
	}
	if strings.HasPrefix(classify.Segment(plain), "{") || isPerson(name) || isPairs(name) {
		return true
	}
	at := l.at(&sensitive.Context{})
	return at.classify(name) != ""
}

// isPairs tells six or more pairs of hexadecimal digits with signs between them, as
// addresses of devices.
func isPairs(s string) bool {
	if len(s) < 17 || len(s)%3 != 2 || s[2] != ':' && s[2] != '-' {
		return false
	}
	for i := range len(s) {
		if i%3 == 2 && s[i] != s[2] || i%3 != 2 && maskOf(s[i:i+1])&^hexMask != 0 {
			return false
		}
	}
	return true
}

// isPerson tells two to four words with a capital letter each, as people are named,
// unless one of them is a word of labels: First Name.
func isPerson(name string) bool {
	words := 0
	for word := range strings.FieldsFuncSeq(name, func(r rune) bool { return r == ' ' || r == ',' || r == '+' }) {
		if words++; words > 4 || len(word) < 2 && word != "." {
			return false
		}
		if c := word[0]; (c < 'A' || c > 'Z') && c < 0x80 || isLabel(strings.ToLower(word)) {
			return false
		}
		if strings.ContainsAny(word, "0123456789_/()[]{}:;#") {
			return false
		}
	}
	return words >= 2
}

// isLabel tells words that stand in names of fields and seldom in those of people.
func isLabel(word string) bool {
	if !strings.HasSuffix(word, "ss") && word != "status" {
		word = strings.TrimSuffix(word, "s")
	}
	switch word {
	case "name", "number", "no", "id", "code", "type", "date", "time", "day", "month", "year", "week", "hour", "minute", "amount", "total", "sum", "count",
		"quantity", "qty", "price", "cost", "tax", "rate", "fee", "discount", "value", "status", "state", "address", "street", "city", "zip",
		"postal", "country", "region", "phone", "email", "mail", "fax", "url", "link", "title", "description", "note", "comment", "text", "subject",
		"order", "invoice", "customer", "client", "user", "account", "payment", "product", "item", "line", "unit", "group", "category", "kind", "level",
		"first", "last", "middle", "full", "start", "end", "from", "to", "of", "by", "is", "has", "for", "in", "on", "at", "per", "max", "min", "average",
		"created", "updated", "modified", "due", "ship", "shipping", "billing", "delivery", "company", "department", "office", "currency", "language",
		"size", "weight", "height", "width", "length", "color", "colour", "volume", "version", "key", "token", "file", "path", "index", "rank", "score",
		"high", "low", "open", "close", "change", "previou", "current", "new", "old", "next", "other", "all", "ref", "reference", "source", "target":
		return true
	}
	return false
}
