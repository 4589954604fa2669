package languages

import (
	"fmt"

	"farrier.dev/farrier/internal/spec/wsdl/xsd"
)

// checkXML says why a document is not what an XML schema describes. Schemas that
// can't be compiled, as they need others or something not supported, describe
// everything.
func checkXML(_ string, schema []byte, fragment string, document []byte) error {
	root, err := xsd.Parse(schema, xsd.Limits())
	if err != nil {
		return nil //nolint:nilerr // whoever reads the schema tells it
	}
	for _, c := range root.Children {
		if c.Name.Local == "include" || c.Name.Local == "import" || c.Name.Local == "redefine" {
			return nil
		}
	}
	set, err := xsd.Compile([]*xsd.Node{root})
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	n, err := xsd.Parse(document, xsd.Limits())
	if err != nil {
		return err
	}
	if fragment == "" {
		return set.Validate(n)
	}
	space, _ := root.Attr("targetNamespace")
	name := xsd.Name{Space: space, Local: fragment}
	if t := set.Type(name); t != nil && set.Element(name) == nil {
		return set.ValidateAs(n, t)
	}
	if n.Name != name {
		return fmt.Errorf("the document must be an element %s", fragment)
	}
	return set.Validate(n)
}
