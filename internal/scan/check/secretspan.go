package check

import (
	"cmp"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/classify"
	"farrier.dev/farrier/internal/dataweave/syntax"
	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/mule"
)

// SecretSpans are the places of credentials in the files of a project, in their
// order, so that nobody who shows a line shows them. Keys that their form gives
// away are not among them: whoever redacts a line finds those.
func SecretSpans(c *Context) map[*mule.File][]document.Span {
	out := map[*mule.File][]document.Span{}
	inner := New(c.Context, c.Project, c.Taint, nil, func(r Report) {
		span := r.secret
		if span.Len() == 0 {
			span = r.Span
		}
		if span.Len() > 0 {
			out[r.File] = append(out[r.File], span)
		}
	})
	for _, find := range []Func{
		secretAttribute, weakPassword, secretInAddress, secretInHeader, secureKeyLiteral, secureKeyKept, plainSecretProperty, secretInPOM, secretInPipeline, secretInCode,
	} {
		guarded(find, inner)
	}
	for _, spans := range out {
		slices.SortFunc(spans, func(a, b document.Span) int { return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End)) })
	}
	return out
}

// guarded runs a check; one that breaks off found what it found until then. The rule
// that asks it tells of it.
func guarded(find Func, c *Context) {
	defer func() { _ = recover() }()
	find(c)
}

// secretInCode finds the texts in scripts that a name gives away: of fields and
// variables of that name, and those that what has such a name is compared with.
func secretInCode(c *Context) {
	eachCode(c, func(s snippet) {
		tell := func(n syntax.Node) { eachText(n, func(text syntax.Span) { c.Report(Report{Place: s.at(text)}) }) }
		s.walk(func(n syntax.Node) bool {
			switch n := n.(type) {
			case *syntax.Field:
				if givesAway(fieldName(n)) {
					tell(n.Value)
				}
			case *syntax.Var:
				if givesAway(n.Name) {
					tell(n.Value)
				}
			case *syntax.Binary:
				if n.Op == "==" || n.Op == "!=" {
					if givesAway(lastName(n.Left)) {
						tell(n.Right)
					}
					if givesAway(lastName(n.Right)) {
						tell(n.Left)
					}
				}
			}
			return true
		})
	})
}

func givesAway(name string) bool {
	return name != "" && (classify.SecretName(name) || secretHeaderName.MatchString(name))
}

// lastName is what an expression selects last.
func lastName(n syntax.Node) string {
	path := pathOf(n)
	return path[strings.LastIndexByte(path, '.')+1:]
}

// eachText visits the constant texts, without their quotes, that an expression
// is put together of.
func eachText(n syntax.Node, visit func(syntax.Span)) {
	switch n := n.(type) {
	case *syntax.Group:
		eachText(n.X, visit)
	case *syntax.Binary:
		if n.Op == "++" || n.Op == "default" {
			eachText(n.Left, visit)
			eachText(n.Right, visit)
		}
	case *syntax.String:
		if _, ok := literalOf(n); ok && n.End-n.Start > 2 {
			visit(syntax.Span{Start: n.Start + 1, End: n.End - 1})
		}
	}
}
