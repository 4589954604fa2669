package sensitive

import (
	"fmt"
	"math"
	"regexp"
	"strings"
)

// MaxPatterns is the most own patterns of a detector.
const MaxPatterns = 64

// wordPoints is what each word of an own pattern adds that stands in the name, in
// a member around it or in the request's path, in hundredths.
const wordPoints = 20

// Pattern is a class, or a further sign of a built-in one, that an installation
// adds. Its score is Score, and 0.2 for each of its words that the place holds; it
// is accepted from 0.3.
type Pattern struct {
	// Class is in small letters, digits and hyphens, as "customer-number".
	Class Class
	// Value is a regular expression (RE2) that the value must match somewhere:
	// anchor it by ^ and $ to mean all of it.
	Value string
	// Name is a regular expression (RE2) that the name must match somewhere;
	// empty for any name.
	Name string
	// Words are single words such as "customer" or "badge", in any case.
	Words []string
	// Score is from 0 to 1.
	Score float64
	// Direction is "request" or "response"; empty for both.
	Direction string
}

// ownPattern is a Pattern made ready.
type ownPattern struct {
	class       Class
	value, name *regexp.Regexp
	words       []string
	score       int16
	direction   string
}

var className = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

func compile(own []Pattern) ([]ownPattern, error) {
	if len(own) > MaxPatterns {
		return nil, fmt.Errorf("own patterns: there are %d, and at most %d may be: join some by | in one expression", len(own), MaxPatterns)
	}
	out := make([]ownPattern, 0, len(own))
	for i, p := range own {
		o := ownPattern{class: p.Class, direction: p.Direction}
		where := fmt.Sprintf("own pattern %d (%s)", i+1, p.Class)
		switch {
		case !className.MatchString(string(p.Class)) || len(p.Class) > 40:
			return nil, fmt.Errorf("own pattern %d: the class %.40q must be at most 40 small letters, digits and hyphens, as customer-number", i+1, p.Class)
		case p.Score < 0 || p.Score > 1 || math.IsNaN(p.Score):
			return nil, fmt.Errorf("%s: the score %v must be between 0 and 1", where, p.Score)
		case p.Direction != "" && p.Direction != "request" && p.Direction != "response":
			return nil, fmt.Errorf("%s: the direction %.20q must be request, response or empty", where, p.Direction)
		case p.Value == "" && p.Name == "":
			return nil, fmt.Errorf("%s: give an expression for the value, the name or both", where)
		case p.Score+0.2*float64(len(p.Words)) < Accepted:
			return nil, fmt.Errorf("%s: can never reach %v: raise the score %v or add words, which count 0.2 each", where, Accepted, p.Score)
		}
		o.score = int16(math.Round(p.Score * 100))
		var err error
		if o.value, err = expression(p.Value); err != nil {
			return nil, fmt.Errorf("%s: the expression of the value: %w", where, err)
		}
		if o.name, err = expression(p.Name); err != nil {
			return nil, fmt.Errorf("%s: the expression of the name: %w", where, err)
		}
		for _, w := range p.Words {
			var t text
			t.split(w)
			if t.n == 0 {
				return nil, fmt.Errorf("%s: the word %.20q has no letter or digit", where, w)
			}
			o.words = append(o.words, string(t.join(0, t.n)))
		}
		out = append(out, o)
	}
	return out, nil
}

// expression compiles a regular expression; nil for none.
func expression(s string) (*regexp.Regexp, error) {
	const longest = 1000
	if s == "" {
		return nil, nil //nolint:nilnil // no expression matches everything
	}
	if len(s) > longest {
		return nil, fmt.Errorf("%d characters are more than %d", len(s), longest)
	}
	return regexp.Compile(s)
}

// place gives what the place adds to the score, -1 when the pattern is not for
// it.
func (o *ownPattern) place(c Context) int16 {
	if o.direction != "" && c.Direction != "" && o.direction != c.Direction || o.name != nil && !o.name.MatchString(c.Name) {
		return -1
	}
	sum := int16(0)
	for _, w := range o.words {
		if holds(c.Name, w) || holdsAny(c.Path, w) || holdsAny(c.Route, w) {
			sum += wordPoints
		}
	}
	return sum
}

func (o *ownPattern) matches(value string) bool { return o.value == nil || o.value.MatchString(value) }

func holdsAny(names []string, word string) bool {
	for _, n := range names {
		if holds(n, word) {
			return true
		}
	}
	return false
}

// holds tells whether a name has a word, or several in a row that make it.
func holds(name, word string) bool {
	var t text
	t.split(name)
	for i := range t.n {
		for j := i + 1; j <= t.n; j++ {
			if string(t.join(i, j)) == word {
				return true
			}
		}
	}
	return strings.EqualFold(name, word)
}
