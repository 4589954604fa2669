package detecttest

import (
	"embed"
	"fmt"
	"strconv"
	"strings"
)

//go:embed seeds
var seedFiles embed.FS

// A shape says what the text of a seed is, and thereby where it can stand.
const (
	shapeText    = "text"    // a text, which can stand wherever a text can
	shapeWire    = "wire"    // a piece of a URL, already percent-encoded
	shapeJSON    = "json"    // a JSON value
	shapePair    = "pair"    // name=value of a query or a form
	shapeXML     = "xml"     // an XML document
	shapeAgent   = "agent"   // the User-Agent of a tool
	shapeGraphQL = "graphql" // a GraphQL document
	shapeFile    = "file"    // "name: content" of an uploaded file
	shapeBytes   = "bytes"   // binary data
)

// seed is one hand-written attack.
type seed struct {
	group, shape, text string
}

// lines reads a seed file: prose up to the first heading, then headings
// ("== Union ==", "== Documents | xml ==" with the shape) and one entry a line.
// A line that begins with !" is a Go string behind the exclamation mark.
func lines(file string, each func(heading, option, text string)) {
	data, err := seedFiles.ReadFile("seeds/" + file)
	if err != nil {
		panic(fmt.Sprintf("reading the seeds: %v", err))
	}
	heading, option := "", ""
	for i, line := range strings.Split(string(data), "\n") {
		if title, ok := strings.CutPrefix(line, "== "); ok && strings.HasSuffix(title, " ==") {
			heading, option, _ = strings.Cut(strings.TrimSuffix(title, " =="), " | ")
			continue
		}
		if heading == "" || line == "" {
			continue
		}
		if strings.HasPrefix(line, `!"`) {
			s, err := strconv.Unquote(line[1:])
			if err != nil {
				panic(fmt.Sprintf("seeds/%s:%d: not a Go string: %v", file, i+1, err))
			}
			line = s
		}
		each(heading, option, line)
	}
}

func readSeeds(kind string) []seed {
	var all []seed
	lines("attack-"+kind+".txt", func(heading, option, text string) {
		if option == "" {
			option = shapeText
		}
		all = append(all, seed{heading, option, text})
	})
	return all
}
