package wsdl_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/wsdl"
)

const head = `<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:s2="http://schemas.xmlsoap.org/wsdl/soap12/" xmlns:t="urn:t" targetNamespace="urn:t">`

// TestDescribe holds which operations a description has.
func TestDescribe(t *testing.T) {
	service := `-- api/a.wsdl --
` + head + `
<w:import namespace="urn:t" location="../b.wsdl"/>
<w:service name="Orders">
<w:port name="P1" binding="t:B1"><s:address location="https://a.example/orders/v1"/></w:port>
<w:port name="P2" binding="t:B2"><s2:address location="https://a.example/orders/v2"/></w:port>
<w:port name="P3" binding="t:B3"/>
</w:service></w:definitions>
-- b.wsdl --
` + head + `
<w:binding name="B1" type="t:T"><s:binding/>
<w:operation name="Get"/>
<w:operation name="Put"/></w:binding>
<w:binding name="B2" type="t:T"><s2:binding/><w:operation name="Get"/></w:binding>
<w:binding name="B3" type="t:T"><w:operation name="Get"/></w:binding>
</w:definitions>
`
	for _, x := range []struct{ files, want string }{
		{service, "Orders [https://a.example/orders/v1 https://a.example/orders/v2] b.wsdl:3 POST /orders/v1 P1.Get, b.wsdl:4 POST /orders/v1 P1.Put, b.wsdl:5 POST /orders/v2 P2.Get"},
		{strings.Replace(service, "../b.wsdl", "https://b.example/b.wsdl", 1), "api/a.wsdl:0: fetching https://b.example/b.wsdl: it leads to another address, and nothing is read from the network"},
		{strings.Replace(service, "t:B2", "t:B4", 1), "api/a.wsdl:0: /definitions/service/port: binding {urn:t}B4 is not defined"},
		{"-- api/a.wsdl --\n" + head + "\n<a>", "api/a.wsdl:3: "},
		{"-- api/a.wsdl --\n" + head + "</w:definitions>", "api/a.wsdl:0: it has no service with an operation that is bound to SOAP"},
	} {
		files := fstest.MapFS{}
		for _, f := range txtar.Parse([]byte(x.files)).Files {
			files[f.Name] = &fstest.MapFile{Data: f.Data}
		}
		doc := wsdl.Describe(spec.NewProject(files, spec.ProjectLimits{}), "api/a.wsdl")
		got := ""
		if doc.Description != nil {
			var operations []string
			for _, op := range doc.Description.Operations {
				operations = append(operations, fmt.Sprintf("%s:%d %s %s %s", op.File, op.Line, op.Method, op.Path, op.ID))
			}
			got = fmt.Sprint(doc.Description.Title, " ", doc.Description.Servers, " ", strings.Join(operations, ", "))
		}
		for _, p := range doc.Problems {
			got += p.String()
		}
		if !strings.HasPrefix(got, x.want) {
			t.Errorf("%s\nwant %s", got, x.want)
		}
	}
}
