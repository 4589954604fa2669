package check

import (
	"regexp"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/scan/taint"
)

// otherScheme puts another scheme into an address, and the port that goes with it;
// nil where the address does not begin with the scheme.
func otherScheme(f *mule.XMLFile, a *document.Attr, from, to string) *Repair {
	text := a.Value.Text
	start := len(text) - len(strings.TrimLeft(text, " "))
	if !strings.HasPrefix(text[start:], from) || strings.Contains(text[start+len(from):], "://") {
		return nil
	}
	edits := []Edit{{f.File, a.Value.Part(start, start+len(from)), to}}
	if at := strings.Index(text, ":389"); from == "ldap://" && at > 0 && strings.Trim(text[at+4:], "/ ") == "" {
		edits = append(edits, Edit{f.File, a.Value.Part(at, at+4), ":636"})
	}
	return suggested("use "+to, edits...)
}

// fewerEntities goes back to the default of a reader of XML.
func fewerEntities(r reading) *Repair {
	if r.span.Len() == 0 {
		return nil
	}
	return suggested("expand one entity only, as by default", Edit{File: r.at.File, Span: r.span, Text: "1"})
}

// propertyCalled is a call of p in the place of a literal text, with its quotes.
func propertyCalled(at taint.Place, property string) Edit {
	text := string(at.File.Text[at.Span.Start:at.Span.End])
	quote := "'"
	for _, q := range [...]string{`"`, "&quot;", "&#34;", "&apos;", "&#39;"} {
		if strings.HasPrefix(text, q) {
			quote = q
		}
	}
	return Edit{File: at.File, Span: at.Span, Text: "p(" + quote + property + quote + ")"}
}

var lowestVersion = regexp.MustCompile(`^\[\s*([0-9][\w.-]*)\s*,`)

// pinned takes the lowest version of a range, with which the project was begun.
func pinned(c *Context, dep *mule.Dependency) *Repair {
	m := lowestVersion.FindStringSubmatch(strings.TrimSpace(dep.Version))
	if m == nil || dep.VersionElement == nil {
		return nil
	}
	r := bump(c, dep, m[1], false)
	if r != nil {
		r.Title = "pin the version to " + m[1] + ", or to the one that is built with"
	}
	return r
}

// secretElsewhere takes a secret from a property: the text of a span in an attribute,
// or a literal of DataWeave.
func secretElsewhere(c *Context, at taint.Place, what string, literal bool) *Repair {
	prefix := strings.ToLower(at.Element.Prefix)
	if prefix == "" {
		prefix = "app"
	}
	words := append(nameWords(ownerOf(at.Element)), nameWords(what)...)
	property := surveyOf(c).freeProperty(c, prefix+"."+strings.Join(words, "."))
	placeholder, missing := secretPlaceholder(c, property)
	edit := Edit{File: at.File, Span: at.Span, Text: placeholder}
	if literal {
		edit = propertyCalled(at, placeholder[2:len(placeholder)-1])
	}
	title := "take the value from the property " + property + ", which is given when the application is deployed"
	if strings.Contains(placeholder, "secure::") {
		title = "take the value from the secure property " + property + "; put its encrypted value in the place of TODO"
	}
	return suggested(title, append([]Edit{edit}, withSecrets(c, missing)...)...)
}

// freeProperty is a name of a property that nothing has or asks for yet.
func (m *Memory) freeProperty(c *Context, name string) string {
	if m.given == nil {
		m.given = map[string]bool{}
		eachPropertyName(c.Project, func(name string) { m.given[name] = true })
	}
	for i := 1; ; i++ {
		free := name
		if i > 1 {
			free += "." + strconv.Itoa(i)
		}
		if !m.given[free] && len(c.Project.Properties.Named(free)) == 0 {
			m.given[free] = true
			return free
		}
	}
}
