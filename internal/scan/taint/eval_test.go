package taint

import (
	"fmt"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/dataweave/syntax"
	"farrier.dev/farrier/internal/dataweave/syntax/mel"
	"farrier.dev/farrier/internal/mule"
)

// client is a source of a part of the event.
func client(what string) *Value {
	return Tainted(&Source{Label: Client, What: what})
}

var testModules = map[string]string{
	"modules::queries": `%dw 2.0
import modules::quote
var table = "planet"
fun byName(name) = "SELECT * FROM $(table) WHERE name = '" ++ name ++ "'"
fun safe(name) = "SELECT * FROM planet WHERE id = " ++ (name as Number)
fun quoted(name) = quote::q(name)
fun loop(x) = if (x == null) "" else loop(x.next) ++ x.name
fun isGood(x) = x matches /[a-z]+/
`,
	"modules::quote": `%dw 2.0
fun q(s) = "'" ++ (s replace /'/ with "''") ++ "'"
fun p(s) = "'" ++ s ++ "'"
`,
}

func testScope() *Scope {
	event := map[string]*Value{
		"payload":    Marked(client("payload"), &Source{Label: Whole, What: "payload"}),
		"attributes": client("attributes"),
		"vars": ObjectOf(map[string]*Value{
			"id": client("attributes.uriParams.id"), "fixed": Constant("fixed"), "n": Of(NumberType),
			"list": List(Constant("a"), Constant("b")), "o": ObjectOf(map[string]*Value{"bad": client("payload.o"), "good": Constant("g")}),
			"any": Unseen(),
		}),
	}
	event["flowVars"] = event["vars"]
	event["message"] = ObjectOf(map[string]*Value{"payload": event["payload"], "inboundProperties": client("message.inboundProperties")})
	return &Scope{
		Event: func(name string) *Value { return event[name] },
		Property: func(name string) *Value {
			if strings.HasPrefix(name, "secure::") {
				return Tainted(&Source{Label: Secret, What: name})
			}
			return Of(TextType)
		},
		Module: func(path string) *mule.Code {
			text, ok := testModules[path]
			if !ok {
				return nil
			}
			return &mule.Code{Language: mule.DataWeave2, Text: text, Tree: syntax.Parse(text)}
		},
		Lookup: func(_ string, payload *Value) *Value { return payload },
		Place: func(_ *mule.Code, s syntax.Span) Place {
			p := Place{}
			p.Span.Start, p.Span.End = s.Start, s.End
			return p
		},
	}
}

func evalText(t *testing.T, script string, language mule.Language) *Value {
	t.Helper()
	code := &mule.Code{Language: language, Text: script, Tree: syntax.Parse(script)}
	if language == mule.MEL {
		code.Tree = mel.Parse(script)
	}
	for _, p := range code.Tree.Problems {
		t.Errorf("%s: problem at %d: %s", script, p.Start, p.Message)
	}
	s := testScope()
	v := Eval(code, s)
	if s.Exhausted {
		t.Errorf("%s: exhausted", script)
	}
	return v
}

// reaches says that data of a client is in v that may do harm in a kind.
func reaches(v *Value, kind Kind) bool {
	for _, m := range Marks(v) {
		if m.Source.Label&(Client|Secret|Random) != 0 && m.Clean&kind == 0 {
			return true
		}
	}
	return false
}

// TestTransfer evaluates scripts whose results hold data of the client (bad), and
// such that look alike and don't (good).
func TestTransfer(t *testing.T) {
	played, bad := 0, 0
	for _, c := range transferCases {
		for i, line := range strings.Split(strings.TrimSpace(c.scripts), "\n") {
			line = strings.TrimSpace(line)
			if line == "" {
				continue
			}
			sign, script := line[0], strings.TrimSpace(line[1:])
			script = strings.ReplaceAll(script, "⏎", "\n")
			played++
			want := sign == '+'
			if want {
				bad++
			}
			t.Run(fmt.Sprintf("%s/%d", c.name, i), func(t *testing.T) {
				v := evalText(t, script, mule.DataWeave2)
				if got := reaches(v, c.kind); got != want {
					t.Errorf("%s\nreaches %v, want %v: %s", script, got, want, show(v))
				}
			})
		}
	}
	t.Logf("%d scripts, %d of them bad", played, bad)
	if played < 150 || bad < played*4/10 || bad > played*6/10 {
		t.Errorf("too few scripts, or not as many good ones as bad ones")
	}
}

// show writes a value for people.
func show(v *Value) string {
	if v == nil {
		return "?"
	}
	switch {
	case v.Type == NullType:
		return "null"
	case len(v.Choices) > 0:
		return "{" + strings.Join(v.Choices, "|") + "}"
	case len(v.Alternatives) > 0:
		var all []string
		for _, a := range v.Alternatives {
			all = append(all, show(a))
		}
		return "(" + strings.Join(all, " | ") + ")"
	case len(v.Pieces) > 0:
		var b strings.Builder
		for _, p := range v.Pieces {
			if p.Hole == nil {
				b.WriteString(p.Text)
				continue
			}
			b.WriteString("‹" + show(p.Hole) + "›")
		}
		return "“" + b.String() + "”"
	}
	var parts []string
	for _, m := range v.Marks {
		if m.Source.Label == Whole {
			continue
		}
		s := m.Source.What
		if m.Clean != 0 {
			s += "!"
		}
		parts = append(parts, s)
	}
	if v.Opaque {
		parts = append(parts, "opaque")
	}
	for _, f := range sortedFields(v) {
		parts = append(parts, f.name+": "+show(f.value))
	}
	if v.Rest != nil {
		parts = append(parts, "*: "+show(v.Rest))
	}
	if v.Keys != nil {
		parts = append(parts, "keys: "+show(v.Keys))
	}
	s := strings.Join(parts, ", ")
	if v.Fields != nil || v.Rest != nil {
		return "{" + s + "}"
	}
	if s == "" {
		return "?"
	}
	return s
}

func codeOf(text string) *mule.Code {
	return &mule.Code{Language: mule.DataWeave2, Text: text, Tree: syntax.Parse(text)}
}
