package sensitive

import "strings"

const (
	// Accepted is the least score of a value that is given a class.
	Accepted = 0.3
	accepted = 30
	// maxValue bounds how much of a value is looked at, in bytes.
	maxValue = 4 << 10
)

// Detector names the classes of values. It never changes, and may be used by
// many at once.
type Detector struct {
	words vocabulary
	own   []ownPattern
}

// New gives a detector of the built-in classes and of own patterns. An error
// says which pattern is wrong, and how to mend it.
func New(own []Pattern) (*Detector, error) {
	compiled, err := compile(own)
	if err != nil {
		return nil, err
	}
	return &Detector{words: learn(), own: compiled}, nil
}

// Classes gives the built-in classes and those of the own patterns.
func (d *Detector) Classes() []Class {
	out := Classes()
	for _, p := range d.own {
		if _, known := indexOf(p.class); !known && !contains(out, p.class) {
			out = append(out, p.class)
		}
	}
	return out
}

func contains(all []Class, c Class) bool {
	for _, a := range all {
		if a == c {
			return true
		}
	}
	return false
}

// Classify gives the class of a value in its place and its score, from Accepted
// to 1; "" and 0 when it is of none. Numbers and booleans are given as the text
// that stands in the document. Of a value longer than 4 KiB the beginning is
// looked at.
func (d *Detector) Classify(c Context, value string) (Class, float64) {
	if value = trim(value); void(value) {
		return "", 0
	}
	p := d.Name(c)
	return p.classify(value)
}

// Name reads a place once, for those who see many values in it.
func (d *Detector) Name(c Context) Prepared {
	p := Prepared{points: d.words.place(c), own: d.own}
	for i := range d.own {
		p.words[i] = d.own[i].place(c)
	}
	return p
}

// Prepared is a place that has been read. It never changes.
type Prepared struct {
	points points
	own    []ownPattern
	// words are what the words of the place add to the score of each own pattern,
	// below zero where the pattern is not for the place.
	words [MaxPatterns]int16
}

// Classify is Detector.Classify for the place.
func (p Prepared) Classify(value string) (Class, float64) {
	if value = trim(value); void(value) {
		return "", 0
	}
	return p.classify(value)
}

func (p *Prepared) classify(value string) (Class, float64) {
	var class Class
	b := best{points: &p.points}
	b.value(value)
	score := b.score
	if score >= accepted {
		class = classes[b.class].class
	}
	for i := range p.own {
		if p.words[i] < 0 {
			continue
		}
		if s := p.own[i].score + p.words[i]; s >= accepted && (class == "" || s >= score) && p.own[i].matches(value) {
			class, score = p.own[i].class, s
		}
	}
	if class == "" {
		return "", 0
	}
	return class, float64(min(score, 100)) / 100
}

func trim(value string) string {
	return strings.TrimSpace(value[:min(len(value), maxValue)])
}

// void tells values that stand for none, or for one that has been masked.
func void(v string) bool {
	if len(v) < 2 {
		return true
	}
	switch len(v) {
	case 2:
		return v == "{}" || v == "[]" || v == "--"
	case 3, 4, 5, 6, 7, 9:
		switch v {
		case "true", "false", "null", "none", "None", "NULL", "True", "False", "TRUE", "FALSE", "n/a", "N/A", "nil", "string", "unknown", "UNKNOWN", "Unknown", "undefined", "NaN", "empty", "yes", "Yes":
			return true
		}
	}
	if first, last := v[0], v[len(v)-1]; first == '[' && last == ']' || first == '<' && last == '>' || first == '{' && last == '}' {
		// Placeholders, and what is no single value.
		return len(v) <= 32 && !strings.ContainsAny(v, "0123456789@")
	}
	return masked(v)
}

// masked tells a value of which at least four characters in a row have been
// replaced by asterisks, bullets or the letter X.
func masked(v string) bool {
	return v == "***" || strings.Contains(v, "****") || strings.Contains(v, "xxxx") || strings.Contains(v, "XXXX") || strings.Contains(v, "••")
}

// best is the highest score so far.
type best struct {
	points *points
	class  index
	score  int16
}

// take weighs a class: what the value says, and what the place adds.
func (b *best) take(class index, base int16) {
	if s := base + b.points[class]; s > b.score {
		b.class, b.score = class, s
	}
}

// sketch is what one look at a value tells.
type sketch struct {
	digits, upper, lower, high, spaces int
	at, dots, hyphens, colons, slashes int
	other                              int
}

func (s *sketch) letters() int { return s.upper + s.lower + s.high }

func draw(v string) sketch {
	var s sketch
	for i := range len(v) {
		switch c := v[i]; {
		case isLower(c):
			s.lower++
		case isDigit(c):
			s.digits++
		case isUpper(c):
			s.upper++
		case c >= 0x80:
			s.high++
		default:
			switch c {
			case ' ':
				s.spaces++
			case '.':
				s.dots++
			case '-':
				s.hyphens++
			case ':':
				s.colons++
			case '/':
				s.slashes++
			case '@':
				s.at++
			default:
				s.other++
			}
		}
	}
	return s
}
