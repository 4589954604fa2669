package schema

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math/big"
	"math/bits"
)

// decimal is an exact number: mantissa times ten to the power of exponent. Its
// form is the only one of its value: the mantissa does not end in zero, and zero
// has the exponent 0 and no sign. A mantissa of more than 19 digits stands in long.
type decimal struct {
	negative bool
	exponent int32
	mantissa uint64
	// long are the digits, without zeros at either end.
	long []byte
}

// maxDigits is how many digits a mantissa always has room for.
const maxDigits = 19

// decimalOf reads a number in JSON's grammar that passes CheckNumber. It
// allocates nothing for one of up to 19 digits.
func decimalOf(text []byte) decimal {
	var n decimal
	digits, dropped := 0, 0 // digits of the mantissa, and zeros that may follow
	fraction := false
	i := 0
	for ; i < len(text); i++ {
		c := text[i]
		switch c {
		case '-':
			n.negative = true
			continue
		case '.':
			fraction = true
			continue
		case 'e', 'E':
			n.exponent += exponentOf(text[i+1:])
			i = len(text)
			continue
		case '0':
			if fraction {
				n.exponent--
			}
			if digits > 0 {
				dropped++
			}
			continue
		}
		if fraction {
			n.exponent--
		}
		if digits += dropped + 1; digits > maxDigits {
			return n.readLong(text)
		}
		for ; dropped > 0; dropped-- {
			n.mantissa *= 10
		}
		n.mantissa = n.mantissa*10 + uint64(c-'0')
	}
	if n.exponent += int32(dropped); n.mantissa == 0 { //nolint:gosec // at most maxNumber
		return decimal{}
	}
	return n
}

func exponentOf(text []byte) int32 {
	var n int32
	negative := false
	for _, c := range text {
		if c == '-' {
			negative = true
		} else if c != '+' {
			n = n*10 + int32(c-'0')
		}
	}
	if negative {
		return -n
	}
	return n
}

// readLong reads a number of more digits than fit, of which n knows the sign.
func (n decimal) readLong(text []byte) decimal {
	n.exponent, n.mantissa = 0, 0
	fraction := false
	for i, c := range text {
		if c == 'e' || c == 'E' {
			n.exponent += exponentOf(text[i+1:])
			break
		}
		if c == '.' {
			fraction = true
		}
		if c < '0' || c > '9' {
			continue
		}
		if fraction {
			n.exponent--
		}
		if c != '0' || len(n.long) > 0 {
			n.long = append(n.long, c)
		}
	}
	trimmed := bytes.TrimRight(n.long, "0")
	n.exponent += int32(len(n.long) - len(trimmed)) //nolint:gosec // at most maxNumber
	n.long = trimmed
	return n
}

func (n decimal) zero() bool { return n.mantissa == 0 && n.long == nil }

// whole says whether the number is an integer.
func (n decimal) whole() bool { return n.exponent >= 0 }

// digits appends the digits of the mantissa.
func (n decimal) digits(dst []byte) []byte {
	if n.long != nil {
		return append(dst, n.long...)
	}
	var text [20]byte
	at := len(text)
	for m := n.mantissa; m > 0; m /= 10 {
		at--
		text[at] = byte('0' + m%10)
	}
	return append(dst, text[at:]...)
}

// compare gives -1, 0 or 1 as n is less than, equal to or more than m.
func (n decimal) compare(m decimal) int {
	switch {
	case n.zero() && m.zero():
		return 0
	case n.zero():
		return sign(!m.negative)
	case m.zero() || n.negative != m.negative:
		return sign(n.negative)
	}
	more := n.magnitude(m)
	if n.negative {
		return -more
	}
	return more
}

func sign(negative bool) int {
	if negative {
		return -1
	}
	return 1
}

// magnitude compares two numbers that are not zero by their size.
func (n decimal) magnitude(m decimal) int {
	if n.long == nil && m.long == nil && n.exponent == m.exponent {
		return order(n.mantissa, m.mantissa)
	}
	var room, other [64]byte
	a, b := n.digits(room[:0]), m.digits(other[:0])
	if byPower := len(a) + int(n.exponent) - len(b) - int(m.exponent); byPower != 0 {
		return sign(byPower < 0)
	}
	return bytes.Compare(a, b)
}

func order(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// multipleOf says whether n is a multiple of a number more than zero.
func (n decimal) multipleOf(m decimal) bool {
	if n.zero() {
		return true
	}
	power := int(n.exponent) - int(m.exponent)
	if power < 0 {
		// The last digit of n is not zero and stands behind that of every multiple.
		return false
	}
	if m.long != nil {
		return n.multipleOfLong(m, power)
	}
	rest := uint64(0)
	var room [64]byte
	for _, c := range n.digits(room[:0]) {
		rest = timesTen(rest, uint64(c-'0'), m.mantissa)
	}
	for ; power > 0 && rest > 0; power-- {
		rest = timesTen(rest, 0, m.mantissa)
	}
	return rest == 0
}

// timesTen is (10·rest + digit) mod divisor, for a rest less than the divisor.
func timesTen(rest, digit, divisor uint64) uint64 {
	high, low := bits.Mul64(rest, 10)
	low, carry := bits.Add64(low, digit, 0)
	return bits.Rem64(high+carry, low, divisor)
}

// hash adds the number to a hash.
func (n decimal) hash(h *maphash.Hash) {
	var fixed [13]byte
	if n.negative {
		fixed[0] = 1
	}
	binary.LittleEndian.PutUint32(fixed[1:], uint32(n.exponent)) //nolint:gosec // only its bits matter
	binary.LittleEndian.PutUint64(fixed[5:], n.mantissa)
	_, _ = h.Write(fixed[:])
	_, _ = h.Write(n.long)
}

// multipleOfLong is multipleOf where the divisor has more digits than fit.
func (n decimal) multipleOfLong(m decimal, power int) bool {
	divisor, ok := new(big.Int).SetString(string(m.long), 10)
	if !ok {
		return false
	}
	value, ok := new(big.Int).SetString(string(n.digits(nil)), 10)
	if !ok {
		return false
	}
	value.Mul(value, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(power)), nil))
	return value.Rem(value, divisor).Sign() == 0
}
