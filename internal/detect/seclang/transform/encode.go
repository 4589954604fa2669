package transform

import (
	"crypto/fips140"
	"crypto/md5"  //nolint:gosec // a transformation of the rule language, no protection
	"crypto/sha1" //nolint:gosec // as above
	"encoding/base64"
	"encoding/hex"
	"strconv"
)

// What the readers of Base64 do with a byte that is no digit.
const (
	skip = 64 + iota
	stop
)

const base64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// strict stops at the first byte that is none of Base64, lenient passes over
// it, and takes the digits of the form for URLs.
var strict, lenient = base64Table(stop), base64Table(skip)

func base64Table(other uint8) (t [256]uint8) {
	for b := range t {
		t[b] = other
	}
	for i, b := range []byte(base64Digits) {
		t[b] = uint8(i) //nolint:gosec // below 64
	}
	t['\r'], t['\n'], t['='] = skip, skip, stop
	if other == skip {
		t['-'], t['_'] = t['+'], t['/']
	}
	return t
}

func appendBase64Strict(dst []byte, src string) []byte { return appendBase64(dst, src, &strict) }

func appendBase64Lenient(dst []byte, src string) []byte { return appendBase64(dst, src, &lenient) }

// appendBase64 decodes as far as the table lets it; padding is not needed, and
// bits that make no whole byte are lost.
func appendBase64(dst []byte, src string, table *[256]uint8) []byte {
	n := len(dst)
	dst, out := room(dst, len(src)/4*3+3)
	i, j, digits, bits := 0, 0, 0, uint32(0)
	for i < len(src) {
		if digits == 0 && i+4 <= len(src) {
			a, b, c, d := table[src[i]], table[src[i+1]], table[src[i+2]], table[src[i+3]]
			if a|b|c|d < skip {
				out[j], out[j+1], out[j+2] = a<<2|b>>4, b<<4|c>>2, c<<6|d
				i += 4
				j += 3
				continue
			}
		}
		v := table[src[i]]
		i++
		if v == stop {
			break
		}
		if v == skip {
			continue
		}
		bits = bits<<6 | uint32(v)
		if digits++; digits == 4 {
			out[j], out[j+1], out[j+2] = byte(bits>>16), byte(bits>>8), byte(bits)
			j += 3
			digits, bits = 0, 0
		}
	}
	switch digits {
	case 2:
		out[j] = byte(bits >> 4)
		j++
	case 3:
		out[j], out[j+1] = byte(bits>>10), byte(bits>>2)
		j += 2
	}
	return dst[:n+j]
}

func appendBase64Encoded(dst []byte, src string) []byte {
	return base64.StdEncoding.AppendEncode(dst, []byte(src))
}

func appendHexEncoded(dst []byte, src string) []byte {
	return hex.AppendEncode(dst, []byte(src))
}

// appendHexDecoded is hexDecode: a text that is not wholly hexadecimal stays.
func appendHexDecoded(dst []byte, src string) []byte {
	if !isHex(src) {
		return append(dst, src...)
	}
	for ; src != ""; src = src[2:] {
		b, _ := hexPair(src[0], src[1])
		dst = append(dst, b)
	}
	return dst
}

func isHex(s string) bool { return s != "" && len(s)%2 == 0 && isHexAt(s, 0, len(s)) }

func reportsHex(src, _ string) bool { return src == "" || isHex(src) }

func appendLength(dst []byte, src string) []byte {
	return strconv.AppendInt(dst, int64(len(src)), 10)
}

// appendMD5 leaves src as it is where FIPS 140 forbids MD5, as Coraza does.
func appendMD5(dst []byte, src string) []byte {
	n := len(dst)
	dst = append(dst, src...)
	if fips140.Enabled() {
		return dst
	}
	sum := md5.Sum(dst[n:]) //nolint:gosec // as above
	return append(dst[:n], sum[:]...)
}

// appendSHA1 leaves src as it is where Coraza has no SHA-1 for FIPS 140.
func appendSHA1(dst []byte, src string) []byte {
	n := len(dst)
	dst = append(dst, src...)
	if fips140.Enabled() {
		return dst
	}
	sum := sha1.Sum(dst[n:]) //nolint:gosec // as above
	return append(dst[:n], sum[:]...)
}

func reportsDigest(string, string) bool { return !fips140.Enabled() }
