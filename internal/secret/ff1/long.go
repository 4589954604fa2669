package ff1

import (
	"math"
	"math/big"
)

// runLong is run for halves that do not fit into 64 bits.
func (c *Cipher) runLong(x []uint16, tweak []byte, encrypt bool) {
	u := len(x) / 2
	radix := new(big.Int).SetUint64(c.radix)
	mods := [2]*big.Int{
		new(big.Int).Exp(radix, big.NewInt(int64(u)), nil),
		new(big.Int).Exp(radix, big.NewInt(int64(len(x)-u)), nil),
	}
	largest := new(big.Int).Sub(mods[1], big.NewInt(1))
	f := c.prepare(len(x), tweak, (largest.BitLen()+7)/8)
	a, b := c.bigNumber(x[:u]), c.bigNumber(x[u:])
	y := new(big.Int)
	if encrypt {
		for i := range rounds {
			b.FillBytes(f.half())
			a.Add(a, y.SetBytes(f.expand(byte(i))))
			a.Mod(a, mods[i%2])
			a, b = b, a
		}
	} else {
		for i := rounds - 1; i >= 0; i-- {
			a.FillBytes(f.half())
			b.Sub(b, y.SetBytes(f.expand(byte(i))))
			b.Mod(b, mods[i%2])
			a, b = b, a
		}
	}
	c.bigNumerals(a, x[:u])
	c.bigNumerals(b, x[u:])
}

// chunk is how many numerals fit into 63 bits, and radix to that power.
func (c *Cipher) chunk() (numerals int, power uint64) {
	power = 1
	for power <= math.MaxInt64/c.radix {
		power *= c.radix
		numerals++
	}
	return numerals, power
}

// bigNumber is number for any length.
func (c *Cipher) bigNumber(x []uint16) *big.Int {
	n, part, scale := new(big.Int), new(big.Int), new(big.Int)
	most, power := c.chunk()
	for len(x) > 0 {
		k := min(most, len(x))
		if k < most {
			power, _ = c.power(k)
		}
		n.Mul(n, scale.SetUint64(power))
		n.Add(n, part.SetUint64(c.number(x[:k])))
		x = x[k:]
	}
	return n
}

// bigNumerals is numerals for any length.
func (c *Cipher) bigNumerals(n *big.Int, x []uint16) {
	part, scale := new(big.Int), new(big.Int)
	rest := new(big.Int).Set(n)
	most, power := c.chunk()
	for len(x) > 0 {
		k := min(most, len(x))
		rest.QuoRem(rest, scale.SetUint64(power), part)
		c.numerals(part.Uint64(), x[len(x)-k:])
		x = x[:len(x)-k]
	}
}
