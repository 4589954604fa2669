package responsesize

import (
	"fmt"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/encoding/form"
)

// clamp finds the parameters that ask for more than is allowed, and gives the
// query with the greatest allowed number in their place.
func (g *guard) clamp(query string) (clamped string, excess []string, err error) {
	var b strings.Builder
	at := 0
	it := form.Pairs(query, form.DefaultMaxPairs)
	for it.Next() {
		p := it.Pair()
		name, _ := p.Name.Decode()
		if !g.names[strings.ToLower(name)] {
			continue
		}
		value, _ := p.Value.Decode()
		if !tooLarge(value, g.set.MaxPageSize) {
			continue
		}
		excess = append(excess, clip(name))
		from := p.Offset + len(p.Name.Raw) + 1
		b.WriteString(query[at:from])
		b.WriteString(strconv.FormatInt(g.set.MaxPageSize, 10))
		at = from + len(p.Value.Raw)
	}
	if it.Err() != nil {
		return "", nil, fmt.Errorf("more than %d query parameters", form.DefaultMaxPairs)
	}
	b.WriteString(query[at:])
	return b.String(), excess, nil
}

// tooLarge says whether a text is a number above most or below 0, in any form
// that a lenient service reads: 1e6, +1000, 0x7f, 1_000, and numbers too long for
// any type. What begins like a number and goes on otherwise ("100x", "1000,5") is
// read as the number that it begins with, as C and PHP do.
func tooLarge(text string, most int64) bool {
	text = strings.Trim(text, " \t\r\n\v\f\"'")
	if text == "" {
		return false
	}
	// Hexadecimal, octal and the like; what is small so may be large in decimal.
	if n, err := strconv.ParseInt(text, 0, 64); err == nil && (n < 0 || n > most) {
		return true
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil || f != 0 {
		return f < 0 || f > float64(most) || f != f
	}
	sign := strings.HasPrefix(text, "-")
	text = strings.TrimLeft(text, "+-")
	end := 0
	for end < len(text) && (text[end] >= '0' && text[end] <= '9' || text[end] == '_' || text[end] == ',') {
		end++
	}
	digits := strings.TrimLeft(strings.NewReplacer("_", "", ",", "").Replace(text[:end]), "0")
	if digits == "" {
		return false
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	return sign || err != nil || n > most
}
