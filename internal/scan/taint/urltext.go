package taint

import "strings"

// URLPosition says where the hole of number i stands in an address: InHost in the
// scheme, host or port, or as all of it; InPath behind them, which is where the text
// before holds a whole origin, or something fixed that stands for one.
func URLPosition(pieces []Piece, i int) Position {
	if i <= 0 || i >= len(pieces) {
		return InHost
	}
	var b strings.Builder
	for _, p := range pieces[:i] {
		if p.Hole != nil {
			b.WriteByte(0)
			continue
		}
		b.WriteString(p.Text)
	}
	before := b.String()
	if before != "" && before[len(before)-1] != '/' && beginsPath(pieces[i].Hole) {
		return InPath
	}
	scheme, rest, ok := strings.Cut(before, "://")
	if !ok {
		return withoutScheme(before, pieces[0])
	}
	if strings.IndexByte(scheme, 0) >= 0 && len(scheme) > 1 && pieces[0].Hole != nil && strings.ContainsAny(scheme, "/?#") {
		return InPath // an address as a parameter in another
	}
	switch {
	case strings.HasPrefix(scheme, "classpath") || strings.HasPrefix(scheme, "file"):
		return InPath
	case strings.ContainsAny(rest, "/?#"):
		return InPath
	}
	return InHost // what stands there may go on with the host
}

// beginsPath says that a value is made of the path of a request, which begins with a
// slash.
func beginsPath(v *Value) bool {
	marks := Marks(v)
	for _, m := range marks {
		switch m.Source.What {
		case "attributes.requestPath", "attributes.rawRequestPath", "attributes.maskedRequestPath", "attributes.relativePath",
			"attributes.requestUri", "attributes.rawRequestUri",
			"message.inboundProperties.'http.request.path'", "message.inboundProperties.'http.relative.path'", "message.inboundProperties.'http.request.uri'":
		default:
			return false
		}
	}
	return len(marks) > 0
}

// withoutScheme is the position behind a text that names no scheme.
func withoutScheme(before string, first Piece) Position {
	switch {
	case before == "":
		return InHost
	case before[0] == '/' && !strings.HasPrefix(before, "//"), before[0] == '?', before[0] == '#':
		return InPath
	case strings.HasPrefix(before, "classpath:") || strings.HasPrefix(before, "file:"):
		return InPath
	case first.Hole != nil && !hasMarks(first.Hole):
		// A property that stands for an origin.
		switch before[len(before)-1] {
		case '.', '-', '@', ':':
			return InHost
		}
		return InPath
	case strings.ContainsAny(strings.TrimPrefix(before, "//"), "/?"):
		return InPath
	}
	return InHost
}
