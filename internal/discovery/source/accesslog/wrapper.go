package accesslog

import (
	"encoding/json"
	"strings"
)

// Wrapper is what a runtime or a forwarder writes around a line.
type Wrapper int

// The wrappers.
const (
	// Bare is a line as the server wrote it.
	Bare Wrapper = iota
	// CRI is "time stream tag line", as containerd and CRI-O write it for Kubernetes.
	CRI
	// Docker is a JSON object whose member "log" is the line.
	Docker
	// Syslog is a line behind the header of RFC 3164 or RFC 5424.
	Syslog
	// Message is a JSON object whose member "message" is the line.
	Message
)

func (w Wrapper) String() string {
	switch w {
	case CRI:
		return "Kubernetes (CRI)"
	case Docker:
		return "Docker's JSON"
	case Syslog:
		return "syslog"
	case Message:
		return "JSON messages"
	case Bare:
	}
	return "lines"
}

// maxPart bounds a line that a container runtime cut into parts.
const maxPart = 1 << 20

// wrappersOf are the wrappers that most of the sample's lines are in, and Bare.
func wrappersOf(sample []string) []Wrapper {
	found := []Wrapper{Bare}
	for _, w := range []Wrapper{CRI, Docker, Syslog, Message} {
		n := 0
		for _, line := range sample {
			if _, _, ok := unwrap(w, line); ok {
				n++
			}
		}
		if n > 0 && n*2 >= len(sample) {
			found = append(found, w)
		}
	}
	return found
}

// unwrap gives the line inside, and for CRI whether more of it follows.
func (p *Parser) unwrap(line string) (string, error) {
	if p.wrapper == Bare {
		return line, nil
	}
	inner, more, ok := unwrap(p.wrapper, line)
	if !ok {
		return "", ErrFormat
	}
	if more || p.part.Len() > 0 {
		if p.part.Len()+len(inner) > maxPart {
			p.part.Reset()
			return "", ErrFormat
		}
		p.part.WriteString(inner)
		if more {
			return "", ErrPart
		}
		inner = p.part.String()
		p.part.Reset()
	}
	return inner, nil
}

func unwrap(w Wrapper, line string) (inner string, more, ok bool) {
	switch w {
	case CRI:
		return unwrapCRI(line)
	case Docker, Message:
		if !strings.HasPrefix(line, "{") {
			return "", false, false
		}
		var outer struct {
			Log     *string          `json:"log"`
			Message *json.RawMessage `json:"message"`
		}
		if json.Unmarshal([]byte(line), &outer) != nil {
			return "", false, false
		}
		var text string
		switch {
		case w == Docker && outer.Log != nil:
			text = *outer.Log
		case w == Message && outer.Message != nil && json.Unmarshal(*outer.Message, &text) == nil:
		default:
			return "", false, false
		}
		// Docker cuts long lines at 16 KiB; only the last part ends with the line's end.
		return strings.TrimRight(text, "\r\n"), w == Docker && !strings.HasSuffix(text, "\n") && len(text) >= 16<<10, true
	case Syslog:
		inner, ok = unwrapSyslog(line)
		return inner, false, ok
	case Bare:
	}
	return line, false, true
}

func unwrapCRI(line string) (inner string, more, ok bool) {
	at, rest, _ := strings.Cut(line, " ")
	stream, rest, _ := strings.Cut(rest, " ")
	tag, inner, found := strings.Cut(rest, " ")
	if !found || (stream != "stdout" && stream != "stderr") || len(at) < 20 || at[10] != 'T' {
		return "", false, false
	}
	return inner, tag == "P", tag == "P" || tag == "F"
}

// unwrapSyslog takes off "<pri>" and the header of either RFC, also as rsyslog
// writes it into files: without <pri>, with a time of RFC 3339.
func unwrapSyslog(line string) (string, bool) {
	rest, pri := line, false
	if strings.HasPrefix(rest, "<") {
		end := strings.IndexByte(rest, '>')
		if end < 2 || end > 4 {
			return "", false
		}
		rest, pri = rest[end+1:], true
	}
	if pri && strings.HasPrefix(rest, "1 ") {
		return unwrap5424(rest[2:])
	}
	switch {
	case len(rest) > 16 && rest[3] == ' ' && rest[6] == ' ' && rest[9] == ':' && rest[12] == ':' && rest[15] == ' ':
		rest = rest[16:]
	case len(rest) > 20 && rest[4] == '-' && rest[10] == 'T' && rest[13] == ':':
		_, rest, _ = strings.Cut(rest, " ")
	default:
		return "", false
	}
	// "host tag[pid]: message"; nginx writes "host tag: message", others no host.
	colon := strings.Index(rest, ": ")
	if colon < 0 || colon > 300 || strings.Count(rest[:colon], " ") > 1 || strings.ContainsAny(rest[:colon], `"{`) {
		return "", false
	}
	return rest[colon+2:], true
}

// unwrap5424 reads "time host app procid msgid structured-data message".
func unwrap5424(rest string) (string, bool) {
	for range 5 {
		var found bool
		if _, rest, found = strings.Cut(rest, " "); !found {
			return "", false
		}
	}
	if strings.HasPrefix(rest, "-") {
		return strings.TrimPrefix(strings.TrimPrefix(rest[1:], " "), "\ufeff"), true
	}
	for strings.HasPrefix(rest, "[") {
		quoted := false
		end := -1
		for i := 1; i < len(rest) && end < 0; i++ {
			switch {
			case rest[i] == '\\' && quoted:
				i++
			case rest[i] == '"':
				quoted = !quoted
			case rest[i] == ']' && !quoted:
				end = i
			}
		}
		if end < 0 {
			return "", false
		}
		rest = rest[end+1:]
	}
	return strings.TrimPrefix(strings.TrimPrefix(rest, " "), "\ufeff"), true
}

// WrapperFor is the wrapper in which the format reads most of the sample.
func WrapperFor(f *Format, sample []string) Wrapper {
	best, chosen := 0, Bare
	for _, w := range wrappersOf(sample) {
		read := NewParser(f, w, Options{}).count(sample)
		if read > best {
			best, chosen = read, w
		}
	}
	return chosen
}
