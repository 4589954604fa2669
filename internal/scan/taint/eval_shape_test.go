package taint

import (
	"strings"
	"testing"

	"farrier.dev/farrier/internal/mule"
)

// TestShapes compares what is known of results, as show writes it.
func TestShapes(t *testing.T) {
	played := 0
	for _, c := range []struct{ script, want string }{
		{`"a" ++ "b"`, `“ab”`},
		{`"a" ++ 1`, `“a1”`},
		{`"SELECT * FROM t WHERE a = '" ++ payload.a ++ "'"`, `“SELECT * FROM t WHERE a = '‹payload.a›'”`},
		{`"x $(payload.a) y $(vars.fixed)"`, `“x ‹payload› y fixed”`},
		{`if (payload.a == 1) "ASC" else "DESC"`, `{ASC|DESC}`},
		{`"ORDER BY " ++ (if (payload.a == 1) "ASC" else "DESC")`, `“ORDER BY ‹{ASC|DESC}›”`},
		{`if (payload.a) "a" ++ payload.b else "c"`, `(“a‹payload›” | “c”)`},
		{`["a", "b"] joinBy ","`, `“a,b”`},
		{`["a = " ++ payload.a, "b"] joinBy " AND "`, `“a = ‹payload› AND b”`},
		{`{a: 1, b: {c: payload.x}}`, `{a: “1”, b: {c: payload}}`},
		{`{(payload.k): 1}`, `{*: “1”, keys: payload}`},
		{`payload.items map {n: $.name, k: "k"}`, `{*: {k: “k”, n: payload}}`},
		{`[1, 2] map ($ ++ "x")`, `{0: “1x”, 1: “2x”}`},
		{`payload.id as Number`, `payload!`},
		{`null`, `null`},
		{`now()`, `?`},
		{`if (["a", "b"] contains payload.s) payload.s else "c"`, `{a|b|c}`},
		{`payload.s match { case "a" -> $ case "b" -> "x" else -> "c" }`, `{a|x|c}`},
		{`"WHERE id = :id" replace ":id" with payload.id`, `“WHERE id = ‹payload›”`},
		{`"a-b" replace /-/ with "+"`, `“a+b”`},
		{`trim("SELECT " ++ payload.a)`, `“SELECT ‹payload›”`},
		{"var q = \"SELECT \" ++ payload.a\nvar r = q ++ \" LIMIT 1\"\n---\nr", `“SELECT ‹payload› LIMIT 1”`},
		{"import * from modules::queries\n---\nbyName(payload.n)", `“SELECT * FROM planet WHERE name = '‹payload›'”`},
		{`{a: payload.x, b: 1} - "a"`, `{a: null, b: “1”}`},
		{`(payload.a as String {format: "0"}) as Number`, `payload!`},
		{`payload.a as "x" | "y"`, `{x|y}`},
		{`vars.o update { case .good -> "h" }`, `{bad: payload.o, good: “h”}`},
		{`vars.any`, `opaque`},
		{`"x" ++ vars.any`, `“x‹opaque›”`},
		{`{a: 1} ++ {b: 2}`, `{a: “1”, b: “2”}`},
		{`[1] ++ [payload.a]`, `{0: “1”, 1: payload}`},
		{`do { var a = "k" --- a ++ "l" }`, `“kl”`},
		{`vars.list[1]`, `“b”`},
		{`["a", "b"][-1]`, `“b”`},
		{`{a: "x"}[("a")]`, `“x”`},
		{`["x", "y"] reduce ((i, acc = "0") -> acc ++ i)`, `“0xy”`},
		{`{a: "1", b: payload.b} pluck ((v, k) -> k ++ "='" ++ v ++ "'") joinBy " AND "`, `“a='1' AND b='‹payload›'”`},
	} {
		played++
		if got := show(evalText(t, c.script, mule.DataWeave2)); got != strings.ReplaceAll(c.want, "‹payload.a›", "‹payload›") {
			t.Errorf("%s\n got %s\nwant %s", c.script, got, c.want)
		}
	}
	t.Logf("%d scripts", played)
}

// melCases are as transferCases, in MEL.
const melCases = `
+ payload
+ payload.name
+ flowVars.id
+ flowVars['id']
+ flowVars.get('id')
+ id
+ message.payload.name
+ message.inboundProperties.'http.query.params'.get('name')
+ message.inboundProperties['http.query.params']['name']
+ message.inboundProperties.'http.query.params'.name
+ 'SELECT ' + flowVars.id
+ 'a'.concat(payload.x)
+ payload.toString()
+ payload.x.trim().toLowerCase()
+ flowVars.o.bad
+ flowVars.fixed == 'x' ? payload.a : 'b'
+ new java.io.File(payload.name)
+ payload.name.replaceAll('a', 'b')
+ header:INBOUND:name
+ payload:
+ variable:id
+ xpath3('/a/b')
+ ['a': payload.x].a
+ x = 'a'; payload.x
+ message.payloadAs(java.lang.String)
+ payload.name.split(',')[0]
+ message.inboundProperties.host + '/x'
- flowVars.fixed
- fixed
- flowVars.o.good
- flowVars['fixed']
- 'SELECT ' + flowVars.fixed
- flowVars.n + 1
- payload.size()
- payload.a == 'b'
- payload.a == 'b' ? 'c' : 'd'
- payload.name.isEmpty()
- payload.name.equals('x')
- Integer.parseInt(payload.id)
- 'x' + java.util.UUID.fromString(payload.id)
- payload.name.replaceAll('[^a-z]', '')
- payload.name == 'x' ? payload.name : 'y'
- payload.name.matches('[a-z]+') ? payload.name : 'y'
- ['a', 'b'].contains(payload.x) ? payload.x : 'a'
- variable:fixed
- server.dateTime
- mule.home + '/conf'
- payload.a && payload.b
- !payload.a
- p('db.table')
- ['a': payload.x, 'b': 'k'].b
- payload.name.length() + 1
- flowVars.fixed.toUpperCase()
- payload.x; 'a'
`

func TestMEL(t *testing.T) {
	played := 0
	for line := range strings.Lines(strings.TrimSpace(melCases)) {
		line = strings.TrimSpace(line)
		played++
		v := evalText(t, line[2:], mule.MEL)
		if got, want := reaches(v, SQL), line[0] == '+'; got != want {
			t.Errorf("%s\nreaches %v, want %v: %s", line[2:], got, want, show(v))
		}
	}
	t.Logf("%d expressions", played)
	if played < 50 {
		t.Error("too few")
	}
}

func TestWays(t *testing.T) {
	v := evalText(t, "fun build(name) = \"SELECT '\" ++ name ++ \"'\"\nvar query = build(attributes.queryParams.name)\n---\nquery ++ \" LIMIT 1\"", mule.DataWeave2)
	var got []string
	for w := Marks(v)[0].Way; w != nil; w = w.From {
		got = append([]string{w.Message}, got...)
	}
	want := "attributes.queryParams.name is passed to the function build as name; attributes.queryParams.name becomes part of a text"
	if s := strings.Join(got, "; "); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
	v = evalText(t, "var query = \"SELECT '\" ++ payload.x ++ \"'\"\n---\nquery", mule.DataWeave2)
	if m := Marks(v)[0].Way.Message; m != "payload.x becomes part of the text of the variable query" {
		t.Error(m)
	}
}

func TestCalled(t *testing.T) {
	var got []string
	s := testScope()
	s.Called = func(c *Called) {
		reached := ""
		for i, a := range c.Args {
			if reaches(a, Code) {
				reached += string(rune('0' + i))
			}
		}
		got = append(got, c.Name+":"+reached)
		_, _ = c.At(), c.ArgAt(0)
	}
	text := `%dw 2.0
import * from dw::Runtime
import dw::Runtime as r
import java!com::acme::Tool
import run as go from dw::Runtime
fun f(u) = readUrl(u)
---
{
  a: readUrl("http://x"), b: f(payload.u), c: eval("x", {}, {}), d: r::evalUrl(payload.x),
  e: Tool::exec(payload.c), f: java!java::lang::Runtime::exec("a", payload.d), g: lookup(payload.f, 1), h: go(1, payload.x),
  i: log("a", payload), j: payload.items map readUrl($.u)
}`
	Eval(codeOf(text), s)
	want := "readUrl: readUrl:0 f:0 dw::Runtime::eval: dw::Runtime::evalUrl:0 java!com::acme::Tool::exec:0 " +
		"java!java::lang::Runtime::exec:1 lookup:0 dw::Runtime::run:1 log:1 readUrl:0 map:0"
	if s := strings.Join(got, " "); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
}
