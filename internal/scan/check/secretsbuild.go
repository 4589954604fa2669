package check

import (
	"path"
	"regexp"
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/scan/taint"
)

var encryptionKeyName = regexp.MustCompile(`(?i)(?:^|[._-])(?:mule|secure|encryption|encrypt|decryption|decrypt|vault|crypto)[._-]?key$`)

func isBuildSecret(name string) bool {
	return secretStrength(name) >= keySecret || encryptionKeyName.MatchString(name)
}

// secretInPOM finds credentials in the files of Maven.
func secretInPOM(c *Context) {
	keys := secureKeyNames(c.Project)
	for _, f := range c.Project.Documents {
		if f.Document == nil || f.Document.Root.Name.Local != "project" && f.Document.Root.Name.Local != "settings" {
			continue
		}
		f.Document.Root.Walk(func(e *document.Element) bool {
			t := e.Content()
			if t == nil || len(e.Elements()) > 0 {
				return e.Name.Local != "dependencies"
			}
			value := strings.TrimSpace(t.Value.Text)
			start := strings.Index(t.Value.Text, value)
			if isBuildSecret(e.Name.Local) && !keys[e.Name.Local] {
				if isPlain(value) && issuedKey(value) == "" && looksSecret(value, sureSecret) {
					span := t.Value.Part(start, start+len(value))
					variable := strings.ToUpper(strings.Join(nameWords(e.Name.Local), "_"))
					c.Report(Report{
						Place:   taint.Place{File: f.File, Span: span, Element: e},
						Message: "the value of " + e.Name.Local + " is written into the file", Detail: e.Name.Local,
						Repair: suggested("take it from the environment variable "+variable, Edit{f.File, span, "${env." + variable + "}"}),
					})
				}
				return true
			}
			for _, m := range definedForm.FindAllStringSubmatchIndex(t.Value.Text, 50) {
				if name, at, ok := definedSecret(t.Value.Text, m); ok {
					c.Report(Report{
						Place:   taint.Place{File: f.File, Span: t.Value.Part(at[0], at[1]), Element: e},
						Message: "the value of -D" + name + " is written into the file", Detail: name,
					})
				}
			}
			return true
		})
	}
}

var (
	definedForm  = regexp.MustCompile(`-D([A-Za-z][\w.-]{1,80})=("[^"\r\n]*"|'[^'\r\n]*'|[^\s"'\\]+)`)
	assignedForm = regexp.MustCompile(`(?m)^[ \t-]*(?:export[ \t]+|set[ \t]+|ENV[ \t]+|ARG[ \t]+|\$env:)?["']?([A-Za-z_][\w.-]{2,60})["']?[ \t]*[:=][ \t]*("[^"\r\n]*"|'[^'\r\n]*'|[^\s"'#;]+)`)
	curlForm     = regexp.MustCompile(`(?:[ \t]-u|--user)[ =]+["']?([^\s:"'$%]{1,80}):([^\s"'$%]{3,200})`)
)

// definedSecret is the name and the span of a secret that a match of a name and a
// value holds.
func definedSecret(text string, m []int) (name string, at [2]int, ok bool) {
	name, at = text[m[2]:m[3]], [2]int{m[4], m[5]}
	value := text[at[0]:at[1]]
	if len(value) > 1 && (value[0] == '"' || value[0] == '\'') {
		at[0], at[1] = at[0]+1, at[1]-1
		value = text[at[0]:at[1]]
	}
	if !isBuildSecret(name) || !isPlain(value) || issuedKey(value) != "" || !looksSecret(value, sureSecret) || strings.ContainsAny(value, "($%`") {
		return "", at, false
	}
	return name, at, true
}

// isPipeline tells the files of builds and deliveries.
func isPipeline(name string) bool {
	base := strings.ToLower(path.Base(name))
	switch path.Ext(base) {
	case ".sh", ".bat", ".ps1", ".cmd", ".tf":
		return true
	case ".yml", ".yaml":
		return strings.Contains(name, ".github/workflows/") || strings.Contains(name, ".circleci/") || strings.HasPrefix(base, ".gitlab-ci") || strings.HasPrefix(base, "azure-pipelines") ||
			strings.HasPrefix(base, "bitbucket-pipelines") || strings.HasPrefix(base, ".travis") || strings.HasPrefix(base, "docker-compose") ||
			strings.HasPrefix(base, "buildspec") || strings.HasPrefix(base, "cloudbuild")
	}
	return strings.HasPrefix(base, "jenkinsfile") || base == "dockerfile" || base == "makefile" || base == ".env" || strings.HasPrefix(base, ".env.") || base == ".npmrc"
}

// secretInPipeline finds credentials in the files of builds and deliveries.
func secretInPipeline(c *Context) {
	for _, f := range sortedFiles(c.Project) {
		if !isPipeline(f.Name) || c.Err() != nil {
			continue
		}
		text := string(f.Text)
		seen := map[int]bool{}
		report := func(name string, at [2]int) {
			if seen[at[0]] {
				return
			}
			seen[at[0]] = true
			c.Report(Report{
				Place:   taint.Place{File: f, Span: document.Span{Start: at[0], End: at[1]}},
				Message: "the value of " + name + " is written into " + path.Base(f.Name), Detail: name,
			})
		}
		for _, form := range []*regexp.Regexp{definedForm, assignedForm} {
			for _, m := range form.FindAllStringSubmatchIndex(text, 2000) {
				if name, at, ok := definedSecret(text, m); ok {
					report(name, at)
				}
			}
		}
		for _, m := range curlForm.FindAllStringSubmatchIndex(text, 200) {
			if value := text[m[4]:m[5]]; isPlain(value) && strings.Contains(text[max(0, m[0]-200):m[0]], "curl") {
				report("the password of "+text[m[2]:m[3]], [2]int{m[4], m[5]})
			}
		}
	}
}
