package check

import (
	"cmp"
	"slices"

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
		secretAttribute, weakPassword, secretInAddress, secretInHeader, secureKeyLiteral, secureKeyKept, plainSecretProperty, secretInPOM, secretInPipeline,
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
