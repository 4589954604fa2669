package transform

import "strings"

var commentMark = func() (t [256]bool) {
	for _, b := range []byte("/*<-#") {
		t[b] = true
	}
	return t
}()

// ordinary returns how many bytes s begins with that begin no mark of a comment.
func ordinary(s string) int {
	i := 0
	for i < len(s) && !commentMark[s[i]] {
		i++
	}
	return i
}

// appendUncommented is removeComments. The byte after the end of a comment is
// kept whatever it is, and is NUL when the text ends there.
func appendUncommented(dst []byte, src string) []byte {
	for {
		n := ordinary(src)
		dst = append(dst, src[:n]...)
		src = src[n:]
		var body string
		switch {
		case src == "" || src[0] == '#' || strings.HasPrefix(src, "--"):
			return dst
		case strings.HasPrefix(src, "/*"):
			body = src[2:]
		case strings.HasPrefix(src, "<!--"):
			body = src[4:]
		default:
			dst = append(dst, src[0])
			src = src[1:]
			continue
		}
		end := endOfComment(body)
		switch {
		case end < 0:
			return append(dst, ' ')
		case end == len(body):
			return append(dst, 0)
		}
		dst = append(dst, body[end])
		src = body[end+1:]
	}
}

// endOfComment returns where the text after a comment begins, -1 if it never
// ends. Either end closes a comment of either kind.
func endOfComment(s string) int {
	for i := 0; i+1 < len(s); i++ {
		switch {
		case s[i] == '*' && s[i+1] == '/':
			return i + 2
		case s[i] == '-' && s[i+1] == '-' && i+2 < len(s) && s[i+2] == '>':
			return i + 3
		}
	}
	return -1
}

func changesComments(s string) bool {
	return strings.IndexByte(s, '#') >= 0 || strings.Contains(s, "--") || opensComment(s)
}

func opensComment(s string) bool { return strings.Contains(s, "/*") }

// appendNoCommentMarks is removeCommentsChar: the marks go, the text stays.
func appendNoCommentMarks(dst []byte, src string) []byte {
	for {
		n := ordinary(src)
		dst = append(dst, src[:n]...)
		src = src[n:]
		if src == "" {
			return dst
		}
		switch size := commentMarkAt(src); size {
		case 0:
			dst = append(dst, src[0])
			src = src[1:]
		default:
			src = src[size:]
		}
	}
}

// commentMarkAt returns the length of the mark that s, not empty, begins with.
func commentMarkAt(s string) int {
	switch {
	case s[0] == '#':
		return 1
	case strings.HasPrefix(s, "/*"), strings.HasPrefix(s, "*/"):
		return 2
	case strings.HasPrefix(s, "<!--"):
		return 4
	case strings.HasPrefix(s, "-->"):
		return 3
	case strings.HasPrefix(s, "--"):
		return 2
	}
	return 0
}

func changesCommentMarks(s string) bool {
	return changesComments(s) || strings.Contains(s, "*/")
}

// appendCommentsReplaced is replaceComments: a comment of C, ended or not,
// becomes one space.
func appendCommentsReplaced(dst []byte, src string) []byte {
	for {
		i := strings.Index(src, "/*")
		if i < 0 {
			return append(dst, src...)
		}
		dst = append(append(dst, src[:i]...), ' ')
		end := strings.Index(src[i+2:], "*/")
		if end < 0 {
			return dst
		}
		src = src[i+2+end+2:]
	}
}
