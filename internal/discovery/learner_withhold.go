package discovery

import (
	"net/netip"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/classify"
	"farrier.dev/farrier/internal/classify/sensitive"
	"farrier.dev/farrier/internal/discovery/template"
)

// withhold takes from a call what stands in the place of a name and is a value:
// clients choose hosts, versions and names of operations as they like.
func (l *Learner) withhold(c *call) {
	c.names = slices.DeleteFunc(c.names, l.tellingName)
	if media, found := strings.CutPrefix(c.version, "accept: "); found && l.tellingWord(media) {
		c.version = ""
	}
	switch kind, name := c.named(); {
	case kind == "client" && (strings.IndexByte(name, '@') >= 0 || digitsOf(name) >= 9) && l.personal(name):
		c.callerKind, c.caller = kind, sensitive.Shape(sensitive.Email, name)
	default:
		c.callerKind, c.caller = kind, name
	}
}

// tellingName says that the name of an operation holds a value. Its first word, as
// "query" or "tools/call", is none.
func (l *Learner) tellingName(name string) bool {
	if _, rest, found := strings.Cut(name, " "); found {
		name = rest
	}
	return l.tellingWord(name)
}

// tellingWord says that a name, or a part of it between signs, is a value. Names that
// are written in small letters only may be those of anything.
func (l *Learner) tellingWord(name string) bool {
	if l.personal(name) || len(name) <= 64 && l.looker.Telling(name) {
		return true
	}
	numbers := 0
	for part := range strings.FieldsFuncSeq(name, func(r rune) bool { return strings.ContainsRune("/.;:+= ", r) }) {
		if strings.Trim(part, "0123456789") == "" {
			if numbers++; numbers > 3 || len(part) > 8 {
				return true
			}
			continue
		}
		if len(part) > 5 && l.looker.Telling(part) || l.personal(part) || len(part) >= 16 && digitsOf(part) > 0 && l.personal(strings.ToUpper(part)) {
			return true
		}
	}
	return false
}

// tellingField says that the name of a header field holds a value.
func (l *Learner) tellingField(name string) bool {
	plain := strings.TrimPrefix(name, "x-")
	return l.looker.Telling(plain) || digitsOf(plain) > 0 && (l.personal(plain) || l.personal(strings.ToUpper(plain)))
}

// personal says that a text by itself is known to name somebody or to be a secret.
func (l *Learner) personal(text string) bool {
	class, _ := l.options.Detector.Classify(sensitive.Context{}, text)
	return class != ""
}

// hostName is the host of a call as it is kept: "*" where none is known, or where a
// part of it is a value that says more than where the call went.
func (l *Learner) hostName(host string) string {
	if host == "" {
		return "*"
	}
	if _, there := l.hosts[host]; there {
		return host
	}
	name := host
	if i := strings.LastIndexByte(name, ':'); i > 0 {
		name = name[:i]
	}
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return host
	}
	numbers := 0
	for label := range strings.SplitSeq(name, ".") {
		switch {
		case label == "":
		case strings.Trim(label, "0123456789-") == "":
			if numbers++; numbers > 3 || digitsOf(label) > 6 {
				return "*"
			}
		case len(label) > 40, l.personal(label),
			len(label) >= 16 && (strings.HasPrefix(classify.Segment(label), "{") || digitsOf(label) > 0 && l.personal(strings.ToUpper(label))):
			return "*"
		}
	}
	return host
}

func digitsOf(s string) (n int) {
	for i := range len(s) {
		if c := s[i]; c >= '0' && c <= '9' {
			n++
		}
	}
	return n
}

// plainMedia is a media type as it is kept: empty where it is none, or where a part of
// it is a value.
func (l *Learner) plainMedia(media string) string {
	kind, rest, found := strings.Cut(media, "/")
	if !found || kind == "" || rest == "" || strings.ContainsAny(media, "@ %\"<>(){}") || l.tellingWord(media) {
		return ""
	}
	return media
}

// plainPath is a path with its values left out.
func (l *Learner) plainPath(path string) string {
	if !template.Fits(path) {
		return "/…"
	}
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if kind, _ := l.words.Classify(part, 1); kind.Value() || l.personal(part) {
			parts[i] = "{value}"
			continue
		}
		parts[i] = classify.Segment(part)
	}
	return strings.Join(parts, "/")
}

// plainOperation is the name of an operation of a trace, with the values of its path
// left out.
func plainOperation(name string) string {
	if name == "" {
		return name
	}
	parts := strings.Split(name, "/")
	for i, part := range parts {
		if !strings.HasPrefix(part, "{") {
			parts[i] = classify.Segment(classify.Redact(part))
		}
	}
	return strings.Join(parts, "/")
}
