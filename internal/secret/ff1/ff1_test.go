package ff1_test

import (
	"crypto/aes"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/secret/ff1"
)

const digits = "0123456789abcdefghijklmnopqrstuvwxyz"

func numerals(text string) []uint16 {
	x := make([]uint16, len(text))
	for i := range text {
		x[i] = uint16(strings.IndexByte(digits, text[i]))
	}
	return x
}

func text(x []uint16) string {
	var b strings.Builder
	for _, n := range x {
		b.WriteByte(digits[n])
	}
	return b.String()
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestSamples plays the nine samples that NIST publishes for FF1.
func TestSamples(t *testing.T) {
	const (
		key128 = "2B7E151628AED2A6ABF7158809CF4F3C"
		key192 = key128 + "EF4359D8D580AA4F"
		key256 = key192 + "7F036D6F04FC6A94"
		ten    = "39383736353433323130"
		eleven = "3737373770717273373737"
	)
	cases := []struct {
		key   string
		radix int
		tweak string
		plain string
		want  string
	}{
		{key128, 10, "", "0123456789", "2433477484"},
		{key128, 10, ten, "0123456789", "6124200773"},
		{key128, 36, eleven, "0123456789abcdefghi", "a9tv40mll9kdu509eum"},
		{key192, 10, "", "0123456789", "2830668132"},
		{key192, 10, ten, "0123456789", "2496655549"},
		{key192, 36, eleven, "0123456789abcdefghi", "xbj3kv35jrawxv32ysr"},
		{key256, 10, "", "0123456789", "6657667009"},
		{key256, 10, ten, "0123456789", "1001623463"},
		{key256, 36, eleven, "0123456789abcdefghi", "xs8a0azh2avyalyzuwd"},
	}
	for i, c := range cases {
		f, err := ff1.New(unhex(t, c.key), c.radix)
		if err != nil {
			t.Fatal(err)
		}
		x := numerals(c.plain)
		if err := f.Encrypt(x, unhex(t, c.tweak)); err != nil || text(x) != c.want {
			t.Errorf("sample %d: %s, %v, want %s", i+1, text(x), err, c.want)
		}
		if err := f.Decrypt(x, unhex(t, c.tweak)); err != nil || text(x) != c.plain {
			t.Errorf("sample %d: decrypts to %s, %v", i+1, text(x), err)
		}
	}
	t.Logf("played %d samples", len(cases))
}

func TestRefusals(t *testing.T) {
	key := make([]byte, 16)
	for _, radix := range []int{-1, 0, 1, 1<<16 + 1} {
		if _, err := ff1.New(key, radix); err == nil {
			t.Errorf("radix %d is accepted", radix)
		}
	}
	if _, err := ff1.New(key[:15], 10); err == nil {
		t.Error("a key of 15 bytes is accepted")
	}
	for radix, want := range map[int]int{2: 20, 10: 6, 26: 5, 36: 4, 62: 4, 95: 4, 999: 3, 1000: 2, 1 << 16: 2} {
		f, err := ff1.New(key, radix)
		if err != nil {
			t.Fatal(err)
		}
		if f.MinLength() != want {
			t.Errorf("radix %d: the shortest has %d, want %d", radix, f.MinLength(), want)
		}
		if err := f.Encrypt(make([]uint16, want-1), nil); !errors.Is(err, ff1.ErrTooShort) {
			t.Errorf("radix %d: %d numerals: %v", radix, want-1, err)
		}
		if err := f.Encrypt(make([]uint16, want), nil); err != nil {
			t.Errorf("radix %d: %d numerals: %v", radix, want, err)
		}
	}
	f, err := ff1.New(key, 10)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Encrypt(make([]uint16, ff1.MaxLength+1), nil); !errors.Is(err, ff1.ErrTooLong) {
		t.Error(err)
	}
	if err := f.Encrypt(make([]uint16, 10), make([]byte, ff1.MaxTweak+1)); !errors.Is(err, ff1.ErrTweak) {
		t.Error(err)
	}
	if err := f.Decrypt([]uint16{0, 0, 0, 0, 0, 10}, nil); !errors.Is(err, ff1.ErrNumeral) {
		t.Error(err)
	}
}

// reference is FF1.Encrypt step by step as SP 800-38G writes it, on big numbers.
func reference(key []byte, radix int, tweak []byte, x []uint16) []uint16 {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	n, t := len(x), len(tweak)
	u := n / 2
	v := n - u
	r := big.NewInt(int64(radix))
	num := func(x []uint16) *big.Int {
		sum := new(big.Int)
		for _, d := range x {
			sum.Add(sum.Mul(sum, r), big.NewInt(int64(d)))
		}
		return sum
	}
	bits := new(big.Int).Sub(new(big.Int).Exp(r, big.NewInt(int64(v)), nil), big.NewInt(1)).BitLen()
	b := int(math.Ceil(float64(bits) / 8))
	d := 4*int(math.Ceil(float64(b)/4)) + 4
	p := []byte{1, 2, 1, byte(radix >> 16), byte(radix >> 8), byte(radix), 10, byte(u), 0, 0, byte(n >> 8), byte(n), 0, 0, byte(t >> 8), byte(t)}
	left, right := slices.Clone(x[:u]), slices.Clone(x[u:])
	for i := range 10 {
		q := slices.Clone(tweak)
		q = append(q, make([]byte, (((-t-b-1)%16)+16)%16)...)
		q = append(q, byte(i))
		q = append(q, num(right).FillBytes(make([]byte, b))...)
		state := make([]byte, 16)
		for all := slices.Concat(p, q); len(all) > 0; all = all[16:] {
			for k := range 16 {
				state[k] ^= all[k]
			}
			block.Encrypt(state, state)
		}
		s := slices.Clone(state)
		for j := 1; len(s) < d; j++ {
			counter := big.NewInt(int64(j)).FillBytes(make([]byte, 16))
			for k := range 16 {
				counter[k] ^= state[k]
			}
			block.Encrypt(counter, counter)
			s = append(s, counter...)
		}
		m := u
		if i%2 == 1 {
			m = v
		}
		c := new(big.Int).Add(num(left), new(big.Int).SetBytes(s[:d]))
		c.Mod(c, new(big.Int).Exp(r, big.NewInt(int64(m)), nil))
		next := make([]uint16, m)
		for k := m - 1; k >= 0; k-- {
			digit := new(big.Int)
			c.DivMod(c, r, digit)
			next[k] = uint16(digit.Uint64())
		}
		left, right = right, next
	}
	return slices.Concat(left, right)
}

// TestReference compares with the steps of the standard on big numbers, and
// holds that decryption is the inverse, for all radixes, lengths and tweaks.
func TestReference(t *testing.T) {
	played := 0
	rapid.Check(t, func(t *rapid.T) {
		played++
		key := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key")[:rapid.SampledFrom([]int{16, 24, 32}).Draw(t, "bytes")]
		radix := rapid.OneOf(rapid.SampledFrom([]int{2, 10, 26, 36, 62, 95, 255, 256, 257, 65535, 65536}), rapid.IntRange(2, 65536)).Draw(t, "radix")
		f, err := ff1.New(key, radix)
		if err != nil {
			t.Fatal(err)
		}
		n := rapid.OneOf(rapid.IntRange(f.MinLength(), 40), rapid.IntRange(f.MinLength(), 300)).Draw(t, "n")
		x := rapid.SliceOfN(rapid.Uint16Range(0, uint16(radix-1)), n, n).Draw(t, "x")
		tweak := rapid.SliceOfN(rapid.Byte(), 0, 70).Draw(t, "tweak")
		got := slices.Clone(x)
		if err := f.Encrypt(got, tweak); err != nil {
			t.Fatal(err)
		}
		if want := reference(key, radix, tweak, x); !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
		if err := f.Decrypt(got, tweak); err != nil || !slices.Equal(got, x) {
			t.Fatalf("decrypts to %v, %v", got, err)
		}
	})
	t.Logf("played %d", played)
	if played < 90 {
		t.Errorf("played %d only", played)
	}
}

// FuzzInverse holds that no text panics and that decryption is the inverse.
func FuzzInverse(f *testing.F) {
	f.Add(uint16(10), []byte("0123456789012345"), []byte("tweak"))
	f.Add(uint16(65535), []byte{255, 255, 0, 1}, []byte{})
	f.Fuzz(func(t *testing.T, radix uint16, raw, tweak []byte) {
		c, err := ff1.New(make([]byte, 32), int(radix)+1)
		if err != nil {
			return
		}
		x := make([]uint16, len(raw))
		for i := range raw {
			x[i] = uint16(int(raw[i]) * 257 % (int(radix) + 1))
		}
		was := slices.Clone(x)
		if err := c.Encrypt(x, tweak); err != nil {
			if !slices.Equal(x, was) {
				t.Fatal("a refused text was changed")
			}
			return
		}
		if err := c.Decrypt(x, tweak); err != nil || !slices.Equal(x, was) {
			t.Fatalf("%v decrypts to %v, %v", was, x, err)
		}
	})
}

func BenchmarkCard(b *testing.B) {
	c, err := ff1.New(make([]byte, 32), 10)
	if err != nil {
		b.Fatal(err)
	}
	x := numerals("4111111111111111")
	tweak := []byte("card")
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Encrypt(x, tweak); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLong(b *testing.B) {
	for _, radix := range []int{2, 95} {
		c, err := ff1.New(make([]byte, 32), radix)
		if err != nil {
			b.Fatal(err)
		}
		for _, n := range []int{256, ff1.MaxLength} {
			x := make([]uint16, n)
			b.Run(fmt.Sprintf("radix %d, %d numerals", radix, n), func(b *testing.B) {
				b.SetBytes(int64(n))
				for b.Loop() {
					if err := c.Encrypt(x, nil); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
