package tokenization

import (
	"errors"
	"fmt"
	"math/big"
	"strings"

	"farrier.dev/farrier/internal/secret/ff1"
)

// The alphabets of tokens.
const (
	decimals  = "0123456789"
	lowers    = "abcdefghijklmnopqrstuvwxyz"
	uppers    = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	base36    = decimals + uppers
	base62    = decimals + uppers + lowers
	printable = " !\"#$%&'()*+,-./" + decimals + ":;<=>?@" + uppers + "[\\]^_`" + lowers + "{|}~"
)

// cell is a character of a value that takes part.
type cell struct {
	at       int // in the value
	alphabet string
	numeral  uint16
}

// Reasons for leaving a value as it is. They quote nothing of it.
var (
	errDomain = errors.New("the value is none of its format's domain")
	errShort  = errors.New("the value is too short: fewer than 1,000,000 like it exist, so that a token would not hide it")
	errLong   = errors.New("the token would be longer than maximumTokenLength")
	errToken  = errors.New("the value is no token of its format")
)

// cellsOf finds the characters of the alphabets, each in the first that has it.
// Unless others may stand between them, a further character is an error.
func cellsOf(value string, others bool, alphabets ...string) ([]cell, error) {
	cells := make([]cell, 0, len(value))
next:
	for i := range len(value) {
		for _, alphabet := range alphabets {
			if n := strings.IndexByte(alphabet, value[i]); n >= 0 {
				cells = append(cells, cell{i, alphabet, uint16(n)}) //nolint:gosec // below 95
				continue next
			}
		}
		if !others {
			return nil, errDomain
		}
	}
	return cells, nil
}

// write puts the cells into the value.
func write(value string, cells []cell) string {
	out := []byte(value)
	for _, c := range cells {
		out[c.at] = c.alphabet[c.numeral]
	}
	return string(out)
}

// digitsOf are the digits of a value with what may stand between two of them.
func digitsOf(value, between string) ([]cell, error) {
	cells := make([]cell, 0, len(value))
	for i := range len(value) {
		c := value[i]
		switch {
		case '0' <= c && c <= '9':
			cells = append(cells, cell{i, decimals, uint16(c - '0')})
		case strings.IndexByte(between, c) < 0, i == 0, i == len(value)-1, value[i+1] < '0', value[i+1] > '9':
			return nil, errDomain
		}
	}
	return cells, nil
}

// cipherSet is FF1 under one key for the sizes of all alphabets.
type cipherSet map[int]*ff1.Cipher

func newCipherSet(key []byte) (cipherSet, error) {
	set := cipherSet{}
	for _, radix := range [...]int{2, len(decimals), len(lowers), len(base36), len(base62), len(printable)} {
		c, err := ff1.New(key, radix)
		if err != nil {
			return nil, fmt.Errorf("making a cipher: %w", err)
		}
		set[radix] = c
	}
	return set, nil
}

// permute encrypts or decrypts the cells in place.
func (set cipherSet) permute(cells []cell, tweak []byte, encrypt bool) error {
	if len(cells) == 0 {
		return errShort
	}
	for _, c := range cells[1:] {
		if len(c.alphabet) != len(cells[0].alphabet) {
			return set.permuteMixed(cells, tweak, encrypt)
		}
	}
	x := make([]uint16, len(cells))
	for i := range cells {
		x[i] = cells[i].numeral
	}
	if err := set.run(len(cells[0].alphabet), x, tweak, encrypt); err != nil {
		return err
	}
	for i := range cells {
		cells[i].numeral = x[i]
	}
	return nil
}

func (set cipherSet) run(radix int, x []uint16, tweak []byte, encrypt bool) error {
	c := set[radix]
	var err error
	if encrypt {
		err = c.Encrypt(x, tweak)
	} else {
		err = c.Decrypt(x, tweak)
	}
	if errors.Is(err, ff1.ErrTooShort) {
		return errShort
	}
	return err
}

// permuteMixed permutes cells of several alphabets. All texts of the same classes
// are counted, the number of one is encrypted as bits, and again as long as the
// result is beyond the last of them: a walk along a cycle, which ends, since the
// number itself lies on it. A step leaves the range with less than even odds.
func (set cipherSet) permuteMixed(cells []cell, tweak []byte, encrypt bool) error {
	size, number, part := big.NewInt(1), new(big.Int), new(big.Int)
	for _, c := range cells {
		radix := part.SetInt64(int64(len(c.alphabet)))
		size.Mul(size, radix)
		number.Mul(number, radix)
		number.Add(number, big.NewInt(int64(c.numeral)))
	}
	if size.Cmp(big.NewInt(ff1.MinDomain)) < 0 {
		return errShort
	}
	bits := make([]uint16, new(big.Int).Sub(size, big.NewInt(1)).BitLen())
	if len(bits) > ff1.MaxLength {
		return errLong
	}
	for again := true; again; again = number.Cmp(size) >= 0 {
		for i := range bits {
			bits[i] = uint16(number.Bit(len(bits) - 1 - i)) //nolint:gosec // 0 or 1
		}
		if err := set.run(2, bits, tweak, encrypt); err != nil {
			return err
		}
		number.SetInt64(0)
		for i, bit := range bits {
			number.SetBit(number, len(bits)-1-i, uint(bit))
		}
	}
	for i := len(cells) - 1; i >= 0; i-- {
		number.QuoRem(number, big.NewInt(int64(len(cells[i].alphabet))), part)
		cells[i].numeral = uint16(part.Uint64()) //nolint:gosec // below 36
	}
	return nil
}

// luhnOf is the sum of Luhn's check over the digits, modulo 10; 0 passes.
func luhnOf(cells []cell) int {
	sum := 0
	for i, c := range cells {
		sum += luhnDigit(int(c.numeral), len(cells)-1-i)
	}
	return sum % 10
}

// luhnDigit is what a digit adds, so many places from the right.
func luhnDigit(digit, fromRight int) int {
	if fromRight%2 == 0 {
		return digit
	}
	if digit *= 2; digit > 9 {
		digit -= 9
	}
	return digit
}

// fixLuhn sets the digit at i so that the number passes.
func fixLuhn(cells []cell, i int) {
	for cells[i].numeral = 0; luhnOf(cells) != 0; cells[i].numeral++ {
	}
}
