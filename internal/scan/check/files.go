package check

import (
	"regexp"
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/mule"
)

// fileChecks lists the checks of files, XML and objects that are read.
func fileChecks() []entry[Func] {
	return []entry[Func]{
		{"upload-names", uploadNames},
		{"xml-module-entities", xmlModuleEntities},
		{"xml-reader-entities", xmlReaderEntities},
		{"xml-dtd-default", xmlDTDDefault},
		{"xml-entity-count", xmlEntityCount},
		{"object-deserialisation", objectDeserialisation},
		{"yaml-on-old-runtime", yamlOnOldRuntime},
	}
}

// uploadName is how expressions ask for the name that a client gave an upload.
var uploadName = regexp.MustCompile(`(?i)content-disposition['"]?\]?\s*(\.|\[\s*['"])\s*['"]?filename\b`)

// namesFile are the attributes that say under which name something is stored.
func namesFile(e *document.Element, attribute string) bool {
	space := e.Name.Space[strings.LastIndexByte(e.Name.Space, '/')+1:]
	switch space {
	case "file", "ftp", "ftps", "sftp", "smb":
		return attribute == "path" || attribute == "targetPath" || attribute == "to" || attribute == "renameTo"
	case "s3", "azure-storage", "azure-blob-storage":
		return attribute == "key" || attribute == "fileName" || attribute == "blobName" || attribute == "blob"
	}
	return false
}

func uploadNames(c *Context) {
	named, checked, directly := map[string]bool{}, map[string]bool{}, false
	s := surveyOf(c)
	s.each(func(f *mule.XMLFile, e *document.Element) {
		switch {
		case strings.HasSuffix(e.Name.Space, "/validation"):
			for _, text := range [...]string{e.Value("value"), e.Value("expression")} {
				directly = directly || uploadName.MatchString(text)
				for _, m := range variableUse.FindAllStringSubmatch(text, -1) {
					checked[m[1]] = true
				}
			}
		case e.Name.Local == "set-variable":
			eachCodeOf(c, f, e, func(s snippet) {
				if uploadName.MatchString(s.Text) {
					named[e.Value("variableName")] = true
				}
			})
		}
	})
	s.each(func(f *mule.XMLFile, e *document.Element) {
		told := false
		eachCodeOf(c, f, e, func(s snippet) {
			if told || !namesFile(e, s.attribute) {
				return
			}
			direct := uploadName.MatchString(s.Text) && !directly
			if direct || usesNamed(s.Text, named, checked) {
				told = true
				c.Report(Report{Place: c.Attribute(f, e, s.attribute), Message: titled(e) + " stores an upload under the name that the client gave it"})
			}
		})
	})
}

var variableUse = regexp.MustCompile(`\b(?:vars|flowVars)\.['"]?(\w+)`)

// usesNamed says whether an expression uses one of some variables that nothing checked.
func usesNamed(text string, named, checked map[string]bool) bool {
	for _, m := range variableUse.FindAllStringSubmatch(text, -1) {
		if named[m[1]] && !checked[m[1]] {
			return true
		}
	}
	return false
}
