package accesslog

import (
	"fmt"
	"strings"
)

// Envoy compiles a format of Envoy's access log.
func Envoy(format string) (*Format, error) {
	text := strings.TrimRight(strings.TrimSuffix(format, `\n`), "\n")
	p := &pattern{}
	for text != "" {
		at := strings.IndexByte(text, '%')
		if at < 0 {
			p.literal(text)
			break
		}
		p.literal(text[:at])
		text = text[at+1:]
		if strings.HasPrefix(text, "%") {
			p.literal("%")
			text = text[1:]
			continue
		}
		name, argument, rest, ok := envoyCommand(text)
		if !ok {
			return nil, fmt.Errorf("the Envoy format has a %% that no other closes")
		}
		text = rest
		if err := p.column(envoyColumn(name, argument)); err != nil {
			return nil, err
		}
	}
	return p.format("envoy")
}

// envoyCommand reads NAME(argument):length% behind its first percent sign; an
// argument may hold percent signs.
func envoyCommand(text string) (name, argument, rest string, ok bool) {
	n := 0
	for n < len(text) && isWord(text[n]) {
		n++
	}
	name = text[:n]
	text = text[n:]
	if strings.HasPrefix(text, "(") {
		end := strings.IndexByte(text, ')')
		if end < 0 {
			return "", "", "", false
		}
		argument, text = text[1:end], text[end+1:]
	}
	end := strings.IndexByte(text, '%')
	if name == "" || end < 0 {
		return "", "", "", false
	}
	return name, argument, text[end+1:], true
}

func envoyColumn(name, argument string) piece {
	switch name {
	case "START_TIME":
		return piece{field: timeField}
	case "REQ", "REQUEST_HEADER":
		first, _, _ := strings.Cut(strings.ToLower(argument), "?")
		return headerColumn(first)
	case "RESP", "RESPONSE_HEADER":
		first, _, _ := strings.Cut(strings.ToLower(argument), "?")
		return piece{field: responseHeader, name: first}
	case "PROTOCOL":
		return piece{field: protoField}
	case "RESPONSE_CODE":
		return piece{field: statusField}
	case "BYTES_RECEIVED":
		return piece{field: requestBytes}
	case "BYTES_SENT":
		return piece{field: bytesField}
	case "UPSTREAM_HOST":
		return piece{field: upstreamField}
	case "DOWNSTREAM_REMOTE_ADDRESS", "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT":
		return piece{field: addressField}
	case "REQUESTED_SERVER_NAME":
		return piece{field: fallbackHost}
	}
	return piece{}
}
