package check

import (
	"regexp"
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/scan/taint"
)

var (
	// readsObjects is how programs deserialise Java objects.
	readsObjects = regexp.MustCompile(`\bnew\s+(?:java\.io\.)?ObjectInputStream\s*\(|\bnew\s+(?:java\.beans\.)?XMLDecoder\s*\(|\bSerializationUtils\s*\.\s*deserialize\s*\(`)
	// filtersObjects is how they choose which classes they accept; makesObjects is
	// what they do who copy objects of their own.
	filtersObjects = regexp.MustCompile(`ObjectInputFilter|ValidatingObjectInputStream|\bresolveClass\b|LookAheadObjectInputStream`)
	makesObjects   = regexp.MustCompile(`\bnew\s+(?:java\.io\.)?(ObjectOutputStream|XMLEncoder)\s*\(|\bSerializationUtils\s*\.\s*(serialize|clone)\s*\(`)
)

func objectDeserialisation(c *Context) {
	surveyOf(c).each(func(f *mule.XMLFile, e *document.Element) {
		switch e.Name.Local {
		case "xml-to-object-transformer":
			c.Report(Report{Place: c.Element(f, e), Message: titled(e) + " makes the objects that a document names"})
		case "byte-array-to-object-transformer", "byte-array-to-serializable-transformer":
			// These also turn bytes that are no objects into text.
			c.Report(Report{
				Place: c.Element(f, e), Message: titled(e) + " deserialises the message", Severity: finding.Medium, Confidence: finding.MediumConfidence,
			})
		}
	})
	eachScript(c, func(place func(start, end int) taint.Place, text string) {
		if m := objectsRead(text); m != nil {
			c.Report(Report{Place: place(m[0], m[1]), Message: "the script deserialises Java objects"})
		}
	})
	for _, f := range c.Project.Java {
		if f.Test {
			continue
		}
		if m := objectsRead(blanked(string(f.Text), false)); m != nil {
			// Where the bytes come from can't be seen here.
			c.Report(Report{
				Place:   taint.Place{File: f, Span: document.Span{Start: m[0], End: m[1]}},
				Message: "the class deserialises Java objects of any class", Severity: finding.Medium, Confidence: finding.MediumConfidence,
			})
		}
	}
}

// objectsRead is where a program deserialises objects that it did not make itself,
// without choosing their classes.
func objectsRead(text string) []int {
	if !strings.Contains(text, "Object") && !strings.Contains(text, "XMLDecoder") && !strings.Contains(text, "SerializationUtils") ||
		filtersObjects.MatchString(text) || makesObjects.MatchString(text) {
		return nil
	}
	return readsObjects.FindStringIndex(text)
}
