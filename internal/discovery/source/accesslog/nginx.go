package accesslog

import (
	"fmt"
	"strings"
)

// Nginx compiles a log_format of nginx: its text, or the whole directive with
// its name and its quoted parts.
func Nginx(format string) (*Format, error) {
	text := strings.TrimSpace(format)
	if strings.HasPrefix(text, "log_format") {
		text = quotedParts(text)
	}
	p := &pattern{}
	for text != "" {
		at := strings.IndexByte(text, '$')
		if at < 0 {
			p.literal(text)
			break
		}
		p.literal(text[:at])
		text = text[at+1:]
		var name string
		if strings.HasPrefix(text, "{") {
			end := strings.IndexByte(text, '}')
			if end < 0 {
				return nil, fmt.Errorf("the nginx format has a ${ that nothing closes")
			}
			name, text = text[1:end], text[end+1:]
		} else {
			n := 0
			for n < len(text) && isWord(text[n]) {
				n++
			}
			name, text = text[:n], text[n:]
		}
		if name == "" {
			return nil, fmt.Errorf("the nginx format has a $ without the name of a variable")
		}
		if err := p.column(nginxColumn(name)); err != nil {
			return nil, err
		}
	}
	return p.format("nginx")
}

func isWord(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// quotedParts joins the quoted parts of a directive, as nginx does.
func quotedParts(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		quote := text[i]
		if quote != '\'' && quote != '"' {
			continue
		}
		for i++; i < len(text) && text[i] != quote; i++ {
			if text[i] == '\\' && i+1 < len(text) {
				i++
			}
			b.WriteByte(text[i])
		}
	}
	return b.String()
}

func nginxColumn(name string) piece {
	switch name {
	case "remote_addr":
		return piece{field: addressField}
	case "http_x_forwarded_for", "proxy_add_x_forwarded_for":
		return piece{field: forwardedField, list: true}
	case "remote_user":
		return piece{field: userField}
	case "time_local", "time_iso8601", "msec":
		return piece{field: timeField}
	case "request":
		return piece{field: requestLine}
	case "request_method":
		return piece{field: methodField}
	case "request_uri":
		return piece{field: targetField}
	case "uri", "document_uri":
		return piece{field: pathField}
	case "args", "query_string":
		return piece{field: queryField}
	case "server_protocol":
		return piece{field: protoField}
	case "status":
		return piece{field: statusField}
	case "body_bytes_sent":
		return piece{field: bytesField}
	case "content_length":
		return piece{field: requestBytes}
	case "content_type":
		return piece{field: requestHeader, name: "content-type"}
	case "http_host", "host":
		return piece{field: hostField}
	case "server_name":
		return piece{field: fallbackHost}
	case "scheme":
		return piece{field: schemeField}
	case "upstream_addr":
		return piece{field: upstreamField, list: true}
	case "http_user_agent":
		return piece{field: agentField}
	case "http_referer":
		return piece{}
	}
	switch {
	case strings.HasPrefix(name, "http_"):
		return piece{field: requestHeader, name: headerName(name[len("http_"):])}
	case strings.HasPrefix(name, "sent_http_"):
		return piece{field: responseHeader, name: headerName(name[len("sent_http_"):])}
	case strings.HasPrefix(name, "upstream_"):
		return piece{list: true}
	}
	return piece{}
}

func headerName(variable string) string {
	return strings.ReplaceAll(strings.ToLower(variable), "_", "-")
}
