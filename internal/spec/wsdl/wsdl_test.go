package wsdl

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

const description = `<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:x="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:t" targetNamespace="urn:t">` +
	`IMPORT<w:types><x:schema targetNamespace="urn:t">INCLUDE<x:element name="a" type="x:int"/></x:schema></w:types>` +
	`<w:message name="m"><w:part name="p" element="t:a"/></w:message><w:message name="none"/>` +
	`<w:portType name="P"><w:operation name="o"><w:input message="t:m"/></w:operation><w:operation name="ping"><w:input message="t:none"/></w:operation></w:portType>` +
	`<w:binding name="B" type="t:P"><s:binding transport="http://schemas.xmlsoap.org/soap/http"/><w:operation name="o"><s:operation soapAction="act"/><w:input><s:body use="literal"/></w:input></w:operation>` +
	`<w:operation name="ping"><s:operation soapAction=""/><w:input><s:body use="literal"/></w:input></w:operation></w:binding>` +
	`<w:service name="S"><w:port name="Q" binding="t:B"/></w:service></w:definitions>`

func with(importing, including string) []byte {
	return []byte(strings.NewReplacer("IMPORT", importing, "INCLUDE", including).Replace(description))
}

const envelope = `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>%s</e:Body></e:Envelope>`

// TestCheck holds what each message comes to.
func TestCheck(t *testing.T) {
	b, err := Read(with("", ""), "", "S", "Q", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		body, action string
		has          bool
		operation    string
		refused      string
	}{
		{`<a xmlns="urn:t">7</a>`, "act", true, "o", ""},
		{`<a xmlns="urn:t">x</a>`, "act", true, "o", "not one of its type"},
		{`<a xmlns="urn:t">7</a>`, "", true, "o", "the action is not"},
		{`<a xmlns="urn:t">7</a>`, "", false, "o", "no SOAPAction"},
		{`<a>7</a>`, "act", true, "", "no operation"},
		{``, "", true, "ping", ""},
		{``, "act", true, "ping", "the action is not"},
		{`x`, "", true, "", "text outside"},
	} {
		name, err := b.Check(fmt.Appendf(nil, envelope, c.body), c.action, c.has)
		if name != c.operation || (err == nil) != (c.refused == "") || err != nil && !strings.Contains(err.Error(), c.refused) {
			t.Errorf("%s %q: %s, %v; want %s, %q", c.body, c.action, name, err, c.operation, c.refused)
		}
	}
}

// TestImports holds what is fetched and what is not.
func TestImports(t *testing.T) {
	const more = `<x:schema xmlns:x="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:t">NEXT<x:element name="NAME" type="x:int"/></x:schema>`
	schema := func(name, next string) string { return strings.NewReplacer("NAME", name, "NEXT", next).Replace(more) }
	include := func(where string) string { return `<x:include schemaLocation="` + where + `"/>` }
	for _, c := range []struct {
		name, base string
		text       []byte
		documents  map[string]string
		calls      int
		want       string
	}{
		{"an included schema", "https://a.test/s?wsdl", with("", include("b.xsd")), map[string]string{"https://a.test/b.xsd": schema("b", "")}, 1, ""},
		{"a circle", "https://a.test/s?wsdl", with("", include("b.xsd")), map[string]string{"https://a.test/b.xsd": schema("b", include("b.xsd"))}, 1, ""},
		{"the description itself", "https://a.test/s", with(`<w:import namespace="urn:t" location="s"/>`, ""), nil, 0, ""},
		{"not there", "https://a.test/s", with("", include("b.xsd")), nil, 1, "fetching https://a.test/b.xsd"},
		{"from https to http", "https://a.test/s", with("", include("http://a.test/b.xsd")), nil, 0, "does not come over https"},
		{"another target namespace", "https://a.test/s", with("", include("b.xsd")), map[string]string{"https://a.test/b.xsd": strings.Replace(schema("b", ""), "urn:t", "urn:u", 1)}, 1, "another target namespace"},
		{"endless", "https://a.test/s", with("", include("0")), nil, maxDocuments - 1, "more than 64 documents"},
	} {
		calls := 0
		_, err := Read(c.text, c.base, "S", "Q", func(location string) ([]byte, error) {
			calls++
			if c.name == "endless" {
				return []byte(schema(fmt.Sprint("e", calls), include(fmt.Sprint(calls)))), nil
			}
			if text, ok := c.documents[location]; ok {
				return []byte(text), nil
			}
			return nil, errors.New("not found")
		})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) || calls != c.calls {
			t.Errorf("%s: %v after %d calls, want %q after %d", c.name, err, calls, c.want, c.calls)
		}
	}
}

// FuzzRead holds that no description and no message causes a panic.
func FuzzRead(f *testing.F) {
	f.Add(string(with("", "")), fmt.Sprintf(envelope, `<a xmlns="urn:t">7</a>`))
	f.Fuzz(func(_ *testing.T, text, message string) {
		b, err := Read([]byte(text), "", "S", "Q", nil)
		if err != nil {
			return
		}
		_, _ = b.Check([]byte(message), "act", true)
	})
}
