package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// writeMapping writes the keys of a mapping that is not empty, a line or more each.
func writeMapping(b *bytes.Buffer, n *node, indent int) {
	for i, p := range n.pairs {
		if i > 0 {
			b.WriteString(strings.Repeat(" ", indent))
		}
		b.WriteString(scalarText(p.key))
		b.WriteByte(':')
		writeValue(b, p.value, indent)
	}
}

// writeValue writes what follows a key, up to the end of the line.
func writeValue(b *bytes.Buffer, n *node, indent int) {
	switch {
	case n.kind == mapping && len(n.pairs) > 0:
		b.WriteByte('\n')
		b.WriteString(strings.Repeat(" ", indent+2))
		writeMapping(b, n, indent+2)
	case n.kind == list && len(n.items) > 0:
		b.WriteByte('\n')
		for _, item := range n.items {
			b.WriteString(strings.Repeat(" ", indent))
			writeItem(b, item, indent)
		}
	default:
		b.WriteByte(' ')
		writeScalar(b, n, indent+2)
	}
}

func writeItem(b *bytes.Buffer, n *node, indent int) {
	b.WriteByte('-')
	switch {
	case n.kind == mapping && len(n.pairs) > 0:
		b.WriteByte(' ')
		writeMapping(b, n, indent+2)
	case n.kind == list && len(n.items) > 0:
		for i, item := range n.items {
			if b.WriteByte(' '); i > 0 {
				b.Truncate(b.Len() - 1)
				b.WriteString(strings.Repeat(" ", indent+2))
			}
			writeItem(b, item, indent+2)
		}
	default:
		b.WriteByte(' ')
		writeScalar(b, n, indent+2)
	}
}

// writeScalar writes a scalar, or an empty mapping or list, and ends the line.
func writeScalar(b *bytes.Buffer, n *node, indent int) {
	switch v := n.value.(type) {
	case string:
		if blockFits(v) {
			writeBlock(b, v, indent)
			return
		}
		b.WriteString(scalarText(v))
	case json.Number:
		b.WriteString(string(v))
	case bool:
		b.WriteString(strconv.FormatBool(v))
	default:
		switch n.kind {
		case mapping:
			b.WriteString("{}")
		case list:
			b.WriteString("[]")
		case scalar:
			b.WriteString("null")
		}
	}
	b.WriteByte('\n')
}

// blockFits says whether a text of several lines can stand as it is: scripts and
// certificates are read by people.
func blockFits(text string) bool {
	if !strings.Contains(text, "\n") || text[0] == ' ' || text[0] == '\n' || text[0] == '\t' || strings.HasSuffix(text, "\n\n") {
		return false
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		if strings.TrimRight(line, " \t") != line {
			return false
		}
	}
	return clean(strings.ReplaceAll(text, "\n", ""))
}

// clean says that a text holds nothing that YAML would have escaped.
func clean(text string) bool {
	for i, r := range text {
		if r == utf8.RuneError || r == '\ufeff' || !unicode.IsPrint(r) {
			return false
		}
		if r == ' ' && i == 0 {
			return false
		}
	}
	return true
}

func writeBlock(b *bytes.Buffer, text string, indent int) {
	body, ends := strings.CutSuffix(text, "\n")
	b.WriteString("|")
	if !ends {
		b.WriteByte('-')
	}
	b.WriteByte('\n')
	for line := range strings.SplitSeq(body, "\n") {
		if line != "" {
			b.WriteString(strings.Repeat(" ", indent))
			b.WriteString(line)
		}
		b.WriteByte('\n')
	}
}

// plain texts need no quotes: no reader of YAML takes them for anything else.
var plain = regexp.MustCompile(`^[A-Za-z/$][A-Za-z0-9_./$-]*(:[A-Za-z0-9_./$-]+)*$`)

// scalarText writes a text on one line.
func scalarText(text string) string {
	if len(text) <= 200 && plain.MatchString(text) {
		switch strings.ToLower(text) {
		case "true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan", "inf":
		default:
			return text
		}
	}
	return quoted(text)
}

// quoted writes a text in double quotes.
func quoted(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case unicode.IsPrint(r) && r != '\ufeff':
			b.WriteRune(r)
		case r <= 0xff:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// number64 is a number in its shortest form: of 64 bits where it is whole, else a
// floating-point number of 64 bits.
func number64(text string) (json.Number, error) {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return json.Number(strconv.FormatInt(i, 10)), nil
	}
	if u, err := strconv.ParseUint(text, 10, 64); err == nil {
		return json.Number(strconv.FormatUint(u, 10)), nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return "", errors.New("not a finite number")
	}
	if f == 0 {
		return "0", nil
	}
	short := strconv.FormatFloat(f, 'g', -1, 64)
	if u, err := strconv.ParseUint(short, 10, 64); err == nil {
		return json.Number(strconv.FormatUint(u, 10)), nil
	}
	return json.Number(short), nil
}
