package detect

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/traffic"
)

// maxRequest bounds a request that is read from a file, in bytes.
const maxRequest = 1 << 20

// Report is what inspecting one request from a file says, as JSON.
type Report struct {
	Version int    `json:"version"`
	File    string `json:"file"`
	// Verdict is "pass" or "block".
	Verdict      string    `json:"verdict"`
	Score        int       `json:"score"`
	Findings     []Finding `json:"findings"`
	NotInspected []string  `json:"notInspected,omitempty"`
	// Exhausted is the budget that ran out, Units the work that was done, in
	// units of about four nanoseconds.
	Exhausted string `json:"exhausted,omitempty"`
	Units     int64  `json:"units"`
	// Microseconds is the time that judging took, where it was measured.
	Microseconds int64 `json:"microseconds,omitempty"`
	// Leaves are the texts that were judged, where that was asked for.
	Leaves []Leaf `json:"leaves,omitempty"`
	// Rules identifies the rules and options that judged.
	Rules string `json:"rules"`
	// Error says why the request could not be judged.
	Error string `json:"error,omitempty"`
}

// Finding is a finding in a report: with its place at hand, and its decoders
// even when there are none.
type Finding struct {
	finding.Finding
	Place    string   `json:"place"`
	Decoders []string `json:"decoders"`
}

// NewReport makes the report of a verdict on the request in a file.
func NewReport(file string, v Verdict) Report {
	r := Report{
		Version: 1, File: file, Verdict: "pass", Score: v.Score, Findings: []Finding{},
		NotInspected: v.NotInspected, Rules: v.Digest, Exhausted: v.Exhausted, Units: v.Units,
	}
	if v.Block {
		r.Verdict = "block"
	}
	if v.Err != nil {
		r.Error = v.Err.Error()
	}
	for _, f := range v.Findings {
		decoders := f.Decoders
		if decoders == nil {
			decoders = []string{}
		}
		r.Findings = append(r.Findings, Finding{Finding: f, Place: f.Location.Place, Decoders: decoders})
	}
	return r
}

// ParseRequest reads one raw HTTP/1.1 request from a file, with the leniency
// that a file wants: lines may end in LF alone, Content-Length may be missing,
// and then the body is the rest. It refuses what has no request line or broken
// header lines.
func ParseRequest(raw []byte) (*traffic.Exchange, error) {
	if len(raw) > maxRequest {
		return nil, fmt.Errorf("the request has more than %d bytes", maxRequest)
	}
	head, rest := splitHead(bytes.TrimLeft(raw, "\r\n"))
	lines := strings.Split(head, "\n")
	x := &traffic.Exchange{}
	if err := requestLine(&x.Request, strings.TrimSuffix(lines[0], "\r")); err != nil {
		return nil, err
	}
	for i, line := range lines[1:] {
		name, value, ok := strings.Cut(strings.TrimSuffix(line, "\r"), ":")
		if !ok || name == "" || strings.ContainsAny(name, " \t") {
			return nil, fmt.Errorf("line %d is no header; write it as \"Name: value\"", i+2)
		}
		x.Request.Header.Add(traffic.LowerName(name), strings.TrimSpace(value))
	}
	if host := x.Request.Header.Get("host"); host != "" {
		x.Request.Host = strings.ToLower(host)
	}
	if err := requestBody(x, rest); err != nil {
		return nil, err
	}
	return x, nil
}

// splitHead cuts behind the first empty line.
func splitHead(raw []byte) (head string, rest []byte) {
	for at := 0; at < len(raw); {
		end := bytes.IndexByte(raw[at:], '\n')
		if end < 0 {
			break
		}
		next := at + end + 1
		if line := bytes.TrimSuffix(raw[at:at+end], []byte("\r")); len(line) == 0 {
			return strings.TrimRight(string(raw[:at]), "\r\n"), raw[next:]
		}
		at = next
	}
	return strings.TrimRight(string(raw), "\r\n"), nil
}

func requestLine(q *traffic.Request, line string) error {
	method, rest, ok := strings.Cut(line, " ")
	// A target in a file may hold spaces: the version is what follows the last.
	i := strings.LastIndex(rest, " HTTP/")
	if !ok || method == "" || i < 0 {
		return errors.New("line 1 is no request line; write it as \"GET /path HTTP/1.1\"")
	}
	q.Method, q.RawTarget, q.Proto, q.Scheme = method, rest[:i], rest[i+1:], "http"
	path, query, _ := strings.Cut(q.RawTarget, "?")
	if scheme, after, ok := strings.Cut(path, "://"); ok && !strings.HasPrefix(path, "/") {
		host, _, _ := strings.Cut(after, "/")
		q.Scheme, q.Host, path = strings.ToLower(scheme), strings.ToLower(host), strings.TrimPrefix(after, host)
	}
	q.RawQuery = query
	normal, err := traffic.NormalisePath(path)
	if err != nil {
		// A gateway refuses such a path; here it is what is to be judged.
		normal = path
	}
	q.Path = normal
	return nil
}

// requestBody takes the body as the headers frame it, and opens gzip.
func requestBody(x *traffic.Exchange, rest []byte) error {
	h := &x.Request.Header
	if h.HasToken("transfer-encoding", "chunked") {
		var err error
		if rest, err = dechunk(rest); err != nil {
			return err
		}
	} else if n, err := strconv.ParseUint(h.Get("content-length"), 10, 63); err == nil && n < uint64(len(rest)) {
		rest = rest[:n]
	}
	if len(rest) == 0 {
		return nil
	}
	var decode traffic.Decoder
	switch coding := strings.ToLower(h.Joined("content-encoding")); coding {
	case "", "identity":
	case "gzip", "x-gzip":
		decode = gunzip
	default:
		x.NotInspected = append(x.NotInspected, "body: content coding "+strconv.Quote(coding)+" is not opened")
	}
	x.Request.Body.SetSource(bytes.NewReader(rest), int64(len(rest)))
	return x.Request.Body.Load(maxRequest, nil, decode)
}

func gunzip(coded []byte, limit int64) (decoded []byte, more bool, err error) {
	r, err := gzip.NewReader(bytes.NewReader(coded))
	if err != nil {
		return nil, false, fmt.Errorf("opening gzip: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, false, fmt.Errorf("opening gzip: %w", err)
	}
	if int64(len(text)) > limit {
		return text[:limit], true, nil
	}
	return text, false, nil
}

var errChunk = errors.New("the chunked body is broken")

func dechunk(rest []byte) ([]byte, error) {
	var whole []byte
	for {
		line, after, ok := bytes.Cut(rest, []byte("\n"))
		if !ok {
			return nil, errChunk
		}
		digits, _, _ := strings.Cut(strings.TrimSpace(string(line)), ";")
		n, err := strconv.ParseUint(digits, 16, 31)
		if err != nil || n > uint64(len(after)) {
			return nil, errChunk
		}
		if n == 0 {
			return whole, nil
		}
		whole = append(whole, after[:n]...)
		rest = bytes.TrimPrefix(bytes.TrimPrefix(after[n:], []byte("\r")), []byte("\n"))
	}
}
