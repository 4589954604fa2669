package decode

import (
	"encoding/base64"
	"strings"

	"farrier.dev/farrier/internal/traffic"
)

// readHeader takes each field as it stands; cookies and credentials are opened.
func (t *Tree) readHeader(h *traffic.Header) {
	for i := range h.Len() {
		f := h.At(i)
		if f.Name == "cookie" {
			t.readCookies(f.Value)
			continue
		}
		source := HeaderArg
		if registeredHeader(f.Name) {
			source = Header
		}
		leaf := t.leaf(none, Step{Decoder: AtHeader, Name: f.Name}, Leaf{Source: source, Key: f.Name, Text: f.Value})
		if leaf != none && (f.Name == "authorization" || f.Name == "proxy-authorization") {
			t.readCredentials(leaf)
		}
	}
}

// readCookies splits the value of Cookie (RFC 6265, section 5.4) as lenient
// servers do: control characters around names and values are no part of them,
// and a pair without name is kept. Values are taken raw.
func (t *Tree) readCookies(value string) {
	for pair := range strings.SplitSeq(value, ";") {
		name, value, _ := strings.Cut(pair, "=")
		name, value = trimControls(name), trimControls(value)
		if name == "" && value == "" {
			continue
		}
		t.leaf(none, Step{Decoder: AtCookie, Name: name}, Leaf{Source: Cookie, Key: name, Text: value})
	}
}

func trimControls(s string) string {
	for s != "" && (s[0] <= ' ' || s[0] == 0x7f) {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] <= ' ' || s[len(s)-1] == 0x7f) {
		s = s[:len(s)-1]
	}
	return s
}

// maxCredentials bounds Basic credentials that are opened, in bytes.
const maxCredentials = 8 << 10

// readCredentials opens Basic (RFC 7617). Tokens are opened with the other
// layers, for they may stand anywhere.
func (t *Tree) readCredentials(leaf int32) {
	l := t.Leaves[leaf]
	scheme, coded, ok := strings.Cut(l.Text, " ")
	coded = strings.TrimRight(strings.TrimSpace(coded), "=")
	if !ok || !strings.EqualFold(scheme, "basic") || coded == "" || len(coded) > maxCredentials || !t.spend(len(coded)) {
		return
	}
	room := t.arena.room(base64.RawStdEncoding.DecodedLen(len(coded)))
	b, err := base64.RawStdEncoding.AppendDecode(room, asBytes(coded))
	if err != nil {
		return
	}
	user, password, _ := strings.Cut(t.arena.keep(b), ":")
	t.Leaves[leaf].Opened = true
	for _, part := range []Leaf{
		{Source: l.Source, Key: "user", Text: user, Layers: 1, from: leaf + 1},
		{Source: l.Source, Key: "password", Text: password, Layers: 1, from: leaf + 1},
	} {
		if part.Text != "" {
			t.leaf(l.Node, Step{Decoder: BasicAuth, Name: part.Key}, part)
		}
	}
}

// registeredHeader says that a header, in lower case, is one that gateways,
// proxies, browsers or frameworks define, so that applications rarely read it as
// input.
func registeredHeader(name string) bool {
	_, ok := registeredHeaders[name]
	return ok || strings.HasPrefix(name, "sec-") || strings.HasPrefix(name, "access-control-")
}

// registeredHeaders are those of IANA's registry that occur in requests, and
// such as are in as wide use.
var registeredHeaders = func() map[string]struct{} {
	all := make(map[string]struct{}, 160)
	for name := range strings.FieldsSeq(`
		a-im accept accept-charset accept-datetime accept-encoding accept-language accept-patch accept-post accept-ranges
		accept-signature age allow alpn alt-used apply-to-redirect-ref authentication-info authorization available-dictionary
		cache-control caldav-timezones capsule-protocol cdn-cache-control cdn-loop cert-not-after cert-not-before client-cert
		client-cert-chain connection content-digest content-disposition content-encoding content-id content-language
		content-length content-location content-md5 content-range content-script-type content-security-policy content-type
		cookie cookie2 dasl dav date delta-base depth destination device-memory dictionary-id digest dnt downlink dpop dpr
		early-data etag expect expires ediint-features forwarded from front-end-https getprofile host hobareg
		http2-settings if if-match if-modified-since if-none-match if-range if-schedule-tag-match if-unmodified-since im
		include-referred-token-binding-id incremental isolation keep-alive label last-event-id last-modified link lock-token
		man max-forwards memento-datetime meter method-check mime-version negotiate nel odata-entityid odata-isolation
		odata-maxversion odata-version opt ordering-type origin origin-agent-cluster oscore overwrite p3p pep ping-from
		ping-to position pragma prefer preference-applied priority private-token proxy-authorization proxy-connection
		proxy-status purpose range redirect-ref referer repr-digest rtt safe save-data schedule-reply schedule-tag
		service-worker service-worker-navigation-preload signature signature-input slug soapaction status-uri
		subok tcn te timeout topic traceparent tracestate baggage b3 trailer transfer-encoding ttl unencoded-digest upgrade
		upgrade-insecure-requests urgency uri use-as-dictionary user-agent variant-vary vary via viewport-width
		want-content-digest want-digest want-repr-digest warning width www-authenticate x-requested-with
		x-forwarded-for x-forwarded-host x-forwarded-proto x-forwarded-port x-forwarded-server x-forwarded-prefix
		x-forwarded-ssl x-forwarded-scheme x-real-ip x-client-ip x-cluster-client-ip x-original-url x-original-host
		x-rewrite-url x-http-method-override x-http-method x-method-override x-request-id x-correlation-id x-request-start
		x-amzn-trace-id x-cloud-trace-context x-b3-traceid x-b3-spanid x-b3-parentspanid x-b3-sampled x-b3-flags
		x-csrf-token x-xsrf-token x-frame-options x-content-type-options x-xss-protection x-ua-compatible x-wap-profile
		true-client-ip cf-connecting-ip cf-ipcountry cf-ray cf-visitor grpc-encoding grpc-accept-encoding grpc-timeout
		grpc-message-type grpc-trace-bin x-grpc-web connect-protocol-version connect-timeout-ms idempotency-key`) {
		all[name] = struct{}{}
	}
	return all
}()
