package opinion

import (
	"slices"
	"strings"
)

// Java says whether the text could make a program of Java use a class: names of
// classes in messages, logs and the frames of stack traces do not, and the name
// of a class as the whole text, in quotes, in an expression or as the name of
// an element does.
func Java(text string) bool {
	trimmed := strings.TrimSpace(text)
	for i := 0; i < len(text); {
		if !nameByte(text[i]) {
			i++
			continue
		}
		from := i
		for i < len(text) && nameByte(text[i]) {
			i++
		}
		name := strings.TrimRight(text[from:i], ".")
		to := from + len(name)
		if !className(name) {
			continue
		}
		if thrown := strings.HasSuffix(name, "Exception") || strings.HasSuffix(name, "Error"); name == trimmed && !thrown || !mentioned(text, from, to) || !thrown && alone(text, from, to) {
			return true
		}
	}
	return strings.Contains(text, "\xac\xed\x00\x05")
}

func nameByte(c byte) bool { return letter(c) || digit(c) || c == '.' || c == '$' }

// className says that a name is one of a class, or of a property that leads to
// classes.
func className(name string) bool {
	return strings.Count(name, ".") >= 2 && capital(name) || slices.ContainsFunc(unpackaged, func(s string) bool { return strings.Contains(strings.ToLower(name), s) })
}

// capital says that a part of a name begins with a capital, as classes do.
func capital(name string) bool {
	for i := 1; i < len(name); i++ {
		if (name[i-1] == '.' || name[i-1] == '$') && 'A' <= name[i] && name[i] <= 'Z' {
			return true
		}
	}
	return false
}

// unpackaged are names that mean classes without their packages.
var unpackaged = []string{"classloader", "declaredclass", "ognlcontext", "ognlutil", "javassist", "propertyutilsbean", "processbuilder"}

// mentioned says that the name at text[from:to] is part of a message, an import
// or the frame of a stack trace: no character of an expression touches it.
func mentioned(text string, from, to int) bool {
	before, after := byte(' '), byte(' ')
	if from > 0 {
		before = text[from-1]
	}
	if to < len(text) {
		after = text[to]
	}
	switch {
	case after == '(':
		return (isSpace(before) || before == '/') && frame(text[to+1:], strings.HasSuffix(strings.TrimRight(text[max(0, from-64):from], " \t"), "at"))
	case before == '(' && after == ')' && strings.HasSuffix(text[from:to], "Exception"):
		return true
	case before == '\'' && after == '\'', before == '`' && after == '`', before == '(' && after == ')', before == '[' && after == ']':
		return from > 1 && isSpace(text[from-2]) && prose(text)
	}
	switch after {
	case ':', ' ', '\t', '\n', '\r', ',', '.', ';', ')', ']', '!', '?', '/', '-', '@':
		return (isSpace(before) || before == '[' || before == '/' || before == '>' && isSpace(after)) && (after != '@' || to+1 < len(text) && hexDigit(text[to+1]))
	}
	return false
}

// alone says that nothing else stands in the line of text[from:to].
func alone(text string, from, to int) bool {
	before := strings.TrimRight(text[:from], " \t")
	after := strings.TrimLeft(text[to:], " \t\r")
	return (before == "" || before[len(before)-1] == '\n') && (after == "" || after[0] == '\n')
}

// frame says that what follows is the rest of a frame of a stack trace, as
// "OrderService.java:392)"; behind "at", the types of parameters too.
func frame(rest string, at bool) bool {
	inside, _, closed := strings.Cut(rest[:min(256, len(rest))], ")")
	if !closed {
		return false
	}
	if at && !strings.ContainsAny(inside, "\"'(") {
		return true
	}
	for _, end := range []string{"Native Method", "Unknown Source", "<generated>", "..."} {
		if inside == end {
			return true
		}
	}
	file, _, _ := strings.Cut(inside, ":")
	i := strings.LastIndexByte(file, '.')
	return i > 0 && slices.Contains([]string{"java", "kt", "scala", "groovy", "clj"}, file[i+1:]) && !strings.ContainsAny(file, "\"'( ")
}
