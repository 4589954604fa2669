package languages

import (
	"bytes"
	"path"
	"regexp"
	"strings"
)

// treeHead is the field that tells the language.
var treeHead = regexp.MustCompile(`(^|[\n{,])\s*["']?(openapi|swagger|asyncapi)["']?\s*:\s*["']?[0-9]`)

// fragmentHead is how fragments and libraries of RAML 1.0 begin.
var fragmentHead = regexp.MustCompile(`^(\xef\xbb\xbf)?#%RAML 1\.0 (DocumentationItem|DataType|NamedExample|ResourceType|Trait|AnnotationTypeDeclaration|Library|SecurityScheme)\b`)

// Fragment says whether a file is a fragment or library of RAML, a part of a
// description that lies elsewhere, judged by how it begins.
func Fragment(head []byte) bool { return fragmentHead.Match(head) }

// Describes says whether a file may be the main file of a description, judged by
// its name and by how it begins. It is for finding descriptions in folders.
func Describes(name string, head []byte) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".raml":
		return wholeRAML.Match(bytes.TrimPrefix(head, byteOrderMark))
	case ".yaml", ".yml", ".json":
		return treeHead.Match(head)
	case ".wsdl", ".graphql", ".gql", ".graphqls":
		return true
	}
	return false
}
