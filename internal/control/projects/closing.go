package projects

import (
	"fmt"
	"regexp"
	"strings"

	"farrier.dev/farrier/internal/detect"
	"farrier.dev/farrier/internal/finding"
)

// harm is what a value must not hold for a kind of weakness, as a regular
// expression, by the number of its CWE entry. A value without it is let pass.
var harm = map[int]string{
	22:  `\.\.|[/\\]|\x00|^~`,
	73:  `\.\.|[/\\]|\x00|^~`,
	74:  `\.\.|[/\\?#&;@]`,
	78:  "[;&|`$<>\\n\\r\\\\]",
	88:  "[;&|`$<>\\n\\r\\\\]|^-",
	79:  `[<>"'&]`,
	89:  `['"\\;` + "`" + `\x00]|--|/\*|\b(?i:union|select|or|and)\b\s`,
	90:  `[*()\\&|!\x00]`,
	91:  `[<>&'"]`,
	93:  `[\r\n]`,
	94:  `[#${}()\[\]]`,
	95:  `[#${}()\[\]]`,
	113: `[\r\n]`,
	117: `[\r\n]`,
	601: `^(?i:[a-z][a-z0-9+.-]*:)|^//|\\`,
	643: `['"\[\]()/|=]`,
	918: `^(?i:[a-z][a-z0-9+.-]*:)|^//|[@\\]`,
	943: `['"\\${}]`,
}

// harmInPath is the same for the path of a request as a whole, in which slashes
// stand in any case.
var harmInPath = map[int]string{
	22:  `\.\.|\\|\x00`,
	73:  `\.\.|\\|\x00`,
	74:  `\.\.|[\\?#&;@]`,
	601: `//|\\`,
	643: `['"\[\]()|=]`,
	918: `//|[@\\]`,
}

// Closable says whether virtual patches can close a finding: data of requests must
// be what does the harm, and come in at places that a gateway can look at.
func Closable(f *finding.Finding) bool {
	_, err := closing(f)
	return err == nil
}

// closing is the virtual patches that close a finding: at each place where its data
// comes in, what does the harm is refused.
func closing(f *finding.Finding) ([]detect.Patch, error) {
	if len(f.Inlets) == 0 {
		return nil, fmt.Errorf("%s is not about data of requests, or that comes in at places which a gateway can't tell", f.Rule)
	}
	if harm[f.Taxonomy.CWE] == "" {
		return nil, fmt.Errorf("%s: no pattern tells harmful values from others", f.Rule)
	}
	out := make([]detect.Patch, len(f.Inlets))
	for i, at := range f.Inlets {
		out[i] = detect.Patch{
			Name: fmt.Sprintf("scan-%s-%d", f.Fingerprint[:min(12, len(f.Fingerprint))], i+1), Place: at.Place, Match: harm[f.Taxonomy.CWE], Mode: "always",
		}
		if other := harmInPath[f.Taxonomy.CWE]; other != "" && at.Place == "path" {
			out[i].Match = other
		}
		if method, path, ok := strings.Cut(at.Operation, " "); ok {
			if method != "*" {
				out[i].Method = method
			}
			out[i].Path = anyBase + pathPattern(path)
		}
	}
	return out, nil
}

// anyBase is the base path of an API, which its code does not know.
const anyBase = `(?:/[^/]+)*?`

var template = regexp.MustCompile(`\{[^{}/]*\}|\*`)

// pathPattern is the regular expression of a path with templates.
func pathPattern(path string) string {
	var b strings.Builder
	last := 0
	for _, m := range template.FindAllStringIndex(path, -1) {
		b.WriteString(regexp.QuoteMeta(path[last:m[0]]))
		if path[m[0]] == '*' {
			b.WriteString(`.*`)
		} else {
			b.WriteString(`[^/]+`)
		}
		last = m[1]
	}
	b.WriteString(regexp.QuoteMeta(path[last:]))
	return b.String() + "/?"
}
