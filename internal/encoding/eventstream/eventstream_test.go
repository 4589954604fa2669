package eventstream_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"farrier.dev/farrier/internal/encoding/eventstream"
)

// upper changes data that has a letter, and leaves other data.
func upper(data []byte) ([]byte, error) {
	if bytes.Equal(data, []byte("bad")) {
		return nil, errors.New("refused")
	}
	if up := bytes.ToUpper(data); !bytes.Equal(up, data) {
		return up, nil
	}
	return nil, nil
}

func TestRead(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"one", "data: a\n\n", "data: A\n\n"},
		{"no blank", "data:a\n\n", "data: A\n\n"},
		{"lines", "id: 1\nevent: message\ndata: a\ndata: b\n\n", "id: 1\nevent: message\ndata: A\ndata: B\n\n"},
		{"line ends", "data: a\r\n\r\ndata: b\r\rdata: c\n\n", "data: A\n\ndata: B\n\ndata: C\n\n"},
		{"byte order mark", "\xef\xbb\xbfdata: a\n\n", "data: A\n\n"},
		{"comment", ": ping\n\ndata: 1\n\n", ": ping\n\ndata: 1\n\n"},
		{"data split by a comment", "data: a\n: x\ndata: b\n\n", ": x\ndata: A\ndata: B\n\n"},
		{"no end", "data: a\n\ndata: b\n", "data: A\n\n"},
	} {
		for _, slow := range []bool{false, true} {
			var from io.Reader = strings.NewReader(c.in)
			if slow {
				from = iotest.OneByteReader(from)
			}
			got, err := io.ReadAll(eventstream.NewReader(from, 100, upper))
			if err != nil || string(got) != c.want {
				t.Errorf("%s: %q, %v, want %q", c.name, got, err, c.want)
			}
		}
	}
}

func TestReadBreaksOff(t *testing.T) {
	got, err := io.ReadAll(eventstream.NewReader(strings.NewReader("data: a\n\ndata: bad\n\ndata: c\n\n"), 100, upper))
	if string(got) != "data: A\n\n" || err == nil || err.Error() != "refused" {
		t.Errorf("got %q, %v", got, err)
	}
	got, err = io.ReadAll(eventstream.NewReader(strings.NewReader("data: a\n\ndata: "+strings.Repeat("x", 100)+"\n\n"), 100, upper))
	if string(got) != "data: A\n\n" || !errors.Is(err, eventstream.ErrTooLong) {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestReadGivesEventsAtOnce holds that an event is given when it is complete,
// not when the next one comes.
func TestReadGivesEventsAtOnce(t *testing.T) {
	from, to := io.Pipe()
	r := eventstream.NewReader(from, 100, upper)
	go func() { _, _ = to.Write([]byte("data: a\n\n")) }()
	buffer := make([]byte, 100)
	if n, err := r.Read(buffer); err != nil || string(buffer[:n]) != "data: A\n\n" {
		t.Errorf("got %q, %v", buffer[:n], err)
	}
	_ = to.Close()
}

func TestData(t *testing.T) {
	if data, ok := eventstream.Data([]byte("id: 1\r\ndata: a\r\ndata:b")); !ok || string(data) != "a\nb" {
		t.Errorf("got %q, %v", data, ok)
	}
	if _, ok := eventstream.Data([]byte(": comment")); ok {
		t.Error("a comment is no data")
	}
}

// FuzzRead holds that reading what was written changes nothing more, and that
// both readings see the same data.
func FuzzRead(f *testing.F) {
	f.Add([]byte("id: 1\ndata: a\r\rdata\n\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		collect := func(from []byte) (seen [][]byte, out []byte) {
			out, err := io.ReadAll(eventstream.NewReader(bytes.NewReader(from), 1000, func(data []byte) ([]byte, error) {
				seen = append(seen, bytes.Clone(data))
				return nil, nil
			}))
			if err != nil && !errors.Is(err, eventstream.ErrTooLong) {
				t.Fatal(err)
			}
			return seen, out
		}
		first, out := collect(in)
		second, again := collect(out)
		if !bytes.Equal(out, again) || len(first) != len(second) {
			t.Fatalf("%q: %q, then %q", in, out, again)
		}
		for i := range first {
			if !bytes.Equal(first[i], second[i]) {
				t.Fatalf("%q: data %q, then %q", in, first[i], second[i])
			}
		}
	})
}
