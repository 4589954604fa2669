package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strconv"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v3"
)

// chunk is the part of a file between two lines that begin with three dashes.
type chunk struct {
	text   []byte
	offset int // lines before it
}

// split cuts a file at its document separators. No YAML value may contain such
// a line, so a document that is broken hides no other.
func split(text []byte) []chunk {
	var chunks []chunk
	start, startLine, line := 0, 0, 0
	bare := true // only directives, comments and blanks since start
	for at := 0; at < len(text); line++ {
		end := len(text)
		if i := bytes.IndexByte(text[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		row := text[at:end]
		if separator(row) {
			if !bare {
				chunks = append(chunks, chunk{text: text[start:at], offset: startLine})
				start, startLine = at, line
			}
			bare = false
		} else if bare {
			row = bytes.TrimSpace(row)
			bare = len(row) == 0 || row[0] == '#' || row[0] == '%'
		}
		at = end
	}
	return append(chunks, chunk{text: text[start:], offset: startLine})
}

func separator(row []byte) bool {
	rest, ok := bytes.CutPrefix(row, []byte("---"))
	return ok && (len(rest) == 0 || bytes.IndexByte([]byte(" \t\r\n"), rest[0]) >= 0)
}

// documents reads all documents of a file. Those that can not be read are
// reported, and complete is false.
func documents(file string, text []byte, room int, found *problems) (roots []*node, complete bool) {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if bad := invalidUTF8(text); bad >= 0 {
		line := bytes.Count(text[:bad], []byte("\n")) + 1
		found.errorf(position{file: file, line: line, column: 1}, "", "not UTF-8 text; save the file as UTF-8")
		return nil, false
	}
	lines := bytes.Count(text, []byte("\n")) + 1
	complete = true
	for _, part := range split(text) {
		decoder := yaml.NewDecoder(bytes.NewReader(part.text))
		for {
			document, err := decode(decoder)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				line, message := yamlError(part.text, err)
				at := position{file: file, line: min(line+part.offset, lines), column: 1}
				found.errorf(at, "", "not readable as YAML: %s", message)
				complete = false
				break
			}
			if len(document.Content) == 0 {
				continue
			}
			if len(roots) >= room {
				at := position{file: file, line: part.offset + 1, column: 1}
				found.errorf(at, documentField, "more than %d documents in all; split them over several gateways", maxDocuments)
				return roots, false
			}
			c := &converter{file: file, offset: part.offset, problems: found}
			root := c.convert(document.Content[0], "", 0)
			complete = complete && !c.stopped
			if !root.null() {
				roots = append(roots, root)
			}
		}
	}
	return roots, complete
}

func invalidUTF8(text []byte) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

// decode reads one document and survives a fault of the YAML library.
func decode(d *yaml.Decoder) (document *yaml.Node, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("the YAML reader gave up: %v", fault)
		}
	}()
	document = new(yaml.Node)
	if err := d.Decode(document); err != nil {
		return nil, err
	}
	return document, nil
}

var (
	yamlLine      = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?`)
	unknownAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced`)
	parserFault   = regexp.MustCompile(`^did not find expected (key|'-' indicator|node content|',' or|<)`)
)

// yamlError takes line and message out of an error of the YAML library, which
// names the line badly or not at all for what its parser finds, and well for
// what its scanner finds.
func yamlError(text []byte, err error) (line int, message string) {
	m := yamlLine.FindStringSubmatch(err.Error())
	message = err.Error()[len(m[0]):]
	line, _ = strconv.Atoi(m[1])
	if anchor := unknownAnchor.FindStringSubmatch(message); anchor != nil {
		before, _, _ := bytes.Cut(text, []byte("*"+anchor[1]))
		return bytes.Count(before, []byte("\n")) + 1, message
	}
	switch fault := parserFault.FindStringSubmatch(message); {
	case fault == nil:
	case fault[1] == "key" || fault[1] == "'-' indicator":
		line = faultLine(text, err.Error())
		message += "; the indentation does not fit the lines above"
	default:
		line++
	}
	return max(line, 1), message
}

// faultLine is the first line with which a document has a fault of its block
// structure: the YAML library names only the line where the block begins. Such
// a document is readable when it is cut anywhere before the fault.
func faultLine(text []byte, fault string) int {
	var ends []int
	for i, c := range text {
		if c == '\n' {
			ends = append(ends, i+1)
		}
	}
	ends = append(ends, len(text))
	return 1 + sort.Search(len(ends)-1, func(i int) bool {
		decoder := yaml.NewDecoder(bytes.NewReader(text[:ends[i]]))
		for {
			_, err := decode(decoder)
			if err != nil {
				return err.Error() == fault
			}
		}
	})
}
