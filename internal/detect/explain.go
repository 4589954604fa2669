package detect

import (
	"context"
	"slices"

	"farrier.dev/farrier/internal/detect/model"
	"farrier.dev/farrier/internal/traffic"
)

// Explanation shows what a judgement looked at.
type Explanation struct {
	Leaves []Leaf `json:"leaves"`
}

// Leaf is one text that was judged: where it was found, and what was said of it.
type Leaf struct {
	// Way is how it was reached, "post → json /items/3/note → base64".
	Way      string   `json:"way"`
	Place    string   `json:"place"`
	Decoders []string `json:"decoders"`
	// Name is the name that rules saw with it, Length that of the text in bytes.
	// The text itself is not shown: it may be a secret.
	Name   string `json:"name,omitempty"`
	Length int    `json:"length"`
	Rules  []Hit  `json:"rules,omitempty"`
}

// Hit is a rule that matched.
type Hit struct {
	Rule   string `json:"rule"`
	Points int    `json:"points"`
	// Reason says why the points are not those of the rule.
	Reason string `json:"reason,omitempty"`
}

// Explain judges like Judge and shows what it looked at.
func (e *Engine) Explain(ctx context.Context, x *traffic.Exchange, learned *model.Snapshot) (Verdict, Explanation) {
	explanation := Explanation{Leaves: []Leaf{}}
	v := e.judge(ctx, x, Lessons{Learned: learned}, &explanation)
	return v, explanation
}

func (e *Explanation) fill(w *work, matches []match) {
	for i := range w.tree.Leaves {
		l := &w.tree.Leaves[i]
		shown := Leaf{
			Way: w.tree.Way(l.Node), Place: w.tree.Place(l.Node), Decoders: w.tree.Decoders(l.Node), Name: l.Key, Length: len(l.Text),
		}
		if shown.Decoders == nil {
			shown.Decoders = []string{}
		}
		for _, m := range matches {
			if int(m.leaf) == i || m.leaf < 0 && slices.Contains(m.places, shown.Place) {
				shown.Rules = append(shown.Rules, Hit{m.rule.name, m.points, m.reason})
			}
		}
		e.Leaves = append(e.Leaves, shown)
	}
}
