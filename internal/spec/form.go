package spec

import (
	"errors"
	"io"
	"unicode/utf8"

	"farrier.dev/farrier/internal/encoding/form"
	"farrier.dev/farrier/internal/encoding/formdata"
)

// field is one field of a form: a text, or the content of a file.
type field struct {
	name, text string
	file       bool
	// json tells that the field itself says that it is JSON.
	json bool
}

var errBoundary = errors.New("the boundary of the parts is missing or malformed")

// form reads a form into the document, as an object: a field that may be an array
// is one, and one that may only be an object is read as JSON (OpenAPI, Encoding
// Object). That object is what the schema is held against.
func (in *inspection) form(c *content, media, header string, body []byte) error {
	var fields []field
	var err error
	if media == urlencoded {
		fields, err = urlencodedFields(body)
	} else {
		fields, err = multipartFields(header, body)
	}
	if err != nil {
		return err
	}
	var names []string
	byName := map[string][]field{}
	for _, f := range fields {
		if byName[f.name] == nil {
			names = append(names, f.name)
		}
		byName[f.name] = append(byName[f.name], f)
	}
	d := &in.document
	d.Reset()
	d.BeginObject()
	for _, name := range names {
		inner, _ := c.shape.of(name)
		d.Name(name)
		if inner.kinds&kindArray != 0 && (inner.kinds&^kindArray == 0 || len(byName[name]) > 1) {
			d.BeginArray()
			for _, f := range byName[name] {
				in.field(f, inner.items)
			}
			d.End()
			continue
		}
		if len(byName[name]) > 1 {
			return errTwice
		}
		in.field(byName[name][0], inner.kinds)
	}
	d.End()
	return nil
}

// field adds the value of a field.
func (in *inspection) field(f field, k kinds) {
	d := &in.document
	switch {
	case (f.file || k == anything) && !utf8.ValidString(f.text):
		d.Opaque(f.text)
		return
	case f.file:
		d.String(f.text)
		return
	}
	if f.json || k&scalars == 0 {
		if value, err := Value([]byte(f.text), Limits()); err == nil && d.Add(value) == nil {
			return
		}
	}
	if k == anything {
		k = kindString
	}
	addScalar(d, f.text, k&scalars)
}

func urlencodedFields(body []byte) ([]field, error) {
	var all []field
	it := form.Pairs(body, form.DefaultMaxPairs)
	for it.Next() {
		p := it.Pair()
		name, about := p.Name.Decode()
		value, more := p.Value.Decode()
		switch {
		case about.BadEscape || more.BadEscape:
			return nil, errEscape
		case about.NotUTF8 || about.NUL || more.NotUTF8 || more.NUL:
			return nil, errText
		}
		all = append(all, field{name: string(name), text: string(value)})
	}
	if it.Err() != nil {
		return nil, errMany
	}
	return all, nil
}

func multipartFields(header string, body []byte) ([]field, error) {
	boundary, err := formdata.Boundary(header)
	if err != nil {
		return nil, errBoundary
	}
	var all []field
	r := formdata.NewReader(body, boundary, formdata.DefaultLimits())
	for {
		p, err := r.Next()
		if err != nil {
			if isEnd(err) {
				return all, nil
			}
			return nil, err
		}
		all = append(all, fieldOf(&p))
	}
}

func isEnd(err error) bool { return errors.Is(err, io.EOF) }

func fieldOf(p *formdata.Part) field {
	media, _ := mediaType(string(p.ContentType))
	return field{
		name: string(p.Name), text: string(p.Content), json: isJSON(media),
		file: p.HasFilename || media == "application/octet-stream",
	}
}
