package mule

import (
	"bytes"
	"path"
	"slices"
	"strings"
)

// Namespaces of the roots of Mule files.
const (
	domainSpace    = "http://www.mulesoft.org/schema/mule/ee/domain"
	oldDomainSpace = "http://www.mulesoft.org/schema/mule/domain"
	muleSpaces     = "http://www.mulesoft.org/schema/mule/"
)

// headBytes is where the namespaces of a Mule file stand.
const headBytes = 16 << 10

// looksMule says whether a text begins as files of Mule do.
func looksMule(text []byte) bool {
	return bytes.Contains(text[:min(len(text), headBytes)], []byte(muleSpaces))
}

// markers are files that only Mule projects have.
var markers = [...]string{"mule-artifact.json", "mule-project.xml", "mule-deploy.properties", "mule-domain-config.xml"}

// sources are the folders of a project that hold Mule files.
var sources = [...]string{"src/main/mule", "src/main/app", "src/main/domain"}

// rootOf is the folder of the project that a file shows to be there.
func rootOf(name string) (root string, ok bool) {
	dir, base := path.Split(name)
	dir = strings.TrimSuffix(dir, "/")
	if strings.HasSuffix(base, ".xml") {
		for _, s := range sources {
			if at := strings.Index("/"+name, "/"+s+"/"); at >= 0 {
				return strings.Trim(name[:max(at-1, 0)], "/"), true
			}
		}
	}
	if !slices.Contains(markers[:], base) {
		return "", false
	}
	for _, inside := range [...]string{"META-INF/mule-artifact", "src/main/mule", "src/main/app", "src/main/domain", "src/main/resources", "classes"} {
		if dir == inside {
			return "", true
		}
		if before, found := strings.CutSuffix(dir, "/"+inside); found {
			return before, true
		}
	}
	return dir, true
}

// within says whether a file or folder lies in a folder; "" holds all.
func within(name, dir string) bool {
	return dir == "" || name == dir || len(name) > len(dir) && name[len(dir)] == '/' && strings.HasPrefix(name, dir)
}

// below are those of sorted names that lie in a folder.
func namesIn(names []string, dir string) []string {
	if dir == "" {
		return names
	}
	from, _ := slices.BinarySearch(names, dir+"/")
	to, _ := slices.BinarySearch(names, dir+"0") // '0' follows '/'
	return names[from:to]
}

// settle leaves out the roots that are no projects of their own: those inside the
// sources of another, and an archive that carries its sources.
func settle(roots map[string]bool, names []string) []string {
	var out []string
	for root := range roots {
		if !roots[root] || sourcesInside(root, roots, names) {
			continue
		}
		inside := false
		for up := root; up != "" && !inside; {
			if up = path.Dir(up); up == "." {
				up = ""
			}
			inside = roots[up] && strings.HasPrefix(strings.TrimPrefix(root[len(up):], "/"), "src/")
		}
		if !inside {
			out = append(out, root)
		}
	}
	slices.Sort(out)
	return out
}

// sourcesInside says whether a deployable holds the project that it was made of.
func sourcesInside(root string, roots map[string]bool, names []string) bool {
	for _, name := range namesIn(names, path.Join(root, "META-INF/mule-src")) {
		if r, ok := rootOf(name); ok && roots[r] && within(r, path.Join(root, "META-INF/mule-src")) {
			return true
		}
	}
	return false
}

// shape is how the files of a project lie.
type shape struct {
	// classPath are the folders whose files the class loader finds.
	classPath []string
	// maven says that it is the project of a build, not what the build made.
	maven bool
}

// shapeOf finds the shape by the names of the files.
func shapeOf(names []string) shape {
	maven, classes := false, false
	for _, name := range names {
		maven = maven || strings.HasPrefix(name, "src/main/") || name == "mule-project.xml"
		classes = classes || strings.HasPrefix(name, "classes/")
	}
	switch {
	case maven:
		return shape{maven: true, classPath: []string{
			"src/main/resources/", "src/main/mule/", "src/main/app/", "src/main/domain/", "src/main/dw/", "src/main/api/",
		}}
	case classes:
		return shape{classPath: []string{"classes/", ""}}
	}
	return shape{classPath: []string{""}}
}

// classPathName is the name of a file for the class loader, empty for none.
func (s shape) classPathName(name string) string {
	if isTest(name) || strings.HasSuffix(name, ".java") {
		return ""
	}
	for _, dir := range s.classPath {
		if rest, ok := strings.CutPrefix(name, dir); ok {
			return rest
		}
	}
	return ""
}

// isTest says whether a file is used by tests only.
func isTest(name string) bool { return strings.HasPrefix(name, "src/test/") }

// interest is what a project wants of a file.
type interest uint8

// The interests: none; that it is there; its text.
const (
	ignored interest = iota
	named
	text
)

// wanted says what a project wants of a file.
func wanted(name string) interest {
	base := strings.ToLower(path.Base(name))
	switch path.Ext(base) {
	case ".properties", ".yaml", ".yml", ".json", ".dwl", ".groovy", ".java", ".py", ".js", ".rb", ".raml", ".xml", ".wsdl",
		".xsd", ".xsl", ".xslt", ".graphql", ".gql", ".proto", ".sql",
		".pem", ".key", ".crt", ".cer", ".asc", ".txt", ".env", ".sh", ".bat", ".ps1", ".cfg", ".conf", ".ini", ".md", ".tf", ".html", ".htm":
		return text
	case ".jks", ".jceks", ".p12", ".pfx", ".jar", ".keystore", ".truststore", ".bks", ".der", ".gpg", ".pgp", ".zip":
		return named
	}
	if base == "jenkinsfile" || base == "dockerfile" || base == "makefile" || strings.HasPrefix(base, ".env.") || base == ".npmrc" {
		return text
	}
	return ignored
}

// isDocument says whether an XML file is one that somebody looks at, whether or
// not Mule reads it.
func isDocument(name string) bool {
	base := strings.ToLower(path.Base(name))
	switch {
	case base == "pom.xml", base == "settings.xml", base == "web.xml", base == "mule-project.xml", strings.HasPrefix(base, "log4j"):
		return true
	}
	return strings.HasPrefix(name, "src/main/") && !strings.Contains(name, "/exchange_modules/")
}

// isCommon says whether a file beside projects is of interest: builds and the
// files with settings and keys that they use.
func isCommon(name string) bool {
	if strings.HasPrefix(name, ".github/workflows/") {
		return wanted(name) == text
	}
	base := strings.ToLower(path.Base(name))
	switch base {
	case "pom.xml", "settings.xml", "jenkinsfile", "azure-pipelines.yml", "bitbucket-pipelines.yml", ".npmrc":
		return true
	}
	switch path.Ext(base) {
	case ".env", ".pem", ".key", ".jks", ".jceks", ".p12", ".pfx":
		return true
	}
	return strings.HasPrefix(base, ".gitlab-ci") || strings.HasPrefix(base, ".env.") || strings.HasPrefix(base, "azure-pipelines")
}
