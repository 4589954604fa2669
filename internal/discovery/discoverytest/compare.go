package discoverytest

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Learned is one operation that was learned, in no learner's words.
type Learned struct {
	Host, Method string
	// Template has its templates in braces, with any names.
	Template string
	// Requests is how many requests it was learned from.
	Requests             int
	Parameters, Answered []Parameter
}

// Parameter is one parameter that was learned. Its names are those of the package
// comment.
type Parameter struct {
	Place, Name string
	// Types are types of JSON.
	Types []string
}

// Ratio is a share.
type Ratio struct{ Hits, Of int }

// Value is the share, 1 of nothing.
func (r Ratio) Value() float64 {
	if r.Of == 0 {
		return 1
	}
	return float64(r.Hits) / float64(r.Of)
}

// String is the share with its numbers.
func (r Ratio) String() string { return fmt.Sprintf("%.4f (%d/%d)", r.Value(), r.Hits, r.Of) }

func (r *Ratio) count(hit bool) {
	r.Of++
	if hit {
		r.Hits++
	}
}

// Scores are how well an inventory was learned.
type Scores struct {
	// Precision and Recall are of operations, by their groups.
	Precision, Recall map[Group]Ratio
	// Parameters and Types are by place.
	Parameters, Types map[string]Ratio
	// Invented is the share of learned parameters that no good call had as
	// described ones; credentials and parameters that track are among them.
	Invented Ratio
	// Answered and AnsweredTypes are of properties of answers.
	Answered, AnsweredTypes Ratio
	// Failures say what was not right, at most MaxFailures.
	Failures []string
}

// MaxFailures is how many failures are told.
const MaxFailures = 2000

// Identified is a ratio of the operations whose templates hold identifiers alone,
// those without templates included.
func Identified(by map[Group]Ratio) Ratio {
	a, b := by[Fixed], by[IDLike]
	return Ratio{a.Hits + b.Hits, a.Of + b.Of}
}

// Carrying is a ratio over all places but the path, whose parameters templates
// already tell.
func Carrying(by map[string]Ratio) Ratio {
	var all Ratio
	for place, one := range by {
		if place != "path" {
			all.Hits += one.Hits
			all.Of += one.Of
		}
	}
	return all
}

// Add adds the scores of another inventory.
func (s *Scores) Add(o *Scores) {
	if s.Precision == nil {
		*s = *newScores()
	}
	add(s.Precision, o.Precision)
	add(s.Recall, o.Recall)
	add(s.Parameters, o.Parameters)
	add(s.Types, o.Types)
	for _, pair := range [][2]*Ratio{{&s.Invented, &o.Invented}, {&s.Answered, &o.Answered}, {&s.AnsweredTypes, &o.AnsweredTypes}} {
		pair[0].Hits += pair[1].Hits
		pair[0].Of += pair[1].Of
	}
	for _, one := range o.Failures {
		s.failed("%s", one)
	}
}

func add[K comparable](into, other map[K]Ratio) {
	for k, r := range other {
		into[k] = Ratio{into[k].Hits + r.Hits, into[k].Of + r.Of}
	}
}

func newScores() *Scores {
	return &Scores{Precision: map[Group]Ratio{}, Recall: map[Group]Ratio{}, Parameters: map[string]Ratio{}, Types: map[string]Ratio{}}
}

func (s *Scores) failed(format string, args ...any) {
	if len(s.Failures) < MaxFailures {
		s.Failures = append(s.Failures, fmt.Sprintf(format, args...))
	}
}

func count[K comparable](in map[K]Ratio, key K, hit bool) {
	r := in[key]
	r.count(hit)
	in[key] = r
}

// Least is how often an operation or parameter must have been called to be
// looked for; Share is what share of calls must have carried a parameter.
const (
	Least = 3
	Share = 0.01
)

// Compare holds what was learned against the truth, by the definitions of the
// package comment.
func Compare(learned []Learned, truth *Truth) *Scores {
	s := newScores()
	wide := map[string][]string{}
	for key := range truth.Operations {
		w := widened(key)
		wide[w] = append(wide[w], key)
	}
	found := map[string]*Learned{}
	for i := range learned {
		l := &learned[i]
		key := Key(l.Method, l.Template)
		if _, ok := truth.Operations[key]; !ok && len(wide[key]) == 1 {
			key = wide[key][0]
		}
		called, ok := truth.Operations[key]
		switch {
		case ok && strings.EqualFold(l.Host, truth.Host) && found[key] == nil:
			found[key] = l
			count(s.Precision, called.Group, true)
		case Key(l.Method, l.Template) == Key(http.MethodGet, truth.Base+HealthPath):
		default:
			group := truth.covered(l)
			count(s.Precision, group, false)
			s.failed("%s: not an operation: %s %s (%d requests)", group, l.Method, l.Template, l.Requests)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(truth.Operations)) {
		called := truth.Operations[key]
		if called.Good >= Least {
			count(s.Recall, called.Group, found[key] != nil)
			if found[key] == nil {
				s.failed("%s: not found: %s %s (%d good calls)", called.Group, called.Method, called.Template, called.Good)
			}
		}
		if found[key] != nil {
			s.parameters(called, found[key])
		}
	}
	return s
}

// widened is a key with segments that hold templates as plain templates.
func widened(key string) string {
	method, path, _ := strings.Cut(key, " ")
	segments := strings.Split(path, "/")
	for i, one := range segments {
		if strings.Contains(one, "{}") {
			segments[i] = "{}"
		}
	}
	return method + " " + strings.Join(segments, "/")
}

// covered is the group that a wrong operation counts against.
func (t *Truth) covered(l *Learned) Group {
	ours := strings.Split(widened(Key(l.Method, l.Template)), "/")
	group := Fixed
	for key, called := range t.Operations {
		theirs := strings.Split(widened(key), "/")
		if len(ours) != len(theirs) || called.Calls == 0 {
			continue
		}
		same := ours[0] == theirs[0]
		for i := 1; i < len(ours) && same; i++ {
			same = ours[i] == theirs[i] || ours[i] == "{}" || theirs[i] == "{}"
		}
		switch {
		case !same:
		case called.Group != WordLike:
			return called.Group
		default:
			group = WordLike
		}
	}
	return group
}

func (s *Scores) parameters(called *Called, l *Learned) {
	what := called.Method + " " + called.Template
	known := index(l.Parameters)
	for _, name := range sorted(called.Parameters) {
		c := called.Parameters[name]
		if c.Calls < Least || float64(c.Calls) <= Share*float64(called.Good) {
			continue
		}
		types, ok := known[plain(name)]
		if count(s.Parameters, name.Place, ok); !ok {
			s.failed("parameter not found: %s: %s %s (%d of %d calls)", what, name.Place, name.Name, c.Calls, called.Good)
			continue
		}
		if len(c.Declared) == 1 && c.Declared["null"] > 0 {
			continue
		}
		right := c.right(name.Place, types)
		if count(s.Types, name.Place, right); !right {
			s.failed("type not right: %s: %s %s: learned %v, described %v, shown %v", what, name.Place, name.Name, types, slices.Sorted(maps.Keys(c.Declared)), slices.Sorted(maps.Keys(c.Shown)))
		}
	}
	real := map[Name]bool{}
	for name := range called.Parameters {
		real[plain(name)] = true
	}
	for name := range known {
		s.Invented.count(!real[name])
	}
	s.answered(called, index(l.Answered))
}

func (s *Scores) answered(called *Called, known map[Name][]string) {
	for _, name := range sorted(called.Answered) {
		c := called.Answered[name]
		if c.Calls < Least || float64(c.Calls) <= Share*float64(called.Good) {
			continue
		}
		types, ok := known[plain(name)]
		if s.Answered.count(ok); ok {
			s.AnsweredTypes.count(c.right(name.Place, types) || len(c.Declared) == 1 && c.Declared["null"] > 0)
		}
	}
}

// plain makes no difference between the forms of bodies.
func plain(n Name) Name {
	if n.Place == "form" {
		n.Place = "body"
	}
	if n.Place == "header" {
		n.Name = strings.ToLower(n.Name)
	}
	return n
}

func index(all []Parameter) map[Name][]string {
	known := map[Name][]string{}
	for _, p := range all {
		known[plain(Name{p.Place, p.Name})] = p.Types
	}
	return known
}

func sorted(all map[Name]*Carried) []Name {
	return slices.SortedFunc(maps.Keys(all), func(a, b Name) int {
		return cmp.Or(cmp.Compare(a.Place, b.Place), cmp.Compare(a.Name, b.Name))
	})
}
