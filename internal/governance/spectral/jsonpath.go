package spectral

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// stepKind is what one step of a path selects.
type stepKind uint8

const (
	stepNames     stepKind = iota // members or items by name
	stepWildcard                  // all of them
	stepSlice                     // items by position
	stepFilter                    // those that satisfy an expression
	stepContainer                 // the value itself and all objects and arrays below it
	stepParent                    // the parent of what was selected
	stepKey                       // its name
)

// step is one step of a path.
type step struct {
	kind stepKind
	// deep lets the step select at any depth.
	deep             bool
	names            []string
	start, end, skip int
	filter           *filter
}

// jsonPath is a compiled path in the dialect of JSONPath that Spectral reads.
type jsonPath struct {
	text  string
	steps []step
	// wandering tells that a match depends on more than the value, its parent and
	// what lies below.
	wandering bool
}

// maxSteps bounds a path, and with it the states of the matcher.
const maxSteps = 64

// parsePath reads a path.
func parsePath(text string) (*jsonPath, error) {
	p := &pathParser{text: text}
	if len(text) > maxExpression {
		return nil, fmt.Errorf("the path is longer than %d bytes", maxExpression)
	}
	if err := p.parse(); err != nil {
		return nil, fmt.Errorf("the path %s: %w", clip(text), err)
	}
	if len(p.steps) > maxSteps {
		return nil, fmt.Errorf("the path %s has more than %d steps", clip(text), maxSteps)
	}
	out := &jsonPath{text: text, steps: compact(p.steps)}
	parents, second := 0, isSecond(p.steps)
	for _, s := range out.steps {
		if s.kind == stepParent {
			parents++
		}
		if s.filter != nil {
			s.filter.realParent = second
			out.wandering = out.wandering || s.filter.wandering || s.filter.parental && !second
		}
	}
	out.wandering = out.wandering || parents > 1
	return out, nil
}

// isSecond says whether Spectral leaves the path to its second engine: one with
// parents or keys inside, or with several steps at any depth.
func isSecond(steps []step) bool {
	end := len(steps)
	for end > 0 && steps[end-1].kind >= stepParent {
		end--
	}
	if steps = steps[:end]; slices.ContainsFunc(steps, func(s step) bool { return s.kind >= stepParent }) {
		return true
	}
	first := slices.IndexFunc(steps, func(s step) bool { return s.deep })
	if first < 0 {
		return false
	}
	member := func(s step) bool { return s.kind == stepNames && len(s.names) == 1 }
	rest := steps[first+1:]
	if !member(steps[first]) {
		return slices.ContainsFunc(rest, func(s step) bool { return s.deep })
	}
	flat, deep := false, 1
	for i, s := range rest {
		if i == len(rest)-1 {
			break
		}
		plain := member(s) || s.kind == stepWildcard
		switch {
		case !s.deep:
			flat = flat || plain
		case flat || !plain:
			return true
		default:
			deep++
		}
	}
	if last := steps[len(steps)-1]; last.deep {
		return flat || last.kind == stepWildcard
	}
	return deep > 1
}

// compact drops a deep wildcard before another step, which then is the deep one:
// so does Spectral, for which "$..*.a" includes the "a" of the document.
func compact(steps []step) []step {
	out := make([]step, 0, len(steps))
	deep := false
	for i, s := range steps {
		s.deep = s.deep || deep
		deep = false
		if s.kind == stepWildcard && s.deep && i+1 < len(steps) && steps[i+1].kind < stepContainer {
			deep = true
			continue
		}
		out = append(out, s)
	}
	return out
}

type pathParser struct {
	text  string
	at    int
	steps []step
}

func (p *pathParser) wrong(format string, args ...any) error {
	return fmt.Errorf("character %d: %s", p.at+1, fmt.Sprintf(format, args...))
}

func (p *pathParser) rest() string { return p.text[p.at:] }

func (p *pathParser) accept(token string) bool {
	if strings.HasPrefix(p.rest(), token) {
		p.at += len(token)
		return true
	}
	return false
}

func (p *pathParser) parse() error {
	if !p.accept("$") {
		return p.wrong("a path begins with $")
	}
	if strings.Trim(p.rest(), "^~") == ".." {
		p.at += 2
		p.steps = append(p.steps, step{kind: stepContainer, deep: true})
	}
	for p.at < len(p.text) {
		if err := p.step(); err != nil {
			return err
		}
	}
	return nil
}

func (p *pathParser) step() error {
	switch {
	case p.accept("^"), p.accept(".^"):
		p.steps = append(p.steps, step{kind: stepParent})
		return nil
	case p.accept("~"), p.accept(".~"):
		p.steps = append(p.steps, step{kind: stepKey})
		return nil
	}
	deep := p.accept("..")
	dot := deep || p.accept(".")
	var s step
	var err error
	switch rest := p.rest(); {
	case strings.HasPrefix(rest, "["):
		p.at++
		s, err = p.bracket()
	case !dot:
		return p.wrong("a step begins with a dot or a bracket")
	case strings.HasPrefix(rest, "*"):
		p.at++
		s = step{kind: stepWildcard}
	case strings.HasPrefix(rest, "@"):
		s, err = p.typeSelector()
	default:
		s, err = p.bareName()
	}
	if err != nil {
		return err
	}
	s.deep = deep
	p.steps = append(p.steps, s)
	return nil
}

// bareName is a name behind a dot.
func (p *pathParser) bareName() (step, error) {
	rest := p.rest()
	end := strings.IndexAny(rest, ".[]~^()'\"@ \t\n,")
	if end < 0 {
		end = len(rest)
	}
	if end == 0 {
		return step{}, p.wrong("a name is missing")
	}
	p.at += end
	return step{kind: stepNames, names: []string{rest[:end]}}, nil
}

// typeSelector is as "@string()".
func (p *pathParser) typeSelector() (step, error) {
	name, _, found := strings.Cut(p.rest(), "()")
	if !found || !slices.Contains(typeNames, name) {
		return step{}, p.wrong("must be one of %s, followed by ()", strings.Join(typeNames, ", "))
	}
	p.at += len(name) + 2
	f, err := compileFilter(name + "()")
	return step{kind: stepFilter, filter: f}, err
}

var typeNames = []string{"@string", "@number", "@boolean", "@scalar", "@array", "@null", "@object", "@integer"}

// bracket reads what follows "[", and its end.
func (p *pathParser) bracket() (step, error) {
	p.space()
	var s step
	var err error
	switch {
	case p.accept("*"):
		s = step{kind: stepWildcard}
	case p.accept("?("):
		s, err = p.filterStep()
	case p.accept("?"):
		return s, p.wrong("a filter stands in parentheses, as [?(@.name)]")
	case p.accept("("):
		s, err = p.lengthStep()
	default:
		s, err = p.namesOrSlice()
	}
	if err != nil {
		return s, err
	}
	p.space()
	if !p.accept("]") {
		return s, p.wrong("] is missing")
	}
	return s, nil
}

func (p *pathParser) space() {
	p.at += len(p.rest()) - len(strings.TrimLeft(p.rest(), " \t\n"))
}

func (p *pathParser) filterStep() (step, error) {
	e := &expressionParser{text: p.text, at: p.at}
	root, err := e.expression()
	if err != nil {
		return step{}, err
	}
	e.space()
	if !e.accept(")") {
		return step{}, e.wrong(") is missing")
	}
	text := p.text[p.at : e.at-1]
	p.at = e.at
	f, err := newFilter(text, root)
	return step{kind: stepFilter, filter: f}, err
}

// lengthStep is "(@.length-1)", the only script that Spectral runs without
// falling back to an interpreter.
func (p *pathParser) lengthStep() (step, error) {
	script, _, found := strings.Cut(p.rest(), ")")
	number, isLength := strings.CutPrefix(strings.ReplaceAll(script, " ", ""), "@.length-")
	back, err := strconv.Atoi(number)
	if !found || !isLength || err != nil || back < 1 {
		return step{}, p.wrong("of scripts only [(@.length-N)] is read")
	}
	p.at += len(script) + 1
	return step{kind: stepSlice, start: -back, end: math.MaxInt, skip: 1}, nil
}

func (p *pathParser) namesOrSlice() (step, error) {
	var names []string
	for {
		p.space()
		name, err := p.bracketName()
		if err != nil {
			return step{}, err
		}
		if len(names) == 0 && isSlice(name) {
			return sliceStep(name)
		}
		names = append(names, strings.Trim(name, "\x00"))
		p.space()
		if !p.accept(",") {
			return step{kind: stepNames, names: names}, nil
		}
	}
}

// bracketName is a name in brackets; quoted ones that look like slices are
// marked, so that they aren't taken for such.
func (p *pathParser) bracketName() (string, error) {
	rest := p.rest()
	if rest != "" && (rest[0] == '\'' || rest[0] == '"') {
		name, _, found := strings.Cut(rest[1:], rest[:1])
		if !found {
			return "", p.wrong("a quote is missing")
		}
		p.at += len(name) + 2
		return "\x00" + name + "\x00", nil
	}
	end := strings.IndexAny(rest, "],")
	if end < 0 {
		return "", p.wrong("] is missing")
	}
	p.at += end
	name := strings.TrimSpace(rest[:end])
	if name == "" || strings.ContainsAny(name, "[('\"") {
		return "", p.wrong("a name is missing, or must stand in quotes")
	}
	return name, nil
}

func isSlice(text string) bool {
	return strings.Contains(text, ":") && strings.Trim(text, "0123456789-:") == ""
}

func sliceStep(text string) (step, error) {
	s := step{kind: stepSlice, end: math.MaxInt, skip: 1}
	parts := strings.Split(text, ":")
	if len(parts) > 3 {
		return s, fmt.Errorf("the slice %s has more than three numbers", text)
	}
	for i, to := range []*int{&s.start, &s.end, &s.skip}[:len(parts)] {
		if parts[i] == "" {
			continue
		}
		n, err := strconv.Atoi(parts[i])
		if err != nil {
			return s, fmt.Errorf("the slice %s: %w", text, err)
		}
		*to = n
	}
	if s.skip < 1 {
		return s, fmt.Errorf("the slice %s goes no step forward", text)
	}
	return s, nil
}

// selects says whether the step selects a member or item, filters apart.
func (s *step) selects(parent *frame, f *frame) bool {
	switch s.kind {
	case stepNames:
		return slices.Contains(s.names, f.key())
	case stepSlice:
		if f.index < 0 {
			return false
		}
		length := len(parent.node.Items)
		start, end := bound(s.start, length), bound(s.end, length)
		return f.index >= start && f.index < end && (f.index-start)%s.skip == 0
	case stepWildcard:
		return true
	case stepContainer:
		return isContainer(f.node)
	case stepFilter, stepParent, stepKey:
	}
	return false
}

func bound(n, length int) int {
	if n < 0 {
		return max(0, n+length)
	}
	return min(n, length)
}

func clip(text string) string {
	if len(text) > 120 {
		return text[:120] + "…"
	}
	return text
}
