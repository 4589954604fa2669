package discovery

import (
	"strings"

	"farrier.dev/farrier/internal/finding"
)

// misread is the weakness of requests that servers read differently (CWE-444).
const misread = 444

// Attacks says whether what was found in a request makes it an attack, from which
// nothing is learned. What an answer should not hold is none, nor is what only counts
// together with others, nor a header field that a strict policy restricts: services
// ask for such fields, as X-HTTP-Method-Override.
func Attacks(all []finding.Finding) bool {
	for i := range all {
		f := &all[i]
		switch {
		case f.Severity < finding.Medium, strings.HasPrefix(f.Location.Place, "response"):
		case f.Taxonomy.CWE == misread && strings.HasPrefix(f.Location.Place, "header"):
		default:
			return true
		}
	}
	return false
}
