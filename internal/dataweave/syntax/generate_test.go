package syntax_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/dataweave/syntax"
)

// writer makes random scripts by the grammar.
type writer struct {
	t     *rapid.T
	depth int
}

func (w *writer) pick(list ...string) string { return rapid.SampledFrom(list).Draw(w.t, "pick") }

func (w *writer) choose(list ...func() string) string {
	return list[rapid.IntRange(0, len(list)-1).Draw(w.t, "choice")]()
}

func (w *writer) many(least, most int, between string, one func() string) string {
	parts := make([]string, rapid.IntRange(least, most).Draw(w.t, "count"))
	for i := range parts {
		parts[i] = one()
	}
	return strings.Join(parts, between)
}

func (w *writer) name() string {
	return w.pick("a", "payload", "vars", "item", "x1", "Strings::upper", "upper", "type", "$", "$$")
}

func (w *writer) plain() string { return w.pick("a", "id", "Name", "type", "default", "if", "x_1") }

func (w *writer) text() string {
	return w.pick(`""`, `"a b"`, `'it\'s'`, `"q\"\\\n$(a.b)c"`, "`x`", `"$name $$ 5$"`, `"\$(x) \u00e9"`, `"$(upper("a$(b)"))"`)
}

func (w *writer) leaf() string {
	return w.choose(w.name, w.text, func() string {
		return w.pick("1", "0.50", "1e3", "true", "null", "|P1D|", "|2020-01-01T00:00:00Z|", `/a\/b/`, "[]", "{}")
	})
}

func (w *writer) operand() string {
	w.depth++
	defer func() { w.depth-- }()
	if w.depth > 4 {
		return w.leaf()
	}
	return w.choose(w.leaf, w.leaf, w.selection, w.array, w.object, w.call, w.match, w.update, w.do,
		func() string { return "(" + w.expression() + ")" })
}

func (w *writer) array() string {
	return "[" + w.many(0, 3, ", ", func() string {
		return w.choose(w.expression, w.expression, func() string { return "(" + w.expression() + ") if (" + w.expression() + ")" })
	}) + "]"
}

func (w *writer) object() string { return "{" + w.many(0, 3, ", ", w.field) + "}" }

func (w *writer) key() string {
	key := w.choose(w.plain, w.plain, func() string { return w.pick(`"a b"`, "'c'", `"d$(e)"`, "ns0#f", `ns0#"g"`) },
		func() string { return "(" + w.expression() + ")" })
	if rapid.IntRange(0, 5).Draw(w.t, "attributes") == 0 {
		key += " @(" + w.plain() + ": " + w.expression() + ")"
	}
	return key
}

func (w *writer) field() string {
	return w.choose(
		func() string { return w.key() + ": " + w.expression() },
		func() string { return w.key() + ": " + w.expression() },
		func() string { return "(" + w.operand() + ")" },
		func() string { return "(" + w.key() + ": " + w.expression() + ") if (" + w.expression() + ")" },
		func() string { return "(" + w.plain() + ": 1, " + w.plain() + ": 2)" + w.pick("", " if a") },
	)
}

func (w *writer) selection() string {
	base := w.choose(w.name, func() string { return "(" + w.expression() + ")" })
	return base + w.many(1, 3, "", w.selector)
}

func (w *writer) selector() string {
	return w.choose(
		func() string { return "." + w.plain() + w.pick("", "", "!", "?") },
		func() string {
			return w.pick(".*", "..", "..*", ".@", ".*@", "..@", ".&", ".^") + w.plain()
		},
		func() string { return w.pick(`."a b"`, ".'c'", `."$(d)"`, ".ns0#e", ".#") },
		func() string { return "[" + w.expression() + "]" },
		func() string { return "[0 to -1]" },
		func() string { return w.pick("[?(", "[*?(") + w.expression() + ")]" },
		func() string { return w.pick("[@", "[&", "[*") + w.text() + "]" },
	)
}

func (w *writer) call() string {
	return w.pick("f", "dw::core::Strings::f", "a.b", "java!a::B::c", "f<String>", "(x)") + "(" + w.many(0, 3, ", ", w.expression) + ")"
}

func (w *writer) lambda() string {
	return "(" + w.many(0, 3, ", ", w.param) + ")" + w.pick("", "", ": String") + " -> " + w.expression()
}

func (w *writer) param() string {
	return w.pick("p", "q") + w.pick("", "", ": "+w.typeOf()) + w.pick("", "", " = 1")
}

func (w *writer) match() string {
	return w.name() + " match {" + w.many(1, 3, " ", func() string {
		pattern := w.choose(
			func() string {
				return w.pick("1", `"a"`, "true", "x", "x: 1", "[]", "[h ~ t]", "{}", "{a: b ~ c}", "matches /a/", "x matches /b/")
			},
			func() string { return w.pick("", "x ") + "is " + w.typeOf() },
		)
		return "case " + pattern + w.pick("", " if (x == 1)") + " -> " + w.expression()
	}) + w.pick("", " else -> 1", " else x -> x") + "}"
}

func (w *writer) update() string {
	return w.name() + " update {" + w.many(1, 2, " ", func() string {
		return "case " + w.pick("", "x at ") + "." + w.plain() + w.pick("", "[0]", ".@b", "!") + w.pick("", " if (x == 1)") + " -> " + w.expression()
	}) + "}"
}

func (w *writer) do() string {
	return w.choose(
		func() string { return "do {\n" + w.many(0, 2, "\n", w.declaration) + "\n---\n" + w.expression() + "}" },
		func() string { return "do {" + w.expression() + "}" },
	)
}

func (w *writer) expression() string {
	w.depth++
	defer func() { w.depth-- }()
	if w.depth > 6 {
		return w.leaf()
	}
	return w.choose(w.operand, w.operand, w.infix, w.infix, w.lambda,
		func() string { return w.pick("-", "!", "not ") + w.operand() },
		func() string {
			return w.pick("if", "unless") + " (" + w.expression() + ") " + w.expression() + " else " + w.expression()
		},
		func() string { return "using (a = " + w.expression() + ") " + w.expression() },
		func() string {
			return w.operand() + w.pick(" as ", " is ") + w.pick("String", "Number | Null", "Array<A>")
		},
		func() string { return w.operand() + ` as String {format: "0"}` },
	)
}

func (w *writer) infix() string {
	s := w.operand()
	for range rapid.IntRange(1, 3).Draw(w.t, "operators") {
		op := w.pick("+", "-", "*", "/", "++", "--", "==", "!=", "~=", "<", ">", "<=", ">=", "and", "or", "default",
			"map", "filter", "contains", "to", "joinBy", "with", "<~", ">>", "Arrays::take")
		s += " " + op + " " + w.operand()
	}
	return s
}

func (w *writer) typeOf() string {
	w.depth++
	defer func() { w.depth-- }()
	if w.depth > 5 {
		return "Any"
	}
	return w.choose(
		func() string { return w.pick("String", "Number", "ns::T", `"a"`, "1", `String {format: "x"}`, "{}") },
		func() string { return "Array<" + w.typeOf() + ">" },
		func() string { return "Object<" + w.typeOf() + ", " + w.typeOf() + ">" },
		func() string { return "String | (" + w.typeOf() + ") | Null" },
		func() string { return "A & B" },
		func() string { return "((" + w.typeOf() + ", b: " + w.typeOf() + ") -> " + w.typeOf() + ")" },
		func() string {
			return w.pick("{", "{", "{| ", "{- ")[:1] + " a: " + w.typeOf() + ", b?: C, c*: D, (E): F, \"g h\" @(i: J): K }"
		},
	)
}

func (w *writer) declaration() string {
	return w.choose(
		func() string { return "var a" + w.pick("", ": "+w.typeOf()) + " = " + w.expression() },
		func() string {
			return "fun f" + w.pick("", "<T>", "<T, K <: Object>") + "(" + w.many(0, 3, ", ", w.param) + ")" +
				w.pick("", ": "+w.typeOf()) + " = " + w.expression()
		},
		func() string { return "type A" + w.pick("", "<T>") + " = " + w.typeOf() },
	)
}

func (w *writer) script() string {
	body := w.choose(w.expression, w.object, func() string { return "k: 1, " + w.many(1, 3, ", ", w.field) })
	if rapid.Bool().Draw(w.t, "bare") {
		return body
	}
	header := "%dw 2.0\n" + w.pick("", "output application/json\n", "output application/csv separator=\";\", header=false\n") +
		w.pick("", "import * from dw::core::Strings\n", "import a, b as c from m::n\n") + w.pick("", "ns ns0 http://a.b/c\n")
	return header + w.many(0, 3, "\n", w.declaration) + "\n---\n" + body
}

// TestGenerated plays random scripts of the grammar.
func TestGenerated(t *testing.T) {
	played := 0
	rapid.Check(t, func(t *rapid.T) {
		for range 12 {
			w := &writer{t: t}
			text := w.script()
			checkFixpoint(t, text)
			checkScript(t, text, syntax.Parse(text))
			played++
		}
	})
	t.Logf("played %d scripts", played)
	if played < 1000 {
		t.Errorf("only %d scripts", played)
	}
}

// TestBrokenAnywhere takes a piece out of random scripts: whatever is left is read to
// its end.
func TestBrokenAnywhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := (&writer{t: t}).script()
		from := rapid.IntRange(0, len(text)).Draw(t, "from")
		to := min(len(text), from+rapid.IntRange(0, 5).Draw(t, "length"))
		text = text[:from] + text[to:]
		s := syntax.Parse(text)
		checkScript(t, text, s)
		checkScript(t, syntax.Print(s), syntax.Parse(syntax.Print(s)))
	})
}

// TestTimes holds that what takes long to read takes no more than its length.
func TestTimes(t *testing.T) {
	const n = 50_000
	for _, piece := range []string{
		"(", "[", "{", "\"", "\"$(", "a.", "a map ", "{a:", "(a:", "(a) -> ", "if (", "!", "not ", "- ", "1 + ", "a<", "f<a(", "x match {case ",
		"do {", "var a = ", "\nvar a = (", "`\\`\n", "\"\\\"\n", "(a): ", "((a)) if ", "[\"$(", ")", "]", "}", "\")", "[(\"$((((((", "a[?(", "%", "@", "@a(",
		"type A = ", "Array<", "{|", "case ", "---\n", "/*", "//", "|", "#", "\x00", "\xff", "a: ", ", ", "(\n---\n", "using (a = ", "unless ", "0 to ", "$", "\\",
	} {
		text := strings.Repeat(piece, n/len(piece))
		s := syntax.Parse(text)
		checkScript(t, text, s)
	}
	t.Log(fmt.Sprint("read all of ", n, " bytes"))
}
