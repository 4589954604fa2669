package messagesignature

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/traffic"
)

const contentDigest = "content-digest"

// httpSignatures is the scheme of RFC 9421.
type httpSignatures struct {
	window
	keys         map[string]*key
	required     []string
	label, tag   string
	nonce, apart bool // a nonce is required; signatures without one are accepted once too
}

func compileHTTP(s *Settings, keys []*key, w window) (scheme, error) {
	if len(keys) == 0 {
		return nil, errors.New("keys: empty; give the keys that may have signed")
	}
	h := &httpSignatures{window: w, keys: byID(keys), label: s.Label, tag: s.Tag, nonce: s.RequireNonce, apart: s.RejectReplays}
	for i, name := range s.RequiredComponents {
		if strings.HasPrefix(name, "@") && !slices.Contains(derived, name) {
			return nil, fmt.Errorf("requiredComponents[%d]: %s can't be derived from a request", i, name)
		}
		if name == "" || name != strings.ToLower(name) {
			return nil, fmt.Errorf("requiredComponents[%d]: names of components are in lower case", i)
		}
		h.required = append(h.required, name)
	}
	if len(h.required) == 0 {
		return nil, errors.New("requiredComponents: empty, so that a signature could cover nothing; name at least one")
	}
	return h, nil
}

// derived are the components of RFC 9421 section 2.2 that requests have.
var derived = []string{"@method", "@target-uri", "@authority", "@scheme", "@request-target", "@path", "@query"}

func (h *httpSignatures) verify(m *message) (*proof, error) {
	header := &m.x.Request.Header
	if !header.Has("signature") || !header.Has("signature-input") {
		return nil, missing("the headers Signature-Input and Signature are not both there")
	}
	inputs, err := parseDictionary(header.Joined("signature-input"))
	if err != nil {
		return nil, malformed("Signature-Input: " + err.Error())
	}
	signatures, err := parseDictionary(header.Joined("signature"))
	if err != nil {
		return nil, malformed("Signature: " + err.Error())
	}
	var last error = missing("there is no signature of this label")
	for i := range inputs {
		in := &inputs[i]
		if h.label != "" && in.key != h.label {
			continue
		}
		if in.list == nil {
			return nil, malformed("Signature-Input: a member is no list of components")
		}
		at := slices.IndexFunc(signatures, func(s member) bool { return s.key == in.key })
		if at < 0 {
			last = malformed("a member of Signature-Input has no signature")
			continue
		}
		signature, ok := signatures[at].item.([]byte)
		if !ok {
			return nil, malformed("Signature: a member is no byte sequence")
		}
		p, err := h.one(m, in, signature)
		if err == nil {
			return p, nil
		}
		last = err
	}
	return nil, last
}

// one judges one signature.
func (h *httpSignatures) one(m *message, in *member, signature []byte) (*proof, error) {
	id, _ := find(in.parameters, "keyid").(string)
	k := h.keys[id]
	if k == nil {
		return nil, invalid("no key has the keyid of the signature")
	}
	if alg := find(in.parameters, "alg"); alg != nil && alg != any(k.name) {
		return nil, invalid("the alg of the signature is not that of its key")
	}
	if tag := find(in.parameters, "tag"); h.tag != "" && tag != any(h.tag) {
		return nil, invalid("the tag of the signature is another")
	}
	made, err := h.times(m, in)
	if err != nil {
		return nil, err
	}
	if err := h.covers(m, in.list); err != nil {
		return nil, err
	}
	base, err := signatureBase(m, in)
	if err != nil {
		return nil, err
	}
	if !k.verifies(base, signature) {
		return nil, invalid("the signature does not verify")
	}
	if slices.ContainsFunc(in.list, func(c component) bool { return c.name == contentDigest }) {
		if err := checkDigest(m); err != nil {
			return nil, err
		}
	}
	p := &proof{signer: k.id, until: h.until(made)}
	nonce, ok := find(in.parameters, "nonce").(string)
	switch {
	case ok && nonce != "":
		p.once = "nonce " + nonce
	case h.nonce:
		return nil, invalid("the signature has no nonce")
	case h.apart:
		p.once = "signature " + string(signature)
	}
	return p, nil
}

// times checks created and expires and gives the first.
func (h *httpSignatures) times(m *message, in *member) (made time.Time, err error) {
	created, ok := find(in.parameters, "created").(int64)
	if !ok {
		return made, invalid("the signature does not say when it was created")
	}
	made = time.Unix(created, 0)
	if err := h.check(made, m.now); err != nil {
		return made, err
	}
	expires := find(in.parameters, "expires")
	at, ok := expires.(int64)
	switch {
	case expires == nil:
	case !ok:
		return made, malformed("expires of the signature is no time")
	case !m.now.Before(time.Unix(at, 0).Add(h.skew)):
		return made, invalid("the signature has expired")
	}
	return made, nil
}

// covers holds that the required components are among those covered, as they
// are and not in part.
func (h *httpSignatures) covers(m *message, list []component) error {
	for _, name := range h.required {
		if name == contentDigest && len(m.body) == 0 {
			continue
		}
		if !slices.ContainsFunc(list, func(c component) bool { return c.name == name && len(c.parameters) == 0 }) {
			return invalid("the signature does not cover " + name)
		}
	}
	return nil
}

// signatureBase is what is signed (RFC 9421 section 2.5).
func signatureBase(m *message, in *member) ([]byte, error) {
	b := make([]byte, 0, 512)
	seen := make(map[string]bool, len(in.list))
	params := []byte{'('}
	for i, c := range in.list {
		name := string(appendComponent(nil, c))
		if seen[name] {
			return nil, malformed("a component is covered twice")
		}
		seen[name] = true
		value, err := componentValue(m.x, c)
		if err != nil {
			return nil, err
		}
		if strings.ContainsAny(value, "\r\n") {
			return nil, malformed("a component has a line break")
		}
		b = append(append(b, name...), ": "...)
		b = append(append(b, value...), '\n')
		if i > 0 {
			params = append(params, ' ')
		}
		params = append(params, name...)
	}
	params = appendParameters(append(params, ')'), in.parameters)
	return append(append(b, `"@signature-params": `...), params...), nil
}

// componentValue is the value of a component of the request.
func componentValue(x *traffic.Exchange, c component) (string, error) {
	req := &x.Request
	if c.name == "@query-param" {
		return queryParameter(req.RawQuery, c.parameters)
	}
	if len(c.parameters) > 0 {
		return "", malformed("a component has a parameter that is not supported")
	}
	switch c.name {
	case "@method":
		return req.Method, nil
	case "@target-uri":
		return req.Scheme + "://" + req.Host + requestTarget(req), nil
	case "@authority":
		return req.Host, nil
	case "@scheme":
		return req.Scheme, nil
	case "@request-target":
		return req.RawTarget, nil
	case "@path":
		path, _, _ := strings.Cut(requestTarget(req), "?")
		return path, nil
	case "@query":
		return "?" + req.RawQuery, nil
	}
	if strings.HasPrefix(c.name, "@") || c.name != strings.ToLower(c.name) {
		return "", malformed("a component is not one of a request")
	}
	if !req.Header.Has(c.name) {
		if c.name == "host" {
			return req.Host, nil
		}
		return "", invalid("a header that the signature covers is not there")
	}
	values := req.Header.Values(c.name)
	parts := make([]string, len(values))
	for i, f := range values {
		parts[i] = strings.Trim(f.Value, " \t")
	}
	return strings.Join(parts, ", "), nil
}

// requestTarget is path and query as they were sent, also when the client named
// the authority before it.
func requestTarget(req *traffic.Request) string {
	target := req.RawTarget
	if i := strings.Index(target, "://"); i > 0 && !strings.HasPrefix(target, "/") {
		target = target[i+3:]
		slash := strings.IndexAny(target, "/?")
		if slash < 0 {
			return "/"
		}
		target = target[slash:]
	}
	if !strings.HasPrefix(target, "/") {
		return "/" + target
	}
	return target
}

// queryParameter is the value of one query parameter (RFC 9421 section 2.2.8).
func queryParameter(query string, parameters []parameter) (string, error) {
	coded, ok := find(parameters, "name").(string)
	if !ok || len(parameters) != 1 {
		return "", malformed("@query-param needs name and nothing else")
	}
	name, err := url.QueryUnescape(coded)
	if err != nil {
		return "", malformed("@query-param has a malformed name")
	}
	found := ""
	count := 0
	for pair := range strings.SplitSeq(query, "&") {
		k, v, _ := strings.Cut(pair, "=")
		if k, err = url.QueryUnescape(k); err != nil || k != name {
			continue
		}
		if v, err = url.QueryUnescape(v); err != nil {
			return "", malformed("a query parameter is malformed")
		}
		found = strings.ReplaceAll(url.QueryEscape(v), "+", "%20")
		count++
	}
	if count != 1 {
		return "", invalid("a query parameter that the signature covers is not there exactly once")
	}
	return found, nil
}

// checkDigest compares the body with Content-Digest (RFC 9530): every digest of a
// known algorithm must be right, and there must be one.
func checkDigest(m *message) error {
	digests, err := parseDictionary(m.x.Request.Header.Joined(contentDigest))
	if err != nil {
		return malformed("Content-Digest: " + err.Error())
	}
	known := false
	for _, d := range digests {
		var want []byte
		switch d.key {
		case "sha-256":
			sum := sha256.Sum256(m.body)
			want = sum[:]
		case "sha-512":
			sum := sha512.Sum512(m.body)
			want = sum[:]
		default:
			continue
		}
		got, ok := d.item.([]byte)
		if !ok || len(got) != len(want) {
			return malformed("Content-Digest: a digest has the wrong length")
		}
		if subtle.ConstantTimeCompare(got, want) != 1 {
			return invalid("the body is not the one that was signed")
		}
		known = true
	}
	if !known {
		return malformed("Content-Digest has neither sha-256 nor sha-512")
	}
	return nil
}
