package opinion

import (
	"slices"
	"strings"
)

// URL says whether the text begins like an address: with a scheme and a colon.
func URL(text string) bool {
	scheme, _, ok := strings.Cut(text, ":")
	return ok && scheme != "" && len(scheme) < 16 && strings.Trim(strings.ToLower(scheme), "abcdefghijklmnopqrstuvwxyz0123456789+.-") == ""
}

// Address says whether the text could be taken for an address as a whole: it
// begins like one, or is no prose that mentions one.
func Address(text string) bool { return URL(strings.TrimSpace(text)) || !prose(text) }

// ScriptURL says whether the text has an address that runs code: of a scheme for
// scripts, or with data of a type that browsers run.
func ScriptURL(text string) bool {
	text = strings.Map(func(r rune) rune {
		if r <= ' ' {
			return -1
		}
		return r
	}, strings.ToLower(text))
	if strings.Contains(text, "javascript:") || strings.Contains(text, "vbscript:") || strings.Contains(text, "@") {
		return true
	}
	for {
		_, after, found := strings.Cut(text, "data:")
		if !found {
			return false
		}
		media := after[:min(len(after), 64)]
		if slices.ContainsFunc([]string{"html", "xml", "svg", "script"}, func(s string) bool { return strings.Contains(media, s) }) {
			return true
		}
		text = after
	}
}

// Attribute says whether the text could bring an attribute into a page: in an
// element of its own, behind a quote mark, or in what XML declares.
func Attribute(text string) bool {
	return Markup(text) || ScriptURL(text) || strings.ContainsAny(text, "\"'`") && strings.Contains(text, "=") || strings.Contains(text, "!")
}

// messageStarts are what lines of messages of HTTP begin with, in lower case.
var messageStarts = []string{
	"http/", "content-", "set-cookie:", "location:", "transfer-encoding:", "host:", "connection:", "x-", "cookie:", "refresh:", "access-control-",
	"get /", "post /", "put /", "delete /", "patch /", "head /", "options /", "cache-control:", "<",
}

// Splitting says whether the text could end the header of a message of HTTP and
// begin another: some line behind the first is one of such a message, and it is
// not a page.
func Splitting(text string) bool {
	if start := strings.ToLower(strings.TrimSpace(text)); strings.HasPrefix(start, "<!doctype html") || strings.HasPrefix(start, "<html") {
		return false
	}
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\r' || r == '\n' })
	for i, line := range lines {
		line = strings.ToLower(strings.TrimSpace(line))
		if (i > 0 || text[0] == '\r' || text[0] == '\n') && slices.ContainsFunc(messageStarts, func(s string) bool { return strings.HasPrefix(line, s) }) {
			return true
		}
	}
	return false
}
