package tokens_test

import (
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/encoding/tokens"
)

// TestCount holds counts that OpenAI's tiktoken gives for o200k_base.
func TestCount(t *testing.T) {
	began := time.Now()
	c := tokens.NewCounter()
	c.Count("x")
	t.Logf("the vocabulary was built in %v", time.Since(began))
	for text, want := range map[string]int64{
		"": 0, "hello world": 2, "tiktoken is great!": 6, "antidisestablishmentarianism": 6,
		"2 + 2 = 4": 7, "お誕生日おめでとう": 8, "<|endoftext|>": 7,
	} {
		if got := c.Count(text); got != want {
			t.Errorf("%q: %d tokens, want %d", text, got, want)
		}
	}
}

// TestCountLong holds that long texts, also hostile ones, are counted in
// bounded time, and that splitting and estimating changes the count little.
func TestCountLong(t *testing.T) {
	c := tokens.NewCounter()
	sentence := "The quick brown fox jumps over the lazy dog. "
	one := c.Count(strings.Repeat(sentence, 100))
	if many := c.Count(strings.Repeat(sentence, 20_000)); many < one*200-one || many > one*202 {
		t.Errorf("%d tokens, about 200 times %d was to be expected", many, one)
	}
	for name, unit := range map[string]string{
		"letters": "a", "capitals": "A", "blanks": " ", "lines": "\n", "marks": "!", "mixed": "aA", "ideographs": "生", "broken": "\xff", "blanks and letters": "      x",
	} {
		began := time.Now()
		n := c.Count(strings.Repeat(unit, 1<<20/len(unit)))
		t.Logf("1 MiB of %s: %d tokens in %v", name, n, time.Since(began))
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("%s took %v", name, took)
		}
	}
	// What is cheap in front makes the rest no cheaper than it can be.
	if n := c.Count(strings.Repeat(" ", 128<<10) + strings.Repeat("x y ", 1<<18)); n < 1<<17 {
		t.Errorf("%d tokens behind many blanks", n)
	}
}

func TestSum(t *testing.T) {
	s := tokens.NewCounter().Begin()
	s.Add("hello world")
	s.Add("")
	s.Add("hello world")
	if s.Tokens() != 4 {
		t.Errorf("%d tokens, want 4", s.Tokens())
	}
}
