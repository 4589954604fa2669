package manifest

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/revision"
)

// oddText draws texts that writers of YAML get wrong.
func oddText() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{
			"", " ", "true", "No", "~", "null", "0x1f", "1e3", "12", "2024-01-02", "a: b", "- a", "# a", "a #b", "<<", "=", "%TAG", "---", "...",
			"a\nb", "a\nb\n", "a\n\n", "\na", " a\nb", "a \nb", "a\tb\nc", "\ta\nb", "---\nb", "a\n---\nb\n", "a\r\nb", "\u2028", "\u0085", "\ufeff", "\x00", "\x1b[0m",
			"é", "日本語", "😀\n日本", "'", `"`, `\`, "*a", "&a", "!a", "|", ">", "@a", "`a`", "{a}", "[a]", ",", "?", ": ", "a:", "$HOME", "${HOME}", "${secret:a/b.c}",
			"#[attributes.headers['a']]", "^(a|b)/.*$", "-----BEGIN X-----\nAAAA\n-----END X-----\n", "http://0.0.0.0:8081/a", "12:30:45", "0o17", "1_000", ".5", "+1", "-", "y",
			strings.Repeat("long ", 3000),
		}),
		rapid.String(),
		rapid.StringN(0, 80, -1),
	)
}

func oddValue(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		limit := 6
		if depth == 0 {
			limit = 4
		}
		switch rapid.IntRange(0, limit).Draw(t, "what") {
		case 0:
			return oddText().Draw(t, "text")
		case 1:
			return rapid.Int64().Draw(t, "int")
		case 2:
			return rapid.Float64().Draw(t, "float")
		case 3:
			return rapid.Bool().Draw(t, "bool")
		case 4:
			return nil
		case 5:
			return rapid.SliceOfN(oddValue(depth-1), 0, 4).Draw(t, "list")
		}
		return oddObject(depth-1).Draw(t, "object")
	})
}

func oddObject(depth int) *rapid.Generator[map[string]any] {
	return rapid.MapOfN(oddText().Filter(func(s string) bool { return keyFits(s) == nil }), oddValue(max(depth, 0)), 0, 5)
}

// TestWrittenReadsBack holds that what is written is read back as it was, and is
// written again as it was.
func TestWrittenReadsBack(t *testing.T) {
	cases := 0
	rapid.Check(t, func(t *rapid.T) {
		cases++
		spec := oddObject(3).Draw(t, "spec")
		if len(spec) == 0 {
			spec["a"] = 1
		}
		text, err := json.Marshal(spec)
		if err != nil {
			t.Fatal(err)
		}
		d := Document{
			APIVersion: rapid.SampledFrom(versions).Draw(t, "version"), Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), Spec: text,
			Name:   revision.Name{Namespace: rapid.SampledFrom([]string{"", "true", "12", "a.b"}).Draw(t, "namespace"), Name: rapid.StringMatching(`[A-Za-z0-9]([A-Za-z0-9._-]{0,20}[A-Za-z0-9])?`).Draw(t, "name")},
			Labels: map[string]string{"team": oddText().Draw(t, "label")},
		}
		if err := d.Canonical(); err != nil {
			t.Fatal(err)
		}
		once := d
		if err := once.Canonical(); err != nil || string(once.Spec) != string(d.Spec) {
			t.Fatalf("canonical twice: %v\n%s\n%s", err, d.Spec, once.Spec)
		}
		written, err := Write([]Document{d})
		if err != nil {
			t.Fatal(err)
		}
		read, problems := Documents([]File{{Name: "a.yaml", Text: written}})
		if len(problems) > 0 || len(read) != 1 {
			t.Fatalf("%v\n%s", problems, written)
		}
		if string(read[0].Spec) != string(d.Spec) || read[0].Name != d.Name || read[0].Labels["team"] != d.Labels["team"] {
			t.Fatalf("read %s\nwant %s\nfrom\n%s", read[0].Spec, d.Spec, written)
		}
		again, err := Write(read)
		if err != nil || !bytes.Equal(again, written) {
			t.Fatalf("%v\n%s\n%s", err, written, again)
		}
	})
	t.Logf("%d cases", cases)
}

func TestWritten(t *testing.T) {
	read, problems := Documents([]File{{Name: "a.yaml", Text: []byte(`
kind: PolicyBinding
apiVersion: gateway.mulesoft.com/v1alpha1
metadata: {name: scripts, labels: {b: "2", a: x}}
spec: {order: 1.0, targetRef: {name: orders}, policyRef: {name: x}, config: {z: [1, [a, {b: []}], {}], script: "a\n  b\n", e: 1.50, m: null}}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: orders}
spec: {services: {z: {address: "http://z:1"}, a: {address: "http://a:1"}}, address: "http://0.0.0.0:8081/"}
`)}})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	got, err := Write(read)
	if err != nil {
		t.Fatal(err)
	}
	want := `apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata:
  name: orders
  namespace: default
spec:
  address: http://0.0.0.0:8081/
  services:
    z:
      address: http://z:1
    a:
      address: http://a:1
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: PolicyBinding
metadata:
  name: scripts
  namespace: default
  labels:
    a: x
    b: "2"
spec:
  config:
    e: 1.5
    m: null
    script: |
      a
        b
    z:
    - 1
    - - a
      - b: []
    - {}
  order: 1
  policyRef:
    name: x
  targetRef:
    name: orders
`
	if string(got) != want {
		t.Errorf("got\n%s", got)
	}
}

func TestCanonicalRefuses(t *testing.T) {
	good := Document{APIVersion: versions[0], Kind: kindService, Name: revision.Name{Name: "a"}, Spec: json.RawMessage(`{"address":"http://a:1"}`)}
	for name, c := range map[string]struct {
		change func(*Document)
		want   string
	}{
		"version":   {func(d *Document) { d.APIVersion = "v1" }, "apiVersion: must be one of"},
		"kind":      {func(d *Document) { d.Kind = "Pod" }, "kind: must be one of"},
		"name":      {func(d *Document) { d.Name.Name = "a/b" }, "name and namespace must be"},
		"no object": {func(d *Document) { d.Spec = json.RawMessage(`[]`) }, "must be an object"},
		"twice":     {func(d *Document) { d.Spec = json.RawMessage(`{"a":1,"a":2}`) }, `"a" stands twice`},
		"after":     {func(d *Document) { d.Spec = json.RawMessage(`{} {}`) }, "something follows"},
		"cut":       {func(d *Document) { d.Spec = json.RawMessage(`{"a":`) }, "not readable as JSON"},
		"huge":      {func(d *Document) { d.Spec = json.RawMessage(`{"a":1e999}`) }, "not a finite number"},
		"deep": {func(d *Document) {
			d.Spec = json.RawMessage(`{"a":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + "}")
		}, "nest deeper"},
		"key": {func(d *Document) { d.Spec = json.RawMessage(`{"` + strings.Repeat("k", 400) + `":1}`) }, "a key is longer"},
	} {
		d := good
		if err := d.Canonical(); err != nil {
			t.Fatal(err)
		}
		c.change(&d)
		if err := d.Canonical(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func FuzzDocuments(f *testing.F) {
	f.Add("apiVersion: gateway.mulesoft.com/v1alpha1\nkind: Service\nmetadata: {name: a}\nspec: {address: 'http://a:1', x: [1, .5, 0x1f, ~, on, \"a\\u2028\"]}\n")
	f.Fuzz(func(t *testing.T, text string) {
		read, _ := Documents([]File{{Name: "a", Text: []byte(text)}})
		written, err := Write(read)
		if err != nil {
			t.Fatal(err)
		}
		again, problems := Documents([]File{{Name: "a", Text: written}})
		if HasErrors(problems) || len(again) != len(read) {
			t.Fatalf("%v\n%s", problems, written)
		}
		if twice, err := Write(again); err != nil || !bytes.Equal(twice, written) {
			t.Fatalf("%v\n%q\n%q", err, written, twice)
		}
	})
}
