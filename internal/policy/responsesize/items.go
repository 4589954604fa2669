package responsesize

import (
	"errors"
	"strings"

	"farrier.dev/farrier/internal/encoding"
	"farrier.dev/farrier/internal/encoding/jsontext"
)

// place says which arrays are counted.
type place struct {
	any bool
	// steps lead from the document to the array; none for the document itself.
	steps []string
}

// maxSteps is how long a place may be.
const maxSteps = 32

func parsePlace(text string) (place, error) {
	switch {
	case text == "any":
		return place{any: true}, nil
	case text == "root":
		return place{}, nil
	case text == "" || text[0] != '/':
		return place{}, errors.New("must be any, root, or a JSON pointer as /data/items")
	}
	steps := strings.Split(text[1:], "/")
	if len(steps) > maxSteps {
		return place{}, errors.New("has more than 32 steps")
	}
	for i, s := range steps {
		steps[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(s)
	}
	return place{steps: steps}, nil
}

// String is the place as it stands in settings.
func (p place) String() string {
	switch {
	case p.any:
		return "any"
	case len(p.steps) == 0:
		return "root"
	}
	return "/" + strings.Join(p.steps, "/")
}

// frame is one open container on the way through a document.
type frame struct {
	array, counted bool
	items          int
	// matched is how many steps of the place lead here; -1 when none do.
	matched int
}

// longer says whether an array that is to be counted has more than most items.
func (p place) longer(doc []byte, most int) (more bool, where string) {
	limits := jsontext.NoLimits()
	limits.MaxDepth = jsontext.DefaultLimits().MaxDepth
	var s jsontext.Scanner
	s.Reset(doc, limits)
	open := make([]frame, 0, 16)
	next := 0 // the steps that lead to the value that comes next
	for {
		t, err := s.Next()
		if err != nil {
			// Deeper than anything is read: that is more than it should be.
			return encoding.Exceeded(err) != "", p.String()
		}
		var top *frame
		if len(open) > 0 {
			top = &open[len(open)-1]
		}
		switch t.Kind {
		case jsontext.EndArray, jsontext.EndObject:
			open = open[:len(open)-1]
			continue
		case jsontext.Name:
			next = p.step(top.matched, t.Text())
			continue
		default:
		}
		if top != nil && top.array {
			if top.items++; top.counted && top.items > most {
				return true, p.String()
			}
			next = p.step(top.matched, nil)
		}
		if t.Kind == jsontext.BeginArray || t.Kind == jsontext.BeginObject {
			array := t.Kind == jsontext.BeginArray
			open = append(open, frame{array: array, counted: array && (p.any || next == len(p.steps)), matched: next})
		}
	}
}

// step is how many steps of the place lead to a member, or with a nil name to an
// item, of a container to which so many lead.
func (p place) step(matched int, name []byte) int {
	if matched < 0 || matched >= len(p.steps) {
		return -1
	}
	if s := p.steps[matched]; s != "*" && (name == nil || s != string(name)) {
		return -1
	}
	return matched + 1
}
