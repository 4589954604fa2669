package mule

import (
	"strings"
	"testing"

	"farrier.dev/farrier/internal/encoding/xmltext"
	"farrier.dev/farrier/internal/encoding/xmltext/document"
)

// xmlFile is a file of a project that a test writes.
func xmlFile(t *testing.T, name, text string) *XMLFile {
	t.Helper()
	d, err := document.Read(name, []byte(text), xmltext.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	return &XMLFile{File: &File{Name: name, Path: name, Text: []byte(text)}, Document: d}
}

const parentPOM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <groupId>org.example</groupId><artifactId>parent</artifactId><version>1.0.0</version><packaging>pom</packaging>
  <properties><app.runtime>4.4.0-20250919</app.runtime><http.version>1.7.1</http.version></properties>
  <dependencyManagement><dependencies>
    <dependency><groupId>org.mule.connectors</groupId><artifactId>mule-http-connector</artifactId><version>${http.version}</version><classifier>mule-plugin</classifier></dependency>
  </dependencies></dependencyManagement>
  <dependencies><dependency><groupId>com.h2database</groupId><artifactId>h2</artifactId><version>1.4.200</version></dependency></dependencies>
</project>`

const appPOM = `<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <parent><groupId>org.example</groupId><artifactId>parent</artifactId><version>1.0.0</version></parent>
  <artifactId>orders-api</artifactId><packaging>mule-application</packaging>
  <properties><http.version>1.9.0</http.version><a>${b}</a><b>${a}x</b><name>${project.artifactId}-${project.version}</name></properties>
  <build><plugins><plugin>
    <groupId>org.mule.tools.maven</groupId><artifactId>mule-maven-plugin</artifactId><version>4.1.1</version>
    <configuration><cloudhub2Deployment>
      <muleVersion>${app.runtime}</muleVersion>
      <properties><env>prod</env></properties><secureProperties><mule.key>${env.KEY}</mule.key></secureProperties>
    </cloudhub2Deployment></configuration>
  </plugin></plugins></build>
  <dependencies>
    <dependency><groupId>org.mule.connectors</groupId><artifactId>mule-http-connector</artifactId><classifier>mule-plugin</classifier></dependency>
    <dependency><groupId>org.example</groupId><artifactId>shared</artifactId><version>[1.0,)</version><scope>system</scope><systemPath>lib/a.jar</systemPath></dependency>
  </dependencies>
  <repositories><repository><id>x</id><url>http://repo.example.org/${project.artifactId}</url></repository></repositories>
</project>`

// TestPOM: parents, properties, management, plugins and the runtime.
func TestPOM(t *testing.T) {
	parent, app := xmlFile(t, "ws/pom.xml", parentPOM), xmlFile(t, "ws/orders/pom.xml", appPOM)
	poms := readPOMs([]*XMLFile{app, parent, xmlFile(t, "ws/other.xml", "<settings/>")})
	if len(poms) != 2 {
		t.Fatalf("%d files of Maven", len(poms))
	}
	p := poms[app]
	if p.Parent != poms[parent] || p.GroupID != "org.example" || p.Version != "1.0.0" || p.Packaging != "mule-application" {
		t.Errorf("%+v", p)
	}
	if p.Properties["name"] != "orders-api-1.0.0" || !strings.Contains(p.Properties["a"], "${b}") {
		t.Errorf("%v", p.Properties)
	}
	http, h2 := p.Dependencies[0], p.Dependencies[2]
	if http.Version != "1.9.0" || http.VersionFrom != app || textOf(http.VersionElement) != "1.9.0" || http.Inherited {
		t.Errorf("%+v", http)
	}
	if h2.ArtifactID != "h2" || !h2.Inherited || h2.From != parent || p.Dependencies[1].SystemPath != "lib/a.jar" {
		t.Errorf("%+v", h2)
	}
	if p.MuleVersion != "4.4.0-20250919" || p.MuleVersionFrom != parent || p.MuleVersionElement.Name.Local != "app.runtime" {
		t.Errorf("%q in %v", p.MuleVersion, p.MuleVersionElement)
	}
	if p.Target != CloudHub2 || len(p.Deployed) != 2 || p.Deployed[0].Name != "env" || !p.Deployed[1].Secure || p.Deployed[1].Value != "${env.KEY}" {
		t.Errorf("%v %+v", p.Target, p.Deployed)
	}
	if len(p.Plugins) != 1 || len(p.Repositories) != 1 || p.Repositories[0].URL != "http://repo.example.org/orders-api" {
		t.Errorf("%v %v", p.Plugins, p.Repositories)
	}
}

// TestPOMHostile: circles of parents and properties that multiply end.
func TestPOMHostile(t *testing.T) {
	a := xmlFile(t, "a/pom.xml", `<project><parent><groupId>g</groupId><artifactId>b</artifactId><version>1</version><relativePath>../b</relativePath></parent><artifactId>a</artifactId></project>`)
	b := xmlFile(t, "b/pom.xml", `<project><parent><groupId>g</groupId><artifactId>a</artifactId><version>1</version><relativePath>../a/pom.xml</relativePath></parent><artifactId>b</artifactId></project>`)
	for _, p := range readPOMs([]*XMLFile{a, b}) {
		if n := len(p.chain()); n > 2 {
			t.Errorf("a chain of %d", n)
		}
	}
	var laughs strings.Builder
	for c := 'a'; c < 'z'; c++ {
		laughs.WriteString("<" + string(c) + ">" + strings.Repeat("${"+string(c+1)+"}", 10) + "</" + string(c) + ">")
	}
	bomb := xmlFile(t, "pom.xml", "<project><artifactId>x</artifactId><properties>"+laughs.String()+"<z>ha</z></properties></project>")
	if got := readPOMs([]*XMLFile{bomb})[bomb].Properties["a"]; len(got) > maxExpandLength {
		t.Errorf("a value of %d bytes", len(got))
	}
}

// TestRuntime: the ways in which people write versions.
func TestRuntime(t *testing.T) {
	order := []string{"3.9.5", "4.1", "4.1.1", "4.2.2", "4.2.2-hf5", "4.4.0", "4.4.0-20250919", "4.6.9:4e-java17", "4.9.x", "4.9.1", "4.10.0"}
	var last Runtime
	for i, text := range order {
		r, err := ParseRuntime(text)
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 && (last.Compare(r) >= 0 || r.Compare(last) <= 0) {
			t.Errorf("%s comes before %s", text, last)
		}
		last = r
	}
	for text, want := range map[string]Runtime{
		"4.4.0-20250919":  {Major: 4, Minor: 4, Date: 20250919},
		"4.2.2-hf5":       {Major: 4, Minor: 2, Patch: 2, Hotfix: 5},
		"4.9.4:2e-java17": {Major: 4, Minor: 9, Patch: 4, Edge: true, Java: 17},
		"4.5.0-rc1":       {Major: 4, Minor: 5, Preview: true},
		" 4.6 ":           {Major: 4, Minor: 6, Patch: -1},
		"4.3.0-SNAPSHOT":  {Major: 4, Minor: 3, Preview: true},
	} {
		want.Text = strings.TrimSpace(text)
		if got, err := ParseRuntime(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "4", "${app.runtime}", "four", "4.4.0.1.2..", "9999.1.1"} {
		if r, err := ParseRuntime(text); err == nil {
			t.Errorf("%q reads as %+v", text, r)
		}
	}
	if r, _ := ParseRuntime("4.4.0-20250919"); r.Released().Format("2006-01-02") != "2025-09-19" || r.Line() != "4.4" {
		t.Errorf("%v", r.Released())
	}
}
