package transform

import (
	"bytes"
	"strings"
)

// appendPath is normalisePath: what filepath.Clean makes of src on Unix, but
// nothing instead of ".", and with the slash at the end kept, so that "/"
// becomes "//".
func appendPath(dst []byte, src string) []byte {
	return appendClean(dst, src, false)
}

func appendClean(dst []byte, src string, windows bool) []byte {
	if src == "" {
		return dst
	}
	n := len(dst)
	rooted := isSeparator(src[0], windows)
	if rooted {
		dst = append(dst, '/')
	}
	floor := len(dst) // ".." goes back no further
	for rest := src; rest != ""; {
		var part string
		part, rest = cutSegment(rest, windows)
		switch part {
		case "", ".":
			continue
		case "..":
			if len(dst) > floor {
				dst = dst[:parent(dst, floor)]
				continue
			}
			if rooted {
				continue
			}
		}
		if len(dst) > n && dst[len(dst)-1] != '/' {
			dst = append(dst, '/')
		}
		dst = append(dst, part...)
		if part == ".." {
			floor = len(dst)
		}
	}
	if len(dst) > n && isSeparator(src[len(src)-1], windows) {
		dst = append(dst, '/')
	}
	return dst
}

func isSeparator(c byte, windows bool) bool { return c == '/' || windows && c == '\\' }

func cutSegment(s string, windows bool) (part, rest string) {
	if !windows {
		part, rest, _ = strings.Cut(s, "/")
		return part, rest
	}
	for i := range len(s) {
		if isSeparator(s[i], true) {
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// parent returns where the last segment of path begins, its slash included.
func parent(path []byte, floor int) int {
	i := len(path) - 1
	for i > floor && path[i] != '/' {
		i--
	}
	return i
}

// changesPath looks for segments that do not stay as they are.
func changesPath(s string) bool {
	switch s {
	case "/", ".":
		return true
	case "", "//":
		return false
	}
	rooted := s[0] == '/'
	rest := strings.TrimPrefix(s, "/")
	named := false
	for rest != "" {
		var part string
		part, rest, _ = strings.Cut(rest, "/")
		switch {
		case part == "" || part == ".":
			return true
		case part != "..":
			named = true
		case rooted || named:
			return true
		}
	}
	return false
}

// appendPathWin is normalisePathWin: backslashes are slashes, and what Windows
// ignores goes: the stream of the last segment, dots and spaces at the end of
// each.
func appendPathWin(dst []byte, src string) []byte {
	n := len(dst)
	dst = appendClean(dst, src, true)
	end := cutStream(dst[n:])
	end = trimSegments(dst[n : n+end])
	return dst[:n+end]
}

// stream returns where the stream of the last segment of path stands. It is
// empty where there is none.
func stream[T string | []byte](path T) (from, to int) {
	first, to := 0, len(path)
	if len(path) >= 2 && path[1] == ':' && classes[path[0]]&letters != 0 {
		first = 2
	}
	if to > first && path[to-1] == '/' {
		to--
	}
	from = to
	for i := to - 1; i >= first && path[i] != '/'; i-- {
		if path[i] == ':' {
			from = i
		}
	}
	return from, to
}

// cutStream removes the stream in place and returns the new length.
func cutStream(path []byte) int {
	from, to := stream(path)
	return from + copy(path[from:], path[to:])
}

// trimSegments removes dots and spaces at the end of each segment in place and
// returns the new length. Segments of dots alone stay; one that is left with
// nothing goes with its slash, but only if another needs trimming at all.
func trimSegments(path []byte) int {
	if !trimmable(path) {
		return len(path)
	}
	w, written := 0, false
	for start := 0; start <= len(path); {
		end := segmentEnd(path, start)
		keep := trimmedEnd(path, start, end)
		if keep > start || keep == end {
			if written {
				path[w] = '/'
				w++
			}
			w += copy(path[w:], path[start:keep])
			written = true
		}
		start = end + 1
	}
	return w
}

func segmentEnd(path []byte, start int) int {
	if i := bytes.IndexByte(path[start:], '/'); i >= 0 {
		return start + i
	}
	return len(path)
}

// trimmedEnd returns the end of the segment without dots and spaces, but the
// whole of one that has only dots or nothing.
func trimmedEnd[T string | []byte](path T, start, end int) int {
	i, spaces := end, false
	for i > start && (path[i-1] == '.' || path[i-1] == ' ') {
		i--
		spaces = spaces || path[i] == ' '
	}
	if i == start && !spaces {
		return end
	}
	return i
}

func trimmable(path []byte) bool {
	for start := 0; start <= len(path); {
		end := segmentEnd(path, start)
		if trimmedEnd(path, start, end) != end {
			return true
		}
		start = end + 1
	}
	return false
}

func changesPathWin(s string) bool {
	if strings.IndexByte(s, '\\') >= 0 || changesPath(s) {
		return true
	}
	if strings.IndexByte(s, ':') >= 0 {
		if from, to := stream(s); from != to {
			return true
		}
	}
	for more := true; more; {
		var part string
		part, s, more = strings.Cut(s, "/")
		if trimmedEnd(part, 0, len(part)) != len(part) {
			return true
		}
	}
	return false
}
