package messagesignature

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"farrier.dev/farrier/internal/jose"
	"farrier.dev/farrier/internal/traffic"
)

const (
	maxTried  = 8 // keys and signatures that are tried on one request
	maxFields = 16
)

// macs is the scheme of an HMAC in a header.
type macs struct {
	window
	keys                  []*key
	header, prefix, field string
	timeHeader, timeField string
	keyHeader             string
	decode                func(string) ([]byte, error)
	template              []piece
	timed, apart          bool
}

// piece is literal text of a template, or a placeholder.
type piece struct{ text, placeholder string }

func compileHMAC(s *Settings, keys []*key, w window) (scheme, error) {
	c := &macs{
		window: w, keys: keys, header: traffic.LowerName(s.SignatureHeader), prefix: s.SignaturePrefix, field: s.SignatureField,
		timeHeader: traffic.LowerName(s.TimestampHeader), timeField: s.TimestampField,
		keyHeader: traffic.LowerName(s.KeyIDHeader), apart: s.RejectReplays,
	}
	if c.header == "" {
		c.header = "x-signature"
	}
	switch {
	case len(keys) == 0:
		return nil, errors.New("keys: empty; give the secrets that may have signed")
	case len(keys) > maxTried && c.keyHeader == "":
		return nil, fmt.Errorf("keys: %d; without keyIdHeader at most %d can be tried", len(keys), maxTried)
	case slices.ContainsFunc(keys, func(k *key) bool { return !k.isSecret() }):
		return nil, errors.New("keys: the scheme hmac takes hmac-sha256 and hmac-sha512 only")
	case c.timeHeader != "" && c.timeField != "":
		return nil, errors.New("timestampHeader and timestampField: give one of them")
	}
	var err error
	if c.template, err = parseTemplate(s.Template); err != nil {
		return nil, err
	}
	has := func(name string) bool {
		return slices.ContainsFunc(c.template, func(p piece) bool { return p.placeholder == name })
	}
	c.timed = has("timestamp")
	switch {
	case !has("body"):
		return nil, errors.New("template: it has no {body}, so bodies could be changed")
	case c.timed && c.timeHeader == "" && c.timeField == "":
		return nil, errors.New("template: it has {timestamp}; say with timestampHeader or timestampField where that stands")
	case !c.timed && (c.timeHeader != "" || c.timeField != ""):
		return nil, errors.New("template: it has no {timestamp}, so the time could be changed; add it, or leave the timestamp out")
	case !c.timed && c.apart:
		return nil, errors.New("rejectReplays: it needs {timestamp} in the template")
	}
	switch s.Encoding {
	case "hex":
		c.decode = hex.DecodeString
	case "base64":
		c.decode = base64.StdEncoding.DecodeString
	default:
		c.decode = jose.Decode
	}
	return c, nil
}

// parseTemplate cuts a template at its placeholders.
func parseTemplate(text string) ([]piece, error) {
	text = strings.ReplaceAll(text, `\n`, "\n")
	var pieces []piece
	for text != "" {
		before, rest, found := strings.Cut(text, "{")
		if before != "" {
			pieces = append(pieces, piece{text: before})
		}
		if !found {
			break
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return nil, errors.New("template: a { has no }")
		}
		switch {
		case slices.Contains([]string{"method", "path", "query", "target", "timestamp", "body"}, name):
		case strings.HasPrefix(name, "header:") && len(name) > len("header:"):
			name = traffic.LowerName(name)
		default:
			return nil, fmt.Errorf("template: {%s} is not known; there are method, path, query, target, timestamp, body and header:NAME", name)
		}
		pieces = append(pieces, piece{placeholder: name})
		text = after
	}
	return pieces, nil
}

func (c *macs) verify(m *message) (*proof, error) {
	header := &m.x.Request.Header
	values := header.Values(c.header)
	switch {
	case len(values) == 0:
		return nil, missing("the header " + c.header + " is not there")
	case len(values) > 1:
		return nil, malformed("the header " + c.header + " is there twice")
	}
	signatures, stamp, err := c.read(header, values[0].Value)
	if err != nil {
		return nil, err
	}
	var made time.Time
	if c.timed {
		if made, err = parseTime(stamp); err != nil {
			return nil, err
		}
		if err := c.check(made, m.now); err != nil {
			return nil, err
		}
	}
	keys := c.keys
	if c.keyHeader != "" {
		id := header.Get(c.keyHeader)
		at := slices.IndexFunc(keys, func(k *key) bool { return k.id == id })
		if at < 0 {
			return nil, invalid("no key has the id of the header " + c.keyHeader)
		}
		keys = keys[at : at+1]
	}
	signed, err := c.signed(m, stamp)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		for _, signature := range signatures {
			if !k.verifies(signed, signature) {
				continue
			}
			p := &proof{signer: k.id}
			if c.apart {
				p.once, p.until = "signature "+string(signature), c.until(made)
			}
			return p, nil
		}
	}
	return nil, invalid("the signature does not verify")
}

// read takes signatures and timestamp out of the headers. A header of fields may
// hold several signatures, while keys are exchanged.
func (c *macs) read(header *traffic.Header, value string) (signatures [][]byte, stamp string, err error) {
	texts := []string{value}
	if c.timeHeader != "" {
		stamps := header.Values(c.timeHeader)
		if len(stamps) != 1 {
			return nil, "", missing("the header " + c.timeHeader + " is not there once")
		}
		stamp = stamps[0].Value
	}
	if c.field != "" || c.timeField != "" {
		texts = nil
		for i, one := range strings.Split(value, ",") {
			name, content, ok := strings.Cut(strings.TrimSpace(one), "=")
			switch {
			case !ok || i == maxFields || name == c.timeField && stamp != "" && c.timeHeader == "":
				return nil, "", malformed("the header " + c.header + " is no list of fields with one time")
			case name == c.timeField:
				stamp = content
			case name == c.field && len(texts) < maxTried:
				texts = append(texts, content)
			}
		}
	}
	for _, text := range texts {
		coded, ok := strings.CutPrefix(text, c.prefix)
		if !ok {
			return nil, "", malformed("the signature does not begin with signaturePrefix")
		}
		signature, err := c.decode(coded)
		if err != nil {
			return nil, "", malformed("the signature is not written as encoding says")
		}
		signatures = append(signatures, signature)
	}
	if len(signatures) == 0 {
		return nil, "", missing("the header " + c.header + " has no signature")
	}
	return signatures, stamp, nil
}

// signed is the text over which the HMAC is computed.
func (c *macs) signed(m *message, stamp string) ([]byte, error) {
	req := &m.x.Request
	b := make([]byte, 0, len(m.body)+256)
	for _, p := range c.template {
		switch p.placeholder {
		case "":
			b = append(b, p.text...)
		case "method":
			b = append(b, req.Method...)
		case "path":
			path, _, _ := strings.Cut(requestTarget(req), "?")
			b = append(b, path...)
		case "query":
			b = append(b, req.RawQuery...)
		case "target":
			b = append(b, requestTarget(req)...)
		case "timestamp":
			b = append(b, stamp...)
		case "body":
			b = append(b, m.body...)
		default:
			name := strings.TrimPrefix(p.placeholder, "header:")
			if len(req.Header.Values(name)) > 1 {
				return nil, malformed("the signed header " + name + " is there twice")
			}
			b = append(b, req.Header.Get(name)...)
		}
	}
	return b, nil
}

// parseTime reads seconds or milliseconds since 1970, or an RFC 3339 time.
func parseTime(text string) (time.Time, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		if n > 1e11 { // the year 5138 in seconds, 1973 in milliseconds
			return time.UnixMilli(n), nil
		}
		return time.Unix(n, 0), nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	return time.Time{}, malformed("the timestamp is no time")
}
