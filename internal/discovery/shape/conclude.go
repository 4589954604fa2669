package shape

import (
	"slices"

	"farrier.dev/farrier/internal/classify/sensitive"
)

// tolerated is the share of values of a parameter that may be of another type or
// format than it: somebody always sends nonsense. A schema tolerates none.
const tolerated = 0.02

func isText(k kind) bool    { return k.text() }
func isNumeric(k kind) bool { return k >= kindInt32 && k <= kindFraction }
func isScalar(k kind) bool {
	return k.text() || isNumeric(k) || k == kindBoolean || k == kindNull || k == kindFile
}

// Type is the type of the values: the one that all have but a few of many. A text stands
// for a number or boolean only where all look like one. It is empty where nothing was
// seen.
func (v *Values) Type() Type {
	if lists := v.kinds.of(kindArray) + v.kinds.of(kindList); lists > 0 && float64(lists) > tolerated*float64(v.Count) {
		return Array
	}
	return v.scalarType()
}

// Items is the type of the elements of values that are arrays, and of all others that of
// the values themselves.
func (v *Values) Items() Type { return v.scalarType() }

// Repeated says that the parameter came several times in a call, Listed that it
// came with values parted by commas.
func (v *Values) Repeated() bool { return v.kinds.of(kindArray) > 0 }

// Listed says that several values came in one, parted by commas.
func (v *Values) Listed() bool { return v.kinds.of(kindList) > 0 }

func (v *Values) scalarType() Type {
	all := v.kinds.sum(isScalar)
	if all == 0 {
		return ""
	}
	most := func(n uint64) bool { return n > 0 && float64(all-n) <= tolerated*float64(all) }
	if all < 50 {
		most = func(n uint64) bool { return n == all }
	}
	whole := v.kinds.sum(func(k kind) bool { return isNumeric(k) && k != kindFraction })
	switch {
	case most(v.kinds.of(kindBoolean)):
		return Boolean
	case most(whole) && v.kinds.of(kindFraction) == 0:
		return Integer
	case most(whole + v.kinds.of(kindFraction)):
		return Number
	case most(v.kinds.of(kindNull)):
		return Null
	}
	return String
}

// Format is the name of the format that all values have but a few of many, empty for
// none: those of JSON Schema and OpenAPI, and hex, object-id, jwt, timestamp (a date
// with a time that is not RFC 3339's) and binary (a file).
func (v *Values) Format() string {
	switch v.scalarType() {
	case Integer:
		return v.numberFormat()
	case Number:
		return kindFraction.String()
	case String:
		k := v.textFormat(tolerated)
		if k == kindNone {
			return ""
		}
		return k.String()
	default:
		return ""
	}
}

func (v *Values) numberFormat() string {
	switch {
	case v.kinds.of(kindHuge) > 0:
		return ""
	case v.kinds.of(kindInt64) > 0:
		return kindInt64.String()
	}
	return kindInt32.String()
}

// textFormat is the format of all texts but the share that is tolerated.
func (v *Values) textFormat(share float64) kind {
	all := v.kinds.sum(func(k kind) bool { return isScalar(k) && k != kindNull })
	if all < 50 {
		share = 0
	}
	found := kindNone
	v.kinds.each(func(k kind, n uint64) {
		if hasFormat(k) && float64(all-n) <= share*float64(all) {
			found = k
		}
	})
	if found != kindNone {
		return found
	}
	// Some hexadecimal identifiers are all digits, and some look like words.
	hex := v.kinds.sum(func(k kind) bool { return k == kindHex || k == kindObjectID })
	digits := v.kinds.of(kindDigits) + v.kinds.of(kindInt32) + v.kinds.of(kindInt64)
	if hex*10 >= all*9 && float64(all-hex-digits) <= share*float64(all) {
		if v.kinds.of(kindHex) == 0 && v.sameLength() {
			return kindObjectID
		}
		return kindHex
	}
	return kindNone
}

func (v *Values) sameLength() bool { return v.short == v.long }

func hasFormat(k kind) bool {
	return k >= kindUUID || k == kindFile
}

// Range gives the magnitudes below and above all numbers; false where there were none.
func (v *Values) Range() (low, high float64, ok bool) {
	return v.low.value(), v.high.value(), v.ranged
}

// Lengths gives bounds of the lengths of texts in bytes, of which the least is a power
// of two and the greatest one less than one; false where there were none.
func (v *Values) Lengths() (least, most int, ok bool) {
	if v.long == 0 {
		return 0, 0, false
	}
	least, _ = lengths(v.short - 1)
	_, most = lengths(v.long - 1)
	return least, most, true
}

// Distinct is about how many different values there were; capped says that there were
// more, and nobody counted.
func (v *Values) Distinct() (n uint64, capped bool) {
	switch {
	case v.sketched():
		return v.more.sketch.Estimate(), false
	case v.full:
		return MaxWords + 1, true
	case v.more == nil:
		return 0, false
	}
	return uint64(len(v.more.words)), false
}

// enumFrom is the least number of values that make a vocabulary.
const enumFrom = 20

// Enum gives the words of a small vocabulary, sorted; nil unless the values are few,
// word-like, insensitive and well supported. Values that came less than SupportedWord
// times are left out if they are few, and otherwise there is none.
func (v *Values) Enum() []string {
	words, rest := v.vocabulary()
	all := v.kinds.sum(isText)
	if len(words) == 0 || all < enumFrom || float64(rest) > tolerated*float64(all) {
		return nil
	}
	return words
}

// vocabulary gives the words that are kept, and how many values are none of them.
func (v *Values) vocabulary() (words []string, rest uint64) {
	if v.full || v.more == nil || len(v.more.classes) > 0 || v.scalarType() != String {
		return nil, 0
	}
	for i, w := range v.more.words {
		if text := v.more.text(i); text != "" {
			words = append(words, text)
		} else {
			rest += uint64(w.count)
		}
	}
	slices.Sort(words)
	return words, rest
}

// Classes gives the classes of sensitive data that were seen, sorted.
func (v *Values) Classes() []sensitive.Class {
	var classes []sensitive.Class
	if v.more != nil {
		for _, c := range v.more.classes {
			classes = append(classes, c.class)
		}
	}
	return classes
}

// ClassCounts gives how many values had each class of sensitive data.
func (v *Values) ClassCounts() map[sensitive.Class]uint64 {
	if v.more == nil || len(v.more.classes) == 0 {
		return nil
	}
	counts := map[sensitive.Class]uint64{}
	for _, c := range v.more.classes {
		counts[c.class] = c.count
	}
	return counts
}

// Shape is a redacted shape of the values of a class, empty where there is none.
func (v *Values) Shape(c sensitive.Class) string {
	if v.more != nil {
		for _, have := range v.more.classes {
			if have.class == c {
				return have.shape
			}
		}
	}
	return ""
}

// Classes counts the values of each class of sensitive data in the whole tree.
func (s *Schema) Classes() map[sensitive.Class]uint64 {
	counts := map[sensitive.Class]uint64{}
	s.Walk(func(_ string, n *Schema) {
		for class, count := range n.v.ClassCounts() {
			counts[class] += count
		}
	})
	return counts
}
