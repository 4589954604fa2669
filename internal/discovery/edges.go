package discovery

// Edges are the calls between services that the learner was told of, in the order of
// their names.
func (l *Learner) Edges() []Edge {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sortedEdges()
}
