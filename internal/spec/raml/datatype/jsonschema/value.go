package jsonschema

import (
	"math/big"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
)

// maxDigits bounds the numbers that are calculated with exactly.
const maxDigits = 400

// Number is the value of a number as it is written, false when it is none or
// beyond all measure.
func Number(text string) (*big.Rat, bool) {
	if text == "" || len(text) > maxDigits || strings.ContainsAny(text, "/_xXpPoObB") {
		return nil, false
	}
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		exponent, err := strconv.Atoi(strings.TrimPrefix(text[i+1:], "+"))
		if err != nil || exponent > maxDigits || exponent < -maxDigits {
			return nil, false
		}
	}
	return new(big.Rat).SetString(text)
}

// canonical writes a value so that equal ones are written alike.
func canonical(b *strings.Builder, n *tree.Node) {
	if n == nil {
		return
	}
	b.WriteByte('0' + byte(n.Kind))
	switch n.Kind {
	case tree.Number:
		if r, ok := Number(n.Text); ok {
			b.WriteString(r.RatString())
			return
		}
		b.WriteString(n.Text)
	case tree.Array:
		b.WriteByte('[')
		for _, item := range n.Items {
			canonical(b, item)
			b.WriteByte(',')
		}
		b.WriteByte(']')
	case tree.Object:
		names := make([]string, 0, len(n.Members))
		for i := range n.Members {
			names = append(names, n.Members[i].Name)
		}
		slices.Sort(names)
		b.WriteByte('{')
		for _, name := range names {
			b.WriteString(strconv.Quote(name))
			canonical(b, n.Get(name))
			b.WriteByte(',')
		}
		b.WriteByte('}')
	case tree.Null, tree.Bool, tree.String, tree.Include:
		b.WriteString(strconv.Quote(n.Text))
	}
}

// Written writes a value so that equal ones are written alike.
func Written(n *tree.Node) string {
	var b strings.Builder
	canonical(&b, n)
	return b.String()
}

func equal(a, b *tree.Node) bool {
	return a.Kind == b.Kind && Written(a) == Written(b)
}

// enum are the values of an enum, written canonically.
func (s *Schema) enum(n *tree.Node) map[string]bool {
	known := s.enums[n]
	if known == nil {
		known = make(map[string]bool, len(n.List()))
		for _, item := range n.List() {
			known[Written(item)] = true
		}
		s.enums[n] = known
	}
	return known
}

func duplicate(list []*tree.Node) bool {
	seen := make(map[string]bool, len(list))
	for _, item := range list {
		text := Written(item)
		if seen[text] {
			return true
		}
		seen[text] = true
	}
	return false
}
