package datatype

import (
	"math/big"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
)

// maxDigits bounds the numbers that are calculated with exactly: in digits and in
// powers of ten.
const maxDigits = 400

// number is the value of a number as it is written, false when it is none or
// beyond all measure.
func number(text string) (*big.Rat, bool) {
	if len(text) > maxDigits || strings.ContainsAny(text, "/_xXpPoObB") {
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

// span are the bounds of a format of numbers, nil where it has none; whole says
// that it has integers only.
func span(format string) (least, most *big.Rat, whole bool) {
	bits := map[string]uint{"int8": 8, "int16": 16, "int32": 32, "int": 32, "int64": 64, "long": 64}[format]
	if bits == 0 {
		return nil, nil, false
	}
	half := new(big.Int).Lsh(big.NewInt(1), bits-1)
	least = new(big.Rat).SetInt(new(big.Int).Neg(half))
	most = new(big.Rat).SetInt(new(big.Int).Sub(half, big.NewInt(1)))
	return least, most, true
}

func isNumberFormat(format string) bool {
	switch format {
	case "int8", "int16", "int32", "int64", "int", "long", "float", "double":
		return true
	}
	return false
}

// isMultiple says whether a is a multiple of b.
func isMultiple(a, b *big.Rat) bool {
	return b.Sign() != 0 && new(big.Rat).Quo(a, b).IsInt()
}

// canonical writes a value so that equal ones are written alike.
func canonical(b *strings.Builder, n *tree.Node) {
	if n == nil {
		return
	}
	b.WriteByte('0' + byte(n.Kind))
	switch n.Kind {
	case tree.Number:
		if r, ok := number(n.Text); ok {
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
			b.WriteByte(':')
			canonical(b, n.Get(name))
			b.WriteByte(',')
		}
		b.WriteByte('}')
	case tree.Null, tree.Bool, tree.String, tree.Include:
		b.WriteString(strconv.Quote(n.Text))
	}
}

func canonicalText(n *tree.Node) string {
	var b strings.Builder
	canonical(&b, n)
	return b.String()
}

// duplicate is the first item that stands in a list before, nil for none; cost is
// the length of what was compared.
func duplicate(list []*tree.Node) (again *tree.Node, cost int) {
	seen := make(map[string]bool, len(list))
	for _, item := range list {
		text := canonicalText(item)
		if cost += len(text); seen[text] {
			return item, cost
		}
		seen[text] = true
	}
	return nil, cost
}
