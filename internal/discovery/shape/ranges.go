package shape

import (
	"math"
	"math/bits"
	"strings"
)

// magnitude is a number rounded to 1, 2 or 5 times a power of ten, so that magnitudes
// are in the order of their numbers; 0 is zero.
type magnitude int16

const (
	maxExponent = 400
	noMagnitude = magnitude(math.MinInt16)
)

// value is the number that m stands for.
func (m magnitude) value() float64 {
	if m == 0 {
		return 0
	}
	if m < 0 {
		return -(-m).value()
	}
	at := int(m) - 1
	digit := [...]float64{1, 2, 5}[at%3]
	return digit * math.Pow(10, float64(at/3-maxExponent))
}

// outward gives the magnitudes below and above a number as JSON writes it.
func outward(s string) (low, high magnitude) {
	negative := s[0] == '-'
	digit, rest, exponent := leading(s)
	if digit == 0 {
		return 0, 0
	}
	exponent = min(max(exponent, -maxExponent+1), maxExponent-1)
	base := magnitude(3*(exponent+maxExponent) + 1) //nolint:gosec // At most 2398.
	switch {
	case digit >= 5:
		low, high = base+2, base+3
	case digit >= 2:
		low, high = base+1, base+2
	default:
		low, high = base, base+1
	}
	if !rest && (digit == 1 || digit == 2 || digit == 5) {
		high = low
	}
	if negative {
		return -high, -low
	}
	return low, high
}

// leading gives the first digit that is not zero, whether another such follows, and
// the power of ten of the first.
func leading(s string) (digit byte, rest bool, exponent int) {
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		exponent, s = power(s[i+1:]), s[:i]
	}
	point, at := -1, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.':
			point = at
		case !isDigit(c):
		case digit == 0 && c != '0':
			digit, exponent = c-'0', exponent-at
			at++
		default:
			rest = rest || digit != 0 && c != '0'
			at++
		}
	}
	if point < 0 {
		point = at
	}
	return digit, rest, exponent + point - 1
}

func power(s string) int {
	n := 0
	for _, c := range strings.TrimLeft(s, "+-") {
		n = min(n*10+int(c-'0'), 10*maxExponent)
	}
	if strings.HasPrefix(s, "-") {
		return -n
	}
	return n
}

// lengthCode is the number of bits of a length.
func lengthCode(n int) uint8 { return uint8(bits.Len(uint(n))) } //nolint:gosec // Not negative; at most 64.

// lengths gives the least and the greatest length of a code.
func lengths(code uint8) (least, most int) {
	if code == 0 {
		return 0, 0
	}
	return 1 << (code - 1), 1<<code - 1
}
