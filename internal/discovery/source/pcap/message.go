package pcap

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/encoding/content"
	"farrier.dev/farrier/internal/traffic"
)

// maxFields is the most header fields of a message.
const maxFields = 500

// message is one request or answer while its body comes.
type message struct {
	seq, ack uint32
	at       time.Time
	header   traffic.Header
	body     []byte
	// partial says that the body is longer, hole that something in its middle is missing:
	// nothing behind it counts.
	partial, hole bool
}

func (m *message) add(data []byte, limit int) {
	if m == nil || m.hole || m.partial {
		return
	}
	if room := limit - len(m.body); len(data) > room {
		data, m.partial = data[:room], true
	}
	m.body = append(m.body, data...)
}

// message gives the body with its content coding opened.
func (m *message) message(limit int) discovery.Message {
	out := discovery.Message{Header: &m.header, Partial: m.partial}
	if len(m.body) == 0 {
		out.Unseen = m.partial
		return out
	}
	coding := m.header.Joined("content-encoding")
	if coding == "" {
		out.Body = m.body
		return out
	}
	body, more, err := content.DecodePrefix(coding, m.body, int64(limit), content.DefaultRatio)
	if err != nil {
		out.Unseen = true
		return out
	}
	out.Body, out.Partial = body, more || m.partial
	return out
}

// parseHeader reads the lines behind a start line.
func parseHeader(lines []byte) (traffic.Header, bool) {
	var fields []traffic.Field
	for len(lines) > 0 {
		line, rest, _ := bytes.Cut(lines, []byte("\n"))
		lines = rest
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) == 0 {
			continue
		}
		name, value, found := bytes.Cut(line, []byte(":"))
		if !found || !isToken(name) || len(fields) >= maxFields {
			return traffic.Header{}, false
		}
		fields = append(fields, traffic.Field{Name: traffic.LowerName(string(name)), Value: string(bytes.Trim(value, " \t"))})
	}
	var h traffic.Header
	h.SetSorted(fields)
	return h, true
}

func isToken(name []byte) bool {
	for _, c := range name {
		if c <= ' ' || c >= 0x7f || bytes.IndexByte([]byte(`"(),/:;<=>?@[\]{}`), c) >= 0 {
			return false
		}
	}
	return len(name) > 0
}

// framing finds how long a body is: chunked, or so many bytes, or -1 when the
// header does not say.
func framing(h *traffic.Header) (chunked bool, length int64, ok bool) {
	if coding := h.Joined("transfer-encoding"); coding != "" {
		last := coding[strings.LastIndexByte(coding, ',')+1:]
		return true, 0, strings.EqualFold(strings.TrimSpace(last), "chunked")
	}
	values := h.Values("content-length")
	if len(values) == 0 {
		return false, -1, true
	}
	for _, v := range values {
		if v.Value != values[0].Value {
			return false, 0, false
		}
	}
	n, err := strconv.ParseUint(values[0].Value, 10, 62)
	return false, int64(n), err == nil
}

// request reads the head of a request.
func (c *conn) request(st *stream, head []byte) bool {
	line, rest, _ := bytes.Cut(head, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	first, last := bytes.IndexByte(line, ' '), bytes.LastIndexByte(line, ' ')
	if first <= 0 || last <= first || !isToken(line[:first]) || !beginsAnswer(line[last+1:]) {
		return false
	}
	h, ok := parseHeader(rest)
	if !ok {
		return false
	}
	st.now.header = h
	x := &exchange{request: st.now, o: &discovery.Observation{
		Source: discovery.FromCapture, Sampled: true, Time: st.now.at, Scheme: "http", Host: h.Get("host"),
		Method: string(line[:first]), Path: string(line[first+1 : last]), Proto: string(line[last+1:]),
		Service: c.end2().String(), Caller: discovery.Caller{Address: c.end1().Addr()},
	}}
	chunked, length, ok := framing(&h)
	if !ok {
		return false
	}
	c.spoke = true
	c.http.push(c, x)
	c.begin(st, chunked, length, false)
	return true
}

// begin enters the body.
func (c *conn) begin(st *stream, chunked bool, length int64, answer bool) {
	switch {
	case chunked:
		st.state = inChunkSize
	case length > 0:
		st.state, st.left = inBody, length
	case length < 0 && answer:
		st.state = untilClose
	default:
		c.done(st, answer)
	}
}

// answer reads the head of an answer.
func (c *conn) answer(st *stream, head []byte) bool {
	line, rest, _ := bytes.Cut(head, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	if !beginsAnswer(line) || len(line) < 12 || line[8] != ' ' {
		return false
	}
	status, err := strconv.Atoi(string(line[9:12]))
	if err != nil || status < 100 {
		return false
	}
	h, ok := parseHeader(rest)
	if !ok {
		return false
	}
	chunked, length, ok := framing(&h)
	if !ok {
		return false
	}
	if status < 200 && status != 101 {
		// An interim answer; the final one follows.
		st.state, st.now = atStart, nil
		return true
	}
	st.now.header = h
	method := c.http.answer(c, st.now, status)
	switch {
	case method == "":
		// Without the request nobody knows how long the answer is.
		st.state, st.now = searching, nil
		return true
	case status == 101:
		c.http.answered(c)
		c.close("a connection that went over to " + upgrade(h.Get("upgrade")))
		return true
	case method == "CONNECT" && status < 300:
		c.http.answered(c)
		c.close("a tunnel")
		return true
	case method == "HEAD" || status == 204 || status == 304:
		chunked, length = false, 0
	}
	c.begin(st, chunked, length, true)
	return true
}

// upgrade names the protocols that are known.
func upgrade(protocol string) string {
	switch p := strings.ToLower(protocol); p {
	case "websocket", "h2c":
		return p
	}
	return "another protocol"
}
