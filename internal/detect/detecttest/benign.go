package detecttest

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
)

// DefaultBenign is the size of the benign corpus that rates are quoted for.
const DefaultBenign = 24000

// maker builds one kind of ordinary request.
type maker struct {
	kind, place, protocol string
	build                 func(r *rand.Rand) request
}

// Benign yields n ordinary requests of APIs, DefaultBenign when n is not
// positive: names and addresses of many countries, prose in some twenty
// languages, tickets with code and traces, catalogues, searches, queries of
// OData and GraphQL, SOAP, uploads, tokens, cookies. Fields that quote a
// complete attack (a bug report with ' OR 1=1-- in it) are left out: to tell
// them from the attack is a matter of context that a request does not have. No
// two requests are equal, and a longer corpus begins with the shorter one.
func Benign(n int) iter.Seq[Case] {
	if n <= 0 {
		n = DefaultBenign
	}
	return func(yield func(Case) bool) {
		r := random("benign")
		seen := map[string]bool{}
		for i := 0; i < n; {
			m := makers[i%len(makers)]
			q := m.build(r)
			text := fmt.Sprintf("%s %s %s %q", q.method, q.target, q.body, q.header)
			if seen[text] {
				continue
			}
			seen[text] = true
			i++
			if m.kind != "browser" {
				q.header = append(q.header, usualHeaders(r)...)
			}
			c := Case{
				Name: fmt.Sprintf("%s %d", m.kind, i), Type: m.kind, Encoding: plain, Place: m.place, Protocol: m.protocol, Raw: q.raw(r),
			}
			if !yield(c) {
				return
			}
		}
	}
}

// makers lists the kinds; kinds that carry much text appear more than once.
var makers = []maker{
	{"list", "query", protoREST, listRequest},
	{"search", "query", protoREST, searchRequest},
	{"odata", "query", protoREST, odataRequest},
	{"oauth", "query", protoREST, oauthRequest},
	{"read", "header", protoREST, readRequest},
	{"browser", "header", protoREST, browserRequest},
	{"preflight", "header", protoREST, preflightRequest},
	{"form", "form", protoForm, contactForm},
	{"token", "form", protoForm, tokenForm},
	{"order", "json", protoREST, jsonRequest("orders", orderDocument)},
	{"customer", "json", protoREST, jsonRequest("customers", customerDocument)},
	{"ticket", "json", protoREST, jsonRequest("tickets", ticketDocument)},
	{"ticket", "json", protoREST, jsonRequest("support/cases", ticketDocument)},
	{"message", "json", protoREST, jsonRequest("messages", messageDocument)},
	{"message", "json", protoREST, jsonRequest("comments", messageDocument)},
	{"product", "json", protoREST, jsonRequest("products", productDocument)},
	{"settings", "json", protoREST, jsonRequest("settings", settingsDocument)},
	{"mail", "json", protoREST, jsonRequest("mails", mailDocument)},
	{"page", "json", protoREST, jsonRequest("pages", pageDocument)},
	{"record", "json", protoREST, jsonRequest("records", recordDocument)},
	{"fields", "json", protoREST, jsonRequest("forms/submissions", fieldsDocument)},
	{"event", "json", protoREST, eventRequest},
	{"telemetry", "json", protoREST, jsonRequest("telemetry", telemetryDocument)},
	{"json:api", "json", protoREST, jsonAPIRequest},
	{"patch", "json", protoREST, patchRequest},
	{"query dsl", "json", protoREST, jsonRequest("products/_search", queryDocument)},
	{"json-rpc", "json", protoREST, jsonRequest("rpc", rpcDocument)},
	{"login", "json", protoREST, jsonRequest("login", loginDocument)},
	{"file in json", "json", protoREST, jsonRequest("documents", fileDocument)},
	{"graphql", "graphql", protoGraphQL, graphqlRead},
	{"graphql", "graphql", protoGraphQL, graphqlWrite},
	{"soap", "xml", protoSOAP, soapCall},
	{"xml", "xml", protoREST, xmlOrder},
	{"upload", "multipart", protoForm, uploadRequest},
	{"csv", "text", protoREST, csvRequest},
	{"ndjson", "text", protoREST, ndjsonRequest},
	{"text", "text", protoREST, textRequest},
	{"grpc", "grpc", protoGRPC, grpcCall},
	{"binary", "binary", protoREST, binaryRequest},
}

// BenignFields yields n ordinary texts as they stand in single fields: names,
// addresses, prose, tickets, products, patterns and many small values.
func BenignFields(n int) iter.Seq[string] {
	return func(yield func(string) bool) {
		r := random("benign fields")
		for range n {
			if !yield(field(r)) {
				return
			}
		}
	}
}

// field is one text of any kind; half are of the lists that hold whole texts.
func field(r *rand.Rand) string {
	switch r.IntN(8) {
	case 0:
		return say(r, pick(r, []string{"person", "firm", "street", "city", "mail", "useragent"}))
	case 1:
		return say(r, pick(r, []string{"uuid", "stamp", "geo", "phone", "iban", "money", "hex", "date"}))
	case 2:
		return sentences(r, 20+r.IntN(200))
	case 3:
		return say(r, "ticket")
	default:
		return say(r, pick(r, vocabulary().texts))
	}
}

// usualHeaders are what clients and the networks between add.
func usualHeaders(r *rand.Rand) []string {
	var all []string
	add := func(one int, header string) {
		if r.IntN(one) == 0 {
			all = append(all, header)
		}
	}
	all = append(all, "User-Agent: "+say(r, "useragent"))
	add(2, "X-Request-Id: "+say(r, "uuid"))
	add(3, fmt.Sprintf("traceparent: 00-%016x%016x-%016x-01", r.Uint64(), r.Uint64(), r.Uint64()))
	if r.IntN(3) == 0 {
		all = append(all, "Authorization: Bearer "+jwt(quote(say(r, "mail")), r))
	}
	add(6, "client_id: "+say(r, "hex"))
	add(5, "Accept-Encoding: gzip, deflate, br")
	add(5, "Accept-Language: "+pick(r, []string{"de-DE,de;q=0.9,en;q=0.8", "en-GB,en;q=0.5", "fr-CH, fr;q=0.9, *;q=0.5", "ja", "pt-BR,pt;q=0.9"}))
	add(7, fmt.Sprintf("X-Forwarded-For: 198.51.100.%d", r.IntN(250)))
	add(9, `If-None-Match: W/"`+say(r, "hex")+`"`)
	add(9, "Idempotency-Key: "+say(r, "uuid"))
	add(12, "Cache-Control: no-cache")
	if r.IntN(6) == 0 {
		all = append(all, "Cookie: "+cookies(r))
	}
	return all
}

// cookies are those of sessions, consent banners and analytics.
func cookies(r *rand.Rand) string {
	all := []string{"session=" + say(r, "hex")}
	for _, c := range []string{
		fmt.Sprintf("_ga=GA1.2.%d.%d", r.IntN(1<<30), 1700000000+r.IntN(9999999)),
		fmt.Sprintf("_ga_%06X=GS1.1.%d.%d.1.%d.0.0.0", r.IntN(1<<24), 1700000000+r.IntN(9999999), 1+r.IntN(20), 1700000000+r.IntN(9999999)),
		"consent=" + escapeURL(string(obj("ads", r.IntN(2) == 0, "stats", true, "ts", say(r, "stamp"))), ""),
		"_fbp=fb.1." + fmt.Sprint(r.Uint64()>>20),
		"theme=" + pick(r, []string{"dark", "light", "auto"}),
		"JSESSIONID=" + strings.ToUpper(say(r, "hex")) + ".node1",
		"ajs_anonymous_id=%22" + say(r, "uuid") + "%22",
		"last_search=" + escapeURL(say(r, "search"), ""),
		"XSRF-TOKEN=" + say(r, "uuid"),
		fmt.Sprintf("_hjSessionUser_%d=eyJpZCI6IjEifQ==", r.IntN(99999)),
		"locale=" + say(r, "lang"),
	} {
		if r.IntN(4) == 0 {
			all = append(all, c)
		}
	}
	return strings.Join(all, "; ")
}
