package authorization

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// template is a path with names in the place of segments.
type template struct {
	segments []segment
	// open says that any number of segments may follow.
	open bool
}

type segment struct {
	text string
	name string // of what stands here, empty for text
}

func parseTemplate(path string) (template, error) {
	if path[0] != '/' {
		return template{}, errors.New("must begin with a slash")
	}
	var t template
	rest, open := strings.CutSuffix(path, "/**")
	t.open = open
	names := map[string]bool{}
	texts, ok := segmentsOf(rest)
	if !ok {
		return template{}, errors.New("has an empty segment, or one that is wrongly encoded")
	}
	for _, text := range texts {
		name, isName := strings.CutPrefix(text, "{")
		name, closed := strings.CutSuffix(name, "}")
		switch {
		case isName && closed && name != "" && !strings.ContainsAny(name, "{}"):
			if names[name] {
				return template{}, fmt.Errorf("{%s} stands twice; give each segment a name of its own", name)
			}
			names[name] = true
			t.segments = append(t.segments, segment{name: name})
		case strings.ContainsAny(text, "{}*"):
			return template{}, fmt.Errorf("%q is no segment; write {name}, plain text, or /** at the end", text)
		default:
			t.segments = append(t.segments, segment{text: text})
		}
	}
	return t, nil
}

// segmentsOf cuts a normalised path at its slashes and decodes what is between.
// Parameters of segments (RFC 3986 §3.3) and a slash at the end are left out, for
// many services do not look at them either. It is not ok when nothing is left of
// a segment: some services would join its neighbours, others not.
func segmentsOf(path string) (segments []string, ok bool) {
	path = strings.TrimPrefix(path, "/")
	path = strings.TrimSuffix(path, "/")
	if path == "" {
		return nil, true
	}
	list := strings.Split(path, "/")
	for i, text := range list {
		text, _, _ = strings.Cut(text, ";")
		var err error
		if list[i], err = url.PathUnescape(text); err != nil || list[i] == "" {
			return nil, false
		}
	}
	return list, true
}

// match says whether the segments of a path are those of the template, and what
// stands in the place of its names.
func (t *template) match(segments []string) (map[string]string, bool) {
	if len(segments) < len(t.segments) || len(segments) > len(t.segments) && !t.open {
		return nil, false
	}
	var values map[string]string
	for i, s := range t.segments {
		if s.name == "" {
			if s.text != segments[i] {
				return nil, false
			}
			continue
		}
		if values == nil {
			values = make(map[string]string, 2)
		}
		values[s.name] = segments[i]
	}
	return values, true
}
