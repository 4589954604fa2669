package layer_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/detect/decode/layer"
)

const (
	base64Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	alnum          = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
)

func random(r *rand.Rand, n int, alphabet string) string {
	out := make([]byte, n)
	for i := range out {
		out[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(out)
}

func randomBytes(r *rand.Rand, n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(r.Uint32())
	}
	return out
}

// benign are kinds of ordinary values, and how many in a thousand may be opened.
func benign() []struct {
	name  string
	draw  func(r *rand.Rand) string
	mille float64
} {
	words := strings.Fields(`the order of Customer Miller was shipped to Berlin on Monday and the invoice ORD-4711 is still open please
		call back Tomorrow about delivery international organisations Understanding responsibility REST Api XML JSON MuleSoft connector`)
	return []struct {
		name  string
		draw  func(r *rand.Rand) string
		mille float64
	}{
		{"uuid", func(r *rand.Rand) string {
			h := hex.EncodeToString(randomBytes(r, 16))
			return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
		}, 0},
		{"uuid upper", func(r *rand.Rand) string {
			h := strings.ToUpper(hex.EncodeToString(randomBytes(r, 16)))
			return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
		}, 5},
		{"md5", func(r *rand.Rand) string { return hex.EncodeToString(randomBytes(r, 16)) }, 1},
		{"md5 upper", func(r *rand.Rand) string { return strings.ToUpper(hex.EncodeToString(randomBytes(r, 16))) }, 5},
		{"sha256", func(r *rand.Rand) string {
			h := sha256.Sum256(randomBytes(r, 8))
			return hex.EncodeToString(h[:])
		}, 3},
		{"decimal id", func(r *rand.Rand) string { return fmt.Sprint(r.Uint64()) }, 1},
		{"card", func(r *rand.Rand) string { return random(r, 16, "0123456789") }, 0},
		{"short id", func(r *rand.Rand) string { return random(r, 8, alnum) }, 30},
		{"id 11", func(r *rand.Rand) string { return random(r, 11, alnum) }, 10},
		{"id 22", func(r *rand.Rand) string { return random(r, 22, alnum) }, 5},
		{"token 32 bytes", func(r *rand.Rand) string { return base64.RawURLEncoding.EncodeToString(randomBytes(r, 32)) }, 5},
		{"signature 256 bytes", func(r *rand.Rand) string { return base64.StdEncoding.EncodeToString(randomBytes(r, 256)) }, 10},
		{"picture 20 kB", func(r *rand.Rand) string { return base64.StdEncoding.EncodeToString(randomBytes(r, 20000)) }, 80},
		{"word", func(r *rand.Rand) string { return words[r.IntN(len(words))] }, 0},
		{"prose", func(r *rand.Rand) string {
			var out []string
			for range 3 + r.IntN(30) {
				out = append(out, words[r.IntN(len(words))])
			}
			return strings.Join(out, " ") + "."
		}, 0},
		{"camel case", func(r *rand.Rand) string { return words[r.IntN(len(words))] + "Customer" + words[r.IntN(len(words))] }, 5},
		{"number", func(r *rand.Rand) string { return fmt.Sprintf("%.2f", r.Float64()*10000) }, 0},
		{"date", func(r *rand.Rand) string {
			return fmt.Sprintf("20%02d-%02d-%02dT%02d:00:00Z", r.IntN(99), r.IntN(12), r.IntN(28), r.IntN(24))
		}, 0},
		{"mail", func(r *rand.Rand) string { return random(r, 9, alnum) + "@example.com" }, 0},
		{"path", func(r *rand.Rand) string {
			return "/api/V1/" + words[r.IntN(len(words))] + "/" + words[r.IntN(len(words))] + "/" + fmt.Sprint(r.Uint32())
		}, 2},
		{"phone", func(r *rand.Rand) string { return fmt.Sprintf("+49 %d/%d", r.IntN(999), r.IntN(9999999)) }, 0},
		{"agent", func(r *rand.Rand) string {
			return fmt.Sprintf("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36", r.IntN(200))
		}, 0},
		{"address", func(r *rand.Rand) string {
			return fmt.Sprintf("https://Example.com/%s?page=%d", words[r.IntN(len(words))], r.IntN(9))
		}, 1000},
	}
}

// Ordinary values open nothing, or next to nothing.
func TestBenign(t *testing.T) {
	const each = 10000
	for _, kind := range benign() {
		n := each
		if kind.name == "picture 20 kB" {
			n = 200
		}
		r := rand.New(rand.NewPCG(1, 2))
		values, bytes := 0, 0
		by := map[string]int{}
		sample := ""
		for range n {
			v := kind.draw(r)
			parts := open(v, layer.Default)
			if len(parts) > 0 {
				values++
			}
			for _, p := range parts {
				by[p.by.String()]++
				bytes += len(p.Text)
				sample = fmt.Sprintf("%q -> %q", v[:min(60, len(v))], p.Text[:min(60, len(p.Text))])
			}
		}
		mille := float64(values) / float64(n) * 1000
		t.Logf("%-20s %6d of %d opened (%.2f ‰), %d bytes, %v %s", kind.name, values, n, mille, bytes, by, sample)
		if mille > kind.mille {
			t.Errorf("%s: %.2f ‰ opened, more than %.2f", kind.name, mille, kind.mille)
		}
	}
}

// Pictures have accidental escapes of all kinds, and are not opened for them;
// an attack in them, encoded or in a comment, is.
func TestBinary(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	size, parts := 0, 0
	const n, each = 100, 50000
	for range n {
		for _, p := range open("\x89PNG\r\n\x1a\n"+string(randomBytes(r, each)), layer.Default) {
			size += len(p.Text)
			parts++
		}
	}
	t.Logf("%d pictures of %d bytes: %d parts, %d bytes", n, each, parts, size)
	if size > n*each/100 {
		t.Error("too many are opened")
	}
	found := 0
	for _, attack := range []string{"%3Cscript%3E", `\x3cscript\x3e`, "&lt;script&gt;", "+ADw-script+AD4-", "x=" + b64("<script>alert(1)</script>")} {
		for range n {
			junk := string(randomBytes(r, 2000)) + "\x00"
			for _, p := range open(junk+attack+junk[:1+r.IntN(1999)], layer.Default) {
				if strings.Contains(p.Text, "<script>") {
					found++
					break
				}
			}
		}
	}
	if found < 5*n*98/100 { // junk may change what stands beside it
		t.Errorf("found %d of %d", found, 5*n)
	}
}
