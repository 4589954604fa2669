// Package eventstream reads streams of server-sent events (WHATWG HTML, section
// 9.2) and writes them again with other data, event by event as they come. It
// writes every event in one form, so that whoever reads on splits the stream as
// it was split here. It does not reconnect and keeps no event.
package eventstream

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// ErrTooLong reports an event that is longer than the limit. Nothing of it has
// been given.
var ErrTooLong = errors.New("an event of the stream is too long")

// Reader gives a stream whose events have been changed.
type Reader struct {
	from   *bufio.Reader
	limit  int
	change func(data []byte) ([]byte, error)

	out   []byte // what is still to be read
	lines [][]byte
	size  int
	begun bool
	// returned says that the byte before was a carriage return.
	returned bool
	err      error
}

// NewReader gives the events of from with what change makes of the data of each;
// nil leaves the event as it is. The data is that of all data lines joined by
// line feeds, lent until change returns. An event may have limit bytes. An error
// of change breaks the stream off.
func NewReader(from io.Reader, limit int, change func(data []byte) ([]byte, error)) *Reader {
	return &Reader{from: bufio.NewReader(from), limit: limit, change: change}
}

// Read gives whole events as soon as they have come. What stands at the end
// without the blank line that ends an event is no event and is left out.
func (r *Reader) Read(p []byte) (int, error) {
	for len(r.out) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		r.err = r.next()
	}
	n := copy(p, r.out)
	r.out = r.out[n:]
	return n, nil
}

// next reads one line, and writes the event that it ends.
func (r *Reader) next() error {
	line, err := r.line()
	if err != nil {
		return err
	}
	if !r.begun {
		r.begun = true
		line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
	}
	if len(line) > 0 {
		r.lines = append(r.lines, line)
		return nil
	}
	err = r.dispatch()
	r.lines, r.size = r.lines[:0], 0
	return err
}

// line is a line without its end: a line feed, a carriage return or both.
func (r *Reader) line() ([]byte, error) {
	var line []byte
	for {
		b, err := r.from.ReadByte()
		if err != nil {
			return nil, err
		}
		returned := r.returned
		r.returned = b == '\r'
		switch {
		case b == '\n' && returned: // the second half of the end before
			continue
		case b == '\n' || b == '\r':
			return line, nil
		}
		if r.size++; r.size > r.limit {
			return nil, ErrTooLong
		}
		line = append(line, b)
	}
}

// dispatch writes the event of the lines.
func (r *Reader) dispatch() error {
	var data []byte
	has := false
	for _, line := range r.lines {
		name, value := field(line)
		if string(name) != "data" {
			continue
		}
		if has {
			data = append(data, '\n')
		}
		data, has = append(data, value...), true
	}
	var other []byte
	if has {
		var err error
		if other, err = r.change(data); err != nil {
			return err
		}
		if other != nil {
			data = other
		}
	}
	r.out = r.out[:0]
	for _, line := range r.lines {
		name, _ := field(line)
		if string(name) != "data" {
			r.out = append(append(r.out, line...), '\n')
		}
	}
	if has {
		for part := range bytes.SplitSeq(data, []byte("\n")) {
			r.out = append(append(append(r.out, "data: "...), part...), '\n')
		}
	}
	r.out = append(r.out, '\n')
	return nil
}

// field splits a line as readers do: one blank behind the colon is left out.
func field(line []byte) (name, value []byte) {
	name, value, _ = bytes.Cut(line, []byte(":"))
	return name, bytes.TrimPrefix(value, []byte(" "))
}

// Data is the data of one event, given its lines; false when it has none.
func Data(event []byte) (data []byte, ok bool) {
	event = bytes.TrimPrefix(event, []byte("\xef\xbb\xbf"))
	event = bytes.ReplaceAll(event, []byte("\r\n"), []byte("\n"))
	event = bytes.ReplaceAll(event, []byte("\r"), []byte("\n"))
	for line := range bytes.SplitSeq(event, []byte("\n")) {
		if name, value := field(line); string(name) == "data" {
			if ok {
				data = append(data, '\n')
			}
			data, ok = append(data, value...), true
		}
	}
	return data, ok
}
