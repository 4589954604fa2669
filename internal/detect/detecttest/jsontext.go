package detecttest

import (
	"fmt"
	"strconv"
	"strings"
)

// rawJSON is text that is JSON already.
type rawJSON string

// obj writes an object from names and values, in their order.
func obj(pairs ...any) rawJSON {
	var b strings.Builder
	b.WriteByte('{')
	for i := 0; i+1 < len(pairs); i += 2 {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(quote(fmt.Sprint(pairs[i])) + ":" + jsonOf(pairs[i+1]))
	}
	b.WriteByte('}')
	return rawJSON(b.String())
}

// arr writes an array.
func arr[T any](items ...T) rawJSON {
	var all []string
	for _, item := range items {
		all = append(all, jsonOf(item))
	}
	return rawJSON("[" + strings.Join(all, ",") + "]")
}

func jsonOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case rawJSON:
		return string(v)
	case string:
		return quote(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return fmt.Sprint(v) // numbers and booleans
	}
}

// spaced puts spaces behind the commas and colons outside of strings, as many
// libraries write JSON.
func spaced(doc string) string {
	var b strings.Builder
	quoted, escaped := false, false
	for i := range len(doc) {
		c := doc[i]
		b.WriteByte(c)
		switch {
		case escaped:
			escaped = false
		case c == '\\':
			escaped = true
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ',' || c == ':'):
			b.WriteByte(' ')
		}
	}
	return b.String()
}
