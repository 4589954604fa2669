package accesslog

import "sync"

const (
	combinedText = `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"`
	envoyText    = `[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% `
	envoyRest    = `%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% ` +
		`"%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"`
)

// Known gives the formats that are tried, the more special ones first.
var Known = sync.OnceValue(func() []*Format {
	text := func(name string, compile func(string) (*Format, error), format string) *Format {
		f, err := compile(format)
		if err != nil {
			panic("accesslog: " + name + ": " + err.Error())
		}
		f.name = name
		return f
	}
	return []*Format{
		text("combined", Nginx, combinedText),
		text("main", Nginx, combinedText+` "$http_x_forwarded_for"`),
		text("vhost_combined", Apache, `%v:%p %h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i"`),
		text("ingress-nginx", Nginx, combinedText+` $request_length $request_time [$proxy_upstream_name] [$proxy_alternative_upstream_name]`+
			` $upstream_addr $upstream_response_length $upstream_response_time $upstream_status $req_id`),
		text("traefik", Nginx, combinedText+` $request_count "$router_name" "$upstream_addr" ${duration}ms`),
		text("common", Apache, `%h %l %u %t "%r" %>s %b`),
		text("istio", Envoy, envoyText+`%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" `+envoyRest+
			` %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%`),
		text("envoy", Envoy, envoyText+envoyRest),
		text("haproxy", Nginx, `$remote_addr [$time_local] $frontend $backend $timers $status $body_bytes_sent `+
			`$request_cookie $response_cookie $termination $connections $queues $captures"$request"`),
		{name: "aws-alb", read: readBalancer},
		{name: "json", read: readJSON},
		// Behind all others: combined or common with columns of one's own at the end.
		text("combined with more", Nginx, combinedText+` $more`),
		text("common with more", Nginx, `$remote_addr $ident $remote_user [$time_local] "$request" $status $body_bytes_sent $more`),
		{name: "request in text", read: readText},
	}
})

// readBalancer reads the access log of an AWS application load balancer, whose
// columns have become more with the years.
func readBalancer(line string, e *entry) bool {
	return balancer().read(line, e)
}

var balancer = sync.OnceValue(func() *pattern {
	p := &pattern{}
	for _, c := range []struct {
		field field
		until string
	}{
		{ignored, " "},
		{timeField, " "},
		{ignored, " "},
		{addressField, " "},
		{upstreamField, " "},
		{ignored, " "},
		{ignored, " "},
		{ignored, " "},
		{statusField, " "},
		{ignored, " "},
		{requestBytes, " "},
		{bytesField, ` "`},
		{requestLine, `" "`},
		{agentField, `" `},
		{ignored, ` `},
		{ignored, ` `},
		{ignored, ` "`},
		{ignored, `" "`},
		{fallbackHost, `" "`},
		{ignored, ``},
	} {
		p.pieces = append(p.pieces, piece{field: c.field, until: c.until, quoted: c.until != "" && c.until[0] == '"'})
	}
	return p
})
