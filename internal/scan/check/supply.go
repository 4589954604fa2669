package check

import (
	"path"
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/scan/advisory"
	"farrier.dev/farrier/internal/scan/taint"
)

// supply are the checks of what a project is built of and run by.
func supply() []entry[Func] {
	return []entry[Func]{
		{"runtime-support", runtimeSupport},
		{"runtime-weakness", runtimeWeakness},
		{"vulnerable-dependency", vulnerableDependency},
		{"java-version", javaVersion},
		{"snapshot-dependency", snapshotDependency},
		{"open-version", openVersion},
		{"plain-repository", plainRepository},
		{"log4j-core", log4jCore},
		{"unmanaged-jar", unmanagedJar},
		{"old-exchange-module", oldExchangeModule},
		{"mule-3", muleThree},
	}
}

// table is what is known of versions.
func table(c *Context) *advisory.Database {
	if c.Advisories != nil {
		return c.Advisories
	}
	d, err := advisory.Builtin()
	if err != nil {
		return nil // a test of the table holds that it can be read
	}
	return d
}

// runtimeOf is the version of the runtime that a project says it is run by, and the
// place that says so; sure is false where it names only the oldest one it accepts.
func runtimeOf(c *Context) (version mule.Runtime, at taint.Place, sure, ok bool) {
	if pom := c.Project.POM; pom != nil && pom.MuleVersion != "" {
		if r, err := mule.ParseRuntime(pom.MuleVersion); err == nil {
			return r, inPOM(pom, pom.MuleVersionElement, pom.MuleVersionFrom), true, true
		}
	}
	if a := c.Project.Artifact; a != nil {
		if r, err := mule.ParseRuntime(a.MinMuleVersion); err == nil {
			return r, taint.Place{File: a.File, Span: nodeSpan(a.File, nodeOr(a.Root.Get("minMuleVersion"), a.Root))}, false, true
		}
	}
	return version, at, false, false
}

// inPOM is the place of an element, or of the reference to the parent where it
// stands in another file.
func inPOM(pom *mule.POM, e *document.Element, from *mule.XMLFile) taint.Place {
	if e != nil && from == pom.File {
		place := taint.Place{File: from.File, Span: e.Tag, Element: e}
		if t := e.Content(); t != nil && len(e.Elements()) == 0 {
			place.Span = t.Value.Span
		}
		return place
	}
	root := pom.File.Document.Root
	for _, child := range root.Elements() {
		if child.Name.Local == "parent" {
			return taint.Place{File: pom.File.File, Span: child.Tag, Element: child}
		}
	}
	return taint.Place{File: pom.File.File, Span: root.Tag, Element: root}
}

// runtimeSupport finds runtimes that get no patches any more.
func runtimeSupport(c *Context) {
	r, at, sure, ok := runtimeOf(c)
	d := table(c)
	if !ok || d == nil || r.Major < 4 {
		return
	}
	line, known := d.Support(r)
	if !known {
		return
	}
	now := c.Now
	if now.IsZero() {
		now = d.AsOf()
	}
	var names []string
	for _, l := range d.Supported(now) {
		name := l.Name
		if !l.Edge {
			name += " LTS"
		}
		names = append(names, name)
	}
	report := Report{Place: at, Detail: "runtime"}
	switch {
	case line.Ended(now) && sure:
		report.Message = "the project is run by Mule " + r.Text + "; the support of " + line.Name + " has ended (supported are " + strings.Join(names, ", ") + ")"
	case line.Ended(now):
		report.Message = "the project accepts Mule " + r.Text + "; the support of " + line.Name + " has ended (supported are " + strings.Join(names, ", ") + ")"
		report.Severity, report.Confidence = finding.Low, finding.MediumConfidence
	case sure && !line.Extended.IsZero() && line.Extended.Before(now.AddDate(0, 6, 0)):
		report.Message = "the support of Mule " + line.Name + " ends on " + line.Extended.Format("2006-01-02")
		report.Severity = finding.Info
	default:
		return
	}
	c.Report(report)
}

// runtimeWeakness finds runtimes with published weaknesses.
func runtimeWeakness(c *Context) {
	r, at, sure, ok := runtimeOf(c)
	d := table(c)
	if !ok || d == nil {
		return
	}
	found := d.Runtime(r)
	if len(found) == 0 {
		return
	}
	report := Report{Place: at, Detail: "runtime"}
	var ids []string
	for _, a := range found {
		if len(ids) == 0 || ids[len(ids)-1] != a.ID {
			ids = append(ids, a.ID)
		}
		report.Severity = max(report.Severity, a.Severity)
	}
	report.Message = "Mule " + r.Text + " has " + shortList(ids)
	switch {
	case !sure:
		report.Message = "the oldest accepted runtime, Mule " + r.Text + ", has " + shortList(ids)
		report.Severity, report.Confidence = finding.Medium, finding.LowConfidence
	case r.Date == 0 && r.Hotfix == 0 && hosted(c.Project):
		report.Message += ", unless the platform runs a patched build of it"
		report.Severity, report.Confidence = finding.Medium, finding.LowConfidence
	case r.Date == 0:
		if r.Major > 3 {
			report.Message += " in the build that was first released; a date patch mends it"
		}
		report.Severity, report.Confidence = min(report.Severity, finding.High), finding.MediumConfidence
	}
	c.Report(report)
}

// hosted says that the platform chooses the patch of the runtime.
func hosted(p *mule.Project) bool {
	return p.POM != nil && (p.POM.Target == mule.CloudHub || p.POM.Target == mule.CloudHub2 || p.POM.Target == mule.RuntimeFabric)
}

// javaVersion finds projects that do not say they run on Java 17.
func javaVersion(c *Context) {
	a := c.Project.Artifact
	r, _, _, ok := runtimeOf(c)
	if a == nil || !ok || r.Major != 4 || r.Minor < 6 || c.Project.Kind != mule.Application {
		return
	}
	for _, version := range a.JavaSpecifications {
		if n, err := mule.ParseRuntime(version + ".0"); err == nil && n.Major >= 17 {
			return
		}
	}
	message := "javaSpecificationVersions does not name Java 17"
	if len(a.JavaSpecifications) == 0 {
		message = "javaSpecificationVersions is missing, so nothing says that the project runs on Java 17"
	}
	c.Report(Report{
		Place:   taint.Place{File: a.File, Span: nodeSpan(a.File, nodeOr(a.Root.Get("javaSpecificationVersions"), a.Root))},
		Message: message + ", which Mule " + r.Line() + " is run with", Detail: "javaSpecificationVersions",
	})
}

// muleThree finds projects of Mule 3.
func muleThree(c *Context) {
	if c.Project.Major != 3 {
		return
	}
	at, text := taint.Place{}, "3"
	if r, place, sure, ok := runtimeOf(c); ok && sure && r.Major == 3 {
		at, text = place, r.Text
	}
	for _, f := range append(append([]*mule.XMLFile(nil), c.Project.Documents...), c.Project.Configs...) {
		if at.File == nil && !f.Test && (path.Base(f.Name) == "mule-project.xml" || f.Document.Root.Name.Local == "mule") {
			at = c.Element(f, f.Document.Root)
		}
	}
	if at.File != nil {
		c.Report(Report{Place: at, Message: "the project is made for Mule " + text + ", which gets no patches any more", Detail: "runtime"})
	}
}
