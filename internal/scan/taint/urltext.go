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
	case rest == "" || strings.IndexByte(rest, 0) >= 0:
		return InHost
	}
	switch rest[len(rest)-1] {
	case '.', '-', '@', ':':
		return InHost
	}
	return InPath
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
