package shape

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/classify/sensitive"
	"farrier.dev/farrier/internal/encoding/jsontext"
)

// stored is how statistics are stored: of values, and of a tree.
type stored struct {
	Count uint64             `json:"n"`
	Kinds map[string]uint64  `json:"k,omitempty"`
	Range *[2]magnitude      `json:"r,omitempty"`
	Size  *[2]uint8          `json:"l,omitempty"`
	Words []storedWord       `json:"w,omitempty"`
	Full  bool               `json:"f,omitempty"`
	Keeps bool               `json:"p,omitempty"`
	Many  *Sketch            `json:"d,omitempty"`
	Class []storedClass      `json:"c,omitempty"`
	Flags flags              `json:"x,omitempty"`
	Seen  uint32             `json:"s,omitempty"`
	Whole uint64             `json:"o,omitempty"`
	Names map[string]*stored `json:"m,omitempty"`
	Extra *stored            `json:"e,omitempty"`
	Items *stored            `json:"i,omitempty"`
}

type storedWord struct {
	Hash  uint32 `json:"h"`
	Count uint32 `json:"n"`
	Text  string `json:"t,omitempty"`
}

type storedClass struct {
	Class sensitive.Class `json:"c"`
	Count uint64          `json:"n"`
	Shape string          `json:"s,omitempty"`
}

// MarshalJSON gives the statistics as compact JSON, the same for equal ones.
func (v Values) MarshalJSON() ([]byte, error) {
	return append(v.append(append(make([]byte, 0, 128), '{')), '}'), nil
}

// MarshalJSON gives the statistics as compact JSON, the same for equal ones.
func (s *Schema) MarshalJSON() ([]byte, error) {
	if s == nil {
		return []byte("null"), nil
	}
	return s.append(make([]byte, 0, 1024)), nil
}

func field(b []byte, name string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	b = append(b, '"')
	b = append(b, name...)
	return append(b, '"', ':')
}

// append writes the fields of values, without braces.
func (v *Values) append(b []byte) []byte {
	b = strconv.AppendUint(field(b, "n"), v.Count, 10)
	if len(v.kinds) > 0 {
		b = append(field(b, "k"), '{')
		v.kinds.each(func(k kind, n uint64) { b = strconv.AppendUint(field(b, k.String()), n, 10) })
		b = append(b, '}')
	}
	if v.ranged {
		b = append(strconv.AppendInt(append(field(b, "r"), '['), int64(v.low), 10), ',')
		b = append(strconv.AppendInt(b, int64(v.high), 10), ']')
	}
	if v.long > 0 {
		b = append(strconv.AppendUint(append(field(b, "l"), '['), uint64(v.short), 10), ',')
		b = append(strconv.AppendUint(b, uint64(v.long), 10), ']')
	}
	if v.full {
		b = append(field(b, "f"), "true"...)
	}
	if v.keeps {
		b = append(field(b, "p"), "true"...)
	}
	if v.more != nil {
		b = v.more.append(b)
	}
	return b
}

func (d *details) append(b []byte) []byte {
	if len(d.words) > 0 {
		order := make([]int, len(d.words))
		for i := range order {
			order[i] = i
		}
		slices.SortFunc(order, func(x, y int) int { return int(int64(d.words[x].hash) - int64(d.words[y].hash)) })
		b = append(field(b, "w"), '[')
		for i, at := range order {
			if i > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendUint(append(b, `{"h":`...), uint64(d.words[at].hash), 10)
			b = strconv.AppendUint(append(b, `,"n":`...), uint64(d.words[at].count), 10)
			if text := d.text(at); text != "" {
				b = jsontext.AppendQuote(append(b, `,"t":`...), text)
			}
			b = append(b, '}')
		}
		b = append(b, ']')
	}
	if d.sketch != nil {
		b = jsontext.AppendQuote(field(b, "d"), d.sketch.text())
	}
	if len(d.classes) > 0 {
		b = append(field(b, "c"), '[')
		for i, c := range d.classes {
			if i > 0 {
				b = append(b, ',')
			}
			b = jsontext.AppendQuote(append(b, `{"c":`...), string(c.class))
			b = strconv.AppendUint(append(b, `,"n":`...), c.count, 10)
			if c.shape != "" {
				b = jsontext.AppendQuote(append(b, `,"s":`...), c.shape)
			}
			b = append(b, '}')
		}
		b = append(b, ']')
	}
	return b
}

func (s *Schema) append(b []byte) []byte {
	b = s.v.append(append(b, '{'))
	if s.flags != 0 {
		b = strconv.AppendUint(field(b, "x"), uint64(s.flags), 10)
	}
	if s.seen != 0 {
		b = strconv.AppendUint(field(b, "s"), uint64(s.seen), 10)
	}
	if s.below == nil {
		return append(b, '}')
	}
	if s.below.objects != 0 {
		b = strconv.AppendUint(field(b, "o"), s.below.objects, 10)
	}
	if len(s.below.members) > 0 {
		b = append(field(b, "m"), '{')
		for i, m := range s.below.sorted() {
			if i > 0 {
				b = append(b, ',')
			}
			b = m.node.append(append(jsontext.AppendQuote(b, m.name), ':'))
		}
		b = append(b, '}')
	}
	if s.below.extra != nil {
		b = s.below.extra.append(field(b, "e"))
	}
	if s.below.items != nil {
		b = s.below.items.append(field(b, "i"))
	}
	return append(b, '}')
}

var errStored = errors.New("malformed statistics")

// UnmarshalJSON reads what MarshalJSON wrote.
func (v *Values) UnmarshalJSON(data []byte) error {
	var in stored
	if err := json.Unmarshal(data, &in); err != nil {
		return errStored
	}
	return v.read(&in)
}

func (v *Values) read(in *stored) error {
	*v = Values{Count: in.Count, full: in.Full, keeps: in.Keeps}
	for name, n := range in.Kinds {
		k := kindNamed(name)
		if k == kindNone {
			return errStored
		}
		v.kinds.add(k, n)
	}
	if in.Range != nil {
		v.ranged, v.low, v.high = true, in.Range[0], in.Range[1]
	}
	if in.Size != nil {
		v.short, v.long = min(in.Size[0], 65), min(in.Size[1], 65)
	}
	if len(in.Words) > MaxWords || len(in.Class) > MaxClasses {
		return errStored
	}
	if len(in.Words) == 0 && len(in.Class) == 0 && in.Many == nil {
		return nil
	}
	v.more = &details{sketch: in.Many}
	for i, w := range in.Words {
		v.more.words = append(v.more.words, word{hash: w.Hash, count: w.Count})
		if w.Text != "" {
			v.more.setText(i, w.Text)
		}
	}
	for _, c := range in.Class {
		v.more.classes = append(v.more.classes, classCount{c.Class, c.Count, c.Shape})
	}
	slices.SortFunc(v.more.classes, func(x, y classCount) int { return strings.Compare(string(x.class), string(y.class)) })
	return nil
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *Schema) UnmarshalJSON(data []byte) error {
	var in stored
	if err := json.Unmarshal(data, &in); err != nil {
		return errStored
	}
	return s.read(&in, 0)
}

func (s *Schema) read(in *stored, depth int) error {
	*s = Schema{flags: in.Flags, seen: in.Seen}
	if err := s.v.read(in); err != nil {
		return err
	}
	if in.Whole == 0 && len(in.Names) == 0 && in.Extra == nil && in.Items == nil {
		return nil
	}
	if len(in.Names) > MaxMembers || depth > MaxDepth {
		return errStored
	}
	b := &below{objects: in.Whole, members: make([]member, 0, len(in.Names))}
	s.below = b
	for _, lower := range []struct {
		in  *stored
		out **Schema
	}{{in.Extra, &b.extra}, {in.Items, &b.items}} {
		if lower.in == nil {
			continue
		}
		*lower.out = new(Schema)
		if err := (*lower.out).read(lower.in, depth+1); err != nil {
			return err
		}
	}
	for name, node := range in.Names {
		if node == nil {
			return errStored
		}
		m := member{name, new(Schema)}
		if err := m.node.read(node, depth+1); err != nil {
			return err
		}
		b.members = append(b.members, m)
	}
	slices.SortFunc(b.members, func(x, y member) int { return strings.Compare(x.name, y.name) })
	return nil
}
