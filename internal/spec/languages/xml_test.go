package languages

import (
	"path/filepath"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/spec"
)

// TestXMLExamples holds XML examples of RAML against their schemas.
func TestXMLExamples(t *testing.T) {
	const schema = `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="city"><xs:complexType><xs:sequence>` +
		`<xs:element name="name" type="xs:string"/></xs:sequence></xs:complexType></xs:element>` +
		`<xs:complexType name="Town"><xs:sequence><xs:element name="size" type="xs:integer"/></xs:sequence></xs:complexType></xs:schema>`
	tests := []struct {
		name, example string
		valid         bool
	}{
		{"an element", "<city><name>Ulm</name></city>", true},
		{"a member that is not there", "<city><size>1</size></city>", false},
		{"an element that is not declared", "<town><name>Ulm</name></town>", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			api := "#%RAML 1.0\ntitle: T\ntypes:\n  a:\n    type: '" + schema + "'\n    example: '" + test.example + "'\n"
			doc := Read(spec.OneFile("api.raml", []byte(api), spec.ProjectLimits{}), "api.raml")
			if doc.Valid() != test.valid {
				t.Errorf("problems: %v", doc.Problems)
			}
		})
	}
	for _, test := range []struct {
		fragment, document string
		valid              bool
	}{
		{"city", "<city><name>a</name></city>", true},
		{"city", "<town><name>a</name></town>", false},
		{"Town", "<any><size>3</size></any>", true},
		{"Town", "<any><size>x</size></any>", false},
	} {
		if err := checkXML("a.xsd", []byte(schema), test.fragment, []byte(test.document)); (err == nil) != test.valid {
			t.Errorf("%s as %s: %v", test.document, test.fragment, err)
		}
	}
	if err := checkXML("a.xsd", []byte(`<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:include schemaLocation="b.xsd"/></xs:schema>`), "", []byte("<a/>")); err != nil {
		t.Errorf("a schema that needs another: %v", err)
	}
}

// TestXMLOfTCK reads the cases of RAML's compatibility kit that have XML schemas.
func TestXMLOfTCK(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "..", "..", "shared", "corpora", "raml-tck", "tests", "raml-1.0", "Types", "xsdscheme", "*", "*.raml"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skip("skipped: the corpus raml-tck is not beside the repository")
	}
	for _, file := range files {
		p, err := spec.OpenFolder(filepath.Dir(file), spec.ProjectLimits{})
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(file)
		if doc := Read(p, name); doc.Valid() == strings.Contains(name, "invalid") {
			t.Errorf("%s: valid is %v, problems: %v", file, doc.Valid(), doc.Problems)
		}
	}
	t.Logf("%d files", len(files))
	if len(files) < 10 {
		t.Errorf("only %d files were read", len(files))
	}
}
