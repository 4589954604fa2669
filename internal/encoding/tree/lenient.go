package tree

import (
	"bytes"
	"errors"
	"regexp"
	"slices"
)

// maxMends is how often a document is read again, maxMended how long the longest is
// in bytes: so much is read anew each time.
const (
	maxMends  = 20
	maxMended = 2 << 20
)

// strayComma is a line of block style that ends in a quoted text and a comma.
var strayComma = regexp.MustCompile(`^\s*(?:- +)*(?:[^\s"'#{}\[\],&*!|>%@][^"'#{}\[\]]*: +)?(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'),\s*$`)

// mendYAML reads a document again without the commas that make it wrong. An
// error names the line where the values that it is in begin: the comma is the
// first behind it whose removal lets more be read.
func mendYAML(src *Source, text []byte, o Options, wrong error) (*Node, error) {
	if len(text) > maxMended {
		return nil, wrong
	}
	lines := bytes.SplitAfter(slices.Clone(text), []byte("\n"))
	var mended []*Error
	from, reached := 0, lineOf(wrong)
	for range maxMends {
		line := nextComma(lines, max(from, reached-2))
		if reached == 0 || line < 0 {
			break
		}
		comma := bytes.LastIndexByte(lines[line], ',')
		lines[line][comma] = ' '
		root, err := parseYAML(src, bytes.Join(lines, nil), o)
		if now := lineOf(err); err == nil || now > reached || now == reached && nextComma(lines, line+1) > 0 {
			mended = append(mended, &Error{src.Name, line + 1, comma + 1, "a comma stands behind the text; YAML has none at the end of a line"})
			reached = now
		} else {
			lines[line][comma] = ','
		}
		if err == nil {
			src.Mended = mended
			return root, nil
		}
		from = line + 1
	}
	return nil, wrong
}

// lineOf is the line that an error names, 0 when it names none.
func lineOf(err error) int {
	if at, ok := errors.AsType[*Error](err); ok {
		return at.Line
	}
	return 0
}

// nextComma is the index of the first line from a place on that ends in a stray
// comma, -1 when there is none.
func nextComma(lines [][]byte, from int) int {
	for i := max(from, 0); i < len(lines); i++ {
		if len(lines[i]) < 1000 && strayComma.Match(bytes.TrimRight(lines[i], "\r\n")) {
			return i
		}
	}
	return -1
}
