package mule

import (
	"slices"
	"testing"
)

// TestArtifact: what mule-artifact.json says, and what is wrong with it.
func TestArtifact(t *testing.T) {
	p := &Project{Files: map[string]*File{"mule-artifact.json": {Name: "mule-artifact.json", Path: "mule-artifact.json", Text: []byte(
		`{"minMuleVersion": "4.4.0", "secureProperties": ["db.password", 1], "javaSpecificationVersions": ["8", "17"],
		 "classLoaderModelLoaderDescriptor": {"id": "mule", "attributes": {"exportedPackages": ["a"]}}}`)}}}
	readArtifact(p)
	a := p.Artifact
	if a == nil || a.MinMuleVersion != "4.4.0" || !slices.Equal(a.SecureProperties, []string{"db.password", "1"}) ||
		len(a.JavaSpecifications) != 2 || len(a.ExportedPackages) != 1 || len(p.Problems) != 0 {
		t.Errorf("%+v %v", a, p.Problems)
	}
	p = &Project{Files: map[string]*File{"mule-artifact.json": {Name: "mule-artifact.json", Text: []byte("{\n  \"a\": [,\n}")}}}
	if readArtifact(p); p.Artifact != nil || len(p.Problems) != 1 || p.Problems[0].Line == 0 {
		t.Errorf("%+v", p.Problems)
	}
}

// TestLogging: appenders, layouts and loggers in both forms.
func TestLogging(t *testing.T) {
	f := xmlFile(t, "src/main/resources/log4j2.xml", `<Configuration>
  <Appenders>
    <RollingFile name="file" fileName="x.log"><PatternLayout pattern="%-5p %m%n"/></RollingFile>
    <Appender type="Console" name="out"><Layout type="JsonTemplateLayout"/></Appender>
    <Console name="c"><PatternLayout><Pattern>%m ${ctx:a}</Pattern></PatternLayout></Console>
  </Appenders>
  <Loggers>
    <AsyncLogger name="org.mule.service.http" level="debug"/>
    <AsyncRoot level="INFO"><AppenderRef ref="file"/></AsyncRoot>
  </Loggers>
</Configuration>`)
	p := &Project{Documents: []*XMLFile{f, xmlFile(t, "a.xml", "<Configuration/>")}}
	readLogging(p)
	if len(p.Logging) != 1 {
		t.Fatalf("%d configurations", len(p.Logging))
	}
	l := p.Logging[0]
	if len(l.Appenders) != 3 || l.Appenders[0].Layouts[0].Structured() || l.Appenders[1].Kind != "Console" || !l.Appenders[1].Layouts[0].Structured() {
		t.Errorf("%+v", l.Appenders)
	}
	if c := l.Appenders[2].Layouts[0]; c.Pattern != "%m ${ctx:a}" || string(f.Text[c.Value.Span.Start:c.Value.Span.End]) != c.Pattern {
		t.Errorf("%+v", c)
	}
	if len(l.Loggers) != 2 || l.Loggers[0].Level != "DEBUG" || !l.Loggers[0].Async || !l.Loggers[1].Root || l.Loggers[1].Appenders[0] != "file" {
		t.Errorf("%+v", l.Loggers)
	}
}
