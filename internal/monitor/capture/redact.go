package capture

import (
	"html"
	"strconv"
	"strings"
	"unicode/utf8"

	"farrier.dev/farrier/internal/classify"
	"farrier.dev/farrier/internal/traffic"
)

// redactor replaces what may not be written by placeholders, and keeps the
// structure around it. All its methods work on escaped text.
type redactor struct {
	// hidden are the places, as findings name them, in which something was replaced.
	hidden []string
}

// The bounds of the places that a record names: how many, and bytes of one.
const (
	maxHidden = 64
	maxPlace  = 256
)

func (r *redactor) hide(place string) {
	switch {
	case len(r.hidden) < maxHidden:
		r.hidden = append(r.hidden, classify.Redact(place[:min(len(place), maxPlace)]))
	default:
		r.hidden[maxHidden-1] = everywhere
	}
}

// everywhere is the place of which all others are parts.
const everywhere = "*"

// whole replaces a value that is secret because of its name.
func (r *redactor) whole(kind, value, place string) string {
	if value == "" {
		return ""
	}
	r.hide(place)
	return placeholder(kind, value)
}

// value replaces in a value what its name or its content says to be secret.
func (r *redactor) value(name, value, place string) string {
	out, hidden := redactValue(name, value)
	if hidden {
		r.hide(place)
	}
	return out
}

func redactValue(name, value string) (redacted string, hidden bool) {
	if value == "" {
		return "", false
	}
	if name != "" && classify.SecretName(name) {
		return placeholder(kindOf(name), value), true
	}
	swept := sweep(value)
	if encodedSecret(swept) {
		return placeholder("encoded", value), true
	}
	return swept, swept != value
}

// layers is how many encodings around a secret are looked through.
const layers = 3

// encodedSecret says whether a text that was swept shows a secret when its
// escapes are undone.
func encodedSecret(text string) bool {
	masked, _ := mask(text)
	for range layers {
		plain := unescape(masked)
		if plain == masked {
			return false
		}
		if len(classify.Find(plain)) > 0 {
			return true
		}
		masked = plain
	}
	return false
}

// unescape undoes one layer of percent encoding, of backslashes and of entities.
func unescape(text string) string {
	if !strings.ContainsAny(text, `%\&`) {
		return text
	}
	return html.UnescapeString(unbackslash(unpercent(text)))
}

func unpercent(text string) string {
	if !strings.Contains(text, "%") {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			if n, err := strconv.ParseUint(text[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(n))
				i += 2
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// unbackslash undoes the escapes of JSON and JavaScript strings.
func unbackslash(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			b.WriteByte(text[i])
			continue
		}
		i++
		switch c := text[i]; {
		case c == 'u' && i+4 < len(text):
			if n, err := strconv.ParseUint(text[i+1:i+5], 16, 16); err == nil {
				b.WriteRune(rune(n))
				i += 4
				continue
			}
			b.WriteByte(c)
		case c == 'n' || c == 'r' || c == 't' || c == 'b' || c == 'f':
			b.WriteByte(' ')
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// fullyUnescaped is a name as whoever reads it in the end will see it.
func fullyUnescaped(name string) string {
	for range layers {
		plain := unescape(name)
		if plain == name {
			break
		}
		name = plain
	}
	return name
}

// pairs redacts name=value pairs, as of a query, a form or a Cookie header. At
// is the place of them all; always says that every value is secret.
func (r *redactor) pairs(text, separator, at, always string) string {
	if text == "" {
		return ""
	}
	parts := strings.Split(text, separator)
	for i, part := range parts {
		name, value, named := strings.Cut(part, "=")
		plain := strings.TrimSpace(fullyUnescaped(strings.ReplaceAll(name, "+", " ")))
		place := at + " " + plain
		switch {
		case !named && always != "":
			parts[i] = r.whole(always, part, at) // the name may be the secret
		case !named:
			parts[i] = r.value("", part, at)
		case always != "":
			parts[i] = r.value("", name, place) + "=" + r.whole(always, value, place)
		default:
			parts[i] = r.value("", name, place) + "=" + r.value(plain, value, place)
		}
	}
	return strings.Join(parts, separator)
}

// path redacts a path: segments that look like secrets, and those behind a
// segment that names one, as in /reset-token/x.
func (r *redactor) path(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		name := ""
		if i > 0 && classify.Segment(s) != s {
			name = unpercent(segments[i-1])
		}
		parts := strings.Split(s, ";")
		for k, part := range parts {
			if parameter, value, ok := strings.Cut(part, "="); ok && k > 0 {
				parts[k] = parameter + "=" + r.value(unpercent(parameter), value, "path")
			} else {
				parts[k] = r.value(name, part, "path")
			}
		}
		segments[i] = strings.Join(parts, ";")
	}
	// A secret may also stretch over separators, as the password of a URL does.
	return r.value("", strings.Join(segments, "/"), "path")
}

// target redacts a path with or without a query.
func (r *redactor) target(target string) string {
	path, query, asked := strings.Cut(target, "?")
	path = r.path(path)
	if !asked {
		return path
	}
	return path + "?" + r.query(query)
}

func (r *redactor) query(query string) string { return r.pairs(query, "&", "query", "") }

// header redacts the value of one field.
func (r *redactor) header(f traffic.Field) string {
	place := "header " + f.Name
	switch f.Name {
	case "cookie":
		return r.pairs(f.Value, ";", "cookie", "cookie")
	case "set-cookie":
		pair, attributes, more := strings.Cut(f.Value, ";")
		name, value, named := strings.Cut(pair, "=")
		if !named {
			name, value = "", pair
		}
		out := r.whole("cookie", value, place)
		if named {
			out = name + "=" + out
		}
		if more {
			out += ";" + r.value("", attributes, place)
		}
		return out
	case "authorization", "proxy-authorization":
		scheme, credentials, ok := strings.Cut(f.Value, " ")
		if !ok || len(scheme) > 16 || strings.Trim(strings.ToLower(scheme), "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return r.whole("credentials", f.Value, place)
		}
		return scheme + " " + r.whole("credentials", credentials, place)
	}
	if classify.SecretName(f.Name) {
		return r.whole(kindOf(f.Name), f.Value, place)
	}
	if before, query, ok := strings.Cut(f.Value, "?"); ok {
		redacted := before + "?" + r.pairs(query, "&", place, "")
		return r.value("", redacted, place)
	}
	return r.value("", f.Value, place)
}

// opaque says that a text is none: what can not be read is not kept.
func opaque(text string) bool {
	odd := 0
	for i := 0; i < len(text); {
		c, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case c == 0:
			return true
		case c == utf8.RuneError && size == 1, c < ' ' && c != '\t' && c != '\n' && c != '\r':
			odd++
		}
		i += size
	}
	return odd > len(text)/10
}
