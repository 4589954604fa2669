package check

import (
	"regexp"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/scan/taint"
)

// properties are all properties of the project.
func properties(c *Context) []*mule.Property {
	if c.Project.Properties == nil {
		return nil
	}
	return c.Project.Properties.All
}

// propertyPlace is the place of a part of a property's value; all of it where the
// value is written with escapes.
func propertyPlace(p *mule.Property, start, end int) taint.Place {
	span := document.Span{Start: p.Offset, End: max(p.End, p.Offset)}
	if start >= 0 && end <= len(p.Value) && p.End-p.Offset == len(p.Value) {
		span = document.Span{Start: p.Offset + start, End: p.Offset + end}
	}
	if span.Len() == 0 {
		span.Start = p.NameOffset
	}
	return taint.Place{File: p.File, Span: span, Element: globalElement(p)}
}

func globalElement(p *mule.Property) *document.Element {
	if p.Global {
		return p.Config
	}
	return nil
}

// isDevelopment tells the environments that people develop and test in.
func isDevelopment(environment string) bool {
	switch strings.ToLower(environment) {
	case "local", "dev", "develop", "development", "sandbox", "sbx", "ci", "test", "tst", "mock":
		return true
	}
	return false
}

// propertySeverity is a severity, or a milder one for files of tests and for what
// only developers use.
func propertySeverity(p *mule.Property, severity finding.Severity) finding.Severity {
	switch {
	case p.File.Test, guardsTrust(nil, p.Name):
		return finding.Low
	case isDevelopment(p.Environment) || !p.Loaded:
		return min(severity, finding.Medium)
	}
	return severity
}

var trustStore = regexp.MustCompile(`(?i)trust[-_. ]?store|\btrust\b`)

// guardsTrust says whether a password opens nothing but a store of certificates that
// are trusted. Those are public: who knows it still can't change them.
func guardsTrust(e *document.Element, name string) bool {
	return e.Is(spaceTLS, "trust-store") || trustStore.MatchString(name)
}

// plainSecretProperty finds secrets that stand in property files as they are.
func plainSecretProperty(c *Context) {
	keys := secureKeyNames(c.Project)
	for _, p := range properties(c) {
		how := secretStrength(p.Name)
		if how == noSecret || keys[p.Name] || !isSecret(p.Value) || !looksSecret(p.Value, how) {
			continue
		}
		if _, _, inAddress := secretIn(p.Value); inAddress {
			continue
		}
		r := Report{
			Place:    propertyPlace(p, 0, len(p.Value)),
			Message:  "the secret " + p.Name + " stands in the file as it is" + forEnvironment(p) + ownedBy(p),
			Detail:   p.Name,
			Severity: propertySeverity(p, finding.High),
		}
		if how == maybeSecret || !p.Loaded {
			r.Confidence = finding.MediumConfidence
			r.Severity = min(r.Severity, finding.Medium)
		}
		c.Report(r)
	}
}

func forEnvironment(p *mule.Property) string {
	if p.Environment == "" {
		return ""
	}
	return ", for the environment " + p.Environment
}

// secureKeyNames are the properties that encryption keys are taken from.
func secureKeyNames(p *mule.Project) map[string]bool {
	out := map[string]bool{}
	configs, _ := secureFiles(p)
	for _, e := range configs {
		for _, m := range placeholderForm.FindAllStringSubmatch(e.Value("key"), 5) {
			out[m[1]] = true
		}
	}
	return out
}

var placeholderForm = regexp.MustCompile(`\$\{(?:secure::)?([^}:]{1,200})[^}]*\}`)

// secureKeyLiteral finds encryption keys that are written into the configuration.
func secureKeyLiteral(c *Context) {
	for _, f := range c.Project.Configs {
		if f.Test {
			continue
		}
		f.Document.Root.Walk(func(e *document.Element) bool {
			a := e.Attr("key")
			if !isSecureConfig(e) || a == nil || isMarked(constantText(a.Value.Text)) || strings.TrimSpace(a.Value.Text) == "" {
				return true
			}
			if text := strings.TrimSpace(a.Value.Text); strings.HasPrefix(text, "<") || strings.HasPrefix(text, "@") {
				return true // put in by the build
			}
			edits := []Edit{{f.File, a.Value.Span, "${mule.encryption.key}"}}
			if listed, ok := listSecureProperties(c.Project, []string{"mule.encryption.key"}); ok {
				edits = append(edits, listed)
			}
			c.Report(Report{
				Place:   taint.Place{File: f.File, Span: a.Whole, Element: e},
				Message: "the key that the secure properties are encrypted with is written into " + titled(e), Detail: "@key", secret: a.Value.Span,
				Repair: suggested("take the key from mule.encryption.key, which is given when the application is deployed", edits...),
			})
			return true
		})
	}
}

// secureKeyKept finds encryption keys beside what they lock.
func secureKeyKept(c *Context) {
	pom := c.Project.POM
	for name := range secureKeyNames(c.Project) {
		var kept []*mule.Property
		if c.Project.Properties != nil {
			kept = append(kept, c.Project.Properties.Named(name)...)
		}
		if pom != nil {
			for _, p := range pom.Deployed {
				if p.Name == name && p.File == pom.File.File {
					kept = append(kept, p)
				}
			}
		}
		for _, p := range kept {
			if !isPlain(p.Value) {
				continue
			}
			r := Report{
				Place:   propertyPlace(p, 0, len(p.Value)),
				Message: "the key of the secure properties, " + name + ", is kept in the project" + forEnvironment(p), Detail: name,
			}
			if p.File.Test {
				r.Severity = finding.Medium
			}
			c.Report(r)
		}
	}
}

var (
	encryptedForm = regexp.MustCompile(`^!\[[^\]]*\]$`)
	secureCall    = regexp.MustCompile(`(?:\$\{secure::([^}:]{1,200})[^}]*\}|\bp\(\s*["']secure::([^"']{1,200})["']\s*\))`)
)

// encryptedElsewhere finds encrypted values that nobody decrypts, and names of
// secure properties that no secure file has.
func encryptedElsewhere(c *Context) {
	counts := map[*mule.File]int{}
	first := map[*mule.File]*mule.Property{}
	var order []*mule.File
	for _, p := range properties(c) {
		if p.Secure || !p.Loaded || p.File.Test || !encryptedForm.MatchString(strings.TrimSpace(p.Value)) {
			continue
		}
		if counts[p.File]++; first[p.File] == nil {
			first[p.File] = p
			order = append(order, p.File)
		}
	}
	for _, f := range order {
		p := first[f]
		more := ""
		if n := counts[f]; n > 1 {
			more = " and of " + strconv.Itoa(n-1) + " more"
		}
		c.Report(Report{
			Place:   propertyPlace(p, 0, len(p.Value)),
			Message: "the value of " + p.Name + more + " is encrypted, but no secure configuration reads this file: the application gets the cipher text", Detail: p.Name,
		})
	}
	secureNames(c)
}

// secureNames looks for names behind "secure::" that no secure file has.
func secureNames(c *Context) {
	_, files := secureFiles(c.Project)
	if len(files) == 0 {
		return
	}
	known := map[string]bool{}
	for _, p := range properties(c) {
		known[p.Name] = known[p.Name] || p.Secure
	}
	for _, f := range c.Project.Configs {
		if f.Test {
			continue
		}
		f.Document.Root.Walk(func(e *document.Element) bool {
			look := func(v *document.Value) {
				if !strings.Contains(v.Text, "secure::") {
					return
				}
				for _, m := range secureCall.FindAllStringSubmatchIndex(v.Text, 50) {
					start, end := m[2], m[3]
					if start < 0 {
						start, end = m[4], m[5]
					}
					name := v.Text[start:end]
					if strings.Contains(name, "${") || known[name] {
						continue
					}
					known[name] = true // once is enough
					c.Report(Report{
						Place:   taint.Place{File: f.File, Span: v.Part(start, end), Element: e},
						Message: "no file of the secure configuration has " + name, Detail: name, Severity: finding.Low, Confidence: finding.MediumConfidence,
					})
				}
			}
			for i := range e.Attrs {
				look(&e.Attrs[i].Value)
			}
			if t := e.Content(); t != nil {
				look(&t.Value)
			}
			return true
		})
	}
}

// weakPassword finds passwords that everybody tries first.
func weakPassword(c *Context) {
	eachSecret(c, func(f *mule.XMLFile, e *document.Element, a *document.Attr, name string) {
		text := strings.TrimSpace(constantText(a.Value.Text))
		if !passwordAttributes.MatchString(name) || !weakValues.MatchString(text) {
			return
		}
		r := Report{
			Place:   taint.Place{File: f.File, Span: a.Whole, Element: e},
			Message: "the " + name + " of " + titled(e) + " is one of those that everybody tries first", Detail: "@" + a.Name.Local, secret: a.Value.Span,
			Repair: secretReference(c, f, a),
		}
		if f.Test || guardsTrust(e, name) {
			r.Severity = finding.Low
		}
		c.Report(r)
	})
	keys := secureKeyNames(c.Project)
	for _, p := range properties(c) {
		if !mayNameSecret(p.Name) {
			continue
		}
		if words := nameWords(p.Name); keys[p.Name] || len(words) == 0 || !sureWords.MatchString(words[len(words)-1]) {
			continue
		}
		if weakValues.MatchString(strings.TrimSpace(p.Value)) {
			c.Report(Report{
				Place:   propertyPlace(p, 0, len(p.Value)),
				Message: "the value of " + p.Name + " is one of those that everybody tries first" + forEnvironment(p), Detail: p.Name,
				Severity: propertySeverity(p, finding.High),
			})
		}
	}
}

// sameSecretEverywhere finds secrets of production that another environment has,
// too.
func sameSecretEverywhere(c *Context) {
	seen := map[string]bool{}
	for _, p := range properties(c) {
		if !isProduction(p.Environment) || p.File.Test || seen[p.Name] || secretStrength(p.Name) < keySecret {
			continue
		}
		value := strings.TrimSpace(p.Value)
		if !encryptedForm.MatchString(value) && !isPlain(value) || len(value) < 4 {
			continue
		}
		var others []string
		for _, q := range c.Project.Properties.Named(p.Name) {
			if q.Environment != "" && !isProduction(q.Environment) && strings.TrimSpace(q.Value) == value && !q.File.Test {
				others = append(others, q.Environment)
			}
		}
		if len(others) > 0 {
			seen[p.Name] = true
			c.Report(Report{
				Place:   propertyPlace(p, 0, len(p.Value)),
				Message: p.Name + " is the same in " + p.Environment + " and in " + strings.Join(others[:min(len(others), 5)], ", "), Detail: p.Name,
			})
		}
	}
}

// fallsBack finds environments that are chosen by a default: development is what an
// application runs with when nobody says otherwise.
func fallsBack(c *Context) {
	for _, f := range c.Project.Configs {
		if f.Test {
			continue
		}
		f.Document.Root.Walk(func(e *document.Element) bool {
			file := e.Value("file")
			if !e.Is(spaceCore, "configuration-properties") && !isSecureConfig(e) {
				return true
			}
			for _, m := range placeholderForm.FindAllStringSubmatch(or(file, e.Value("location")), 5) {
				for _, p := range c.Project.Properties.Named(m[1]) {
					if p.Global && !p.File.Test && isDevelopment(strings.TrimSpace(p.Value)) {
						reportFallback(c, p, e)
					}
				}
			}
			return true
		})
	}
}

func or(text, other string) string {
	if text != "" {
		return text
	}
	return other
}

func reportFallback(c *Context, p *mule.Property, loads *document.Element) {
	for _, q := range properties(c) {
		if q.Config == loads && isProduction(q.Environment) {
			c.Report(Report{
				Place:   propertyPlace(p, 0, len(p.Value)),
				Message: "where nobody sets " + p.Name + ", production runs with the settings of " + strings.TrimSpace(p.Value), Detail: p.Name,
			})
			return
		}
	}
	c.Report(Report{
		Place:   propertyPlace(p, 0, len(p.Value)),
		Message: "where nobody sets " + p.Name + ", the application runs with the settings of " + strings.TrimSpace(p.Value) + "; the project has no file for production", Detail: p.Name,
	})
}
