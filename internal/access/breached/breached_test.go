package breached

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// of makes a list of passwords.
func of(end string, passwords ...string) string {
	lines := make([]string, len(passwords))
	for i, p := range passwords {
		lines[i] = fmt.Sprintf("%X:%d", sha1.Sum([]byte(p)), i*i*i+1)
	}
	slices.Sort(lines)
	return strings.Join(slices.Compact(lines), end) + end
}

func write(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "list.txt")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestHolds(t *testing.T) {
	var many []string
	for i := range 5000 {
		many = append(many, fmt.Sprint("password ", i))
	}
	lists := map[string]string{
		"one": of("\n", "password 1"), "two": of("\r\n", "password 1", "password 2"), "no line end": strings.TrimSpace(of("\n", many[:40]...)),
		"small letters": strings.ToLower(of("\n", many[:40]...)), "many": of("\n", many...), "many of Windows": of("\r\n", many...),
	}
	asked := 0
	for name, text := range lists {
		l, err := Open(write(t, text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i := range 60 {
			for _, p := range []string{fmt.Sprint("password ", i*100), fmt.Sprint("password ", i), fmt.Sprint("unknown ", i)} {
				asked++
				want := strings.Contains(strings.ToUpper(text), fmt.Sprintf("%X", sha1.Sum([]byte(p))))
				if got, err := l.Holds(p); err != nil || got != want {
					t.Errorf("%s: %s: %v, %v", name, p, got, err)
				}
			}
		}
	}
	if t.Logf("%d lists, %d questions", len(lists), asked); asked < 1000 {
		t.Error("too few asked")
	}
}

// TestModel holds the search against looking through the whole list.
func TestModel(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		words := rapid.SliceOfN(rapid.StringMatching(`[a-c]{0,3}`), 1, 60).Draw(r, "words")
		end := rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(r, "end")
		text := of(end, words...)
		if rapid.Bool().Draw(r, "trimmed") {
			text = strings.TrimSuffix(text, end)
		}
		one := rapid.StringMatching(`[a-c]{0,3}`).Draw(r, "one")
		got, err := search(strings.NewReader(text), int64(len(text)), fmt.Sprintf("%X", sha1.Sum([]byte(one))))
		if err != nil || got != slices.Contains(words, one) {
			r.Fatalf("%q among %q: %v, %v", one, words, got, err)
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	var many []string
	for i := range 3000 {
		many = append(many, fmt.Sprint("password ", i))
	}
	good := of("\n", many...)
	lines := strings.SplitAfter(good, "\n")
	lines = lines[:len(lines)-1]
	reversed := slices.Clone(lines)
	slices.Reverse(reversed)
	folder := t.TempDir()
	cases := map[string]struct{ path, want string }{
		"missing":          {filepath.Join(folder, "nothing"), "no such file"},
		"a folder":         {folder, "it is no file"},
		"empty":            {write(t, ""), "it is empty"},
		"words":            {write(t, strings.Repeat("password\n", 100)), "is none"},
		"hashes alone":     {write(t, strings.Repeat(strings.Repeat("A", 40)+"\n", 100)), "is none"},
		"NTLM hashes":      {write(t, strings.Repeat(strings.Repeat("A", 32)+":1\n", 100)), "is none"},
		"one long line":    {write(t, strings.Repeat("A", 10_000)), "is longer than"},
		"reversed":         {write(t, strings.Join(reversed, "")), "comes before an earlier one"},
		"by count":         {write(t, strings.Join(slices.Concat(lines[1500:], lines[:1500]), "")), "comes before an earlier one"},
		"a last line":      {write(t, good+lines[0]), "comes before an earlier one"},
		"a broken end":     {write(t, good+"ABC"), "is none"},
		"an empty line":    {write(t, good+"\n"), "is none"},
		"another alphabet": {write(t, strings.ReplaceAll(good, "A", "G")), "is none"},
	}
	for name, c := range cases {
		if _, err := Open(c.path); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.path) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	t.Logf("%d files refused", len(cases))
}

// TestHoldsRefuses: what comes to be wrong after the start is told, not taken for no.
func TestHoldsRefuses(t *testing.T) {
	path := write(t, of("\n", "a", "b", "c", "d", "e"))
	l, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	lines[0], lines[4] = lines[4], lines[0]
	if err := os.WriteFile(path, bytes.Join(lines, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	wrong := 0
	for _, p := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		if _, err := l.Holds(p); errors.Is(err, ErrList) {
			wrong++
		}
	}
	if wrong == 0 {
		t.Error("nobody noticed the wrong order")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Holds("a"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("removed: %v", err)
	}
}

// counted counts what is read.
type counted struct {
	io.ReaderAt
	reads, bytes int
}

func (c *counted) ReadAt(p []byte, at int64) (int, error) {
	c.reads++
	c.bytes += len(p)
	return c.ReaderAt.ReadAt(p, at)
}

// endless is a list of 2^40 hashes that nobody wrote down.
type endless struct{}

const endlessLine = hashLength + 3

func (endless) ReadAt(p []byte, at int64) (int, error) {
	for i := range p {
		number, column := (at+int64(i))/endlessLine, int((at+int64(i))%endlessLine)
		p[i] = (fmt.Sprintf("%010X", number) + strings.Repeat("0", 30) + ":1\n")[column]
	}
	return len(p), nil
}

func TestReadsLittle(t *testing.T) {
	c := &counted{ReaderAt: endless{}}
	for _, want := range []string{"0000000000", "FFFFFFFFFF", "1234567890"} {
		if found, err := search(c, endlessLine<<40, want+strings.Repeat("0", 30)); err != nil || !found {
			t.Errorf("%s: %v, %v", want, found, err)
		}
	}
	if found, err := search(c, endlessLine<<40, strings.Repeat("7", 40)); err != nil || found {
		t.Errorf("found what is not there: %v", err)
	}
	if t.Logf("4 questions of 2^40 lines: %d reads, %d bytes", c.reads, c.bytes); c.reads > 4*2*45 || c.bytes > 4*2*45*2*longest {
		t.Error("too much is read")
	}
}

func FuzzSearch(f *testing.F) {
	f.Add(of("\n", "a", "b", "c"), "a")
	f.Add("\n\n\n", "b")
	f.Add(strings.Repeat("A", 200), "c")
	f.Fuzz(func(t *testing.T, text, password string) {
		c := &counted{ReaderAt: strings.NewReader(text)}
		_, err := search(c, int64(len(text)), fmt.Sprintf("%X", sha1.Sum([]byte(password))))
		if err != nil && !errors.Is(err, ErrList) && !errors.Is(err, io.ErrUnexpectedEOF) || c.reads > 2*mostSteps {
			t.Fatalf("%q: %v after %d reads", text, err, c.reads)
		}
	})
}
