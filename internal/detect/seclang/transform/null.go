package transform

import "strings"

func appendNoNulls(dst []byte, src string) []byte {
	for {
		i := strings.IndexByte(src, 0)
		if i < 0 {
			return append(dst, src...)
		}
		dst = append(dst, src[:i]...)
		for i < len(src) && src[i] == 0 {
			i++
		}
		src = src[i:]
	}
}

func appendNullsReplaced(dst []byte, src string) []byte {
	n := len(dst)
	dst = append(dst, src...)
	for i, c := range dst[n:] {
		if c == 0 {
			dst[n+i] = ' '
		}
	}
	return dst
}
