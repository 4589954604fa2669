package raml

import (
	"regexp"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec/raml/datatype"
)

var mediaTypeSyntax = regexp.MustCompile(`^([A-Za-z0-9!#$&^_.+*-]+)/[A-Za-z0-9!#$&^_.+*-]+ *(;.*)?$`)

// isMediaType says whether a text is a media type or range. Types at the top are
// those registered (RFC 6838, section 4.2) and those that begin with x-; mime is
// what the specification of RAML writes in their place.
func isMediaType(text string) bool {
	m := mediaTypeSyntax.FindStringSubmatch(text)
	if m == nil {
		return false
	}
	switch top := strings.ToLower(m[1]); top {
	case "*", "application", "audio", "example", "font", "haptics", "image", "message", "model", "multipart", "text", "video", "mime":
		return true
	default:
		return strings.HasPrefix(top, "x-")
	}
}

// variables are the names in the braces of a URI template.
func variables(template string) (names []string, ok bool) {
	for rest := template; ; {
		i := strings.IndexAny(rest, "{}")
		if i < 0 {
			return names, true
		}
		if rest[i] == '}' {
			return names, false
		}
		rest = rest[i+1:]
		j := strings.IndexAny(rest, "{}")
		if j < 0 || rest[j] == '{' || j == 0 {
			return names, false
		}
		names = append(names, rest[:j])
		rest = rest[j+1:]
	}
}

// baseURI judges the address of an API.
func (r *reader) baseURI(n, root *tree.Node) {
	r.words(n)
	v := r.unwrap(n)
	names, ok := variables(v.Str())
	switch {
	case !ok:
		r.wrong(n, "raml-uri-template", "the braces of %q do not match", clip(v.Str()))
	case slices.Contains(names, "version") && root.Get("version") == nil && root.At("baseUriParameters", "version") == nil:
		r.wrong(n, "raml-base-uri-version", "baseUri has {version}, so the API needs a version")
	}
}

// baseParameters judges the parameters of baseUri.
func (r *reader) baseParameters(n, root *tree.Node) {
	base := r.unwrap(root.Get("baseUri"))
	if base == nil {
		r.wrong(n, "raml-base-uri-parameters", "baseUriParameters belong to a baseUri, which there isn't")
		return
	}
	names, _ := variables(base.Str())
	r.uriFields(n, names, "baseUri", "raml-base-uri-parameters")
}

// uriParameters judges the parameters of a resource's path.
func (r *reader) uriParameters(n *tree.Node, path string) {
	names, _ := variables(path)
	r.uriFields(n, names, "the path", "raml-uri-parameters")
}

func (r *reader) uriFields(n *tree.Node, names []string, where, rule string) {
	for _, m := range n.Fields() {
		if name := strings.TrimSuffix(m.Name, "?"); !isAnnotation(name) && !slices.Contains(names, name) && !slices.Contains(names, m.Name) {
			r.wrong(r.at(n, m), rule, "%s has no {%s}", where, clip(name))
		}
	}
	r.fieldsOf(datatype.URI, n)
}

// unwrapValue is an example without what stands beside its value.
func (r *reader) unwrapValue(n *tree.Node) *tree.Node {
	if v := n.Get("value"); v != nil {
		return v
	}
	return n
}
