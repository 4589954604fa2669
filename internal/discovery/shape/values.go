package shape

import (
	"slices"
	"strings"

	"farrier.dev/farrier/internal/classify"
	"farrier.dev/farrier/internal/classify/sensitive"
)

// Values are statistics of the values of one place. The zero value has seen none.
type Values struct {
	// Count is how many there were; a parameter that came several times in one call
	// counts once.
	Count uint64

	kinds     counts
	low, high magnitude // of numbers
	// short and long are codes of the lengths of texts, one more than lengthCode.
	short, long uint8
	ranged      bool
	full        bool // more than MaxWords different values
	keeps       bool // counts different values also beyond that
	more        *details
}

// details are what only some places have.
type details struct {
	words   []word
	texts   []string // of the words; may be shorter
	classes []classCount
	sketch  *Sketch // of parameters only, once the words are full
}

// word is a value that may belong to a vocabulary.
type word struct {
	hash  uint32
	count uint32
	state state
}

// state is how much is known of a word.
type state uint8

const (
	unknown state = iota
	clean         // nothing sensitive
	settled       // and its text is kept, or never will be
)

type classCount struct {
	class sensitive.Class
	count uint64
	shape string
}

// Observe looks at one value as it stands in a request, decoded: of a parameter, which
// may hold a number, or several values parted by commas.
func (v *Values) Observe(l *Looker, c sensitive.Context, text string) {
	v.Count++
	v.keeps = true
	at := l.at(&c)
	if parts := list(text); parts != nil {
		v.kinds.add(kindList, 1)
		for _, part := range parts {
			v.see(&at, part, textKind(part))
		}
		return
	}
	v.see(&at, text, textKind(text))
}

// ObserveAll looks at the values of a parameter that came several times in one call.
func (v *Values) ObserveAll(l *Looker, c sensitive.Context, texts []string) {
	if len(texts) == 1 {
		v.Observe(l, c, texts[0])
		return
	}
	v.Count++
	v.keeps = true
	v.kinds.add(kindArray, 1)
	at := l.at(&c)
	for _, text := range texts {
		v.see(&at, text, textKind(text))
	}
}

// maxList is how many values of a list are looked at.
const maxList = 50

// list gives the parts of a text with commas if they look like values: words or
// numbers without blanks; nil otherwise.
func list(text string) []string {
	if strings.IndexByte(text, ',') < 0 || len(text) > maxLooked {
		return nil
	}
	parts := strings.SplitN(text, ",", maxList+1)
	if len(parts) > maxList {
		parts = parts[:maxList]
	}
	for _, part := range parts {
		switch k := textKind(part); k {
		case kindText, kindEmpty, kindURI, kindDateTimeOther:
			return nil
		default:
		}
	}
	return parts
}

// see looks at one value of a known kind.
func (v *Values) see(at *place, text string, k kind) {
	v.kinds.add(k, 1)
	switch {
	case k == kindNull || k == kindBoolean || k == kindArray || k == kindObject:
		return
	case k.text():
		code := lengthCode(len(text)) + 1
		if v.short == 0 || code < v.short {
			v.short = code
		}
		v.long = max(v.long, code)
	case k != kindFile:
		low, high := outward(text)
		v.widen(low, high)
	}
	if v.known(at.l, text) {
		return
	}
	if class := at.classify(text); class != "" {
		v.addClass(class, 1, sensitive.Shape(class, text[:min(len(text), maxLooked)]))
		return
	}
	v.keepWord(at, text, k)
}

func (v *Values) widen(low, high magnitude) {
	if !v.ranged {
		v.ranged, v.low, v.high = true, low, high
		return
	}
	v.low, v.high = min(v.low, low), max(v.high, high)
}

func (v *Values) details() *details {
	if v.more == nil {
		v.more = &details{}
	}
	return v.more
}

// known counts a value among the words and tells whether nothing new can be learned
// from it.
func (v *Values) known(l *Looker, text string) bool {
	if v.full && !v.sketched() {
		return false
	}
	hash := uint32(l.Hash(text) >> 32) //nolint:gosec // The upper half fits.
	if v.full {
		v.more.sketch.add(hash)
		return false
	}
	at := v.addWord(word{hash: hash, count: 1}, "")
	if at < 0 {
		return false
	}
	w := v.more.words[at]
	return w.state == settled || w.state == clean && w.count < SupportedWord
}

// addWord adds the count of a word and gives its place, -1 where there is none any
// more.
func (v *Values) addWord(w word, text string) int {
	d := v.details()
	at := slices.IndexFunc(d.words, func(have word) bool { return have.hash == w.hash })
	switch {
	case at >= 0:
		if sum := d.words[at].count + w.count; sum >= w.count {
			d.words[at].count = sum
		} else {
			d.words[at].count = ^uint32(0)
		}
	case len(d.words) < MaxWords:
		at = len(d.words)
		if d.words == nil {
			d.words = make([]word, 0, 1)
		}
		d.words = append(d.words, w)
	default:
		v.fill()
		if v.more != nil && v.more.sketch != nil {
			v.more.sketch.add(w.hash)
		}
		return -1
	}
	if text != "" {
		d.setText(at, text)
	}
	return at
}

// fill gives the vocabulary up.
func (v *Values) fill() {
	v.full = true
	if v.more == nil && !v.keeps {
		return
	}
	d := v.details()
	if v.keeps && d.sketch == nil {
		d.sketch = &Sketch{}
	}
	if d.sketch != nil {
		for _, w := range d.words {
			d.sketch.add(w.hash)
		}
	}
	d.words, d.texts = nil, nil
	if d.sketch == nil && len(d.classes) == 0 {
		v.more = nil
	}
}

func (d *details) text(at int) string {
	if at < len(d.texts) {
		return d.texts[at]
	}
	return ""
}

func (d *details) setText(at int, text string) {
	for len(d.texts) <= at {
		d.texts = append(d.texts, "")
	}
	d.texts[at] = text
}

// keepWord notes that a value is nothing sensitive, and keeps its text once it is a
// well supported word.
func (v *Values) keepWord(p *place, text string, k kind) {
	if v.full || v.more == nil {
		return
	}
	d := v.more
	hash := uint32(p.l.Hash(text) >> 32) //nolint:gosec // The upper half fits.
	at := slices.IndexFunc(d.words, func(have word) bool { return have.hash == hash })
	if at < 0 {
		return
	}
	w := &d.words[at]
	switch {
	case !wordLike(text, k) || personal(p.name) || classify.SecretName(p.name):
		w.state = settled
	case w.count < SupportedWord || v.Count < enumFrom:
		w.state = clean
	case len(d.classes) == 0:
		d.setText(at, strings.Clone(text))
		w.state = settled
	}
}

// personal tells names of places whose words may name somebody, or are free text,
// though nothing sensitive was seen there: by their last word.
func personal(name string) bool {
	end := len(name)
	for end > 0 && !isLetter(name[end-1]) {
		end--
	}
	start := end
	for start > 0 && isLetter(name[start-1]) {
		start--
		if c := name[start]; 'A' <= c && c <= 'Z' && end-start > 1 && start > 0 && name[start-1] >= 'a' {
			break
		}
	}
	switch strings.ToLower(name[start:end]) {
	case "name", "names", "firstname", "lastname", "surname", "fullname", "user", "users", "username", "userid", "login",
		"owner", "owners", "author", "authors", "assignee", "assignees", "customer", "client", "person", "people", "contact",
		"nick", "nickname", "alias", "by", "from", "to", "sender", "recipient", "employee", "manager", "patient",
		"member", "members", "account", "city", "town", "street", "company", "title", "comment", "comments",
		"description", "note", "notes", "text", "message", "subject", "body", "q", "query", "search", "participant",
		"attendee", "host", "guest", "student", "teacher", "doctor", "driver", "agent", "signature", "initials":
		return true
	}
	return false
}

// wordLike tells words of vocabularies: a letter first, no more than 40 bytes of
// letters, digits, "_", "-" and ".", of which less than five are digits.
func wordLike(text string, k kind) bool {
	if k != kindWord && k != kindHostname || len(text) > 40 || !isLetter(text[0]) {
		return false
	}
	digits := 0
	for i := range len(text) {
		if isDigit(text[i]) {
			digits++
		}
	}
	return digits < 5 && !strings.HasPrefix(classify.Segment(text), "{")
}

func (v *Values) addClass(class sensitive.Class, n uint64, shape string) {
	d := v.details()
	d.texts = nil
	at := slices.IndexFunc(d.classes, func(have classCount) bool { return have.class >= class })
	if at >= 0 && d.classes[at].class == class {
		d.classes[at].count += n
		d.classes[at].shape = better(d.classes[at].shape, shape)
		return
	}
	if len(d.classes) == MaxClasses {
		return
	}
	if at < 0 {
		at = len(d.classes)
	}
	d.classes = slices.Insert(d.classes, at, classCount{class, n, strings.Clone(shape)})
}

// better gives the same of two shapes in whatever order they come: the shorter one.
func better(a, b string) string {
	if a == "" || b != "" && (len(b) < len(a) || len(b) == len(a) && b < a) {
		return strings.Clone(b)
	}
	return a
}

// Merge adds the statistics of other.
func (v *Values) Merge(other *Values) {
	v.Count += other.Count
	other.kinds.each(v.kinds.add)
	if other.ranged {
		v.widen(other.low, other.high)
	}
	if other.short != 0 && (v.short == 0 || other.short < v.short) {
		v.short = other.short
	}
	v.long = max(v.long, other.long)
	v.mergeWords(other)
	if other.more == nil {
		return
	}
	for _, c := range other.more.classes {
		v.addClass(c.class, c.count, c.shape)
	}
}

func (v *Values) mergeWords(other *Values) {
	v.keeps = v.keeps || other.keeps
	if (v.full || other.full) && (!v.full || v.keeps && !v.sketched()) {
		v.fill()
	}
	if other.more == nil {
		return
	}
	for i, w := range other.more.words {
		if v.full {
			if v.more != nil && v.more.sketch != nil {
				v.more.sketch.add(w.hash)
			}
			continue
		}
		text := other.more.text(i)
		if v.more != nil && len(v.more.classes) > 0 {
			text = ""
		}
		v.addWord(w, text)
	}
	if s := other.more.sketch; s != nil && v.sketched() {
		v.more.sketch.Merge(s)
	}
}

func (v *Values) sketched() bool { return v.more != nil && v.more.sketch != nil }

// Clone is a copy that shares nothing that changes.
func (v *Values) Clone() Values {
	c := *v
	c.kinds = slices.Clone(v.kinds)
	if v.more != nil {
		d := details{words: slices.Clone(v.more.words), texts: slices.Clone(v.more.texts), classes: slices.Clone(v.more.classes)}
		if s := v.more.sketch; s != nil {
			sketch := s.Clone()
			d.sketch = &sketch
		}
		c.more = &d
	}
	return c
}
