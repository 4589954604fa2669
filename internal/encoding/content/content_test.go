package content_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/flate"

	"farrier.dev/farrier/internal/encoding/content"
)

const off = -1

func encoded(t testing.TB, coding string, body []byte) []byte {
	t.Helper()
	out, err := content.Encode(coding, body)
	if err != nil {
		t.Fatalf("encoding as %q: %v", coding, err)
	}
	return out
}

func bare(t testing.TB, body []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, 6)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// noise is text that compresses about as other text does.
func noise(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	words := strings.Fields("the quick brown mule jumps over the lazy farrier and kicks 1234 nails")
	var b bytes.Buffer
	for b.Len() < n {
		b.WriteString(words[r.IntN(len(words))])
		b.WriteByte(' ')
	}
	return b.Bytes()[:n]
}

var codings = []string{"gzip", "x-gzip", "deflate", "br", "zstd", "GZIP", "identity", "", "gzip, br", "deflate,gzip , zstd", "identity, gzip"}

func TestRoundTrip(t *testing.T) {
	played := 0
	for _, coding := range codings {
		for _, size := range []int{0, 1, 100, 4096, 300_000} {
			played++
			body := noise(size)
			got, err := content.Decode(coding, encoded(t, coding, body), int64(size), content.DefaultRatio)
			if err != nil || !bytes.Equal(got, body) {
				t.Errorf("%q, %d bytes: %d bytes back, %v", coding, size, len(got), err)
			}
		}
	}
	body := noise(5000)
	if got, err := content.Decode("deflate", bare(t, body), 5000, content.DefaultRatio); err != nil || !bytes.Equal(got, body) {
		t.Errorf("bare deflate: %v", err)
	}
	two := append(encoded(t, "gzip", body), encoded(t, "gzip", body)...)
	if got, err := content.Decode("gzip", two, 10_000, content.DefaultRatio); err != nil || len(got) != 10_000 {
		t.Errorf("two gzip members: %d bytes, %v", len(got), err)
	}
	t.Logf("played %d round trips", played)
}

func TestRefusals(t *testing.T) {
	body := noise(20_000)
	bomb := make([]byte, 1<<20)
	cases := []struct {
		name, coding string
		body         []byte
		limit        int64
		ratio        int
		want         error
	}{
		{"unknown", "compress", body, off, off, content.ErrCoding},
		{"unknown in a chain", "gzip, foo", body, off, off, content.ErrCoding},
		{"chain", "gzip, gzip, gzip, gzip", body, off, off, content.ErrChain},
		{"identity over the limit", "", body, 19_999, off, content.ErrTooLarge},
		{"gzip over the limit", "gzip", encoded(t, "gzip", body), 19_999, off, content.ErrTooLarge},
		{"br over the limit", "br", encoded(t, "br", body), 19_999, off, content.ErrTooLarge},
		{"zstd over the limit", "zstd", encoded(t, "zstd", body), 19_999, off, content.ErrTooLarge},
		{"gzip bomb", "gzip", encoded(t, "gzip", bomb), off, 100, content.ErrRatio},
		{"deflate bomb", "deflate", encoded(t, "deflate", bomb), off, 100, content.ErrRatio},
		{"bare deflate bomb", "deflate", bare(t, bomb), off, 100, content.ErrRatio},
		{"br bomb", "br", encoded(t, "br", bomb), off, 100, content.ErrRatio},
		{"zstd bomb", "zstd", encoded(t, "zstd", bomb), off, 100, content.ErrRatio},
		{"bomb in a bomb", "gzip, gzip", encoded(t, "gzip,gzip", bomb), off, 100, content.ErrRatio},
		{"empty gzip", "gzip", nil, off, off, content.ErrCorrupt},
		{"empty deflate", "deflate", nil, off, off, content.ErrCorrupt},
		{"empty br", "br", nil, off, off, content.ErrCorrupt},
		{"not gzip", "gzip", body, off, off, content.ErrCorrupt},
		{"not zstd", "zstd", body, off, off, content.ErrCorrupt},
	}
	for _, coding := range []string{"gzip", "deflate", "br", "zstd"} {
		good := encoded(t, coding, body)
		cases = append(cases, struct {
			name, coding string
			body         []byte
			limit        int64
			ratio        int
			want         error
		}{coding + " cut off", coding, good[:len(good)-1], off, off, content.ErrCorrupt}, struct {
			name, coding string
			body         []byte
			limit        int64
			ratio        int
			want         error
		}{coding + " with data behind", coding, append(bytes.Clone(good), "x=1"...), off, off, content.ErrCorrupt})
	}
	cases = append(cases, cases[len(cases)-1])
	cases[len(cases)-1].name, cases[len(cases)-1].coding = "bare deflate with data behind", "deflate"
	cases[len(cases)-1].body = append(bare(t, body), "x=1"...)
	for _, c := range cases {
		if got, err := content.Decode(c.coding, c.body, c.limit, c.ratio); !errors.Is(err, c.want) || got != nil {
			t.Errorf("%s: %d bytes, %v, want %v", c.name, len(got), err, c.want)
		}
	}
	t.Logf("played %d refusals", len(cases))
}

func TestDecodePrefix(t *testing.T) {
	body := noise(50_000)
	for _, coding := range codings {
		coded := encoded(t, coding, body)
		got, partial, err := content.DecodePrefix(coding, coded, 1000, content.DefaultRatio)
		if err != nil || !partial || !bytes.Equal(got, body[:1000]) {
			t.Errorf("%q: first 1000 of 50000: %d, %v, %v", coding, len(got), partial, err)
		}
		got, partial, err = content.DecodePrefix(coding, coded, 50_000, content.DefaultRatio)
		if err != nil || partial || !bytes.Equal(got, body) {
			t.Errorf("%q: all of 50000: %d, %v, %v", coding, len(got), partial, err)
		}
	}
	for _, coding := range []string{"gzip", "deflate", "br", "zstd", "gzip, gzip"} {
		coded := encoded(t, coding, body)
		got, partial, err := content.DecodePrefix(coding, coded[:len(coded)/2], 50_000, content.DefaultRatio)
		if err != nil || !partial || !bytes.HasPrefix(body, got) {
			t.Errorf("%q cut in half: %d, %v, %v", coding, len(got), partial, err)
		}
	}
}

// TestMemoryIsBounded decodes bombs of 16 MiB and counts every byte allocated on
// the way: the result, its smaller predecessors, tables and windows.
func TestMemoryIsBounded(t *testing.T) {
	bomb := make([]byte, 16<<20)
	const limit = 1 << 20
	for _, coding := range []string{"gzip", "deflate", "br", "zstd", "gzip, gzip"} {
		coded := encoded(t, coding, bomb)
		for _, ratio := range []int{100, off} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := content.Decode(coding, coded, limit, ratio)
			runtime.ReadMemStats(&after)
			if !errors.Is(err, content.ErrRatio) && !errors.Is(err, content.ErrTooLarge) {
				t.Errorf("%s: %v", coding, err)
			}
			total := after.TotalAlloc - before.TotalAlloc
			t.Logf("%-10s ratio %3d: %6d bytes in, %5d KiB allocated in all: %v", coding, ratio, len(coded), total>>10, err)
			if most := uint64(3*limit + 17<<20); total > most {
				t.Errorf("%s: allocated %d bytes, want %d or less", coding, total, most)
			}
		}
	}
	got, err := content.Decode("gzip", encoded(t, "gzip", noise(limit)), limit, off)
	if err != nil || cap(got) > limit+64<<10 {
		t.Errorf("room for %d bytes was made, want %d at most: %v", cap(got), limit+64<<10, err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, coding := range codings {
		f.Add(coding, encoded(f, coding, noise(200)))
	}
	f.Fuzz(func(t *testing.T, coding string, body []byte) {
		const limit = 1 << 16
		got, err := content.Decode(coding, body, limit, content.DefaultRatio)
		if len(got) > limit || err != nil && got != nil {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		prefix, partial, perr := content.DecodePrefix(coding, body, limit, content.DefaultRatio)
		if err == nil && (perr != nil || partial || !bytes.Equal(prefix, got)) {
			t.Fatalf("Decode gives %d bytes, DecodePrefix %d, %v, %v", len(got), len(prefix), partial, perr)
		}
	})
}
