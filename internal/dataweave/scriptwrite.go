package dataweave

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"farrier.dev/farrier/internal/encoding/jsontext"
)

const (
	mediaJSON = "application/json"
	mediaXML  = "application/xml"
	mediaText = "text/plain"
	mediaCSV  = "application/csv"
	mediaForm = "application/x-www-form-urlencoded"
)

func medias() []string {
	return []string{mediaJSON, mediaXML, "text/xml", "text/json", mediaText, mediaCSV, "text/csv", mediaForm}
}

// output is what the output directive says.
type output struct {
	media string
	// indent and declaration are of JSON and XML, header and separator of CSV.
	indent, declaration, header bool
	separator                   byte
	// skipArrays and skipObjects leave null out of Arrays and Objects; the
	// latter means elements in XML. skipAttributes is about those of XML.
	skipArrays, skipObjects, skipAttributes bool
}

// contentType is what a client is told of the output.
func (o *output) contentType() string {
	switch o.media {
	case "":
		return mediaJSON
	case mediaText, mediaXML, "text/xml", "text/csv":
		return o.media + "; charset=utf-8"
	}
	return o.media
}

// set sets one property of the output directive.
func (o *output) set(name, value string) error {
	var flag *bool
	switch name {
	case "indent":
		flag = &o.indent
	case "writeDeclaration":
		flag = &o.declaration
	case "header":
		flag = &o.header
	case "encoding":
		if !strings.EqualFold(value, "UTF-8") {
			return errors.New(`the writer's encoding is "UTF-8" only`)
		}
		return nil
	case "separator":
		if len(value) != 1 {
			return errors.New("the writer's separator is one character")
		}
		o.separator = value[0]
		return nil
	case "skipNullOn":
		switch value {
		case "everywhere":
			o.skipArrays, o.skipObjects, o.skipAttributes = true, true, true
		case "arrays":
			o.skipArrays = true
		case "objects", "elements":
			o.skipObjects = true
		case "attributes":
			o.skipAttributes = true
		default:
			return fmt.Errorf("skipNullOn is everywhere, arrays, objects, elements or attributes, not %.40q", value)
		}
		return nil
	default:
		return fmt.Errorf("the writer property %.40q is not supported; there are indent, skipNullOn, writeDeclaration, encoding, header and separator", name)
	}
	if value != "true" && value != "false" {
		return fmt.Errorf("%s is true or false, not %.40q", name, value)
	}
	*flag = value == "true"
	return nil
}

// writer writes one value.
type writer struct {
	run    *run
	output *output
	buf    []byte
	// spaces are the namespaces that the open elements have declared.
	spaces []*namespace
}

func (w *writer) write(v Value) error {
	var err error
	switch w.output.media {
	case "", mediaJSON, "text/json":
		err = w.json(v, 0)
	case mediaXML, "text/xml":
		err = w.xml(v)
	case mediaText:
		err = w.plain(v)
	case mediaForm:
		err = w.form(v)
	default:
		err = w.csv(v)
	}
	if err != nil {
		return err
	}
	return w.bounded()
}

// bounded counts a value, and refuses an output that is too long.
func (w *writer) bounded() error {
	if len(w.buf) > maxOutput {
		return errorf(0, "the output is longer than %d bytes", maxOutput)
	}
	return w.run.spend(1)
}

func (w *writer) plain(v Value) error {
	text, err := v.Text()
	if err != nil {
		return errorf(0, "the output text/plain needs text, not %s; choose another output", article(v.kind))
	}
	w.buf = append(w.buf, text...)
	return nil
}

func (w *writer) line(depth int) {
	if w.output.indent {
		w.buf = append(w.buf, '\n')
		for range depth {
			w.buf = append(w.buf, "  "...)
		}
	}
}

func (w *writer) json(v Value, depth int) error {
	if err := w.bounded(); err != nil {
		return err
	}
	switch v.kind {
	case KindNull:
		w.buf = append(w.buf, "null"...)
	case KindString:
		if len(v.str) > maxOutput {
			return errorf(0, "the output is longer than %d bytes", maxOutput)
		}
		w.buf = jsontext.AppendQuote(w.buf, v.str)
	case KindArray:
		return w.jsonArray(elements(v), depth+1)
	case KindObject:
		return w.jsonObject(v.Entries(), depth+1)
	default:
		w.buf = v.appendScalar(w.buf)
	}
	return nil
}

func (w *writer) jsonArray(list []Value, depth int) error {
	w.buf = append(w.buf, '[')
	some := false
	for _, item := range list {
		if item.kind == KindNull && w.output.skipArrays {
			continue
		}
		if some {
			w.buf = append(w.buf, ',')
		}
		some = true
		w.line(depth)
		if err := w.json(item, depth); err != nil {
			return err
		}
	}
	if some {
		w.line(depth - 1)
	}
	w.buf = append(w.buf, ']')
	return nil
}

func (w *writer) jsonObject(list []Entry, depth int) error {
	w.buf = append(w.buf, '{')
	some := false
	for i := range list {
		if list[i].Value.kind == KindNull && w.output.skipObjects {
			continue
		}
		if some {
			w.buf = append(w.buf, ',')
		}
		some = true
		w.line(depth)
		w.buf = append(jsontext.AppendQuote(w.buf, list[i].Key), ':')
		if w.output.indent {
			w.buf = append(w.buf, ' ')
		}
		if err := w.json(list[i].Value, depth); err != nil {
			return err
		}
	}
	if some {
		w.line(depth - 1)
	}
	w.buf = append(w.buf, '}')
	return nil
}

// form writes the entries of an Object as a form.
func (w *writer) form(v Value) error {
	if v.kind != KindObject {
		return errorf(0, "the output %s needs an Object, not %s", w.output.media, article(v.kind))
	}
	for _, e := range v.Entries() {
		values := []Value{e.Value}
		if e.Value.kind == KindArray {
			values = elements(e.Value)
		}
		for _, one := range values {
			text, err := one.Text()
			if err != nil {
				return errorf(0, "a field of a form is text, not %s", article(one.kind))
			}
			if len(w.buf) > 0 {
				w.buf = append(w.buf, '&')
			}
			w.buf = append(w.buf, url.QueryEscape(e.Key)+"="+url.QueryEscape(text)...)
			if err := w.bounded(); err != nil {
				return err
			}
		}
	}
	return nil
}

// csv writes an Array of Objects (RFC 4180); the first one gives the columns.
func (w *writer) csv(v Value) error {
	if v.kind == KindObject {
		v = NewArray(v)
	}
	rows := elements(v)
	if v.kind != KindArray {
		return errorf(0, "the output %s needs an Array of Objects, not %s", w.output.media, article(v.kind))
	}
	var columns []string
	for i, row := range rows {
		if row.kind != KindObject {
			return errorf(0, "a row is an Object, not %s", article(row.kind))
		}
		if i == 0 {
			for n, e := range row.Entries() {
				columns = append(columns, e.Key)
				if w.output.header {
					w.cell(e.Key, n)
				}
			}
			if w.output.header {
				w.buf = append(w.buf, '\n')
			}
		}
		for n, column := range columns {
			o, _ := row.AsObject()
			item, _ := o.Get(column)
			text, err := item.Text()
			if err != nil {
				return errorf(0, "a cell is text, not %s", article(item.kind))
			}
			w.cell(text, n)
			if err := w.bounded(); err != nil {
				return err
			}
		}
		w.buf = append(w.buf, '\n')
	}
	return nil
}

func (w *writer) cell(text string, n int) {
	if n > 0 {
		w.buf = append(w.buf, w.output.separator)
	}
	if strings.ContainsAny(text, "\"\r\n"+string(rune(w.output.separator))) {
		text = `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
	}
	w.buf = append(w.buf, text...)
}

// JSON writes a value as JSON without white space. More than 4 MiB are an error.
func (v Value) JSON() ([]byte, error) {
	w := writer{run: &run{}, output: &output{}}
	err := w.write(v)
	return w.buf, err
}
