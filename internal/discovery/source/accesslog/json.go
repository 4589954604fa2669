package accesslog

import (
	"encoding/json"
	"strconv"
	"strings"
)

const (
	// maxDepth and maxMembers bound what is looked at of one JSON line.
	maxDepth   = 8
	maxMembers = 1000
	// maxName bounds the joined name of a member.
	maxName = 128
)

// readJSON reads a JSON object whose members have names that say what they are:
// those of Envoy, Traefik, Caddy, nginx, Mule, Elastic's common schema, Google's
// load balancers and most others. Spelling, separators and nesting don't matter:
// http.request.method, httpRequestMethod and {"http":{"request":{"method"}}} are one.
func readJSON(line string, e *entry) bool {
	if !strings.HasPrefix(strings.TrimLeft(line, " \t"), "{") {
		return false
	}
	var object map[string]any
	decoder := json.NewDecoder(strings.NewReader(line))
	decoder.UseNumber()
	if decoder.Decode(&object) != nil {
		return false
	}
	f := flattener{e: e, left: maxMembers}
	f.object("", object, 0)
	f.instant(object)
	if e.value[requestLine] != "" {
		if _, _, _, ok := splitRequest(e.value[requestLine]); !ok {
			e.value[requestLine] = ""
		}
	}
	return e.value[requestLine] != "" || e.value[methodField] != "" && (e.value[targetField] != "" || e.value[pathField] != "")
}

type flattener struct {
	e    *entry
	left int
}

func (f *flattener) object(prefix string, object map[string]any, depth int) {
	if depth > maxDepth {
		return
	}
	for name, value := range object {
		if f.left--; f.left < 0 {
			return
		}
		normal := prefix + normalName(name)
		if len(normal) > maxName {
			continue
		}
		if headers, ok := value.(map[string]any); ok && strings.HasSuffix(normal, "headers") {
			f.headers(headers, strings.Contains(normal, "resp"))
			continue
		}
		f.value(normal, value, depth)
	}
}

func (f *flattener) value(name string, value any, depth int) {
	switch v := value.(type) {
	case map[string]any:
		f.object(name, v, depth+1)
	case []any:
		if len(v) > 0 {
			if first, ok := v[0].(string); ok {
				f.value(name, first, depth)
			}
		}
	case string:
		if depth == 0 && isMessage(name) && strings.HasPrefix(v, "{") {
			var inner map[string]any
			decoder := json.NewDecoder(strings.NewReader(v))
			decoder.UseNumber()
			if decoder.Decode(&inner) == nil {
				f.object("", inner, 1)
			}
			return
		}
		f.text(name, v)
	case json.Number:
		f.text(name, v.String())
	}
}

func isMessage(name string) bool { return name == "message" || name == "msg" || name == "log" }

// text keeps a value under the best of the names that were found for it.
func (f *flattener) text(name, value string) {
	column, rank := alias(name)
	if column == ignored {
		if rest, ok := strings.CutPrefix(name, "httprequestheaders"); ok && rest != "" {
			f.e.set(requestHeader, rest, value, false)
		}
		return
	}
	if value == "" || value == "-" {
		return
	}
	if f.e.value[column] != "" && f.e.rank[column] <= rank {
		return
	}
	f.e.value[column], f.e.rank[column] = value, rank
}

// headers reads an object of headers, each a text or a list of texts.
func (f *flattener) headers(headers map[string]any, response bool) {
	for name, value := range headers {
		if f.left--; f.left < 0 {
			return
		}
		values, ok := value.([]any)
		if !ok {
			values = []any{value}
		}
		lower := strings.ToLower(name)
		for _, v := range values {
			text, ok := v.(string)
			if !ok || len(lower) > maxName || lower == "referer" {
				continue
			}
			to := responseHeader
			if !response {
				to = headerColumn(lower).field
			}
			switch to {
			case requestHeader, responseHeader:
				f.e.set(to, lower, text, false)
			default:
				f.text(normalName(lower), text)
			}
		}
	}
}

// instant reads the time of log4j2's JSON layout.
func (f *flattener) instant(object map[string]any) {
	at, ok := object["instant"].(map[string]any)
	if !ok {
		return
	}
	seconds, ok := at["epochSecond"].(json.Number)
	if !ok {
		return
	}
	text := seconds.String()
	if nanos, ok := at["nanoOfSecond"].(json.Number); ok {
		if n, err := strconv.ParseUint(nanos.String(), 10, 30); err == nil {
			fraction := strconv.FormatUint(1_000_000_000+n, 10)
			text += "." + fraction[1:]
		}
	}
	f.e.value[timeField] = text
}

// normalName is a name in lower case and without separators.
func normalName(name string) string {
	plain := true
	for i := range len(name) {
		if c := name[i]; c < '0' || c > 'z' || '9' < c && c < 'a' {
			plain = false
		}
	}
	if plain {
		return name
	}
	b := make([]byte, 0, len(name))
	for i := range len(name) {
		switch c := name[i]; {
		case 'A' <= c && c <= 'Z':
			b = append(b, c+'a'-'A')
		case '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || c >= 0x80:
			b = append(b, c)
		}
	}
	return string(b)
}

// alias says what a name means, and how sure that is: 0 is surest. Objects that
// only hold others together are left out of the name.
func alias(name string) (field, uint8) {
	for range 3 {
		if f, rank := meaning(name); f != ignored {
			return f, rank
		}
		rest := name
		for _, holder := range [...]string{"message", "content", "attributes", "fields", "data", "event", "log", "http", "request", "response", "contextmap", "mdc", "jsonpayload", "payload", "access"} {
			if cut, ok := strings.CutPrefix(name, holder); ok && cut != "" {
				rest = cut
				break
			}
		}
		if rest == name {
			break
		}
		name = rest
	}
	return ignored, 0
}

func meaning(name string) (field, uint8) {
	switch name {
	case "method", "verb", "requestmethod", "httpmethod", "httprequestmethod", "reqmethod", "requestverb", "httpverb":
		return methodField, 0
	case "requesturi", "urloriginal", "requesturl", "requesttarget", "httptarget", "httprequesturi":
		return targetField, 0
	case "uri", "url", "httpurl", "urlfull", "xenvoyoriginalpath", "originalpath":
		return targetField, 1
	case "path", "requestpath", "urlpath", "httppath", "reqpath", "rawpath", "rawrequestpath", "rawrequesturi", "httprequestpath":
		return targetField, 2
	case "query", "querystring", "requestquery", "urlquery", "args", "requestquerystring", "httpquery":
		return queryField, 0
	case "requestline", "httprequest", "httprequestline":
		return requestLine, 0
	case "request":
		return requestLine, 1
	case "protocol", "proto", "serverprotocol", "requestprotocol", "requestproto", "httpprotocol":
		return protoField, 0
	case "scheme", "requestscheme", "urlscheme", "httpscheme":
		return schemeField, 0
	case "status", "statuscode", "responsecode", "responsestatus", "httpstatus", "httpstatuscode", "httpresponsestatuscode",
		"downstreamstatus", "responsestatuscode", "httpresponsestatus":
		return statusField, 0
	case "timestamp", "starttime", "startutc", "timeiso8601", "timelocal":
		return timeField, 0
	case "time", "ts", "datetime", "msec", "eventtime", "requeststarttime", "date":
		return timeField, 1
	}
	return meaningOfSides(name)
}

func meaningOfSides(name string) (field, uint8) {
	switch name {
	case "authority", "requesthost", "httphost", "urldomain", "vhost", "requestauthority", "requestheadershost", "hostheader":
		return hostField, 0
	case "host", "servername", "domain", "hostname", "virtualhost":
		return fallbackHost, 0
	case "clientip", "remoteip", "remoteaddr", "clienthost", "client", "remoteaddress", "sourceip", "requestremoteip", "requestclientip",
		"downstreamremoteaddress", "sourceaddress", "clientaddr", "clientaddress", "peer":
		return addressField, 0
	case "xforwardedfor", "httpxforwardedfor", "forwardedfor", "requestheadersxforwardedfor":
		return forwardedField, 0
	case "upstreamhost", "upstreamaddr", "serviceaddr", "upstreamaddress":
		return upstreamField, 0
	case "upstreamcluster", "serviceurl", "backend", "upstream":
		return upstreamField, 1
	case "useragent", "httpuseragent", "requestuseragent", "agent", "useragentoriginal", "requestheadersuseragent":
		return agentField, 0
	case "bytessent", "size", "bodybytessent", "downstreamcontentsize", "responsesize", "httpresponsebodybytes":
		return bytesField, 0
	case "bytesreceived", "requestcontentlength", "bytesread", "requestcontentsize", "httprequestbodybytes", "contentlength":
		return requestBytes, 0
	case "clientid":
		return clientField, 0
	case "clientusername", "remoteuser", "userid", "username":
		return userField, 0
	}
	return ignored, 0
}
