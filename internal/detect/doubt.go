package detect

import (
	"slices"
	"strings"

	"farrier.dev/farrier/internal/detect/opinion"
)

const (
	// doubtful is what is left of the first match that the second opinion
	// rejects in a value; nothing is left of further ones.
	doubtful = 1
	// mostDoubtful bounds what is left of all rejected matches of a request: many
	// values that are harmless each are so together.
	mostDoubtful = 2
)

// subject is what there is a second opinion on.
type subject struct {
	// name is what the opinion looks for.
	name      string
	plausible func(text string) bool
}

var (
	aboutSQL       = subject{"statement of SQL", opinion.SQL}
	aboutShell     = subject{"command", opinion.Shell}
	aboutJava      = subject{"use of a Java class", opinion.Java}
	aboutPath      = subject{"path to a file", opinion.Path}
	aboutFile      = subject{"name of a file that is more", opinion.FileName}
	aboutPHP       = subject{"expression of PHP", opinion.PHP}
	aboutCall      = subject{"call of a function of PHP", opinion.PHPCall}
	aboutNode      = subject{"code of JavaScript with power", opinion.Node}
	aboutOperator  = subject{"operator of MongoDB", opinion.MongoOperator}
	aboutMarkup    = subject{"element", opinion.Markup}
	aboutAttribute = subject{"attribute", opinion.Attribute}
	aboutScriptURL = subject{"address of a script", opinion.ScriptURL}
	aboutScript    = subject{"use of a global object", opinion.Script}
	aboutURL       = subject{"address", opinion.URL}
	aboutAddress   = subject{"address as a value", opinion.Address}
	aboutSplitting = subject{"start of another message", opinion.Splitting}
)

// subjects are those of single rules.
//   - 920120 fears apostrophes in the names of files.
//   - 921110 and 921130 see "GET / HTTP/1.1" and <html>, which logs and pages
//     have: another message begins with a line.
//   - 930120 knows names such as ".profile", which are also parts of words.
//   - 931120 asks for a scheme, and takes any text that begins with "file".
//   - 933135 sees ${...}, which all template languages have.
//   - 933160 sees printf(, which other languages have.
//   - 934100 sees function(){ and console.log(, which do nothing.
//   - 934110 sees http://localhost, which tickets mention.
//   - 941130 and 941170 see application/xhtml+xml and "data:" in headers.
//   - 941160 reads "i < image.length; x = 1" as an element with an attribute.
//   - 941370 sees "window [", which prose about windows has.
//   - 942290 is about MongoDB, and sees variables of GraphQL.
//   - 944110 and 944130 see names of classes, which logs are full of.
//   - 932170 and 932171 look for the first bytes of Shellshock, 932180 at names
//     of files: there is none.
var subjects = map[int]*subject{
	920120: &aboutFile, 921110: &aboutSplitting, 921130: &aboutSplitting, 930120: &aboutPath, 931120: &aboutURL,
	932170: nil, 932171: nil, 932180: nil,
	933135: &aboutPHP, 933160: &aboutCall, 934100: &aboutNode, 934110: &aboutAddress,
	941130: &aboutAttribute, 941160: &aboutMarkup, 941170: &aboutScriptURL, 941370: &aboutScript,
	942290: &aboutOperator, 944110: &aboutJava, 944130: &aboutJava,
}

// subjectOf is what the rule suspects, nil where there is no second opinion.
func subjectOf(r *rule) *subject {
	if s, known := subjects[r.id]; known {
		return s
	}
	switch {
	case slices.Contains(r.tags, "attack-sqli"):
		return &aboutSQL
	case r.id >= 932100 && r.id < 932990:
		return &aboutShell
	}
	return nil
}

// asked is one question for a second opinion.
type asked struct {
	about *subject
	leaf  int32
	name  bool
}

// doubt asks for the second opinion on matches.
func (w *work) doubt(matches []match) {
	var opinions map[asked]bool
	left := mostDoubtful
	for i := range matches {
		m := &matches[i]
		about := subjectOf(m.rule)
		if about == nil || m.leaf < 0 && m.places[0] != wholeBody || m.points == 0 {
			continue
		}
		question := asked{about, m.leaf, m.name}
		plausible, known := opinions[question]
		if !known {
			if opinions == nil {
				opinions = map[asked]bool{}
			}
			plausible = w.plausible(about, m)
			opinions[question] = plausible
		}
		if plausible {
			continue
		}
		m.points, m.reason = 0, "a second opinion finds no "+about.name+" in it"
		if !known && left > 0 {
			m.points = doubtful
			left -= doubtful
		}
	}
}

// plausible asks about what matched: a value, or its name, with and without that
// of the object around it.
func (w *work) plausible(about *subject, m *match) bool {
	if m.leaf < 0 {
		return about.plausible(w.tree.Body)
	}
	if !m.name {
		return about.plausible(w.tree.Leaves[m.leaf].Text)
	}
	key := w.tree.Leaves[m.leaf].Key
	_, member, inside := strings.Cut(key, ".")
	return about.plausible(key) || inside && about.plausible(member)
}
