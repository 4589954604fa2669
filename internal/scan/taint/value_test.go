package taint

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var testSources = func() []*Source {
	var all []*Source
	for i := range 6 {
		all = append(all, &Source{Label: 1 << i, What: fmt.Sprintf("s%d", i)})
	}
	return all
}()

// drawValue draws a value as the evaluator makes them.
func drawValue(t *rapid.T, depth int) *Value {
	n := rapid.IntRange(0, 9).Draw(t, "form")
	if depth == 0 && n > 4 {
		n -= 5
	}
	switch n {
	case 0:
		return nil
	case 1:
		return Null()
	case 2:
		return Constant(rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(t, "text"))
	case 3:
		v := Tainted(rapid.SampledFrom(testSources).Draw(t, "source"))
		return Clean(v, Kind(rapid.IntRange(0, 3).Draw(t, "clean")))
	case 4:
		return Of(NumberType)
	case 5:
		return Concat(drawValue(t, depth-1), Constant("x"), drawValue(t, depth-1))
	case 6:
		return Join(drawValue(t, depth-1), drawValue(t, depth-1))
	case 7:
		return ArrayOf(drawValue(t, depth-1))
	case 8:
		return List(drawValue(t, depth-1), drawValue(t, depth-1))
	default:
		name := rapid.SampledFrom([]string{"a", "b", "c d"}).Draw(t, "name")
		return With(drawValue(t, depth-1), name, drawValue(t, depth-1))
	}
}

// covers says that every mark of b is in a, and no cleaner there.
func covers(a, b []Mark) bool {
	for _, m := range b {
		i := indexOfSource(a, m.Source)
		if i < 0 || a[i].Clean&^m.Clean != 0 {
			return false
		}
	}
	return true
}

func TestValueProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawValue(t, 4), drawValue(t, 4)
		j := Join(a, b)
		if !covers(Marks(j), Marks(a)) || !covers(Marks(j), Marks(b)) {
			t.Fatalf("join of %s and %s forgets: %s", show(a), show(b), show(j))
		}
		const rounds = 8
		steady := false
		for range rounds {
			again := Join(j, b)
			steady, j = Equal(again, j), again
		}
		if !steady {
			t.Fatalf("join grows without end: %s", show(j))
		}
		if !Equal(Join(a, a), a) {
			t.Fatalf("join with itself changes %s", show(a))
		}
		if Equal(a, b) != (Key(a) == Key(b)) {
			t.Fatalf("keys of %s and %s", show(a), show(b))
		}
		if s := Stepped(a, Place{}, "step"); !Equal(s, a) || Key(s) != Key(a) {
			t.Fatalf("a step changes %s", show(a))
		}
		for _, m := range Marks(Clean(a, SQL)) {
			if m.Clean&SQL == 0 {
				t.Fatalf("%s is not clean", show(a))
			}
		}
		if w := With(a, "n", b); !Equal(Field(w, "n"), b) && w.weight < maxWeight/2 && w.depth < maxDepth {
			t.Fatalf("field of %s", show(w))
		}
		c := Concat(a, b)
		if !covers(Marks(c), append(append([]Mark(nil), Marks(a)...), Marks(b)...)) {
			t.Fatalf("concat of %s and %s forgets: %s", show(a), show(b), show(c))
		}
		checkTexts(t, j)
		checkTexts(t, c)
		if w, d := measure(j); w > maxWeight || d > maxDepth {
			t.Fatalf("weight %d, depth %d", w, d)
		}
	})
}

// checkTexts says that the texts of a value hold all that it holds.
func checkTexts(t *rapid.T, v *Value) {
	var marks []Mark
	for _, pieces := range Texts(v) {
		for _, p := range pieces {
			marks = mergeMarks(marks, Marks(p.Hole))
		}
	}
	if v != nil && v.Fields == nil && v.Rest == nil && !covers(marks, Marks(v)) {
		t.Fatalf("texts of %s forget", show(v))
	}
}

func TestBounds(t *testing.T) {
	wide := &Value{Type: ObjectType}
	for i := range 500 {
		wide = With(wide, fmt.Sprint("f", i), Tainted(testSources[i%len(testSources)]))
	}
	if len(wide.Fields) > maxFields {
		t.Errorf("%d fields", len(wide.Fields))
	}
	if len(Marks(Field(wide, "f0"))) == 0 || len(Marks(wide)) != len(testSources) {
		t.Errorf("a wide object forgets: %s", show(wide))
	}
	deep := Tainted(testSources[0])
	for range 50 {
		deep = ObjectOf(map[string]*Value{"a": deep, "b": deep})
	}
	v := deep
	for range 60 {
		v = Field(v, "b")
	}
	if len(Marks(v)) != 1 {
		t.Errorf("a deep object forgets: %s", show(v))
	}
	if w, d := measure(deep); w > maxWeight || d > maxDepth {
		t.Errorf("weight %d, depth %d", w, d)
	}
	text := Constant("a")
	for i := range 100 {
		text = Concat(text, Tainted(testSources[i%len(testSources)]), text)
	}
	if len(text.Pieces) > maxPieces || len(text.Marks) != len(testSources) {
		t.Errorf("%d pieces, %d marks", len(text.Pieces), len(text.Marks))
	}
	one := Constant("")
	for i := range 100 {
		one = Join(one, Concat(Constant(fmt.Sprint(i)), Tainted(testSources[0])))
	}
	if len(one.Alternatives) > maxTexts || len(one.Marks) != 1 {
		t.Errorf("%d alternatives", len(one.Alternatives))
	}
	var many []Mark
	for i := range 100 {
		many = mergeMarks(many, []Mark{{Source: &Source{Label: 1 << (i % 3), What: fmt.Sprint(i)}, Clean: Kind(i)}})
	}
	if len(many) > maxMarks {
		t.Errorf("%d marks", len(many))
	}
	way := Tainted(testSources[0])
	for i := range 1000 {
		way = Stepped(way, Place{}, fmt.Sprint(i))
	}
	if n := Marks(way)[0].Way.length; n > maxWay {
		t.Errorf("a way of %d steps", n)
	}
}

// TestHeavy evaluates scripts that would take for ever if everything were followed.
func TestHeavy(t *testing.T) {
	double := "%dw 2.0\nvar a0 = payload.x\n"
	for i := 1; i < 60; i++ {
		double += fmt.Sprintf("var a%d = {l: a%d, r: a%d, t: \"$(a%d)$(a%d)\"}\n", i, i-1, i-1, i-1, i-1)
	}
	calls := "%dw 2.0\nfun f0(x) = x\n"
	for i := 1; i < 60; i++ {
		calls += fmt.Sprintf("fun f%d(x) = f%d(x ++ \"a\") ++ f%d(x ++ \"b\")\n", i, i-1, i-1)
	}
	for name, script := range map[string]string{
		"double":    double + "---\na59",
		"calls":     calls + "---\nf59(payload.x)",
		"recursive": "fun f(x, g) = [f(x.a, g), f(x.b, f), f(x.c, (y) -> f(y, g))]\n---\nf(payload, f)",
		"lambdas":   "var f = (g) -> g(g)\n---\nf(f)",
		"deep":      strings.Repeat("(", 400) + "payload" + strings.Repeat(" ++ 'a')", 400),
		"choices":   "[" + strings.Repeat("(if (payload.a) payload.b else \"x\") ++ ", 2000) + "\"y\"]",
		"nested":    strings.Repeat("payload map (", 60) + "$" + strings.Repeat(" ++ $$)", 60),
		"cyclic":    "var a = b\nvar b = a\n---\na",
		"reduce":    "payload reduce ((x, acc = {}) -> acc ++ {(x.k): acc, n: acc})",
	} {
		t.Run(name, func(t *testing.T) {
			s := testScope()
			v := Eval(codeOf(script), s)
			t.Logf("%s exhausted %v, %d marks", name, s.Exhausted, len(Marks(v)))
			if name != "cyclic" && name != "lambdas" && !reaches(v, SQL) && !IsOpaque(v) {
				t.Errorf("nothing is known of it, and that is not said: %s", show(v))
			}
		})
	}
}

func FuzzEval(f *testing.F) {
	for _, c := range transferCases {
		for line := range strings.Lines(c.scripts) {
			if len(line) > 2 {
				f.Add(strings.ReplaceAll(line[2:], "⏎", "\n"))
			}
		}
	}
	f.Fuzz(func(t *testing.T, script string) {
		if len(script) > 4096 {
			return
		}
		s := testScope()
		s.Called = func(c *Called) { _, _ = c.At(), c.ArgAt(0) }
		v := Eval(codeOf(script), s)
		for _, pieces := range Texts(v) {
			for i := range pieces {
				_, _ = SQLPosition(pieces, i), URLPosition(pieces, i)
			}
		}
		if w, d := measure(v); w > maxWeight || d > maxDepth {
			t.Errorf("weight %d, depth %d", w, d)
		}
		again := Eval(codeOf(script), testScope())
		if Key(again) != Key(v) || !Equal(again, v) {
			t.Error("a script gives two values")
		}
	})
}

func BenchmarkEval(b *testing.B) {
	code := codeOf(testModules["modules::queries"] + `---
{
  id: payload.id as Number,
  name: upper(payload.name default "none"),
  query: byName(payload.name) ++ " LIMIT " ++ (payload.limit as Number),
  items: payload.items map ((item, i) -> {
    sku: item.sku, price: item.price * 1.2, text: "$(item.name) ($(i))",
    (note: item.note) if (item.note != null)
  }),
  total: sum(payload.items.price),
  status: if (payload.status == "A") "active" else "closed"
}`)
	scope := testScope()
	for b.Loop() {
		Eval(code, scope)
	}
}
