package manifest

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/revision"
)

// maxPattern bounds a regular expression, in bytes.
const maxPattern = 4 << 10

// CompilePattern compiles an RE2 expression of at most 4 KiB that must match a
// whole text.
func CompilePattern(text string) (*regexp.Regexp, error) {
	switch {
	case text == "":
		return nil, errors.New("an empty expression; leave the key out to match everything")
	case len(text) > maxPattern:
		return nil, fmt.Errorf("longer than %d bytes", maxPattern)
	}
	// Compiled alone first: "a)(b" is wrong, though "(?:a)(b)" is not.
	if _, err := regexp.Compile(text); err != nil {
		return nil, fmt.Errorf("not an RE2 expression, which has no look-around and no back-references: %w", err)
	}
	whole, err := regexp.Compile(`^(?:` + text + `)$`)
	if err != nil {
		return nil, fmt.Errorf("not an RE2 expression: %w", err)
	}
	return whole, nil
}

func (o *object) pattern(key string) string {
	p := o.pair(key)
	text, ok := o.textOf(p)
	if !ok {
		return ""
	}
	whole, err := CompilePattern(text)
	if err != nil {
		o.errorf(p.position, key, "%v", err)
		return ""
	}
	if key == "methods" && !slices.ContainsFunc(usualMethods, whole.MatchString) {
		o.warnf(p.position, key, "matches none of %s; methods are upper case, as GET|POST", strings.Join(usualMethods, ", "))
	}
	return text
}

var usualMethods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"}

var headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$")

// rules reads the rules of a route or a policy.
func (o *object) rules() []revision.Rule {
	var rules []revision.Rule
	for _, item := range o.objects("rules") {
		rule := revision.Rule{Path: item.pattern("path"), Methods: item.pattern("methods"), Host: item.pattern("host")}
		if headers := item.object("headers"); headers != nil {
			rule.Headers = make(map[string]string, len(headers.n.pairs))
			for _, p := range headers.n.pairs {
				name := strings.ToLower(p.key)
				switch {
				case !headerName.MatchString(p.key):
					headers.errorf(p.position, p.key, "not a header name")
				case rule.Headers[name] != "":
					headers.errorf(p.position, p.key, "the header stands here twice; remove one")
				}
				if p.value.null() {
					headers.errorf(p.position, p.key, "must be an expression, not empty")
				}
				rule.Headers[name] = headers.pattern(p.key)
			}
		}
		if len(item.n.pairs) == 0 {
			o.r.problems.warnf(item.at, item.path, "a rule without attributes matches every request")
		}
		item.close()
		rules = append(rules, rule)
	}
	return rules
}
