package mule

import (
	"testing"
)

const muleRoot = `<mule xmlns="http://www.mulesoft.org/schema/mule/core" xmlns:http="http://www.mulesoft.org/schema/mule/http" xmlns:ee="http://www.mulesoft.org/schema/mule/ee/core" xmlns:db="http://www.mulesoft.org/schema/mule/db" xmlns:apikit="http://www.mulesoft.org/schema/mule/mule-apikit" xmlns:doc="http://www.mulesoft.org/schema/mule/documentation">`

func read(t *testing.T, files map[string]string) *Project {
	t.Helper()
	p, err := ReadFiles("orders", files)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestReadFiles: an application of Mule 4 with all that belongs to it.
func TestReadFiles(t *testing.T) {
	p := read(t, map[string]string{
		"pom.xml":            appPOM,
		"mule-artifact.json": `{"minMuleVersion": "4.4.0"}`,
		"src/main/mule/api.xml": muleRoot + `
  <http:listener-config name="in"/>
  <apikit:config name="api-config" api="api/orders.raml"/>
  <apikit:config name="second" raml="resource::org.example:part:1.0.0:raml:zip:part.raml"/>
  <flow name="main"><http:listener config-ref="in" path="/api/*"/><apikit:router config-ref="api-config"/>
    <error-handler><on-error-propagate/></error-handler></flow>
  <flow name="get:\orders\(id):api-config"><flow-ref name="find"/></flow>
</mule>`,
		"src/main/mule/impl.xml": muleRoot + `
  <sub-flow name="find"><ee:transform><ee:message>
    <ee:set-payload resource="dwl/a.dwl"/></ee:message></ee:transform>
    <ee:transform><ee:message><ee:set-payload><![CDATA[%dw 2.0
---
payload]]></ee:set-payload></ee:message></ee:transform>
    <logger message="a #[payload.x] ${b}"/></sub-flow>
</mule>`,
		"src/test/munit/a-test.xml":                                                muleRoot + `<flow name="test"/></mule>`,
		"src/main/resources/dwl/a.dwl":                                             "payload",
		"src/main/resources/modules/user.dwl":                                      "fun f(x) = x",
		"src/main/resources/api/orders.raml":                                       "#%RAML 1.0\ntitle: x\n",
		"src/main/resources/api/other.yaml":                                        "openapi: 3.0.0\n",
		"src/main/resources/log4j2.xml":                                            "<Configuration/>",
		"src/main/resources/keys.jks":                                              "\x00\x01",
		"src/main/resources/config.properties":                                     "a=b\n",
		"src/main/java/org/example/A.java":                                         "class A {}",
		"src/main/resources/broken.xml":                                            "<a>\n  <b></a>",
		"src/main/resources/api/exchange_modules/org.example/part/1.0.0/part.raml": "#%RAML 1.0\n",
	})
	if p.Name != "orders-api" || p.Kind != Application || p.Major != 4 || p.POM == nil || p.Artifact == nil {
		t.Errorf("%q %v %d %v %v", p.Name, p.Kind, p.Major, p.POM, p.Artifact)
	}
	if len(p.Configs) != 3 || !p.Configs[2].Test || len(p.Documents) != 2 || len(p.Flows) != 3 || len(p.Globals) != 3 {
		t.Errorf("%d configs, %d documents, %d flows, %d globals", len(p.Configs), len(p.Documents), len(p.Flows), len(p.Globals))
	}
	main, op, sub := p.Flows[0], p.FlowNamed(`get:\orders\(id):api-config`), p.FlowNamed("find")
	if main.Source == nil || len(main.Steps) != 1 || main.ErrorHandler == nil || p.FlowNamed("test") != nil {
		t.Errorf("%+v", main)
	}
	if op.Operation == nil || *op.Operation != (Operation{"GET", "/orders/{id}", "", "api-config"}) {
		t.Errorf("%+v", op.Operation)
	}
	if p.Config(main.Source) == nil || p.Config(main.Source).Value("name") != "in" {
		t.Error("the listener has no configuration")
	}
	set := sub.Steps[0].Elements()[0].Elements()[0]
	if c := p.Script(sub.File, set); c == nil || c.Text != "payload" || c.File.Name != "src/main/resources/dwl/a.dwl" {
		t.Errorf("%+v", c)
	}
	set = sub.Steps[1].Elements()[0].Elements()[0]
	c := p.Script(sub.File, set)
	if c == nil || c.Language != DataWeave2 || string(sub.File.Text[c.Offset(0):c.Offset(len(c.Text))]) != c.Text {
		t.Errorf("%+v", c)
	}
	v := &sub.Steps[2].Attr("message").Value
	tpl := p.Template(sub.File, sub.Steps[2], v)
	if tpl.Form != Mixed || len(tpl.Parts) != 4 || tpl.Parts[1].Code.Text != "payload.x" || tpl.Parts[3].Placeholder != "b" || p.Template(sub.File, sub.Steps[2], v) != tpl {
		t.Errorf("%+v", tpl)
	}
	if len(p.APIs) != 3 || p.APIs[0].Config == nil || p.APIs[2].File != "src/main/resources/api/other.yaml" {
		t.Errorf("%d descriptions", len(p.APIs))
	}
	if p.Modules["modules::user"] == nil || p.Scripts["dwl/a.dwl"] == nil || len(p.Java) != 1 {
		t.Errorf("%v %v", p.Modules, p.Scripts)
	}
	if f := p.Files["src/main/resources/keys.jks"]; f == nil || f.Text != nil {
		t.Errorf("%+v", f)
	}
	if len(p.Problems) != 1 || p.Problems[0].File != "src/main/resources/broken.xml" || p.Problems[0].Line != 2 {
		t.Errorf("%+v", p.Problems)
	}
	if len(p.Properties.Named("a")) != 1 {
		t.Error("the property is missing")
	}
}
