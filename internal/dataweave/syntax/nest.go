package syntax

// Nest makes each node of a script at least as long as what it holds. What is missing
// stands behind the token before it, which may be outside of the node that lacks it;
// so readers that go on behind mistakes call it once at their end.
func (s *Script) Nest() {
	for _, d := range s.Directives {
		nest(d)
	}
	if s.Body != nil {
		nest(s.Body)
	}
}

// nest gives the span that a node has then.
func nest(n Node) Span {
	whole, self := n.Bytes(), true
	Walk(n, func(inner Node) bool {
		if self {
			self = false
			return true
		}
		s := nest(inner)
		whole.Start, whole.End = min(whole.Start, s.Start), max(whole.End, s.End)
		return false
	})
	if own, ok := n.(interface{ own() *Span }); ok {
		*own.own() = whole
	}
	return whole
}
