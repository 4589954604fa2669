package spec

import (
	"slices"
	"strings"

	"farrier.dev/farrier/internal/spec/schema"
)

// parameters judges path, query, headers and cookies.
func (in *inspection) parameters() {
	k, r := in.check, in.request
	var err error
	if k.query || in.kinds.Has(UnknownParameter) {
		if in.query, err = appendQuery(in.query[:0], r.Query); err != nil {
			in.add(MalformedParameter, "query", err.Error())
			return
		}
	}
	if k.cookies || in.kinds.Has(UnknownCookie) {
		if in.cookies, err = appendCookies(in.cookies[:0], r.Header("cookie")); err != nil {
			in.add(MalformedParameter, "cookie", err.Error())
			return
		}
	}
	for i := range k.parameters {
		if in.full() {
			return
		}
		p := &k.parameters[i]
		if _, ok := k.templates[p.described.Name]; !ok && p.described.In == InPath {
			continue
		}
		if p.simple {
			in.simple(p)
			continue
		}
		in.judge(p, in.readings(p), MissingParameter, MalformedParameter)
	}
	if in.kinds.Has(UnknownParameter) {
		in.unknown(in.query, k.known, UnknownParameter, "query ")
	}
	if in.kinds.Has(UnknownCookie) {
		in.unknown(in.cookies, k.knownCookies, UnknownCookie, "cookie ")
	}
	if in.kinds.Has(UnknownHeader) && r.Names != nil {
		in.unknownHeaders()
	}
}

// readings are the ways of reading a parameter; none when it is not there.
func (in *inspection) readings(p *parameter) []reading {
	switch p.described.In {
	case InPath:
		raw := in.values[in.check.templates[p.described.Name]]
		if p.described.Media != "" {
			return p.document(raw, pathText)
		}
		return p.inPath(raw)
	case InQuery:
		return p.fromPairs(in.query)
	case InCookie:
		return p.fromPairs(in.cookies)
	case InHeader:
		return p.inHeader(in.request.Header(p.header))
	}
	return nil
}

// simple judges a parameter whose value is one text.
func (in *inspection) simple(p *parameter) {
	raw, found, err := "", false, error(nil)
	decode := unescape(plain)
	switch p.described.In {
	case InPath:
		raw, found, decode = in.values[in.check.templates[p.described.Name]], true, pathText
	case InQuery:
		raw, found, err = only(in.query, p.described.Name)
		decode = queryText
	case InCookie:
		raw, found, err = only(in.cookies, p.described.Name)
		decode = queryText
	case InHeader:
		raw = in.request.Header(p.header)
		found = raw != ""
	}
	if !found {
		if p.described.Required {
			in.add(MissingParameter, p.at, "required, but missing")
		}
		return
	}
	if err == nil {
		raw, err = decode(raw)
	}
	if err != nil {
		in.add(MalformedParameter, p.at, unwrapped(err))
		return
	}
	in.text(p, raw, MalformedParameter)
}

// only finds the pair of a name, of which there may be one.
func only(pairs []pair, name string) (raw string, found bool, err error) {
	for i := range pairs {
		if pairs[i].name != name {
			continue
		}
		if pairs[i].known = true; found {
			err = errTwice
		}
		raw, found = pairs[i].raw, true
	}
	return raw, found, err
}

// text judges a decoded text as each scalar that the parameter may be.
func (in *inspection) text(p *parameter, text string, kind Kind) {
	if p.validator == nil || text == "" && p.described.AllowEmpty {
		return
	}
	d, k := &in.document, p.shape.kinds&scalars
	d.Reset()
	addScalar(d, text, k)
	if p.validator.valid(d) {
		return
	}
	if k&kindString != 0 && k != kindString {
		d.Reset()
		if d.String(text); p.validator.valid(d) {
			return
		}
		d.Reset()
		addScalar(d, text, k)
	}
	in.invalid(p.validator, kind, p.at)
}

// addScalar adds what scalar gives, without making it.
func addScalar(d *schema.Document, text string, k kinds) {
	switch {
	case k&kindNumber != 0 && isNumber(text):
		d.Number(text)
	case k&kindBoolean != 0 && (text == "true" || text == "false"):
		d.Boolean(text == "true")
	case k&kindNull != 0 && k&kindString == 0 && text == "":
		d.Null()
	default:
		d.String(text)
	}
}

func (in *inspection) unknown(pairs []pair, known map[string]bool, kind Kind, at string) {
	for i := range pairs {
		if in.left(kind) <= 0 {
			return
		}
		if !pairs[i].known && !known[pairs[i].name] {
			in.add(kind, at+cut(pairs[i].name), "not described")
		}
	}
}

// usualHeaders are those that clients and proxies send of their own accord.
func usualHeaders() []string {
	return []string{
		"accept", "accept-charset", "accept-encoding", "accept-language", "authorization", "cache-control", "connection",
		"content-encoding", "content-language", "content-length", "content-type", "cookie", "date", "dnt", "expect", "forwarded",
		"from", "host", "if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "keep-alive",
		"max-forwards", "origin", "pragma", "priority", "proxy-authorization", "range", "referer", "sec-gpc", "te", "trailer",
		"traceparent", "tracestate", "transfer-encoding", "upgrade", "upgrade-insecure-requests", "user-agent", "via", "x-request-id",
		"x-correlation-id", "x-real-ip",
	}
}

func isUsual(header string) bool {
	return strings.HasPrefix(header, "sec-fetch-") || strings.HasPrefix(header, "sec-ch-") || strings.HasPrefix(header, "x-forwarded-") ||
		strings.HasPrefix(header, "access-control-request-") || slices.Contains(usualHeaders(), header)
}

func (in *inspection) unknownHeaders() {
	for name := range in.request.Names {
		if in.left(UnknownHeader) <= 0 {
			return
		}
		if !in.check.knownHeaders[name] && !isUsual(name) {
			in.add(UnknownHeader, "header "+cut(name), "not described")
		}
	}
}

func (p *parameter) fromPairs(pairs []pair) []reading {
	if p.described.Media == "" {
		return p.inPairs(pairs)
	}
	raw, found, err := only(pairs, p.described.Name)
	switch {
	case err != nil:
		return []reading{{nil, err}}
	case !found:
		return nil
	}
	return p.document(raw, queryText)
}

func (p *parameter) inHeader(value string) []reading {
	switch {
	case value == "":
		return nil
	case p.described.Media != "":
		return p.document(value, plain)
	case p.shape.kinds&(kindArray|kindObject) == 0:
		return p.scalars(value, plain)
	}
	return p.delimited(value, ",", p.described.Explode, func(text string) (string, error) {
		return plain(strings.Trim(text, " \t"))
	})
}

// document reads a parameter that is a document of its own.
func (p *parameter) document(raw string, decode unescape) []reading {
	text, err := decode(raw)
	if err != nil || !isJSON(p.described.Media) {
		return []reading{{nil, err}}
	}
	value, err := Value([]byte(text), Limits())
	return []reading{{value, err}}
}

// judge adds the violations of a parameter: none when one reading satisfies its
// schema, otherwise those of the first reading.
func (in *inspection) judge(p *parameter, found []reading, missing, malformed Kind) {
	if len(found) == 0 {
		if p.described.Required {
			in.add(missing, p.at, "required, but missing")
		}
		return
	}
	if p.described.Media != "" && !isJSON(p.described.Media) && found[0].err == nil {
		in.result.Unchecked = p.at + ": only JSON is looked into"
		return
	}
	if p.validator == nil && found[0].err == nil {
		return
	}
	first := error(nil)
	for i := len(found) - 1; i >= 0; i-- {
		in.document.Reset()
		if first = found[i].err; first == nil {
			first = in.document.Add(found[i].value)
		}
		if first == nil && (p.validator.valid(&in.document) || found[i].value == "" && p.described.AllowEmpty) {
			return
		}
	}
	// The document holds the first reading now.
	if first != nil {
		in.add(malformed, p.at, unwrapped(first))
		return
	}
	in.invalid(p.validator, malformed, p.at)
}
