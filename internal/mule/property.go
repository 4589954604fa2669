package mule

import "farrier.dev/farrier/internal/encoding/xmltext/document"

// Properties are the values that placeholders may stand for, from property files
// and global-property elements.
type Properties struct {
	// All are the values that were found, in the order of files and lines; a name
	// has as many as there are environments, files and defaults.
	All    []*Property
	byName map[string][]*Property
}

// Property is one value of a name.
type Property struct {
	// Name is with dots, also where a YAML file nests it.
	Name, Value string
	File        *File
	// Offset is where the value begins in the file, End where it ends; NameOffset
	// where its (last) name begins.
	NameOffset, Offset, End int
	// Environment is what the name of the file says, as "prod"; empty for none.
	Environment string
	// Secure says that a secure-properties configuration reads the file; Loaded
	// that any configuration does, with its element, or that the name of the file
	// fits a placeholder in one.
	Secure, Loaded bool
	Config         *document.Element
	// Global says that it is a global-property element, which is a default.
	Global bool
}

// Named are the values of a name, without "secure::".
func (p *Properties) Named(name string) []*Property {
	if p == nil {
		return nil
	}
	return p.byName[name]
}

// Form is how a value is written.
type Form uint8

// The forms of values: Literal text; a Placeholder ${a}; a SecurePlaceholder
// ${secure::a}; a FileReference ${file::a}; an Expression #[…]; Mixed text with
// several of these; Encrypted ![…]; Empty.
const (
	Empty Form = iota
	Literal
	Placeholder
	SecurePlaceholder
	FileReference
	Expression
	Mixed
	Encrypted
)
