// Package ff1 is the format-preserving encryption FF1 of NIST SP 800-38G
// revision 1 over AES: a keyed permutation of all texts of one length over one
// alphabet. It works on numerals, not on characters, and keeps no key store. It
// authenticates nothing: every text of the right length decrypts to something.
package ff1

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"math/bits"
)

const (
	// MinDomain is the least number of texts that a permutation may be over
	// (SP 800-38G r1, section 5.2): a smaller one could be written down.
	MinDomain = 1_000_000
	// MaxRadix is the size of the largest alphabet.
	MaxRadix = 1 << 16
	// MaxLength is the number of numerals of the longest text. The standard allows
	// more; the cost grows with the square of the length.
	MaxLength = 8192
	// MaxTweak is the number of bytes of the longest tweak.
	MaxTweak = 4096
)

const rounds = 10

// Errors about texts and tweaks.
var (
	// ErrTooShort reports a text of a length of which there are fewer than
	// MinDomain.
	ErrTooShort = errors.New("ff1: the text is too short: there are fewer than 1,000,000 of its length")
	// ErrTooLong reports a text of more than MaxLength numerals.
	ErrTooLong = fmt.Errorf("ff1: the text is longer than %d numerals", MaxLength)
	// ErrTweak reports a tweak of more than MaxTweak bytes.
	ErrTweak = fmt.Errorf("ff1: the tweak is longer than %d bytes", MaxTweak)
	// ErrNumeral reports a numeral that is not below the radix.
	ErrNumeral = errors.New("ff1: a numeral is not below the radix")
)

// Cipher is FF1 with one key and one alphabet. It is safe for concurrent use.
type Cipher struct {
	block  cipher.Block
	radix  uint64
	minLen int
}

// New makes a cipher for alphabets of radix characters, 2 to MaxRadix. The key
// has 16, 24 or 32 bytes.
func New(key []byte, radix int) (*Cipher, error) {
	if radix < 2 || radix > MaxRadix {
		return nil, fmt.Errorf("ff1: the radix is %d, it must be 2 to %d", radix, MaxRadix)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("ff1: %w", err)
	}
	return &Cipher{block: block, radix: uint64(radix), minLen: minLength(radix)}, nil
}

// minLength is the length from which on there are MinDomain texts.
func minLength(radix int) int {
	n, domain := 1, radix
	for domain < MinDomain || n < 2 {
		domain *= radix
		n++
	}
	return n
}

// MinLength is the number of numerals of the shortest text that is accepted.
func (c *Cipher) MinLength() int { return c.minLen }

// Encrypt replaces the text x by its ciphertext of the same length. Each numeral
// is below the radix. The errors are ErrTooShort, ErrTooLong, ErrTweak and
// ErrNumeral; x is unchanged then.
func (c *Cipher) Encrypt(x []uint16, tweak []byte) error { return c.run(x, tweak, true) }

// Decrypt undoes Encrypt with the same tweak.
func (c *Cipher) Decrypt(x []uint16, tweak []byte) error { return c.run(x, tweak, false) }

func (c *Cipher) run(x []uint16, tweak []byte, encrypt bool) error {
	switch {
	case len(x) < c.minLen:
		return ErrTooShort
	case len(x) > MaxLength:
		return ErrTooLong
	case len(tweak) > MaxTweak:
		return ErrTweak
	}
	for _, numeral := range x {
		if uint64(numeral) >= c.radix {
			return ErrNumeral
		}
	}
	u := len(x) / 2
	v := len(x) - u
	modU, fits := c.power(u)
	modV, fitsV := c.power(v)
	if !fits || !fitsV {
		c.runLong(x, tweak, encrypt)
		return nil
	}
	f := c.prepare(len(x), tweak, (bits.Len64(modV-1)+7)/8)
	a, b := c.number(x[:u]), c.number(x[u:])
	if encrypt {
		for i := range rounds {
			mod := modU
			if i%2 == 1 {
				mod = modV
			}
			a, b = b, addMod(a, f.short(byte(i), b, mod), mod)
		}
	} else {
		for i := rounds - 1; i >= 0; i-- {
			mod := modU
			if i%2 == 1 {
				mod = modV
			}
			a, b = subMod(b, f.short(byte(i), a, mod), mod), a
		}
	}
	c.numerals(a, x[:u])
	c.numerals(b, x[u:])
	return nil
}

// power is radix to the n, and whether it is below 2^64.
func (c *Cipher) power(n int) (uint64, bool) {
	p := uint64(1)
	for range n {
		hi, lo := bits.Mul64(p, c.radix)
		if hi != 0 {
			return 0, false
		}
		p = lo
	}
	return p, true
}

// number is NUM of the standard: the numerals read as one number, the first the
// most significant.
func (c *Cipher) number(x []uint16) uint64 {
	var n uint64
	for _, numeral := range x {
		n = n*c.radix + uint64(numeral)
	}
	return n
}

// numerals is STR of the standard.
func (c *Cipher) numerals(n uint64, x []uint16) {
	for i := len(x) - 1; i >= 0; i-- {
		x[i] = uint16(n % c.radix) //nolint:gosec // below the radix, which is at most 2^16
		n /= c.radix
	}
}

// addMod is (a + y) mod m of numbers below m.
func addMod(a, y, m uint64) uint64 {
	sum, carry := bits.Add64(a, y, 0)
	if carry == 1 || sum >= m {
		sum -= m
	}
	return sum
}

// subMod is (a - y) mod m of numbers below m.
func subMod(a, y, m uint64) uint64 {
	if a < y {
		return a + (m - y)
	}
	return a - y
}

// feistel is what the rounds of one text share.
type feistel struct {
	block cipher.Block
	// first is the state of the CBC-MAC behind P and the whole blocks of Q that
	// do not change; tail is the rest of Q: the end of the tweak, zeroes, the number
	// of the round and b bytes of the half.
	first [aes.BlockSize]byte
	state [aes.BlockSize]byte
	tail  []byte
	room  [3 * aes.BlockSize]byte
	b, d  int
	s     []byte // d bytes, in whole blocks
	sRoom [aes.BlockSize]byte
}

// prepare computes what is equal in all rounds. b is the number of bytes of a
// half.
func (c *Cipher) prepare(n int, tweak []byte, b int) *feistel {
	f := &feistel{block: c.block, b: b, d: 4*((b+3)/4) + 4}
	u, t := n/2, len(tweak)
	f.first = [aes.BlockSize]byte{
		1, 2, 1,
		byte(c.radix >> 16), byte(c.radix >> 8), byte(c.radix),
		rounds, byte(u),
		byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n),
		byte(t >> 24), byte(t >> 16), byte(t >> 8), byte(t),
	}
	f.block.Encrypt(f.first[:], f.first[:])
	for len(tweak) >= aes.BlockSize {
		f.absorb(&f.first, tweak[:aes.BlockSize])
		tweak = tweak[aes.BlockSize:]
	}
	zeroes := (aes.BlockSize - (t+b+1)%aes.BlockSize) % aes.BlockSize
	length := len(tweak) + zeroes + 1 + b
	if f.tail = f.room[:0]; length > len(f.room) {
		f.tail = make([]byte, 0, length)
	}
	f.tail = append(f.tail, tweak...)
	f.tail = f.tail[:length]
	blocks := (f.d + aes.BlockSize - 1) / aes.BlockSize
	if f.s = f.sRoom[:]; blocks > 1 {
		f.s = make([]byte, blocks*aes.BlockSize)
	}
	return f
}

func (f *feistel) absorb(state *[aes.BlockSize]byte, block []byte) {
	for i := range state {
		state[i] ^= block[i]
	}
	f.block.Encrypt(state[:], state[:])
}

// half is where the b bytes of the half of a round are to be put.
func (f *feistel) half() []byte { return f.tail[len(f.tail)-f.b:] }

// expand makes the d bytes S of round i from what stands in half.
func (f *feistel) expand(i byte) []byte {
	f.tail[len(f.tail)-f.b-1] = i
	f.state = f.first
	for q := f.tail; len(q) > 0; q = q[aes.BlockSize:] {
		f.absorb(&f.state, q[:aes.BlockSize])
	}
	copy(f.s, f.state[:])
	for j := 1; j*aes.BlockSize < len(f.s); j++ {
		next := f.s[j*aes.BlockSize : (j+1)*aes.BlockSize]
		copy(next, f.state[:])
		for k := range 8 {
			next[aes.BlockSize-1-k] ^= byte(j >> (8 * k))
		}
		f.block.Encrypt(next, next)
	}
	return f.s[:f.d]
}

// short is NUM(S) mod m for halves of at most 8 bytes, so that S has at most 12.
func (f *feistel) short(i byte, half, m uint64) uint64 {
	into := f.half()
	for k := len(into) - 1; k >= 0; k-- {
		into[k] = byte(half)
		half >>= 8
	}
	var hi, lo uint64
	for _, c := range f.expand(i) {
		hi = hi<<8 | lo>>56
		lo = lo<<8 | uint64(c)
	}
	return bits.Rem64(hi, lo, m)
}
