package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"
)

// tell writes a conversation of examples/policies as people read it. Its form is
// documented where it is played, in internal/app.
func tell(b *strings.Builder, data []byte) error {
	archive := txtar.Parse(data)
	comment := strings.TrimSpace(string(archive.Comment))
	if comment == "" || len(archive.Files) == 0 {
		return errors.New("a conversation begins with a sentence, and has sections")
	}
	fmt.Fprintf(b, "> %s\n\n", strings.ReplaceAll(comment, "\n", "\n> "))
	settings := false
	for _, section := range archive.Files {
		name, rest, _ := strings.Cut(section.Name, " ")
		text := strings.TrimSpace(string(section.Data))
		switch name {
		case "send":
			settings = false
			fmt.Fprintf(b, "A request%s:\n\n", connection(rest))
			fence(b, "http", text)
		case "upstream":
			b.WriteString("From here on the service answers:\n\n")
			fence(b, "http", text)
		case "refuse-config":
			settings = true
			b.WriteString("These settings are not valid:\n\n")
			fence(b, "yaml", text)
		case "want":
			if settings {
				fmt.Fprintf(b, "`farrier check` says: %s\n\n", quote(text))
				continue
			}
			outcome(b, strings.Split(text, "\n"))
		default:
			return fmt.Errorf("unknown section %q", section.Name)
		}
	}
	return nil
}

// connection words what stands behind send: a port, and how TLS is spoken.
func connection(words string) string {
	fields := strings.Fields(words)
	if len(fields) == 0 {
		return ""
	}
	text := " to port " + fields[0]
	for _, word := range fields[1:] {
		switch word {
		case "tls":
			text += " over TLS"
		case "client":
			text += ", with a certificate that is trusted"
		case "stranger":
			text += ", with a certificate that is not trusted"
		case "absent":
			text += ", without a certificate"
		default:
			text += ", at most TLS " + word
		}
	}
	return text
}

func fence(b *strings.Builder, language, text string) {
	marks := "```"
	for bytes.Contains([]byte(text), []byte(marks)) {
		marks += "`"
	}
	fmt.Fprintf(b, "%s%s\n%s\n%s\n\n", marks, language, text, marks)
}

// outcome words what must come of a request.
func outcome(b *strings.Builder, lines []string) {
	words := append(strings.Fields(lines[0]), "")
	switch words[0] {
	case "pass":
		b.WriteString("The service receives it")
	case "refuse":
		fmt.Fprintf(b, "It is refused with %s", words[1])
	case "answer":
		fmt.Fprintf(b, "It is answered with %s, without the service", words[1])
	case "closed":
		b.WriteString("The connection is ended")
	default:
		fmt.Fprintf(b, "%s", lines[0])
	}
	if len(lines) == 1 {
		b.WriteString(".\n\n")
		return
	}
	b.WriteString(":\n\n")
	for _, line := range lines[1:] {
		fmt.Fprintf(b, "- %s\n", expectation(strings.TrimSpace(line)))
	}
	b.WriteString("\n")
}

// expectation words one further line of want.
func expectation(line string) string {
	if text, ok := strings.CutPrefix(line, "log~ "); ok {
		return "the log has " + quote(text)
	}
	who := "the client reads"
	if rest, ok := strings.CutPrefix(line, "upstream "); ok {
		who, line = "the service reads", rest
	}
	if text, ok := strings.CutPrefix(line, "body~ "); ok {
		return who + " a body with " + quote(text) + " in it"
	}
	if text, ok := strings.CutPrefix(line, "body: "); ok {
		return who + " the body " + quote(text)
	}
	if name, ok := strings.CutPrefix(line, "!"); ok {
		return who + " no header " + quote(name)
	}
	return who + " " + quote(line)
}

// quote sets text as code, whatever is in it.
func quote(text string) string {
	text = strings.ReplaceAll(text, "\n", " ")
	if strings.Contains(text, "`") {
		return "`` " + text + " ``"
	}
	return "`" + text + "`"
}
