package check

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"farrier.dev/farrier/internal/classify"
	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/scan/taint"
)

var propertyCall = regexp.MustCompile(`\bp\(\s*["']([^"':]{1,200})["']\s*\)`)

// securePropertiesMissing finds secrets that are given when the application is
// deployed, and that mule-artifact.json does not name: the runtime manager shows
// their values.
func securePropertiesMissing(c *Context) {
	a := c.Project.Artifact
	if a == nil || c.Project.Kind != mule.Application && c.Project.Kind != mule.Domain {
		return
	}
	keys := secureKeyNames(c.Project)
	missing := map[string]bool{}
	add := func(name string) {
		name = strings.TrimSpace(name)
		given := len(c.Project.Properties.Named(name)) == 0
		if (keys[name] || given && secretStrength(name) >= keySecret) && !slices.Contains(a.SecureProperties, name) && !strings.ContainsAny(name, `"\`) {
			missing[name] = true
		}
	}
	for name := range keys {
		add(name)
	}
	eachPropertyName(c.Project, add)
	if len(missing) == 0 {
		return
	}
	names := make([]string, 0, len(missing))
	for name := range missing {
		names = append(names, name)
	}
	slices.Sort(names)
	r := Report{
		Place:   taint.Place{File: a.File, Span: nodeSpan(a.File, nodeOr(a.Root.Get("secureProperties"), a.Root))},
		Message: "secureProperties does not name " + shortList(names), Detail: "secureProperties",
	}
	if edit, ok := listSecureProperties(c.Project, names); ok {
		r.Repair = safely("name them in secureProperties", edit)
	}
	c.Report(r)
}

// eachPropertyName visits the names of properties that configurations refer to,
// those of encrypted files left out.
func eachPropertyName(p *mule.Project, visit func(name string)) {
	look := func(text string) {
		if !strings.Contains(text, "${") && !strings.Contains(text, "p(") {
			return
		}
		for _, m := range placeholderForm.FindAllStringSubmatch(text, 50) {
			if !strings.HasPrefix(m[0], "${secure::") {
				visit(m[1])
			}
		}
		for _, m := range propertyCall.FindAllStringSubmatch(text, 50) {
			visit(m[1])
		}
	}
	for _, f := range p.Configs {
		if f.Test {
			continue
		}
		f.Document.Root.Walk(func(e *document.Element) bool {
			for i := range e.Attrs {
				look(e.Attrs[i].Value.Text)
			}
			if t := e.Content(); t != nil {
				look(t.Value.Text)
			}
			return true
		})
	}
}

func nodeOr(n, other *tree.Node) *tree.Node {
	if n != nil {
		return n
	}
	return other
}

// shortList are some names, and how many more there are.
func shortList(names []string) string {
	if len(names) <= 6 {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:6], ", ") + " and " + strconv.Itoa(len(names)-6) + " more"
}

// nodeOffset is the byte at which a value of a tree begins.
func nodeOffset(f *mule.File, n *tree.Node) int {
	at := 0
	for range n.Line - 1 {
		next := bytes.IndexByte(f.Text[at:], '\n')
		if next < 0 {
			return at
		}
		at += next + 1
	}
	for range n.Column - 1 {
		_, size := utf8.DecodeRune(f.Text[at:])
		at += size
	}
	return min(at, len(f.Text))
}

// nodeSpan is the first character of a value of a tree.
func nodeSpan(f *mule.File, n *tree.Node) document.Span {
	at := nodeOffset(f, n)
	return document.Span{Start: at, End: min(at+1, len(f.Text))}
}

// listSecureProperties adds names to the secureProperties of mule-artifact.json;
// false where there is no such file, or nothing is missing.
func listSecureProperties(p *mule.Project, names []string) (Edit, bool) {
	a := p.Artifact
	if a == nil {
		return Edit{}, false
	}
	var quoted []string
	for _, name := range names {
		if !slices.Contains(a.SecureProperties, name) {
			quoted = append(quoted, strconv.Quote(name))
		}
	}
	list := a.Root.Get("secureProperties")
	if len(quoted) == 0 || list != nil && list.Kind != tree.Array {
		return Edit{}, false
	}
	text := string(a.File.Text)
	if list == nil {
		at := nodeOffset(a.File, a.Root) + 1
		if at > len(text) || text[at-1] != '{' {
			return Edit{}, false
		}
		blank := text[at : at+len(text[at:])-len(strings.TrimLeft(text[at:], " \t\r\n"))]
		added := `"secureProperties": [` + strings.Join(quoted, ", ") + `]`
		if len(a.Root.Members) > 0 {
			added += ","
		}
		return Edit{a.File, document.Span{Start: at, End: at}, blank + added}, true
	}
	end := closingBracket(text, nodeOffset(a.File, list))
	if end < 0 {
		return Edit{}, false
	}
	at := len(strings.TrimRight(text[:end], " \t\r\n"))
	added := strings.Join(quoted, ", ")
	if len(list.Items) > 0 {
		added = ", " + added
	}
	return Edit{a.File, document.Span{Start: at, End: at}, added}, true
}

// closingBracket is where the list of texts that begins at a byte ends, negative
// where it does not.
func closingBracket(text string, at int) int {
	if at >= len(text) || text[at] != '[' {
		return -1
	}
	inside := false
	for i := at + 1; i < len(text); i++ {
		switch {
		case inside && text[i] == '\\':
			i++
		case text[i] == '"':
			inside = !inside
		case !inside && text[i] == ']':
			return i
		}
	}
	return -1
}

const maxSecretFile = 2 << 20

// sortedFiles are the files with text of the project, by their names.
func sortedFiles(p *mule.Project) []*mule.File {
	var out []*mule.File
	for _, f := range p.Files {
		if len(f.Text) > 0 && len(f.Text) <= maxSecretFile {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b *mule.File) int { return strings.Compare(a.Name, b.Name) })
	return out
}

var storageKey = regexp.MustCompile(`(?:AccountKey|SharedAccessKey)=([A-Za-z0-9+/]{40,100}={0,2})`)

// knownSecret finds keys that their form gives away, in any file, and what is random
// in places named for secrets, in code.
func knownSecret(c *Context) {
	for _, f := range sortedFiles(c.Project) {
		if c.Err() != nil {
			return
		}
		if strings.Contains(f.Name, "exchange_modules/") || strings.HasSuffix(f.Name, "package-lock.json") {
			continue
		}
		text := string(f.Text)
		for _, m := range classify.FindIssued(text) {
			reportIssued(c, f, text, m)
		}
		if strings.Contains(text, "AccountKey=") || strings.Contains(text, "AccessKey=") {
			for _, m := range storageKey.FindAllStringSubmatchIndex(text, 20) {
				reportKnown(c, f, document.Span{Start: m[2], End: m[3]}, "an account key of Azure", finding.Critical, finding.HighConfidence)
			}
		}
		namedSecrets(c, f, text)
	}
}

// reportIssued tells of a key of an issuer.
func reportIssued(c *Context, f *mule.File, text string, m classify.Match) {
	who, value := issuer(m.Class), text[m.Start:m.End]
	if who == "" || namesOnly(value) || strings.Contains(value, "EXAMPLE") || strings.Contains(strings.ToLower(value), "xxxx") {
		return
	}
	severity := finding.Critical
	if strings.Contains(value[:min(len(value), 9)], "_test_") {
		severity, who = finding.Medium, who+" for tests"
	}
	reportKnown(c, f, document.Span{Start: m.Start, End: m.End}, who, severity, finding.HighConfidence)
}

func reportKnown(c *Context, f *mule.File, span document.Span, what string, severity finding.Severity, confidence finding.Confidence) {
	if f.Test {
		severity = min(severity, finding.Medium)
	}
	c.Report(Report{
		Place: taint.Place{File: f, Span: span}, Message: what + " stands in the file", Detail: what,
		Severity: severity, Confidence: confidence,
	})
}

var namedForm = regexp.MustCompile(`["']?\b([A-Za-z][\w.-]{2,60})["']?\s*[:=]\s*["']([^"'\s$#{}]{12,200})["']`)

// namedSecrets finds random values of what is named for a secret, in code.
func namedSecrets(c *Context, f *mule.File, text string) {
	switch path.Ext(f.Name) {
	case ".dwl", ".java", ".groovy", ".py", ".js":
	case ".json":
		if f.Test || strings.HasPrefix(f.ClassPath, "api/") || strings.Contains(f.Name, "example") || strings.Contains(f.Name, "sample") {
			return
		}
	default:
		return
	}
	at := 0
	for line := range strings.Lines(text) {
		if len(line) < 4096 && strings.ContainsAny(line, `"'`) && mayNameSecret(line) {
			for _, m := range namedForm.FindAllStringSubmatchIndex(line, 20) {
				reportNamed(c, f, line[m[2]:m[3]], line[m[4]:m[5]], document.Span{Start: at + m[4], End: at + m[5]})
			}
		}
		at += len(line)
	}
}

func reportNamed(c *Context, f *mule.File, name, value string, at document.Span) {
	if secretStrength(name) < keySecret || !isSecret(value) || !looksSecret(value, maybeSecret) {
		return
	}
	severity := finding.High
	if f.Test {
		severity = finding.Low
	}
	reportKnown(c, f, at, "the value of "+name, severity, finding.MediumConfidence)
}
