package accesslog

import (
	"fmt"
	"strings"
)

// Apache compiles a LogFormat of Apache's httpd: its text, or the whole
// directive with its quotes.
func Apache(format string) (*Format, error) {
	text := strings.TrimSpace(format)
	if strings.HasPrefix(text, "LogFormat") {
		text = quotedParts(text)
	} else {
		text = strings.ReplaceAll(text, `\"`, `"`)
	}
	p := &pattern{}
	for text != "" {
		at := strings.IndexByte(text, '%')
		if at < 0 {
			p.literal(text)
			break
		}
		p.literal(text[:at])
		text = text[at+1:]
		// Conditions on the status and the choice of the first or last request.
		text = strings.TrimLeft(text, "!,<>0123456789")
		var argument string
		if strings.HasPrefix(text, "{") {
			end := strings.IndexByte(text, '}')
			if end < 0 {
				return nil, fmt.Errorf("the Apache format has a %%{ that nothing closes")
			}
			argument, text = text[1:end], text[end+1:]
		}
		if text == "" {
			return nil, fmt.Errorf("the Apache format ends behind a %%")
		}
		directive := text[0]
		text = text[1:]
		if directive == '^' && len(text) >= 2 {
			text = text[2:]
		}
		if err := p.apache(directive, argument); err != nil {
			return nil, err
		}
	}
	return p.format("apache")
}

func (p *pattern) apache(directive byte, argument string) error {
	if directive == '%' {
		p.literal("%")
		return nil
	}
	if directive == 't' && argument == "" {
		p.literal("[")
		err := p.column(piece{field: timeField})
		p.literal("]")
		return err
	}
	return p.column(apacheColumn(directive, argument))
}

func apacheColumn(directive byte, argument string) piece {
	name := strings.ToLower(argument)
	switch directive {
	case 'a', 'h':
		if name == "c" {
			return piece{}
		}
		return piece{field: addressField}
	case 't':
		if strings.Contains(name, "msec_frac") || strings.Contains(name, "usec_frac") {
			return piece{}
		}
		return piece{field: timeField}
	case 'u':
		return piece{field: userField}
	case 'r':
		return piece{field: requestLine}
	case 'm':
		return piece{field: methodField}
	case 'U':
		return piece{field: pathField}
	case 'q':
		return piece{field: queryField}
	case 'H':
		return piece{field: protoField}
	case 's':
		return piece{field: statusField}
	case 'b', 'B':
		return piece{field: bytesField}
	case 'v', 'V':
		return piece{field: fallbackHost}
	case 'p':
		if name == "" || name == "canonical" {
			return piece{field: portField}
		}
	case 'i':
		return headerColumn(name)
	case 'o':
		return piece{field: responseHeader, name: name}
	}
	return piece{}
}

// headerColumn is the column of a request header.
func headerColumn(name string) piece {
	switch name {
	case "host", ":authority":
		return piece{field: hostField}
	case "user-agent":
		return piece{field: agentField}
	case "x-forwarded-for":
		return piece{field: forwardedField, list: true}
	case "referer":
		return piece{}
	case ":method":
		return piece{field: methodField}
	case ":path", "x-envoy-original-path":
		return piece{field: targetField}
	case ":scheme", "x-forwarded-proto":
		return piece{field: schemeField}
	}
	return piece{field: requestHeader, name: name}
}
