package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
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
				line, message := yamlError(err)
				if m := unknownAnchor.FindStringSubmatch(message); m != nil {
					before, _, _ := bytes.Cut(part.text, []byte("*"+m[1]))
					line = bytes.Count(before, []byte("\n")) + 1
				}
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

var unknownAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced`)

var yamlLine = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?`)

// yamlError takes the line out of an error of the YAML library; without one it
// is the first.
func yamlError(err error) (line int, message string) {
	text := err.Error()
	m := yamlLine.FindStringSubmatch(text)
	line, numberErr := strconv.Atoi(m[1])
	if numberErr != nil || line < 1 {
		line = 1
	}
	return line, text[len(m[0]):]
}
