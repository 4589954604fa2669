package accesslog

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// mapping says where the parts of a request stand in lines that a person
// describes.
type mapping struct {
	table  bool
	comma  rune
	layout string
	// at is the JSON pointer or the name or number of the column of each field.
	at []place
}

type place struct {
	field field
	name  string
	at    string
	// parts is the pointer taken apart; column the number of a column from 1, or 0.
	parts  []string
	column int
}

// Mapping reads a description of lines in YAML:
//
//	format: json            # or csv; the first line of csv names the columns
//	separator: ";"          # of csv; a comma if left out
//	time-layout: unix-ms    # unix, unix-us, unix-ns or a layout of Go; guessed if left out
//	fields:
//	  time: /ts             # a JSON pointer; of csv the name or the number of a column
//	  method: /http/verb
//	  path: /http/target    # with or without the query
//	  status: /http/status
//	  header.x-tenant: /tenant
//
// The fields are time, request (a whole request line), method, path, query,
// protocol, scheme, host, port, client, forwarded, upstream, status,
// request-bytes, response-bytes, user-agent, user, client-id, api, and
// header.NAME and response-header.NAME.
func Mapping(text []byte) (*Format, error) {
	if len(text) > 64<<10 {
		return nil, errors.New("a mapping has at most 64 KiB")
	}
	var file struct {
		Format    string            `yaml:"format"`
		Separator string            `yaml:"separator"`
		Layout    string            `yaml:"time-layout"`
		Fields    map[string]string `yaml:"fields"`
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		return nil, fmt.Errorf("reading the mapping: %w", err)
	}
	m := &mapping{layout: file.Layout, comma: ','}
	switch file.Format {
	case "json":
	case "csv":
		m.table = true
		if file.Separator == `\t` {
			file.Separator = "\t"
		}
		if r := []rune(file.Separator); len(r) == 1 && r[0] != '"' && r[0] != '\r' && r[0] != '\n' && r[0] != 0xFFFD {
			m.comma = r[0]
		} else if file.Separator != "" {
			return nil, fmt.Errorf("separator must be one character, not %q", file.Separator)
		}
	default:
		return nil, fmt.Errorf("format must be json or csv, not %q", file.Format)
	}
	for _, name := range slices.Sorted(maps.Keys(file.Fields)) {
		if err := m.add(name, file.Fields[name]); err != nil {
			return nil, err
		}
	}
	return m.build()
}

func (m *mapping) build() (*Format, error) {
	has := func(f field) bool { return slices.ContainsFunc(m.at, func(p place) bool { return p.field == f }) }
	if !has(requestLine) && (!has(methodField) || !has(targetField)) {
		return nil, errors.New("fields must name request, or method and path")
	}
	if m.table {
		return &Format{name: "mapped csv", table: m}, nil
	}
	return &Format{name: "mapped json", read: m.readJSON}, nil
}

func (m *mapping) add(name, at string) error {
	p := place{at: at}
	if header, ok := strings.CutPrefix(name, "header."); ok {
		p.field, p.name = requestHeader, strings.ToLower(header)
	} else if header, ok := strings.CutPrefix(name, "response-header."); ok {
		p.field, p.name = responseHeader, strings.ToLower(header)
	} else if p.field, ok = mapped(name); !ok {
		return fmt.Errorf("fields has %q, which is no field", name)
	}
	if m.table {
		if n, err := strconv.Atoi(at); err == nil && n > 0 {
			p.column = n
		}
	} else {
		if !strings.HasPrefix(at, "/") {
			return fmt.Errorf("%s must be a JSON pointer, which begins with a slash, not %q", name, at)
		}
		for part := range strings.SplitSeq(at[1:], "/") {
			p.parts = append(p.parts, strings.NewReplacer("~1", "/", "~0", "~").Replace(part))
		}
	}
	m.at = append(m.at, p)
	return nil
}

func mapped(name string) (field, bool) {
	names := [...]struct {
		name  string
		field field
	}{
		{"time", timeField},
		{"request", requestLine},
		{"method", methodField},
		{"path", targetField},
		{"query", queryField},
		{"protocol", protoField},
		{"scheme", schemeField},
		{"host", hostField},
		{"port", portField},
		{"client", addressField},
		{"forwarded", forwardedField},
		{"upstream", upstreamField},
		{"status", statusField},
		{"request-bytes", requestBytes},
		{"response-bytes", bytesField},
		{"user-agent", agentField},
		{"user", userField},
		{"client-id", clientField},
		{"api", apiField},
	}
	for _, n := range names {
		if n.name == name {
			return n.field, true
		}
	}
	return ignored, false
}

func (m *mapping) readJSON(line string, e *entry) bool {
	decoder := json.NewDecoder(strings.NewReader(line))
	decoder.UseNumber()
	var document any
	if decoder.Decode(&document) != nil {
		return false
	}
	e.layout = m.layout
	for _, p := range m.at {
		if text, ok := at(document, p.parts); ok {
			e.set(p.field, p.name, text, false)
		}
	}
	return true
}

// at finds the scalar at a pointer.
func at(v any, parts []string) (string, bool) {
	for _, part := range parts {
		switch inner := v.(type) {
		case map[string]any:
			v = inner[part]
		case []any:
			n, err := strconv.Atoi(part)
			if err != nil || n < 0 || n >= len(inner) {
				return "", false
			}
			v = inner[n]
		default:
			return "", false
		}
	}
	switch scalar := v.(type) {
	case string:
		return scalar, true
	case json.Number:
		return scalar.String(), true
	}
	return "", false
}

// readRow reads a row of a table.
func (m *mapping) readRow(columns, cells []string, e *entry) bool {
	e.layout = m.layout
	for _, p := range m.at {
		n := p.column - 1
		if n < 0 {
			n = slices.Index(columns, p.at)
		}
		if n >= 0 && n < len(cells) {
			e.set(p.field, p.name, cells[n], false)
		}
	}
	return len(cells) > 1
}

// splitRow takes one line of a table apart.
func splitRow(line string, comma rune) ([]string, error) {
	r := csv.NewReader(strings.NewReader(line))
	r.Comma = comma
	r.FieldsPerRecord = -1
	r.LazyQuotes = true
	r.TrimLeadingSpace = comma != '\t' && comma != ' '
	return r.Read()
}
