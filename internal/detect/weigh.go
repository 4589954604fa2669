package detect

import (
	"farrier.dev/farrier/internal/detect/decode"
	"farrier.dev/farrier/internal/detect/model"
)

// Learned says what deviations from what was learned do.
type Learned string

// The ways.
const (
	// IgnoreLearned compares nothing.
	IgnoreLearned Learned = "off"
	// RaiseByLearned adds points to a match in a value that deviates.
	RaiseByLearned Learned = "raise"
	// WeighByLearned also takes points from a single match in a value that does
	// not.
	WeighByLearned Learned = "weigh"
)

// What models do to points.
const (
	// raised is added to a match in a value that deviates.
	raised = 2
	// ordinary is taken from the only match in a value like all others.
	ordinary = 2
)

// weigh lets the second opinion and the model have their say about matches, and
// adds matches for values that deviate. A deviation alone has no points.
func (e *Engine) weigh(w *work, matches []match, normal *model.Normal) []match {
	w.doubt(matches)
	if normal == nil || e.options.Learned == IgnoreLearned {
		return nil
	}
	var deviations []match
	for i := range w.tree.Leaves {
		leaf := int32(i) //nolint:gosec // bounded by the tree
		l := &w.tree.Leaves[i]
		if !learnable(l) {
			continue
		}
		place := w.tree.Place(l.Node)
		fact := model.Describe(place, l.Text)
		d, known := normal.Score(&fact)
		if !known {
			continue
		}
		unusual := d.Score >= model.Alarm
		e.weighLeaf(matches, leaf, d, unusual)
		if unusual {
			deviations = append(deviations, match{rule: &ruleUnusual, places: []string{place}, leaf: leaf, shown: d.Reason})
		}
	}
	return deviations
}

func (e *Engine) weighLeaf(matches []match, leaf int32, d model.Deviation, unusual bool) {
	first, only := -1, true
	for i := range matches {
		if matches[i].leaf == leaf && matches[i].points > 0 {
			only = first < 0
			first = max(first, i)
		}
	}
	switch {
	case first < 0:
	case unusual:
		matches[first].points += raised
		matches[first].reason = d.Reason
	case only && d.Score == 0 && e.options.Learned == WeighByLearned:
		matches[first].points = max(0, matches[first].points-ordinary)
		matches[first].reason = "the value is like all others here"
	}
}

// learnable says that a leaf is a value of the application as it came.
func learnable(l *decode.Leaf) bool {
	switch l.Source {
	case decode.QueryArg, decode.BodyArg, decode.HeaderArg:
		return l.Layers == 0
	default:
		return false
	}
}

// facts are what a request that is no attack teaches.
func (w *work) facts() []model.Fact {
	facts := make([]model.Fact, 0, len(w.tree.Leaves))
	for i := range w.tree.Leaves {
		if l := &w.tree.Leaves[i]; learnable(l) && len(facts) < maxFacts {
			facts = append(facts, model.Describe(w.tree.Place(l.Node), l.Text))
		}
	}
	return facts
}

// maxFacts bounds what one request teaches.
const maxFacts = 64
