package spectral

import (
	"math"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
)

func alphabetical(options *tree.Node) (Check, error) {
	if err := knownOptions(options, "keyedBy"); err != nil {
		return nil, err
	}
	by, err := textOption(options, "keyedBy")
	if err != nil {
		return nil, err
	}
	return func(in *Input) []Problem {
		if !isContainer(in.Value) {
			return nil
		}
		list := in.Value.Items
		for _, m := range in.Value.Members {
			list = append(list, tree.NewText(m.Value, m.Name))
		}
		if len(list) < 2 {
			return nil
		}
		if by != "" {
			return keyedOrder(list, by)
		}
		i := unsorted(list)
		switch {
		case i == -2:
			return say(`#{{print("property")}}must be one of the allowed types: number, string`)
		case i < 0:
			return nil
		}
		step := list[i].Text
		if in.Value.Kind == tree.Array {
			f := frame{index: i}
			step = f.key()
		}
		return []Problem{{
			Message: printValue(list[i]) + " must be placed after " + printValue(list[i+1]),
			Below:   []string{step},
		}}
	}, nil
}

func keyedOrder(list []*tree.Node, by string) []Problem {
	keys := make([]*tree.Node, len(list))
	for i, item := range list {
		if !isContainer(item) {
			return say(`#{{print("property")}}must be an object`)
		}
		keys[i] = item.Get(by)
	}
	switch i := unsorted(keys); {
	case i == -2:
		return say(`#{{print("property")}}must be one of the allowed types: number, string`)
	case i >= 0:
		return say("properties must follow the alphabetical order")
	}
	return nil
}

// unsorted is the first value that stands before a smaller one, -1 where there is
// none, -2 where some are neither texts nor numbers.
func unsorted(list []*tree.Node) int {
	for _, n := range list {
		if !n.Is(tree.String) && !n.Is(tree.Number) {
			return -2
		}
	}
	for i := range len(list) - 1 {
		if compareKeys(valueOf(list[i]), valueOf(list[i+1])) >= 1 {
			return i
		}
	}
	return -1
}

func compareKeys(a, b value) float64 {
	x, y := a.numeric(), b.numeric()
	if (a.kind == numberValue || math.IsNaN(x)) && (b.kind == numberValue || !math.IsNaN(y)) {
		return min(1, max(-1, x-y))
	}
	if a.kind != textValue || b.kind != textValue {
		return 0
	}
	return float64(compareText(a.text, b.text))
}

// compareText orders texts as people do: letters before their case.
func compareText(a, b string) int {
	if c := strings.Compare(sortKey(a), sortKey(b)); c != 0 {
		return c
	}
	// Of equal letters the small one stands first.
	return -strings.Compare(a, b)
}

// sortKey gives signs, digits and letters in the order of the Unicode collation:
// signs before digits before letters, whatever their case.
func sortKey(text string) string {
	const signs = "_-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$"
	var b strings.Builder
	for _, r := range strings.ToLower(text) {
		if i := strings.IndexRune(signs, r); i >= 0 {
			r = rune(i + 1)
		}
		b.WriteRune(r)
	}
	return b.String()
}
