package datatype

import (
	"math/big"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec/raml/datatype/jsonschema"
)

// number is the value of a number as it is written, false when it is none or
// beyond all measure.
func number(text string) (*big.Rat, bool) { return jsonschema.Number(text) }

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

// duplicate is the first item that stands in a list before, nil for none; cost is
// the length of what was compared.
func duplicate(list []*tree.Node) (again *tree.Node, cost int) {
	seen := make(map[string]bool, len(list))
	for _, item := range list {
		text := jsonschema.Written(item)
		if cost += len(text); seen[text] {
			return item, cost
		}
		seen[text] = true
	}
	return nil, cost
}
