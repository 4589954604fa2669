package fieldpath_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/encoding"
	"farrier.dev/farrier/internal/encoding/jsontext"
	"farrier.dev/farrier/internal/encoding/xmltext"
	"farrier.dev/farrier/internal/traffic"
	"farrier.dev/farrier/internal/traffic/fieldpath"
)

func set(t testing.TB, paths ...string) *fieldpath.Set {
	t.Helper()
	var parsed []fieldpath.Path
	for _, text := range paths {
		p, err := fieldpath.Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		parsed = append(parsed, p)
	}
	s, err := fieldpath.NewSet(parsed...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// stars puts X in the place of every text, number and truth value.
func stars(v fieldpath.Value) (fieldpath.Edit, error) {
	switch v.Kind {
	case fieldpath.Container:
		return fieldpath.Edit{Do: fieldpath.Descend}, nil
	case fieldpath.Null:
		return fieldpath.Edit{}, nil
	default:
		return fieldpath.Edit{Do: fieldpath.SetText, Text: "X"}, nil
	}
}

func always(do fieldpath.Action) fieldpath.Visitor {
	return func(fieldpath.Value) (fieldpath.Edit, error) { return fieldpath.Edit{Do: do}, nil }
}

var many = fieldpath.Options{MaxValues: 1000}

func TestRewrite(t *testing.T) {
	remove, null := always(fieldpath.Remove), always(fieldpath.SetNull)
	cases := []struct {
		format fieldpath.Format
		paths  string
		visit  fieldpath.Visitor
		in     string
		want   string
	}{
		{fieldpath.JSON, "/ssn", stars, `{"id": 1.0, "ssn" : "1", "x":{"ssn":2}}`, `{"id": 1.0, "ssn" : "X", "x":{"ssn":2}}`},
		{fieldpath.JSON, "ssn", stars, `{"\u0073sn":7}`, `{"\u0073sn":"X"}`},
		{fieldpath.JSON, "/**/ssn", stars, `{"ssn":1,"x":[{"ssn":2},[{"y":{"ssn":{"a":[3,null]}}}]]}`, `{"ssn":"X","x":[{"ssn":"X"},[{"y":{"ssn":{"a":["X",null]}}}]]}`},
		{fieldpath.JSON, "/c/*/ssn", stars, `{"c":[{"ssn":1},{"ssn":2}],"ssn":3}`, `{"c":[{"ssn":"X"},{"ssn":"X"}],"ssn":3}`},
		{fieldpath.JSON, "payload.c[*].ssn", stars, `{"c":{"q":{"ssn":1}}}`, `{"c":{"q":{"ssn":"X"}}}`},
		{fieldpath.JSON, "#[payload.c.ssn]", stars, `{"c":[[{"ssn":1}]]}`, `{"c":[[{"ssn":"X"}]]}`},
		{fieldpath.JSON, "/ssn", stars, `[{"ssn":1}]`, `[{"ssn":"X"}]`},
		{fieldpath.JSON, "/c/1/ssn", stars, `{"c":[{"ssn":1},{"ssn":2}]}`, `{"c":[{"ssn":1},{"ssn":"X"}]}`},
		{fieldpath.JSON, "/c/1", stars, `{"c":{"1":5}}`, `{"c":{"1":"X"}}`},
		{fieldpath.JSON, "/a~1b/c~0d", stars, `{"a/b":{"c~d":5}}`, `{"a/b":{"c~d":"X"}}`},
		{fieldpath.JSON, "a['b.c']", stars, `{"a":{"b.c":5,"b":{"c":6}}}`, `{"a":{"b.c":"X","b":{"c":6}}}`},
		{fieldpath.JSON, "/a /a/b", remove, `{"a": {"b": 1}, "c": 2}`, `{"c": 2}`},
		{fieldpath.JSON, "/a /c", remove, `{"a": 1, "b": 2, "c": 3}`, `{"b": 2}`},
		{fieldpath.JSON, "/a /b", remove, `{"a": 1, "b": 2}`, `{}`},
		{fieldpath.JSON, "/b /c", remove, `{"a": 1, "b": 2, "c": 3, "d": 4}`, `{"a": 1, "d": 4}`},
		{fieldpath.JSON, "/*", remove, `[1, 2, [3]]`, `[]`},
		{fieldpath.JSON, "/**", remove, `[1, 2, [3]]`, `null`},
		{fieldpath.JSON, "/a", null, `{"a":{"b":[1]}}`, `{"a":null}`},
		{fieldpath.JSON, "/b", stars, `{"a":1}`, `{"a":1}`},

		{fieldpath.XML, "/c/ssn", stars, `<c><ssn>1<!-- 2 -->3</ssn><d><ssn>4</ssn></d></c>`, `<c><ssn>X</ssn><d><ssn>4</ssn></d></c>`},
		{fieldpath.XML, "/**/ssn", stars, `<?xml version="1.0"?><s:c xmlns:s="u"><s:ssn a="1">1&amp;2</s:ssn><ssn/></s:c>`, `<?xml version="1.0"?><s:c xmlns:s="u"><s:ssn a="1">X</s:ssn><ssn>X</ssn></s:c>`},
		{fieldpath.XML, "/c/s:ssn", stars, `<c><s:ssn>1</s:ssn><ssn>2</ssn></c>`, `<c><s:ssn>X</s:ssn><ssn>2</ssn></c>`},
		{fieldpath.XML, "/c/@id", stars, `<c id="1" xmlns:id="u"><id>2</id></c>`, `<c id="X" xmlns:id="u"><id>2</id></c>`},
		{fieldpath.XML, "/c", stars, `<c x="1"> <a y="2">3</a> 4<!-- 5 --><b><![CDATA[6]]></b> <!-- 7 --> </c>`, `<c x="1"> <a y="X">X</a>X<b>X</b></c>`},
		{fieldpath.XML, "/c/ssn /c/@a", remove, `<c a="1"><ssn>1</ssn><d/><ssn/></c>`, `<c ><d/></c>`},
		{fieldpath.XML, "/c/d/@a /c/d", remove, `<c><d a="1"/><d b="2"/>3</c>`, `<c>3</c>`},
		{fieldpath.XML, "/c", remove, `<c><d>1</d></c>`, `<c></c>`},
		{fieldpath.XML, "/c/d", null, `<c><d><e>1</e></d></c>`, `<c><d></d></c>`},

		{fieldpath.Form, "/ssn", stars, `a=1&ssn=2&s%73n=3&ssn&x.ssn=4`, `a=1&ssn=X&s%73n=X&ssn=X&x.ssn=4`},
		{fieldpath.Form, "ssn", remove, `a=1&ssn=2&b=3&ssn=4`, `a=1&b=3&`},
		{fieldpath.Form, "/**", null, `a=1&b`, `a=&b=`},
		{fieldpath.Form, "/a/b", stars, `a=1&b=2`, `a=1&b=2`},
	}
	for _, c := range cases {
		got, _, err := set(t, strings.Fields(c.paths)...).Rewrite(c.format, []byte(c.in), many, c.visit)
		if err != nil || string(got) != c.want {
			t.Errorf("%s of %s: %s, %v, want %s", c.paths, c.in, got, err, c.want)
		}
	}
	t.Logf("played %d", len(cases))
}

func TestAll(t *testing.T) {
	for _, c := range []struct {
		format   fieldpath.Format
		in, want string
	}{
		{fieldpath.JSON, `{"a":1,"b":["c",null]}`, `{"a":"X","b":["X",null]}`},
		{fieldpath.XML, `<a b="1">2<c>3</c>  </a>`, `<a b="X">X<c>X</c>  </a>`},
		{fieldpath.Form, `a=1&b`, `a=X&b=X`},
	} {
		got, changed, err := set(t).Rewrite(c.format, []byte(c.in), fieldpath.Options{All: true}, stars)
		if err != nil || string(got) != c.want || changed < 2 {
			t.Errorf("%s: %s, %d, %v", c.in, got, changed, err)
		}
	}
}

func TestRawAndRefusals(t *testing.T) {
	raw := func(text string) fieldpath.Visitor {
		return func(fieldpath.Value) (fieldpath.Edit, error) {
			return fieldpath.Edit{Do: fieldpath.SetRaw, Raw: []byte(text)}, nil
		}
	}
	text := func(s string) fieldpath.Visitor {
		return func(fieldpath.Value) (fieldpath.Edit, error) {
			return fieldpath.Edit{Do: fieldpath.SetText, Text: s}, nil
		}
	}
	mine := errors.New("mine")
	var limit *encoding.LimitError
	var syntax *encoding.SyntaxError
	s := set(t, "/a")
	for _, c := range []struct {
		format fieldpath.Format
		in     string
		visit  fieldpath.Visitor
		want   string
		is     error
		as     any
	}{
		{format: fieldpath.JSON, in: `{"a":1}`, visit: raw(`{"b":[2]}`), want: `{"a":{"b":[2]}}`},
		{format: fieldpath.JSON, in: `{"a":1}`, visit: raw(`2,"c":3`), is: fieldpath.ErrReplacement},
		{format: fieldpath.XML, in: `<a>1</a>`, visit: raw(`<b/>2`), want: `<a><b/>2</a>`},
		{format: fieldpath.XML, in: `<a>1</a>`, visit: raw(`</a><a>`), is: fieldpath.ErrReplacement},
		{format: fieldpath.XML, in: `<a>1</a>`, visit: text("<&>\"'\n"), want: `<a>&lt;&amp;&gt;&quot;&apos;&#10;</a>`},
		{format: fieldpath.XML, in: `<a>1</a>`, visit: text("\x00"), is: fieldpath.ErrReplacement},
		{format: fieldpath.XML, in: `<a>1</a>`, visit: text("\xff"), is: fieldpath.ErrReplacement},
		{format: fieldpath.Form, in: `a=1`, visit: text("a&b=c d"), want: `a=a%26b%3Dc+d`},
		{format: fieldpath.Form, in: `a=1`, visit: raw(`1`), is: fieldpath.ErrReplacement},
		{format: fieldpath.JSON, in: `{"a":1}`, visit: always(fieldpath.Descend), is: fieldpath.ErrReplacement},
		{format: fieldpath.JSON, in: `{"a":1}`, visit: func(fieldpath.Value) (fieldpath.Edit, error) { return fieldpath.Edit{}, mine }, is: mine},
		{format: fieldpath.JSON, in: `{"a":1} x`, visit: stars, as: &syntax},
		{format: fieldpath.JSON, in: `{"a":1`, visit: stars, as: &syntax},
		{format: fieldpath.JSON, in: strings.Repeat(`[`, 301), visit: stars, as: &limit},
		{format: fieldpath.XML, in: `<!DOCTYPE a><a>1</a>`, visit: stars, as: &syntax},
		{format: fieldpath.XML, in: strings.Repeat(`<a>`, 301), visit: stars, as: &limit},
		{format: fieldpath.JSON, in: `{"a":[` + strings.Repeat("1,", 999) + `1]}`, visit: stars, as: &limit},
		{format: fieldpath.None, in: `a`, visit: stars, is: fieldpath.ErrContentType},
	} {
		got, _, err := s.Rewrite(c.format, []byte(c.in), many, c.visit)
		switch {
		case c.is != nil && !errors.Is(err, c.is), c.as != nil && !errors.As(err, c.as):
			t.Errorf("%.40s: %v", c.in, err)
		case c.is == nil && c.as == nil && (err != nil || string(got) != c.want):
			t.Errorf("%.40s: %s, %v", c.in, got, err)
		}
	}
}

func TestParse(t *testing.T) {
	for text, part := range map[string]string{
		"": "empty", "/": "segment is empty", "/a//b": "segment is empty", "/a~2": "~0", "a.": "ends with a dot",
		"payload": "names no field", "a[b]": "a bracket holds", "a[1": "not closed", "a['b": "not closed", "#[a": "does not end",
		"a b": "dot form", "#[upper(payload.a)]": "dot form", "/@a/b": "an attribute holds nothing", strings.Repeat("/a", 33): "at most 32",
	} {
		if _, err := fieldpath.Parse(text); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q: %v, want %q", text, err, part)
		}
	}
	if _, err := fieldpath.NewSet(make([]fieldpath.Path, 129)...); err == nil {
		t.Error("129 paths are accepted")
	}
}

func TestApply(t *testing.T) {
	h := traffic.NewHeader(traffic.Field{Name: "Content-Type", Value: "application/problem+json; charset=utf-8"},
		traffic.Field{Name: "Content-Encoding", Value: "gzip"}, traffic.Field{Name: "ETag", Value: "x"}, traffic.Field{Name: "Content-Length", Value: "9"})
	var b traffic.Body
	if changed, err := set(t, "/a").Apply(&h, &b, many, stars); changed != 0 || err != nil {
		t.Errorf("empty: %d, %v", changed, err)
	}
	if err := b.Replace([]byte(`{"a":123}`)); err != nil {
		t.Fatal(err)
	}
	changed, err := set(t, "/a").Apply(&h, &b, many, stars)
	if changed != 1 || err != nil || string(b.Bytes()) != `{"a":"X"}` || h.Has("content-encoding") || h.Has("etag") || h.Get("content-length") != "9" {
		t.Errorf("%d, %v, %s", changed, err, b.Bytes())
	}
}

// TestAgainstTree compares with the same done to a tree of maps and lists.
func TestAgainstTree(t *testing.T) {
	paths := set(t, "/a", "/b/*", "/c/**/a", "/**/secret")
	var hide func(v any) any
	hide = func(v any) any {
		switch v := v.(type) {
		case map[string]any:
			for k := range v {
				v[k] = hide(v[k])
			}
			return v
		case []any:
			for i := range v {
				v[i] = hide(v[i])
			}
			return v
		case nil:
			return nil
		}
		return "X"
	}
	// follow applies the segments of one path to a tree.
	var follow func(v any, segments []string) any
	follow = func(v any, segments []string) any {
		if len(segments) == 0 {
			return hide(v)
		}
		s, rest := segments[0], segments[1:]
		if s == "**" {
			v = follow(v, rest)
		}
		switch tree := v.(type) {
		case map[string]any:
			for k := range tree {
				switch s {
				case "**":
					tree[k] = follow(tree[k], segments)
				case "*", k:
					tree[k] = follow(tree[k], rest)
				}
			}
		case []any:
			for i := range tree {
				switch s {
				case "*":
					tree[i] = follow(tree[i], rest)
				default:
					tree[i] = follow(tree[i], segments)
				}
			}
		}
		return v
	}
	var draw func(t *rapid.T, depth int) any
	draw = func(t *rapid.T, depth int) any {
		switch k := rapid.IntRange(0, 4).Draw(t, "kind"); {
		case depth == 0 || k == 0:
			return rapid.SampledFrom([]any{1.0, "x", nil, true, "}\","}).Draw(t, "scalar")
		case k == 1:
			list := []any{}
			for range rapid.IntRange(0, 3).Draw(t, "items") {
				list = append(list, draw(t, depth-1))
			}
			return list
		}
		m := map[string]any{}
		for range rapid.IntRange(0, 5).Draw(t, "members") {
			m[rapid.SampledFrom([]string{"a", "b", "c", "secret", "é", `"`}).Draw(t, "name")] = draw(t, depth-1)
		}
		return m
	}
	rapid.Check(t, func(t *rapid.T) {
		tree := draw(t, 5)
		doc, err := json.MarshalIndent(tree, "", rapid.SampledFrom([]string{"", " "}).Draw(t, "indent"))
		if err != nil {
			t.Fatal(err)
		}
		out, _, err := paths.Rewrite(fieldpath.JSON, doc, many, stars)
		if err != nil {
			t.Fatal(err)
		}
		var got any
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		want := tree
		for _, p := range [][]string{{"a"}, {"b", "*"}, {"c", "**", "a"}, {"**", "secret"}} {
			want = follow(want, p)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%s: %s", doc, out)
		}
	})
}

// FuzzRewrite holds that no document panics, that what comes out is well-formed
// and that a second time changes nothing but what is changed every time.
func FuzzRewrite(f *testing.F) {
	f.Add(uint8(1), uint8(0), []byte(`{"a":{"b":[1,"x",null]},"c":[{"d":2}]}`))
	f.Add(uint8(2), uint8(1), []byte(`<a><b c="1">2<!--3--></b><d/>4<![CDATA[5]]></a>`))
	f.Add(uint8(3), uint8(2), []byte(`a=1&b&c=%41+d`))
	s := set(f, "/a/b", "/c", "/**/d", "/a/@c", "/*/e/*")
	visits := []fieldpath.Visitor{stars, always(fieldpath.Remove), always(fieldpath.SetNull)}
	f.Fuzz(func(t *testing.T, format, visit uint8, doc []byte) {
		kind := fieldpath.Format(format%3 + 1)
		out, _, err := s.Rewrite(kind, doc, fieldpath.Options{MaxValues: 100, All: format > 127}, visits[int(visit)%len(visits)])
		if err != nil {
			return
		}
		switch kind {
		case fieldpath.JSON:
			err = jsontext.Valid(out, jsontext.NoLimits())
		case fieldpath.XML:
			err = xmltext.Valid(out, xmltext.NoLimits())
		case fieldpath.Form, fieldpath.None:
		}
		if err != nil {
			t.Fatalf("%q becomes %q: %v", doc, out, err)
		}
		again, _, err := s.Rewrite(kind, out, fieldpath.Options{MaxValues: 100, All: format > 127}, visits[int(visit)%len(visits)])
		if err != nil || visit%3 == 0 && !bytes.Equal(again, out) {
			t.Fatalf("%q becomes %q, then %q: %v", doc, out, again, err)
		}
	})
}

// FuzzParse holds that no path panics, and that none is endless work.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"/a/*/b", "payload.a[0]['x'].b", "#[payload.**.a]", "/**/**/a"} {
		f.Add(seed)
	}
	doc := []byte(`{"a":[{"b":[[{"a":{"b":1}}]]}],"x":{"a":2}}`)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := fieldpath.Parse(text)
		if err != nil {
			return
		}
		s, err := fieldpath.NewSet(p)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Rewrite(fieldpath.JSON, doc, many, stars); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
	})
}

func BenchmarkRewriteJSON(b *testing.B) {
	doc := []byte(`{"customers":[` + strings.Repeat(`{"id":42,"name":"Ann","card":"4111111111111111","tags":["a","b"]},`, 20) + `{}]}`)
	s := set(b, "/customers/*/card", "/**/ssn")
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		if _, n, err := s.Rewrite(fieldpath.JSON, doc, many, stars); err != nil || n != 20 {
			b.Fatal(n, err)
		}
	}
}
