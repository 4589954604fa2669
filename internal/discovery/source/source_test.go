package source_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/rogpeppe/go-internal/txtar"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/source"
)

// all reads a path to its end.
func all(t testing.TB, path string, o source.Options) ([]*discovery.Observation, source.Reader, error) {
	t.Helper()
	r, err := source.Open(path, o)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	var out []*discovery.Observation
	for {
		one, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out, r, nil
		}
		if err != nil {
			return out, r, err
		}
		out = append(out, one)
	}
}

func show(o *discovery.Observation) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s://%s%s", o.Source, o.Method, o.Scheme, o.Host, o.Path)
	if o.Query != "" {
		b.WriteString(" ?" + o.Query)
	}
	fmt.Fprintf(&b, " %d %s", o.Status, o.Proto)
	if !o.Time.IsZero() {
		b.WriteString(" " + o.Time.UTC().Format("15:04:05.999"))
	}
	if o.Refused {
		b.WriteString(" refused")
	}
	if o.Caller.ClientID != "" || o.API != "" || o.Caller.Address.IsValid() {
		fmt.Fprintf(&b, " client=%q api=%q from=%s", o.Caller.ClientID, o.API, o.Caller.Address)
	}
	for i, m := range []*discovery.Message{&o.Request, &o.Response} {
		b.WriteString([]string{" >", " <"}[i])
		if m.Header != nil {
			for f := range m.Header.All() {
				b.WriteString(" " + f.Name + ":" + f.Value)
			}
		}
		if m.Body != nil {
			fmt.Fprintf(&b, " %q", m.Body)
		}
		if m.Partial {
			b.WriteString(" partial")
		}
		if m.Unseen {
			b.WriteString(" unseen")
		}
	}
	return b.String()
}

// TestConversations plays the files in testdata: each holds an input, what is
// read of it and what is said of what is not.
func TestConversations(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	played := 0
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var input, mapping []byte
		var want, options string
		for _, f := range archive.Files {
			switch f.Name {
			case "want":
				want = string(f.Data)
			case "format":
				options = strings.TrimSpace(string(f.Data))
			case "mapping":
				mapping = f.Data
			case "input":
				input = f.Data
			default:
				t.Fatalf("%s: unknown part %s", file, f.Name)
			}
		}
		played++
		o := source.Options{Stdin: bytes.NewReader(input), Format: options, Mapping: mapping, MaxBody: 64}
		seen, r, err := all(t, "-", o)
		var got strings.Builder
		for _, one := range seen {
			got.WriteString(show(one) + "\n")
		}
		if r != nil {
			got.WriteString("format: " + r.Counts().Files[0].Format + "\n")
			for _, p := range r.Problems() {
				got.WriteString(p + "\n")
			}
		}
		if err != nil {
			got.WriteString("error: " + err.Error() + "\n")
		}
		if got.String() != want {
			if os.Getenv("UPDATE") != "" {
				for i := range archive.Files {
					if archive.Files[i].Name == "want" {
						archive.Files[i].Data = []byte(got.String())
					}
				}
				if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			t.Errorf("%s\n got %s\nwant %s", file, got.String(), want)
		}
	}
	t.Logf("%d files", played)
	if played < 8 {
		t.Error("too few")
	}
}

const line = `203.0.113.7 - - [22/Nov/2026:12:00:00 +0000] "GET /a HTTP/1.1" 200 512 "-" "curl/8.0"` + "\n"

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func compress(t testing.TB, open func(io.Writer) io.WriteCloser, data string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := open(&b)
	if _, err := io.WriteString(w, data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestFolder reads compressed and plain files of different formats, looks at
// nothing outside the folder, and says what it could not read.
func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	write(t, filepath.Join(dir, "access.log"), []byte(line+line))
	write(t, filepath.Join(dir, "old", "access.log.1.gz"), compress(t, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }, line))
	write(t, filepath.Join(dir, "old", "access.log.2"), compress(t, func(w io.Writer) io.WriteCloser {
		z, err := zstd.NewWriter(w)
		if err != nil {
			t.Fatal(err)
		}
		return z
	}, line))
	// bzip2 of the line, by bzip2 itself.
	write(t, filepath.Join(dir, "old", "access.log.3.bz2"), bzip2Line(t))
	write(t, filepath.Join(dir, "picture.png"), []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"))
	write(t, filepath.Join(dir, "notes.txt"), []byte("nothing to see here\n"))
	write(t, filepath.Join(dir, "empty.log"), nil)
	write(t, filepath.Join(dir, ".hidden"), []byte(line))
	write(t, filepath.Join(filepath.Dir(dir), "outside.log"), []byte(line))
	if err := os.Symlink("../outside.log", filepath.Join(dir, "link.log")); err != nil {
		t.Fatal(err)
	}
	seen, r, err := all(t, dir, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := r.Counts()
	var names []string
	for _, f := range c.Files {
		names = append(names, fmt.Sprintf("%s %s %d", f.Name[len(dir)+1:], f.Format, f.Read))
	}
	want := []string{
		"access.log combined 2", "empty.log empty 0", "notes.txt  0", "old/access.log.1.gz combined 1",
		"old/access.log.2 combined 1", "old/access.log.3.bz2 combined 1", "picture.png  0",
	}
	if len(seen) != 5 || c.Read != 5 || c.Skipped != 2 || !slices.Equal(names, want) {
		t.Errorf("%d read, %d skipped\n%s", c.Read, c.Skipped, strings.Join(names, "\n"))
	}
	problems := strings.Join(r.Problems(), "\n")
	if !strings.Contains(problems, "notes.txt: it is in no format that is known here") || strings.Contains(problems, "empty") {
		t.Error(problems)
	}
}

// bzip2Line is the line as bzip2 compresses it; Go has no writer of the format.
func bzip2Line(t testing.TB) []byte {
	t.Helper()
	text, err := hex.DecodeString("425a6839314159265359deca8c9100001cdf804010500bfbd002c1440a2804930020005453534f6a4d0340f5308c0898d446864320d34685e30a22e6fe40e821c7126365a07253ef22f732447c049aa928d8f76e443209f381118734d90974d09229e33315fed5b5c5dc914e142437b2a32440")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestErrors(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "notes.txt"), []byte("one\ntwo\n"))
	write(t, filepath.Join(dir, "binary"), []byte("\x00\x01\x02"))
	write(t, filepath.Join(dir, "cut.har"), []byte(`{"log":{"entries":[{"request":`))
	write(t, filepath.Join(dir, "cut.gz"), compress(t, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }, strings.Repeat(line, 1000))[:100])
	tests := []struct {
		name, want string
		o          source.Options
	}{
		{"notes.txt", "none of its first 2 lines is in a format that is known here (tried: har, pcap, postman, analytics, combined, main", source.Options{}},
		{"binary", "it is no text", source.Options{}},
		{"none", "no such file", source.Options{}},
		{"cut.har", "unexpected EOF", source.Options{}},
		{"cut.gz", "unexpected EOF", source.Options{}},
		{"notes.txt", `no log format is named "clf"`, source.Options{Format: "clf"}},
		{"notes.txt", `reading a capture`, source.Options{Format: "pcap"}},
	}
	for _, test := range tests {
		_, _, err := all(t, filepath.Join(dir, test.name), test.o)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	if _, err := source.Open("-", source.Options{}); err == nil {
		t.Error("no standard input")
	}
	t.Logf("%d errors", len(tests))
}

// endless gives size bytes of a pattern, then the rest.
type endless struct {
	left int64
	c    byte
	rest io.Reader
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		return e.rest.Read(p)
	}
	n := int(min(int64(len(p)), e.left))
	for i := range n {
		p[i] = e.c
	}
	e.left -= int64(n)
	return n, nil
}

// huge makes the test of huge records ten times larger.
var huge = flag.Bool("huge", false, "pass over a line of 1 GB and an entry of 700 MB")

// TestHugeRecords: lines and entries of many megabytes are passed over, and what
// stands behind them is read.
func TestHugeRecords(t *testing.T) {
	times := int64(1)
	if *huge {
		times = 10
	}
	in := io.MultiReader(strings.NewReader(line), &endless{times * 100 << 20, 'x', strings.NewReader("\n" + line)})
	seen, r, err := all(t, "-", source.Options{Stdin: in})
	if err != nil || len(seen) != 2 || !strings.Contains(strings.Join(r.Problems(), ""), "line 2: a line of more than 1 MiB") {
		t.Errorf("%d read, %v, %q", len(seen), err, r.Problems())
	}
	entry := `{"request":{"method":"GET","url":"https://a.test/"},"response":{"status":200}}`
	in = io.MultiReader(strings.NewReader(`{"log":{"version":"1.2","pages":[{"x":[{}]}],"entries":[`+entry+`,{"request":"`), &endless{times * 70 << 20, 'x', strings.NewReader(`"},` + entry + `]}}`)})
	seen, r, err = all(t, "-", source.Options{Stdin: in})
	if err != nil || len(seen) != 2 || !strings.Contains(strings.Join(r.Problems(), ""), "entry 2: an entry of more than 64 MiB") {
		t.Errorf("%d read, %v, %q", len(seen), err, r.Problems())
	}
	in = &endless{10 << 20, '[', strings.NewReader("")}
	if seen, _, err = all(t, "-", source.Options{Stdin: in}); len(seen) != 0 || err == nil {
		t.Errorf("%d read, %v", len(seen), err)
	}
	in = io.MultiReader(strings.NewReader(`{"log":{"entries":[`), &endless{10 << 20, '[', strings.NewReader("")})
	if seen, _, err = all(t, "-", source.Options{Stdin: in}); len(seen) != 0 || err == nil {
		t.Errorf("%d read, %v", len(seen), err)
	}
}

func FuzzOpen(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range archive.Files {
			if part.Name == "input" {
				f.Add(part.Data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := source.Open("-", source.Options{Stdin: bytes.NewReader(data), MaxBody: 100})
		if err != nil {
			return
		}
		defer r.Close()
		for range 10_000 {
			o, err := r.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err == nil && (o.Path == "" || o.Path[0] != '/' || o.Method == "" || strings.ContainsAny(o.Path, "?# \x00") || o.Host != strings.ToLower(o.Host)) {
				t.Fatalf("%+v", o)
			}
		}
		t.Fatal("no end")
	})
}

// BenchmarkCombined reads combined lines; the target is 500,000 lines a second.
func BenchmarkCombined(b *testing.B) {
	text := []byte(strings.Repeat(`203.0.113.7 - - [22/Nov/2026:12:00:00 +0000] "GET /api/v1/orders/12345/items?page=2&size=50 HTTP/1.1" 200 5123 "https://shop.example.com/orders" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"`+"\n", 10_000))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		r, err := source.Open("-", source.Options{Stdin: bytes.NewReader(text)})
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for {
			if _, err := r.Next(); err != nil {
				break
			}
			n++
		}
		if n != 10_000 {
			b.Fatal(n)
		}
	}
	b.ReportMetric(float64(b.N)*10_000/b.Elapsed().Seconds(), "lines/s")
}
