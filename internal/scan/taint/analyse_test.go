package taint

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/mule"
)

const (
	muleHead = `<?xml version="1.0" encoding="UTF-8"?><mule xmlns="http://www.mulesoft.org/schema/mule/core" ` +
		`xmlns:doc="http://www.mulesoft.org/schema/mule/documentation" ` +
		`xmlns:ee="http://www.mulesoft.org/schema/mule/ee/core" ` +
		`xmlns:dw="http://www.mulesoft.org/schema/mule/ee/dw" ` +
		`xmlns:http="http://www.mulesoft.org/schema/mule/http" xmlns:db="http://www.mulesoft.org/schema/mule/db" ` +
		`xmlns:apikit="http://www.mulesoft.org/schema/mule/mule-apikit" xmlns:apikit3="http://www.mulesoft.org/schema/mule/apikit" ` +
		`xmlns:os="http://www.mulesoft.org/schema/mule/os" xmlns:vm="http://www.mulesoft.org/schema/mule/vm" xmlns:jms="http://www.mulesoft.org/schema/mule/jms" ` +
		`xmlns:file="http://www.mulesoft.org/schema/mule/file" xmlns:sftp="http://www.mulesoft.org/schema/mule/sftp" xmlns:email="http://www.mulesoft.org/schema/mule/email" ` +
		`xmlns:java="http://www.mulesoft.org/schema/mule/java" xmlns:scripting="http://www.mulesoft.org/schema/mule/scripting" ` +
		`xmlns:validation="http://www.mulesoft.org/schema/mule/validation" xmlns:batch="http://www.mulesoft.org/schema/mule/batch" ` +
		`xmlns:salesforce="http://www.mulesoft.org/schema/mule/salesforce" xmlns:mcp="http://www.mulesoft.org/schema/mule/mcp" ` +
		`xmlns:json3="http://www.mulesoft.org/schema/mule/json" xmlns:soapkit="http://www.mulesoft.org/schema/mule/apikit-soap" ` +
		`xmlns:xml-module="http://www.mulesoft.org/schema/mule/xml-module" xmlns:acme="http://www.mulesoft.org/schema/mule/acme-tools">`
	muleTail = `</mule>`
)

func elements(space string, locals ...string) []document.Name {
	var all []document.Name
	for _, l := range locals {
		all = append(all, document.Name{Space: base + space, Local: l})
	}
	return all
}

// declared are sinks like those of the rules.
func declared() *Declarations {
	return &Declarations{Sinks: []*Sink{
		{Rule: "SQL", Elements: elements("db", "select", "insert", "update", "delete"), Argument: "db:sql", Kind: SQL, Position: InValue},
		{Rule: "TABLE", Elements: elements("db", "select", "insert", "update", "delete"), Argument: "db:sql", Kind: SQL, Position: InIdentifier},
		{Rule: "SQL", Elements: elements("db", "select", "insert", "update", "delete"), Argument: "db:dynamic-query", Kind: SQL},
		{Rule: "SOQL", Elements: elements("salesforce", "query"), Argument: "salesforce:salesforce-query", Kind: SOQL},
		{Rule: "URL", Elements: elements("http", "request"), Argument: "@url", Kind: URL, Position: InHost},
		{Rule: "PATH", Elements: elements("http", "request"), Argument: "@path", Kind: URLPath},
		{Rule: "HOST", Elements: elements("http", "request-connection"), Argument: "@host", Kind: URL},
		{Rule: "FILE", Elements: elements("file", "read", "write"), Argument: "@path", Kind: FilePath},
		{Rule: "FLOW", Elements: elements("core", "flow-ref"), Argument: "@name", Kind: ClassName},
		{Rule: "EXEC", Elements: elements("java", "invoke", "invoke-static", "new"), Argument: "java:args", Kind: Command},
		{Rule: "EXEC", Function: "java!", Kind: Command},
		{Rule: "READURL", Function: "readUrl", Kind: URL},
		{Rule: "EVAL", Elements: elements("ee/core", "dynamic-evaluate"), Argument: "@expression", Kind: Code},
		{Rule: "LEAK", Argument: "response", Kind: Output, From: Error},
		{Rule: "HTML", Argument: "response", Kind: HTML},
		{Rule: "BACKEND", Argument: "response", Kind: Output, From: Backend},
		{Rule: "REDIRECT", Argument: "response headers/Location", Kind: URL},
		{Rule: "LOGSECRET", Argument: "log", From: Secret},
		{Rule: "LOGWHOLE", Argument: "log", From: Whole},
		{Rule: "LOGTEXT", Elements: elements("core", "logger"), Argument: "@message", Kind: Log},
		{Rule: "MAIL", Elements: elements("email", "to-address"), Argument: "@value", Kind: MailField},
		{Rule: "HEADER", Elements: elements("http", "request"), Argument: "http:headers", Kind: Header, Position: InName},
		{Rule: "STOREKEY", Elements: elements("os", "store"), Argument: "@key", Kind: StoreKey},
		{Rule: "MASS", Elements: elements("salesforce", "create"), Argument: "salesforce:records", From: Whole, Position: AsWhole},
	}}
}

type projectCase struct {
	name string
	// xml is what stands in mule of the only file; files are others.
	xml   string
	files map[string]string
	// only are the rules that are looked at; all without it.
	only string
	// want are "RULE line" of the hits, with "?" before those of unknowns.
	want []string
}

// listenerXML is the begin of a flow that a client starts, on one line.
const listenerXML = `<flow name="main"><http:listener config-ref="l" path="/x/*"/>` + "\n"

func analysed(t *testing.T, c projectCase) *Result {
	t.Helper()
	files := map[string]string{}
	for n, text := range c.files {
		if strings.HasSuffix(n, ".xml") && !strings.HasPrefix(text, "<?xml") && n != "pom.xml" {
			text = muleHead + text + muleTail
		}
		files[n] = text
	}
	if c.xml != "" {
		files["src/main/mule/app.xml"] = muleHead + c.xml + muleTail
	}
	if _, ok := files["pom.xml"]; !ok && !strings.HasPrefix(c.name, "mule 3") {
		files["pom.xml"] = `<project><groupId>g</groupId><artifactId>a</artifactId><version>1</version><packaging>mule-application</packaging></project>`
	}
	if strings.HasPrefix(c.name, "mule 3") {
		files["src/main/app/app.xml"] = files["src/main/mule/app.xml"]
		delete(files, "src/main/mule/app.xml")
		files["mule-project.xml"] = `<?xml version="1.0"?><mule-project xmlns="http://www.mulesoft.com/tooling/project" runtimeId="org.mule.tooling.server.3.9.0.ee"><name>a</name></mule-project>`
	}
	p, err := mule.ReadFiles("app", files)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Problems) > 0 {
		t.Fatalf("problems: %v", p.Problems)
	}
	return Analyse(context.Background(), p, declared(), Options{})
}

func lineOf(p *Place) int {
	return 1 + strings.Count(string(p.File.Text[:p.Span.Start]), "\n")
}

func outcomeOf(r *Result, only string) []string {
	got := []string{}
	if only == "" {
		only = "SQL TABLE SOQL URL FILE FLOW EXEC READURL EVAL"
	}
	for i := range r.Hits {
		h := &r.Hits[i]
		if slices.Contains(strings.Fields(only), h.Sink.Rule) {
			got = append(got, fmt.Sprintf("%s %d", h.Sink.Rule, lineOf(&h.At)))
		}
	}
	for i := range r.Unknowns {
		u := &r.Unknowns[i]
		if slices.Contains(strings.Fields(only), u.Sink.Rule) {
			got = append(got, fmt.Sprintf("?%s %d", u.Sink.Rule, lineOf(&u.At)))
		}
	}
	slices.Sort(got)
	return slices.Compact(got)
}

func TestAnalyse(t *testing.T) {
	cases := slices.Concat(flowCases, scopeCases, callCases, moreCallCases, sinkCases, cleanCases, mule3Cases, realCases, realHits)
	if len(cases) < 60 {
		t.Fatalf("only %d cases", len(cases))
	}
	t.Logf("%d cases", len(cases))
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := analysed(t, c)
			want := slices.Clone(c.want)
			slices.Sort(want)
			if got := outcomeOf(r, c.only); !slices.Equal(got, want) && len(got)+len(want) > 0 {
				t.Errorf("got %q, want %q", got, want)
				for i := range r.Hits {
					for _, s := range r.Hits[i].Way {
						t.Logf("%s: line %d: %s", r.Hits[i].Sink.Rule, lineOf(&s.At), s.Message)
					}
				}
			}
			if r.Exhausted {
				t.Error("exhausted")
			}
		})
	}
}
