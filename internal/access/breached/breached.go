// Package breached tells whether a password stands in a list of those that were stolen
// elsewhere: a file of SHA-1 hashes in the form of Have I Been Pwned's downloads, a line
// HASH:count each, ordered by hash. The file may be many gigabytes; it is searched by
// bisection, a line at a time, and never read as a whole nor asked over a network.
package breached

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // the form of the list; nothing rests on it
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
)

const (
	// longest is the longest line, in bytes: a hash, a colon, a count and a line end.
	longest = 64
	// shortest is the shortest one, without its end.
	shortest = hashLength + 2
	// hashLength is that of a hash as it is written.
	hashLength = 2 * sha1.Size
	// looks is how many places of a file are looked at when it is opened.
	looks = 1000
	// mostSteps bounds a search: each halves what is left.
	mostSteps = 64
)

// ErrList says that a file is no list, or not ordered; the text says where.
var ErrList = errors.New("it is no list of passwords by hash (lines HASH:count, ordered by hash)")

// List is a file of breached passwords. It is safe for use by many goroutines. The file
// is opened for each question, so that another may be put in its place.
type List struct{ path string }

// Open looks at a file: that it can be read, that its first and last lines and a
// thousand between them are lines of a list, and that these are in order.
func Open(path string) (*List, error) {
	l := &List{path}
	f, size, err := l.open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	before, at := "", int64(-1)
	for i := range int64(looks) {
		begin, hash, err := line(f, size, i*(size/looks)+i*(size%looks)/looks)
		if err != nil {
			return nil, l.wrong(err)
		}
		if at >= 0 && hash < before {
			return nil, l.wrong(fmt.Errorf("%w: the line at byte %d comes before an earlier one", ErrList, begin))
		}
		before, at = hash, begin
	}
	_, hash, err := line(f, size, size-1)
	if err == nil && hash < before {
		err = fmt.Errorf("%w: the last line comes before an earlier one", ErrList)
	}
	if err != nil {
		return nil, l.wrong(err)
	}
	return l, nil
}

func (l *List) wrong(err error) error { return fmt.Errorf("reading %s: %w", l.path, err) }

// open opens the file, which must be one, and tells its length.
func (l *List) open() (*os.File, int64, error) {
	info, err := os.Stat(l.path) // before opening: a pipe would wait for who writes to it
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, l.wrong(errors.New("it is no file"))
	}
	if info.Size() < shortest {
		return nil, 0, l.wrong(fmt.Errorf("%w: it is empty", ErrList))
	}
	f, err := os.Open(l.path)
	if err != nil {
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// Holds reports whether a password stands in the list. An error says that it could not
// be told.
func (l *List) Holds(password string) (bool, error) {
	sum := sha1.Sum([]byte(password)) //nolint:gosec // the form of the list
	want := string(bytes.ToUpper([]byte(hex.EncodeToString(sum[:]))))
	f, size, err := l.open()
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }() // it was only read
	found, err := search(f, size, want)
	if err != nil {
		return false, l.wrong(err)
	}
	return found, nil
}

// search finds a hash among the lines between two bytes, which it narrows.
func search(f io.ReaderAt, size int64, want string) (bool, error) {
	low, high := int64(0), size // what is left begins at low and ends before high
	least, most := "", "~"      // between these its hashes lie
	for range mostSteps {
		if low >= high {
			return false, nil
		}
		begin, hash, err := line(f, size, low+(high-low)/2)
		if err != nil {
			return false, err
		}
		switch {
		case hash < least || hash > most:
			return false, fmt.Errorf("%w: the line at byte %d is out of order", ErrList, begin)
		case hash == want:
			return true, nil
		case hash > want:
			high, most = begin, hash
		default:
			next, err := end(f, size, begin)
			if err != nil {
				return false, err
			}
			low, least = next, hash
		}
	}
	return false, nil
}

// around reads a few bytes of a file about a place.
func around(f io.ReaderAt, from, to int64) ([]byte, error) {
	buffer := make([]byte, to-from)
	n, err := f.ReadAt(buffer, from)
	if n < len(buffer) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return buffer, nil
}

// line is the line that a byte stands in: where it begins, and its hash in capitals.
func line(f io.ReaderAt, size, at int64) (begin int64, hash string, err error) {
	from, to := max(at-longest, 0), min(at+longest, size)
	text, err := around(f, from, to)
	if err != nil {
		return 0, "", err
	}
	middle := int(at - from)
	first := bytes.LastIndexByte(text[:middle], '\n') + 1
	if first == 0 && from > 0 {
		return 0, "", fmt.Errorf("%w: the line at byte %d is longer than %d bytes", ErrList, from, longest)
	}
	rest := text[first:]
	if i := bytes.IndexByte(text[middle:], '\n'); i >= 0 {
		rest = text[first : middle+i]
	} else if to < size {
		return 0, "", fmt.Errorf("%w: the line at byte %d is longer than %d bytes", ErrList, from+int64(first), longest)
	}
	begin = from + int64(first)
	rest = bytes.ToUpper(bytes.TrimSuffix(rest, []byte("\r")))
	if !isLine(rest) {
		return 0, "", fmt.Errorf("%w: the line at byte %d is none", ErrList, begin)
	}
	return begin, string(rest[:hashLength]), nil
}

// isLine reports whether a text is a hash, a colon and a count.
func isLine(text []byte) bool {
	if len(text) < shortest || text[hashLength] != ':' {
		return false
	}
	for i, c := range text {
		digit := c >= '0' && c <= '9'
		if i != hashLength && !digit && (i > hashLength || c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}

// end is where the line ends that begins at a byte, behind its line feed.
func end(f io.ReaderAt, size, begin int64) (int64, error) {
	to := min(begin+2*longest, size)
	text, err := around(f, begin, to)
	if err != nil {
		return 0, err
	}
	if i := bytes.IndexByte(text, '\n'); i >= 0 {
		return begin + int64(i) + 1, nil
	}
	return size, nil
}
