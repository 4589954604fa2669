package shape

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/classify/sensitive"
	"farrier.dev/farrier/internal/encoding/jsontext"
)

func paths(s *Schema) string {
	var all []string
	s.Walk(func(path string, n *Schema) {
		types := make([]string, 0, 2)
		for _, t := range n.Types() {
			types = append(types, string(t))
		}
		all = append(all, fmt.Sprintf("%s %s", path, strings.Join(types, "|")))
	})
	return strings.Join(all, "\n")
}

func TestDocuments(t *testing.T) {
	multipart := "--x\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\n5\r\n--x\r\n" +
		"Content-Disposition: form-data; name=\"f\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n--x--\r\n"
	cases := []struct {
		name    string
		observe func(s *Schema, l *Looker, c sensitive.Context) error
		want    string
	}{
		{"json", func(s *Schema, l *Looker, c sensitive.Context) error {
			return s.ObserveJSON(l, c, []byte(`{"id":7,"lines":[{"sku":"a","n":1.5},{"n":2}],"x/y":null,"by":{"17":true,"18":false}}`), false)
		}, " object\n/by object\n/by/* boolean\n/id integer\n/lines array\n/lines[] object\n/lines[]/n number\n/lines[]/sku string\n/x~1y null"},
		{"cut json", func(s *Schema, l *Looker, c sensitive.Context) error {
			return s.ObserveJSON(l, c, []byte(`[{"a":1,"b":"x"},{"a":2,"c":12`), true)
		}, " array\n[] object\n[]/a integer\n[]/b string\n[]/c "},
		{"form", func(s *Schema, l *Looker, c sensitive.Context) error {
			return s.ObserveForm(l, c, []byte("a=1&tag=x&tag=y&ok=true"), false)
		}, " object\n/a integer\n/ok boolean\n/tag array"},
		{"cut form", func(s *Schema, l *Looker, c sensitive.Context) error {
			return s.ObserveForm(l, c, []byte("a=1&b=tr"), true)
		}, " object\n/a integer"},
		{"multipart", func(s *Schema, l *Looker, c sensitive.Context) error {
			return s.ObserveMultipart(l, c, "multipart/form-data; boundary=x", []byte(multipart), false)
		}, " object\n/f string\n/n integer"},
		{"xml", func(s *Schema, l *Looker, c sensitive.Context) error {
			return s.ObserveXML(l, c, []byte(`<p:order xmlns:p="u" id="7"><line n="1">text</line><line n="2">more</line><when>2024-01-01</when></p:order>`), false)
		}, " object\n/order object\n/order/@id integer\n/order/line array\n/order/line[]/#text string\n/order/line[]/@n integer\n/order/when string"},
		{"cut xml", func(s *Schema, l *Looker, c sensitive.Context) error {
			return s.ObserveXML(l, c, []byte(`<o><a>1</a><b>tru`), true)
		}, " object\n/o object\n/o/a integer\n/o/b "},
	}
	for _, c := range cases {
		var s Schema
		if err := c.observe(&s, looker(), sensitive.Context{In: "body"}); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := paths(&s); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
		validator(t, s.JSONSchema(Tight))
	}
	t.Logf("%d documents", len(cases))
}

func TestMalformedTeachesNothing(t *testing.T) {
	l, s := looker(), &Schema{}
	for _, body := range []string{`{"a":1,}`, `{"a":1`, "", `{"a":1}x`} {
		if err := s.ObserveJSON(l, sensitive.Context{}, []byte(body), false); err == nil {
			t.Errorf("%q is read", body)
		}
	}
	if err := s.ObserveJSON(l, sensitive.Context{}, []byte(`{"a":x,"longer":1}`), true); !errors.Is(err, jsontext.ErrCharacter) {
		t.Errorf("a malformed partial document: %v", err)
	}
	if err := s.ObserveXML(l, sensitive.Context{}, []byte(`<a></b>`), true); err == nil {
		t.Error("malformed XML is read")
	}
	if got := stored1(t, s); got != `{"n":0}` {
		t.Errorf("taught %s", got)
	}
}

func TestPartialDocumentsRequireNothing(t *testing.T) {
	l, s := looker(), &Schema{}
	observe(t, s, l, []byte(`{"b":2}`))
	for range 300 {
		if err := s.ObserveJSON(l, sensitive.Context{}, []byte(`{"a":1,"b":2,"c":"ab`), true); err != nil {
			t.Fatal(err)
		}
	}
	schema := s.JSONSchema(Tight)
	if want := []any{"b"}; !slices.Equal(schema["required"].([]any), want) || schema["additionalProperties"] != nil {
		t.Errorf("%s", encode(t, schema))
	}
}

func TestMapsCollapse(t *testing.T) {
	l, s := looker(), &Schema{}
	for i := range 60 {
		observe(t, s, l, []byte(fmt.Sprintf(`{"total":1,"users":{"%s":{"role":"x"},"%s":{"role":"y"}}}`, code(i), code(i+100))))
	}
	users := s.Member("users")
	if users.Additional() == nil || len(slices.Collect(maps.Keys(maps.Collect(users.Members())))) > collapseMembers {
		t.Errorf("%s", paths(s))
	}
	if s.Member("total") == nil || users.Additional().Member("role") == nil {
		t.Errorf("%s", paths(s))
	}
}

// code is a word of letters.
func code(i int) string { return string([]byte{'k', byte('a' + i%26), byte('a' + i/26%26), 'z'}) }

func TestBounded(t *testing.T) {
	biggest, most := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		l := looker()
		merged := &Schema{}
		for round := range 3 {
			s := &Schema{}
			for i := range 4 {
				var body []byte
				switch rapid.IntRange(0, 3).Draw(t, "attack") {
				case 0: // many names
					v := map[string]any{}
					for j := range 300 {
						v[fmt.Sprintf("%s%s", code(round*1000+i*300+j), code(j*7))] = []any{map[string]any{code(j): j}}
					}
					body = encode(t, v)
				case 1: // deep
					body = []byte(strings.Repeat(`{"`+code(i)+`":[`, 100) + strings.Repeat(`]}`, 100))
				case 2: // wide at each level
					body = encode(t, wide(2, i))
				default:
					body = encode(t, documents().Draw(t, "document"))
				}
				observe(t, s, l, body)
			}
			merged.Merge(s)
		}
		if n := merged.Nodes(); n > MaxNodes {
			t.Fatalf("%d nodes", n)
		}
		most, biggest = max(most, merged.Nodes()), max(biggest, merged.Size())
		if size := merged.Size(); size > 400_000 {
			t.Fatalf("%d bytes", size)
		}
		validator(t, merged.JSONSchema(Observed))
	})
	t.Logf("at most %d nodes and %d bytes", most, biggest)
}

func wide(depth, seed int) map[string]any {
	out := map[string]any{}
	for i := range 12 {
		if depth > 0 {
			out[code(seed+i)] = wide(depth-1, seed+i)
		} else {
			out[code(seed+i)] = i
		}
	}
	return out
}

func FuzzObserveJSON(f *testing.F) {
	for _, seed := range []string{`{"a":[1,{"b":null}]}`, `[`, `{"a":1`, `"x"`, `12`, `{"\u00e9":"\n"}`, `{"1":{"2":{}}}`} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	l := looker()
	f.Fuzz(func(t *testing.T, body []byte, partial bool) {
		survive(t, func(s *Schema) error { return s.ObserveJSON(l, sensitive.Context{}, body, partial) })
	})
}

func FuzzObserveXML(f *testing.F) {
	for _, seed := range []string{`<a b="c"><d/>x<d>1</d></a>`, `<a>`, `<a><b>x`, `<a xmlns="u">&amp;</a>`} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	l := looker()
	f.Fuzz(func(t *testing.T, body []byte, partial bool) {
		survive(t, func(s *Schema) error { return s.ObserveXML(l, sensitive.Context{}, body, partial) })
	})
}

func FuzzObserveForm(f *testing.F) {
	for _, seed := range []string{"a=1&b=2", "a&a&a", "%zz=%41", "\xa5=1&\xff=2", "--x\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\n5\r\n--x--\r\n"} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	l := looker()
	f.Fuzz(func(t *testing.T, body []byte, partial bool) {
		survive(t, func(s *Schema) error { return s.ObserveForm(l, sensitive.Context{}, body, partial) })
		survive(t, func(s *Schema) error {
			return s.ObserveMultipart(l, sensitive.Context{}, "multipart/form-data; boundary=x", body, partial)
		})
	})
}

// survive asks for what must hold of every schema, whatever was observed.
func survive(t *testing.T, observe func(*Schema) error) {
	var s Schema
	for range 2 {
		if err := observe(&s); err != nil {
			break
		}
	}
	text := stored1(t, &s)
	var back Schema
	if err := json.Unmarshal([]byte(text), &back); err != nil {
		t.Fatalf("reading %s: %v", text, err)
	}
	if got := stored1(t, &back); got != text {
		t.Fatalf("%s is read as %s", text, got)
	}
	back.Merge(&s)
	for _, o := range []Strictness{Observed, Tight, Loose} {
		encode(t, back.JSONSchema(o))
	}
}
