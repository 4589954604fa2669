package report

import (
	"encoding/xml"
	"fmt"
	"io"

	"farrier.dev/farrier/internal/finding"
)

// The report that JUnit's Ant task writes, as Jenkins and GitLab read it: a
// suite is a file, a case is a finding.
type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	File    string        `xml:"file,attr,omitempty"`
	Line    int           `xml:"line,attr,omitempty"`
	Failure *junitFailure `xml:"failure,omitempty"`
	Skipped *junitSkipped `xml:"skipped,omitempty"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

type junitSkipped struct {
	Message string `xml:"message,attr"`
}

func writeJUnit(w io.Writer, r *Report) error {
	doc := junitSuites{Name: visible(r.Tool.Name)}
	rules := map[string]RuleInfo{}
	for _, rule := range r.Rules {
		rules[rule.ID] = rule
	}
	groups := r.groups()
	if len(groups) == 0 {
		groups = []group{{File: &File{File: r.Tool.Name}}}
	}
	for _, g := range groups {
		s := r.suite(g, rules)
		doc.Tests += s.Tests
		doc.Failures += s.Failures
		doc.Skipped += s.Skipped
		doc.Suites = append(doc.Suites, s)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(doc); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (r *Report) suite(g group, rules map[string]RuleInfo) junitSuite {
	name := visible(g.File.File)
	if name == "" {
		name = "findings"
	}
	s := junitSuite{Name: name}
	names := map[string]int{}
	for i := range g.findings {
		c := r.testCase(&g.findings[i], name, rules[g.findings[i].Rule])
		// Servers follow a case through builds by its name: it has no line, and no
		// other has it.
		if names[c.Name]++; names[c.Name] > 1 {
			c.Name += fmt.Sprintf(" #%d", names[c.Name])
		}
		if c.Skipped != nil {
			s.Skipped++
		} else {
			s.Failures++
		}
		s.Cases = append(s.Cases, c)
	}
	if s.Cases == nil {
		s.Cases = []junitCase{{Name: "no findings", Class: name}}
	}
	s.Tests = len(s.Cases)
	return s
}

func (r *Report) testCase(f *finding.Finding, suite string, rule RuleInfo) junitCase {
	c := junitCase{Name: visible(f.Rule), Class: suite, File: visible(f.Location.File), Line: max(f.Location.Line, 0)}
	if at := where(f.Location); at != "" {
		c.Name += " at " + visible(at)
	}
	if f.Suppressed != "" {
		c.Skipped = &junitSkipped{"suppressed in the source (" + visible(f.Suppressed) + "): " + visible(f.Message)}
		return c
	}
	if r.Baseline.Knows(*f) {
		c.Skipped = &junitSkipped{"known to the baseline: " + visible(f.Message)}
		return c
	}
	text := position(f.Location) + f.Severity.String() + " " + visible(f.Rule) + ": " + visible(f.Message) + "\n"
	if rule.Mend == f.Fix {
		rule.Mend = ""
	}
	for _, more := range [...]struct{ label, text string }{{"", f.Fix}, {"Why: ", rule.Why}, {"How to mend it: ", rule.Mend}} {
		if more.text != "" {
			text += more.label + visible(more.text) + "\n"
		}
	}
	c.Failure = &junitFailure{visible(f.Message), f.Severity.String(), text}
	return c
}
