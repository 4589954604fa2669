package check

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/scan/advisory"
	"farrier.dev/farrier/internal/scan/taint"
)

const log4jGroup, log4jArtifact = "org.apache.logging.log4j", "log4j-core"

// dependencies are those of the project's Maven file, and then its plugins'.
func dependencies(c *Context, plugins bool) []*mule.Dependency {
	pom := c.Project.POM
	if pom == nil {
		return nil
	}
	if !plugins {
		return pom.Dependencies
	}
	return append(append([]*mule.Dependency(nil), pom.Dependencies...), pom.Plugins...)
}

// versionPlace is where the version of a dependency stands, or the dependency.
func versionPlace(c *Context, d *mule.Dependency) taint.Place {
	pom := c.Project.POM
	if d.VersionElement != nil && d.VersionFrom == pom.File {
		return inPOM(pom, d.VersionElement, d.VersionFrom)
	}
	return inPOM(pom, d.Element, d.From)
}

// vulnerableDependency finds artifacts of versions with published weaknesses.
func vulnerableDependency(c *Context) {
	d := table(c)
	if d == nil {
		return
	}
	for _, dep := range dependencies(c, false) {
		if dep.GroupID == log4jGroup && dep.ArtifactID == log4jArtifact {
			continue // a rule of its own
		}
		if found := d.Match(dep.GroupID, dep.ArtifactID, dep.Version); len(found) > 0 {
			reportDependency(c, d, dep, found)
		}
	}
}

func reportDependency(c *Context, d *advisory.Database, dep *mule.Dependency, found []advisory.Match) {
	var ids []string
	for _, m := range found {
		ids = append(ids, m.ID)
	}
	r := Report{
		Place:    versionPlace(c, dep),
		Message:  dep.ArtifactID + " " + dep.Version + " has " + shortList(ids) + ": " + found[0].Title,
		Detail:   dep.GroupID + ":" + dep.ArtifactID,
		Severity: min(found[0].Severity, finding.High),
	}
	if dep.Inherited {
		r.Message += "; it comes with the parent"
	}
	if dep.Scope == "test" {
		r.Severity = finding.Low
	}
	if fixed := mended(d, dep, found); fixed != "" {
		r.Message += " (mended in " + fixed + ")"
		r.Repair = bump(c, dep, fixed, sameMinor(dep.Version, fixed))
	}
	c.Report(r)
}

// mended is the first version that has none of the weaknesses; empty where there is
// none, or it is not known.
func mended(d *advisory.Database, dep *mule.Dependency, found []advisory.Match) string {
	version := ""
	for range 10 {
		for _, m := range found {
			if m.Fixed == "" {
				return ""
			}
			if version == "" || advisory.Older(version, m.Fixed) {
				version = m.Fixed
			}
		}
		if found = d.Match(dep.GroupID, dep.ArtifactID, version); len(found) == 0 {
			return version
		}
	}
	return ""
}

// sameMinor says whether two versions differ behind their first two numbers only.
func sameMinor(a, b string) bool {
	split := func(v string) []string {
		return strings.FieldsFunc(v, func(c rune) bool { return c == '.' || c == '-' })
	}
	x, y := split(a), split(b)
	return len(x) > 2 && len(y) > 2 && x[0] == y[0] && x[1] == y[1]
}

// bump raises the version of a dependency where it stands in the project's file
// and belongs to it alone.
func bump(c *Context, dep *mule.Dependency, version string, safe bool) *Repair {
	pom := c.Project.POM
	t := dep.VersionElement.Content()
	if t == nil || dep.VersionFrom != pom.File {
		return nil
	}
	for _, other := range dependencies(c, true) {
		if other != dep && other.VersionElement == dep.VersionElement {
			safe = false
		}
	}
	value := strings.TrimSpace(t.Value.Text)
	start := strings.Index(t.Value.Text, value)
	repair := suggested("raise the version to "+version, Edit{pom.File.File, t.Value.Part(start, start+len(value)), version})
	repair.Safe = safe
	return repair
}

// log4jCore finds log4j-core below 2.17.1, and its patched older lines.
func log4jCore(c *Context) {
	d := table(c)
	if d == nil {
		return
	}
	for _, dep := range dependencies(c, false) {
		if dep.GroupID != log4jGroup || dep.ArtifactID != log4jArtifact {
			continue
		}
		found := d.Match(dep.GroupID, dep.ArtifactID, dep.Version)
		if len(found) == 0 {
			continue
		}
		var ids []string
		for _, m := range found {
			ids = append(ids, m.ID)
		}
		r := Report{
			Place: versionPlace(c, dep), Message: "log4j-core " + dep.Version + " has " + shortList(ids), Detail: dep.GroupID + ":" + dep.ArtifactID,
			Severity: max(found[0].Severity, finding.High),
			Repair:   bump(c, dep, "2.17.1", strings.HasPrefix(dep.Version, "2.1") && !strings.HasPrefix(dep.Version, "2.1.")),
		}
		if dep.Scope == "test" {
			r.Severity = finding.Medium
		}
		c.Report(r)
	}
}

// snapshotDependency finds versions that change under the same name.
func snapshotDependency(c *Context) {
	for _, dep := range dependencies(c, true) {
		if !strings.HasSuffix(dep.Version, "-SNAPSHOT") || dep.Inherited && dep.From != c.Project.POM.File || isOwn(c, dep) {
			continue
		}
		c.Report(Report{
			Place: versionPlace(c, dep), Message: dep.ArtifactID + " " + dep.Version + " may be another artifact with every build", Detail: dep.GroupID + ":" + dep.ArtifactID,
		})
	}
}

// isOwn tells the modules that are built with the project.
func isOwn(c *Context, dep *mule.Dependency) bool {
	pom := c.Project.POM
	return dep.GroupID == pom.GroupID && (dep.Version == pom.Version || strings.HasSuffix(pom.Version, "-SNAPSHOT")) ||
		slices.ContainsFunc(c.Project.Libraries, func(l *mule.Project) bool {
			return l.POM != nil && l.POM.ArtifactID == dep.ArtifactID && l.POM.GroupID == dep.GroupID
		})
}

var hardVersion = regexp.MustCompile(`^\[[^,\[\]()]+\]$`)

// openVersion finds versions that the build chooses.
func openVersion(c *Context) {
	for _, dep := range dependencies(c, true) {
		v := strings.TrimSpace(dep.Version)
		isRange := strings.HasPrefix(v, "[") || strings.HasPrefix(v, "(")
		if dep.Inherited || hardVersion.MatchString(v) || v != "LATEST" && v != "RELEASE" && !isRange {
			continue
		}
		c.Report(Report{
			Place: versionPlace(c, dep), Message: "the version of " + dep.ArtifactID + " is " + v + ", so that whoever publishes a newer one gets it into the build",
			Detail: dep.GroupID + ":" + dep.ArtifactID, Repair: pinned(c, dep),
		})
	}
}

// knownRepositories are hosts of repositories that answer on HTTPS.
var knownRepositories = regexp.MustCompile(`^(?:repo1?\.maven\.(?:org|apache\.org)|repo\.maven\.apache\.org|(?:maven\.)?(?:eu1\.)?anypoint\.mulesoft\.com|maven\.anypoint\.mulesoft\.com|repository(?:-master)?\.mulesoft\.org|repo\.spring\.io|` +
	`oss\.sonatype\.org|central\.sonatype\.com|s01\.oss\.sonatype\.org|repository\.apache\.org|maven\.google\.com|jitpack\.io|maven\.repository\.redhat\.com|packages\.confluent\.io|repository\.jboss\.org|download\.java\.net|jcenter\.bintray\.com)$`)

// plainRepository finds repositories that are reached without TLS.
func plainRepository(c *Context) {
	pom := c.Project.POM
	if pom == nil {
		return
	}
	for _, repo := range pom.Repositories {
		rest, found := strings.CutPrefix(strings.ToLower(repo.URL), "http://")
		host, _, _ := strings.Cut(rest, "/")
		host, port, _ := strings.Cut(host, ":")
		if !found || host == "" || isLoopback(host) || strings.Contains(host, "$") {
			continue
		}
		r := Report{Place: inPOM(pom, repo.Element, repo.From), Message: "artifacts come from, or go to, " + host + " without TLS", Detail: repo.ID}
		for _, e := range repo.Element.Elements() {
			t := e.Content()
			if e.Name.Local != "url" || t == nil {
				continue
			}
			r.Place = inPOM(pom, e, repo.From)
			if at := strings.Index(t.Value.Text, "http://"); at >= 0 {
				edit := Edit{pom.File.File, t.Value.Part(at, at+len("http")), "https"}
				r.Repair = suggested("reach the repository by HTTPS", edit)
				r.Repair.Safe = knownRepositories.MatchString(host) && port == ""
			}
		}
		c.Report(r)
	}
}

// unmanagedJar finds libraries that no repository knows.
func unmanagedJar(c *Context) {
	for _, dep := range dependencies(c, false) {
		if dep.Scope == "system" && !dep.Inherited {
			c.Report(Report{
				Place: inPOM(c.Project.POM, dep.Element, dep.From), Message: dep.ArtifactID + " is taken from a file of the machine, which no repository checks or updates",
				Detail: dep.GroupID + ":" + dep.ArtifactID,
			})
		}
	}
	var names []string
	for name := range c.Project.Files {
		dir := path.Dir(name)
		if path.Ext(name) == ".jar" && (dir == "lib" || dir == "libs" || strings.HasPrefix(name, "src/main/") && (path.Base(dir) == "lib" || path.Base(dir) == "libs")) && !strings.Contains(name, "repository/") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names[:min(len(names), 50)] {
		c.Report(Report{
			Place: taint.Place{File: c.Project.Files[name]}, Message: path.Base(name) + " lies in the project, where no build checks or updates it", Detail: name,
		})
	}
}

var exchangeModule = regexp.MustCompile(`(?:^|/)exchange_modules/([^/]{1,200})/([^/]{1,200})/([0-9][^/]{0,60})/`)

// oldExchangeModule finds copies of API fragments that are older than what the Maven
// file asks for.
func oldExchangeModule(c *Context) {
	var names []string
	for name := range c.Project.Files {
		if exchangeModule.MatchString(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	seen := map[string]bool{}
	for _, name := range names {
		m := exchangeModule.FindStringSubmatch(name)
		if seen[m[0]] {
			continue
		}
		seen[m[0]] = true
		for _, dep := range dependencies(c, false) {
			if dep.GroupID == m[1] && dep.ArtifactID == m[2] && advisory.Older(m[3], dep.Version) {
				f := c.Project.Files[name]
				c.Report(Report{
					Place:   taint.Place{File: f, Span: document.Span{End: min(1, len(f.Text))}},
					Message: "the copy of " + m[2] + " is version " + m[3] + "; pom.xml asks for " + dep.Version, Detail: m[2],
				})
				break
			}
		}
	}
}
