package accesslog

import (
	"net/netip"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/traffic"
)

// maxHeaders is the most header columns of one line.
const maxHeaders = 64

// entry is one line taken apart.
type entry struct {
	value [fieldCount]string
	// rank is how good the name was under which a value was found; lower is better.
	rank              [fieldCount]uint8
	request, response []traffic.Field
	// layout is how the mapping says that times are written.
	layout string
}

func (e *entry) reset() { *e = entry{request: e.request[:0], response: e.response[:0]} }

// set keeps a value; "-" and the empty text say that there is none.
func (e *entry) set(f field, name, value string, quoted bool) {
	if value == "" || value == "-" {
		return
	}
	if quoted && strings.IndexByte(value, '\\') >= 0 {
		value = unescape(value)
	}
	switch f {
	case requestHeader:
		if len(e.request) < maxHeaders {
			e.request = append(e.request, traffic.Field{Name: name, Value: value})
		}
	case responseHeader:
		if len(e.response) < maxHeaders {
			e.response = append(e.response, traffic.Field{Name: name, Value: value})
		}
	default:
		e.value[f] = value
	}
}

// fill makes the observation of an entry.
func (p *Parser) fill(e *entry, o *discovery.Observation) error {
	o.Source, o.Sampled = discovery.FromLog, true
	if !e.fillRequest(o) {
		return ErrNoRequest
	}
	o.Scheme = strings.ToLower(e.value[schemeField])
	if o.Host = e.value[hostField]; o.Host == "" {
		o.Host = e.value[fallbackHost]
	}
	if port := e.value[portField]; port != "" && o.Host != "" && strings.IndexByte(o.Host, ':') < 0 {
		o.Host += ":" + port
	}
	if e.value[statusField] != "" {
		status, err := strconv.Atoi(e.value[statusField])
		if err != nil {
			return ErrFormat
		}
		if status >= 100 && status <= 999 {
			o.Status = status
		}
	}
	if text := e.value[timeField]; text != "" {
		at, ok := p.clock.parse(text, e.layout)
		if !ok {
			return ErrFormat
		}
		o.Time = at
	}
	o.Service = answered(e.value[upstreamField])
	o.Request.Unseen = some(e.value[requestBytes])
	o.Response.Unseen = some(e.value[bytesField])
	o.Caller.ClientID = e.value[clientField]
	if o.Status != 401 {
		o.Caller.Subject = e.value[userField]
	}
	o.API = e.value[apiField]
	o.Caller.Address = p.client(e)
	e.fillHeaders(o)
	return nil
}

func (e *entry) fillHeaders(o *discovery.Observation) {
	if agent := e.value[agentField]; agent != "" {
		e.request = append(e.request, traffic.Field{Name: "user-agent", Value: agent})
	}
	if len(e.request) > 0 {
		h := traffic.NewHeader(e.request...)
		o.Request.Header = &h
	}
	if len(e.response) > 0 {
		h := traffic.NewHeader(e.response...)
		o.Response.Header = &h
	}
}

// fillRequest finds method and target; a column of their own wins over the
// request line.
func (e *entry) fillRequest(o *discovery.Observation) bool {
	if line := e.value[requestLine]; line != "" {
		var ok bool
		if o.Method, o.Path, o.Proto, ok = splitRequest(line); !ok {
			return false
		}
	}
	if method := e.value[methodField]; method != "" {
		o.Method = method
	}
	if proto := e.value[protoField]; proto != "" {
		o.Proto = proto
	}
	switch {
	case e.value[targetField] != "":
		o.Path = e.value[targetField]
	case e.value[pathField] != "":
		if o.Path == "" {
			o.Path = e.value[pathField]
		}
	}
	if query := strings.TrimPrefix(e.value[queryField], "?"); query != "" && strings.IndexByte(o.Path, '?') < 0 {
		o.Path += "?" + query
	}
	return o.Method != "" && o.Path != ""
}

// splitRequest takes "GET /path HTTP/1.1" apart. A target may hold spaces that
// the client should not have sent; they stay in it.
func splitRequest(line string) (method, target, proto string, ok bool) {
	first := strings.IndexByte(line, ' ')
	if first <= 0 {
		return "", "", "", false
	}
	last := strings.LastIndexByte(line, ' ')
	if last == first || !strings.HasPrefix(line[last+1:], "HTTP/") {
		return "", "", "", false
	}
	for i := range first {
		if c := line[i]; (c < 'A' || c > 'Z') && c != '-' && c != '_' && (c < 'a' || c > 'z') {
			return "", "", "", false
		}
	}
	return line[:first], line[first+1 : last], line[last+1:], true
}

// client is the address of the client: of the forwarded column when there is
// one, else of the peer.
func (p *Parser) client(e *entry) netip.Addr {
	if list := e.value[forwardedField]; list != "" && p.options.Forwarded > 0 {
		for range p.options.Forwarded - 1 {
			if cut := strings.LastIndexByte(list, ','); cut >= 0 {
				list = list[:cut]
			}
		}
		if cut := strings.LastIndexByte(list, ','); cut >= 0 {
			list = list[cut+1:]
		}
		if a := address(strings.TrimSpace(list)); a.IsValid() {
			return a
		}
	}
	return address(e.value[addressField])
}

// address reads an address with or without a port, brackets or a leading slash.
func address(text string) netip.Addr {
	text = strings.TrimPrefix(text, "/")
	if text == "" || len(text) > 64 {
		return netip.Addr{}
	}
	if a, err := netip.ParseAddr(text); err == nil {
		return a.Unmap().WithZone("")
	}
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return ap.Addr().Unmap().WithZone("")
	}
	if text[0] == '[' && text[len(text)-1] == ']' {
		if a, err := netip.ParseAddr(text[1 : len(text)-1]); err == nil {
			return a.Unmap().WithZone("")
		}
	}
	return netip.Addr{}
}

// answered is the last of the upstreams that were tried, which gave the answer.
func answered(list string) string {
	if cut := strings.LastIndexAny(list, ", "); cut >= 0 {
		list = list[cut+1:]
	}
	if list == "-" {
		return ""
	}
	for _, scheme := range [...]string{"http://", "https://", "h2c://"} {
		list = strings.TrimPrefix(list, scheme)
	}
	return strings.TrimSuffix(list, "/")
}

// some says that a column counts bytes, and more than none.
func some(count string) bool {
	return count != "" && count != "0"
}

// unescape undoes the escapes of nginx and Apache: \xHH, \", \\ and control
// characters. What is no escape stays.
func unescape(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			b.WriteByte(text[i])
			continue
		}
		i++
		switch c := text[i]; c {
		case 'x':
			if i+2 < len(text) {
				if v, err := strconv.ParseUint(text[i+1:i+3], 16, 8); err == nil {
					b.WriteByte(byte(v))
					i += 2
					continue
				}
			}
			b.WriteString(`\x`)
		case '"', '\\':
			b.WriteByte(c)
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 't':
			b.WriteByte('\t')
		default:
			b.WriteByte('\\')
			b.WriteByte(c)
		}
	}
	return b.String()
}
