package accesslog

import "strings"

// methods are those by which a request is found in free text.
const methods = " GET POST PUT PATCH DELETE HEAD OPTIONS "

// readText finds a request in the line of an application's log, as loggers of
// flows write it: a method, a path and perhaps a protocol and a status behind
// them: "… Received request: POST /api/orders HTTP/1.1 201 …".
func readText(line string, e *entry) bool {
	rest := line
	for {
		at := strings.IndexByte(rest, '/')
		if at < 0 {
			return false
		}
		before := rest[:at]
		if scheme := strings.LastIndex(before, "http"); scheme >= 0 && (before[scheme:] == "http:" || before[scheme:] == "https:") {
			before = before[:scheme]
			at = scheme
		}
		before = strings.TrimRight(before, ` "':`)
		method := before[strings.LastIndexAny(before, " \"'[(:=")+1:]
		if len(method) >= 3 && len(before) < at && strings.Contains(methods, " "+method+" ") {
			return readFound(line, method, rest[at:], e)
		}
		rest = rest[strings.IndexByte(rest, '/')+1:]
	}
}

// readFound reads what stands behind a method that was found.
func readFound(line, method, rest string, e *entry) bool {
	target := rest
	if end := strings.IndexAny(rest, " \t\"'],;)"); end >= 0 {
		target = rest[:end]
	}
	e.set(methodField, "", method, false)
	e.set(targetField, "", target, false)
	words := strings.FieldsFunc(rest[len(target):], func(r rune) bool { return strings.ContainsRune(" \t\"'[](),;:=", r) })
	for _, word := range words[:min(len(words), 8)] {
		switch {
		case strings.HasPrefix(word, "HTTP/"):
			e.set(protoField, "", word, false)
		case len(word) == 3 && word[0] >= '1' && word[0] <= '5' && strings.Trim(word, "0123456789") == "":
			e.set(statusField, "", word, false)
			return leadingTime(line, e)
		}
	}
	// Without protocol and status it may be anything.
	return e.value[protoField] != "" && leadingTime(line, e)
}

// leadingTime takes the time at the begin of a line, if one stands there.
func leadingTime(line string, e *entry) bool {
	text := strings.TrimLeft(line, "[")
	for _, level := range [...]string{"INFO", "DEBUG", "WARN", "ERROR", "TRACE"} {
		text = strings.TrimLeft(strings.TrimPrefix(text, level), " ")
	}
	text = text[:min(len(text), 40)]
	var c clock
	for n := 1; n <= 2; n++ {
		words := strings.SplitN(text, " ", n+1)
		if len(words) < n {
			break
		}
		candidate := strings.TrimRight(strings.Join(words[:n], " "), "],")
		if _, ok := c.parse(candidate, ""); ok && len(candidate) >= 19 {
			e.value[timeField] = candidate
		}
	}
	return true
}
