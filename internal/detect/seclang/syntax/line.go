package syntax

import (
	"strings"
)

// logicalLine is a directive as one line: continued lines are joined, comments
// are gone. A block in backticks keeps its line breaks.
type logicalLine struct {
	pos  Position
	text string
}

// name is the first word.
func (l logicalLine) name() string {
	if i := strings.IndexAny(l.text, blank+"\n"); i >= 0 {
		return l.text[:i]
	}
	return l.text
}

// logicalLines joins lines. Comments and empty lines are left out wherever
// they stand, also between continued lines and in backticks. A block opens
// with a line that ends in a backtick and closes with one that begins with it.
func logicalLines(file, text string) ([]logicalLine, error) {
	var (
		lines   []logicalLine
		joined  strings.Builder
		start   int // line of the directive being joined, 0: none
		inBlock bool
		number  int
	)
	for raw := range strings.SplitSeq(text, "\n") {
		number++
		line := strings.TrimSpace(raw)
		if line == "" || line[0] == '#' {
			continue
		}
		if start == 0 {
			start = number
		}
		switch {
		case !inBlock && line[len(line)-1] == '`':
			inBlock = true
		case inBlock && line[0] == '`':
			inBlock = false
		}
		if inBlock {
			joined.WriteString(line)
			joined.WriteByte('\n')
			continue
		}
		if before, continued := strings.CutSuffix(line, `\`); continued {
			joined.WriteString(before)
			continue
		}
		joined.WriteString(line)
		lines = append(lines, logicalLine{Position{file, start}, joined.String()})
		joined.Reset()
		start = 0
	}
	switch {
	case inBlock:
		return nil, &Error{Position{file, start}, "the backtick is never closed: end the block with a line that has only a backtick"}
	case start != 0:
		return nil, &Error{Position{file, start}, "the last line ends in a backslash, but nothing follows: remove the backslash, or complete the directive"}
	}
	return lines, nil
}
