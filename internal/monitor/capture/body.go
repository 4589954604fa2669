package capture

import (
	"mime"
	"strings"

	"farrier.dev/farrier/internal/classify"
)

// body redacts a body by what it looks like, and by what it says to be where
// that tells nothing. It reads leniently, for attacks are seldom well-formed.
// The second result says that it is no text, so that nothing of it is kept.
func (r *redactor) body(contentType, text string) (redacted string, omitted bool) {
	kind, parameters, err := mime.ParseMediaType(contentType)
	if err == nil && strings.HasPrefix(kind, "multipart/") && parameters["boundary"] != "" {
		return r.multipart(text, "--"+parameters["boundary"]), false
	}
	if opaque(text) {
		r.hide("body")
		return "", true
	}
	return r.content(kind, text, "body"), false
}

// content redacts a document. The place of a document within a part is the part.
func (r *redactor) content(kind, text, place string) string {
	within := func(format string) string {
		if place == "body" {
			return "body " + format
		}
		return place
	}
	trimmed := strings.TrimLeft(strings.TrimPrefix(text, "\ufeff"), " \t\r\n")
	switch {
	case strings.HasPrefix(trimmed, "{"), strings.HasPrefix(trimmed, "["), strings.HasSuffix(kind, "json"):
		text = r.json(text, within("json"))
	case strings.HasPrefix(trimmed, "<"), strings.HasSuffix(kind, "xml"):
		text = r.xml(text, within("xml"))
	case kind == "application/x-www-form-urlencoded", strings.Contains(trimmed, "=") && !strings.ContainsAny(trimmed, " \n{<"):
		text = r.pairs(text, "&", within("form"), "")
	default:
		return r.value("", text, place)
	}
	// What stretches over values, or stands where a reader took it for structure.
	swept := sweep(text)
	if swept != text {
		r.hide(place)
	}
	return swept
}

// multipart redacts the parts of a form.
func (r *redactor) multipart(text, delimiter string) string {
	parts := strings.Split(text, delimiter)
	for i, part := range parts {
		head, content, ok := cutHead(part)
		if !ok {
			parts[i] = r.value("", part, "body")
			continue
		}
		name, kind := "", ""
		for line := range strings.SplitSeq(head, "\n") {
			field, value, _ := strings.Cut(line, ":")
			switch strings.ToLower(strings.TrimSpace(field)) {
			case "content-disposition":
				if _, parameters, err := mime.ParseMediaType(value); err == nil {
					name = parameters["name"]
				} else {
					name = "secret" // who can't be understood is not trusted
				}
			case "content-type":
				kind, _, _ = mime.ParseMediaType(value)
			}
		}
		body := strings.TrimSuffix(strings.TrimSuffix(content, "\n"), "\r")
		tail := content[len(body):]
		place := "body multipart " + name
		switch {
		case classify.SecretName(name):
			body = r.whole(kindOf(name), body, place)
		case opaque(body):
			body = r.whole("binary", body, place)
		default:
			body = r.content(kind, body, place)
		}
		parts[i] = r.value("", head, place) + body + tail
	}
	return strings.Join(parts, delimiter)
}

// cutHead cuts behind the first empty line.
func cutHead(part string) (head, content string, ok bool) {
	for _, blank := range []string{"\r\n\r\n", "\n\n"} {
		if i := strings.Index(part, blank); i >= 0 {
			return part[:i+len(blank)], part[i+len(blank):], true
		}
	}
	return "", "", false
}

// xml redacts text and attributes, also where they hold elements or none.
func (r *redactor) xml(text, place string) string {
	var b strings.Builder
	var open []bool // of each open element, whether it is named like a secret
	secret := func() bool { return len(open) > 0 && open[len(open)-1] }
	content := func(s string) {
		switch {
		case strings.TrimSpace(s) == "" || !secret():
			b.WriteString(r.value("", s, place))
		default:
			b.WriteString(r.whole("secret", s, place))
		}
	}
	for text != "" {
		i := strings.IndexByte(text, '<')
		if i < 0 {
			content(text)
			break
		}
		content(text[:i])
		text = text[i:]
		if after, ok := strings.CutPrefix(text, cdata); ok {
			inner, rest, closed := strings.Cut(after, "]]>")
			b.WriteString(cdata)
			content(inner)
			if closed {
				b.WriteString("]]>")
			}
			text = rest
			continue
		}
		tag, rest := markup(text)
		text = rest
		switch {
		case strings.HasPrefix(tag, "<!"), strings.HasPrefix(tag, "<?"):
			b.WriteString(r.value("", tag, place))
		case strings.HasPrefix(tag, "</"):
			open = open[:max(0, len(open)-1)]
			b.WriteString(r.value("", tag, place))
		default:
			name := elementName(tag)
			b.WriteString(r.attributes(tag, place))
			if !strings.HasSuffix(tag, "/>") {
				open = append(open, secret() || classify.SecretName(name))
			}
		}
	}
	return b.String()
}

const cdata = "<![CDATA["

// markup cuts the piece of markup off that text begins with.
func markup(text string) (tag, rest string) {
	if strings.HasPrefix(text, "<!--") {
		if i := strings.Index(text, "-->"); i >= 0 {
			return text[:i+3], text[i+3:]
		}
		return text, ""
	}
	quote := byte(0)
	for i := range len(text) {
		switch c := text[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			return text[:i+1], text[i+1:]
		}
	}
	return text, ""
}

// elementName is the local name of a start tag.
func elementName(tag string) string {
	name := strings.TrimLeft(tag, "<")
	if i := strings.IndexAny(name, " \t\r\n/>"); i >= 0 {
		name = name[:i]
	}
	return name[strings.LastIndexByte(name, ':')+1:]
}

// attributes redacts the values of a start tag.
func (r *redactor) attributes(tag, place string) string {
	var b strings.Builder
	for {
		i := strings.IndexAny(tag, `"'`)
		if i < 0 {
			break
		}
		value, rest, closed := strings.Cut(tag[i+1:], tag[i:i+1])
		name := strings.TrimRight(tag[:i], " \t\r\n=")
		name = name[strings.LastIndexAny(name, " \t\r\n:<")+1:]
		b.WriteString(tag[:i+1])
		b.WriteString(r.value(name, value, place))
		if !closed {
			return b.String()
		}
		b.WriteByte(tag[i])
		tag = rest
	}
	b.WriteString(tag)
	return b.String()
}
