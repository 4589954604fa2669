package accesslog

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/discovery"
)

func show(o *discovery.Observation) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s%s %d", o.Method, o.Host, o.Path, o.Status)
	if o.Proto != "" {
		b.WriteString(" " + o.Proto)
	}
	if !o.Time.IsZero() {
		b.WriteString(" at=" + o.Time.UTC().Format(time.RFC3339Nano))
	}
	if o.Caller.Address.IsValid() {
		b.WriteString(" from=" + o.Caller.Address.String())
	}
	for _, one := range []struct{ name, value string }{{"scheme", o.Scheme}, {"to", o.Service}, {"client", o.Caller.ClientID}, {"user", o.Caller.Subject}, {"api", o.API}} {
		if one.value != "" {
			b.WriteString(" " + one.name + "=" + one.value)
		}
	}
	if o.Request.Header != nil {
		for f := range o.Request.Header.All() {
			b.WriteString(" " + f.Name + "=" + f.Value)
		}
	}
	if o.Request.Unseen {
		b.WriteString(" sent")
	}
	if o.Response.Unseen {
		b.WriteString(" got")
	}
	return b.String()
}

const noon = " at=2026-11-22T12:00:00Z"

var cases = []struct{ name, line, want string }{ //nolint:gochecknoglobals // a table
	{
		"combined", `203.0.113.7 - alice [22/Nov/2026:13:00:00 +0100] "GET /a/b?x=1 HTTP/1.1" 200 512 "https://ref.test/" "curl/8.0"`,
		"GET /a/b?x=1 200 HTTP/1.1" + noon + " from=203.0.113.7 user=alice user-agent=curl/8.0 got",
	},
	{
		"combined", `203.0.113.7 - - [22/Nov/2026:12:00:00 +0000] "GET /a HTTP/1.1" 304 0 "-" "say \"hi\" \x22there\x22"`,
		`GET /a 304 HTTP/1.1` + noon + ` from=203.0.113.7 user-agent=say "hi" "there"`,
	},
	{
		"main", `10.0.0.1 - - [22/Nov/2026:12:00:00 +0000] "POST /a HTTP/2.0" 201 5 "-" "-" "198.51.100.9, 203.0.113.8"`,
		"POST /a 201 HTTP/2.0" + noon + " from=203.0.113.8 got",
	},
	{
		"vhost_combined", `Api.Example.com:443 2001:db8::1 - - [22/Nov/2026:12:00:00 +0000] "DELETE /x/1 HTTP/1.1" 204 - "-" "ua"`,
		"DELETE Api.Example.com:443/x/1 204 HTTP/1.1" + noon + " from=2001:db8::1 user-agent=ua",
	},
	{
		"common", `203.0.113.7 - - [22/Nov/2026:12:00:00 +0000] "GET /a HTTP/1.0" 200 12`,
		"GET /a 200 HTTP/1.0" + noon + " from=203.0.113.7 got",
	},
	{
		"ingress-nginx", `203.0.113.7 - - [22/Nov/2026:12:00:00 +0000] "GET /a HTTP/1.1" 502 157 "-" "ua" 321 0.004 [shop-orders-80] [] 10.1.0.4:8080, 10.1.0.5:8080 0, 157 0.002, 0.002 502, 502 9d1b`,
		"GET /a 502 HTTP/1.1" + noon + " from=203.0.113.7 to=10.1.0.5:8080 user-agent=ua got",
	},
	{
		"traefik", `203.0.113.7 - - [22/Nov/2026:12:00:00 +0000] "GET /a HTTP/1.1" 200 15 "-" "ua" 7 "orders@docker" "http://10.1.0.4:8080" 3ms`,
		"GET /a 200 HTTP/1.1" + noon + " from=203.0.113.7 to=10.1.0.4:8080 user-agent=ua got",
	},
	{
		"envoy", `[2026-11-22T12:00:00.000Z] "POST /api/v1/locations HTTP/2" 204 - 154 0 226 100 "10.0.35.28" "nsq2http" "cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2" "locations" "tcp://10.0.2.1:80"`,
		"POST locations/api/v1/locations 204 HTTP/2" + noon + " from=10.0.35.28 to=tcp://10.0.2.1:80 user-agent=nsq2http x-request-id=cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2 sent",
	},
	{
		"istio", `[2026-11-22T12:00:00.000Z] "GET /status/418 HTTP/1.1" 418 - via_upstream - "-" 0 135 3 1 "-" "curl/7.73.0" "84961386" "httpbin:8000" "127.0.0.1:80" inbound|8000|| 127.0.0.6:41854 10.44.1.27:80 10.44.1.23:37652 outbound_.8000_._.httpbin.foo.svc.cluster.local default`,
		"GET httpbin:8000/status/418 418 HTTP/1.1" + noon + " from=10.44.1.23 to=127.0.0.1:80 user-agent=curl/7.73.0 x-request-id=84961386 got",
	},
	{
		"aws-alb", `https 2026-11-22T12:00:00.000000Z app/my-lb/50dc6c 192.0.2.1:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 0 57 "GET https://www.example.com:443/a?b=1 HTTP/1.1" "curl/7.46.0" ECDHE-RSA TLSv1.2 arn:aws:tg/1 "Root=1-58" "www.example.com" "arn:aws:cert" 1 2026-11-22T11:59:59.000000Z "authenticate,forward" "-" "-" "10.0.0.1:80" "200" "-" "-"`,
		"GET www.example.comhttps://www.example.com:443/a?b=1 200 HTTP/1.1" + noon + " from=192.0.2.1 to=10.0.0.1:80 user-agent=curl/7.46.0 got",
	},
	{
		"haproxy", `10.0.1.2:33317 [22/Nov/2026:12:00:00.500] http-in static/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {1wt.eu} {} "GET /index.html HTTP/1.1"`,
		"GET /index.html 200 HTTP/1.1 at=2026-11-22T12:00:00.5Z from=10.0.1.2 got",
	},
	{
		"haproxy", `10.0.1.2:33317 [22/Nov/2026:12:00:00.500] http-in static/srv1 10/0/30/69/109 503 212 - - SC-- 1/1/1/1/0 0/0 "GET /i HTTP/1.1"`,
		"GET /i 503 HTTP/1.1 at=2026-11-22T12:00:00.5Z from=10.0.1.2 got",
	},
	{
		"json", `{"start_time":"2026-11-22T12:00:00.000Z","method":"GET","path":"/a?b=c","protocol":"HTTP/1.1","response_code":200,"bytes_received":0,"bytes_sent":10,"authority":"api.test","x_forwarded_for":"203.0.113.8","user_agent":"ua","upstream_host":"10.0.0.9:80","duration":3}`,
		"GET api.test/a?b=c 200 HTTP/1.1" + noon + " from=203.0.113.8 to=10.0.0.9:80 user-agent=ua got",
	},
	{
		"json", `{"ClientAddr":"203.0.113.7:1234","ClientHost":"203.0.113.7","DownstreamStatus":201,"RequestHost":"api.test","RequestMethod":"PUT","RequestPath":"/a/1","RequestProtocol":"HTTP/2.0","RequestScheme":"https","ServiceAddr":"10.0.0.3:80","StartUTC":"2026-11-22T12:00:00Z","level":"info","msg":"","time":"2026-11-22T13:00:00+01:00","request_User-Agent":"ua"}`,
		"PUT api.test/a/1 201 HTTP/2.0" + noon + " from=203.0.113.7 scheme=https to=10.0.0.3:80 user-agent=ua",
	},
	{
		"json", `{"level":"info","ts":1795348800,"logger":"http.log.access","msg":"handled request","request":{"remote_ip":"203.0.113.7","remote_port":"5","proto":"HTTP/2.0","method":"GET","host":"api.test","uri":"/a?b=1","headers":{"User-Agent":["ua"],"Accept":["*/*"]},"tls":{"version":772}},"bytes_read":0,"user_id":"","duration":0.1,"size":10,"status":200,"resp_headers":{"Content-Type":["text/plain"]}}`,
		"GET api.test/a?b=1 200 HTTP/2.0" + noon + " from=203.0.113.7 accept=*/* user-agent=ua got",
	},
	{
		"json", `{"instant":{"epochSecond":1795348800,"nanoOfSecond":5000000},"thread":"cpu","level":"INFO","loggerName":"http","message":"{\"attributes\":{\"method\":\"GET\",\"requestUri\":\"/api/x?y=1\",\"remoteAddress\":\"/203.0.113.7:6\",\"headers\":{\"host\":\"api.test\",\"client_id\":\"abc\"}},\"status\":200}"}`,
		"GET api.test/api/x?y=1 200 at=2026-11-22T12:00:00.005Z from=203.0.113.7 client_id=abc",
	},
	{
		"json", `{"@timestamp":"2026-11-22T12:00:00Z","http":{"request":{"method":"GET"},"response":{"status_code":404}},"url":{"path":"/a","query":"b=1","domain":"api.test"},"source":{"address":"203.0.113.7"},"user_agent":{"original":"ua"}}`,
		"GET api.test/a?b=1 404" + noon + " from=203.0.113.7 user-agent=ua",
	},
	{
		"json", `{"httpRequest":{"requestMethod":"GET","requestUrl":"https://api.test/a","status":200,"userAgent":"ua","remoteIp":"203.0.113.7","responseSize":"9"},"timestamp":"2026-11-22T12:00:00Z"}`,
		"GET https://api.test/a 200" + noon + " from=203.0.113.7 user-agent=ua got",
	},
	{
		"json", `{"time":"22/Nov/2026:12:00:00 +0000","request":"GET /a HTTP/1.1","status":"200","remote_addr":"203.0.113.7"}`,
		"GET /a 200 HTTP/1.1" + noon + " from=203.0.113.7",
	},
	{
		"combined with more", `203.0.113.7 - - [22/Nov/2026:12:00:00 +0000] "GET /a HTTP/1.1" 200 1 "-" "ua" 0.003 whatever`,
		"GET /a 200 HTTP/1.1" + noon + " from=203.0.113.7 user-agent=ua got",
	},
	{
		"request in text", `[2026-11-22 12:00:00.000] INFO  org.mule.runtime.core.internal.processor.LoggerMessageProcessor [[MuleRuntime].uber.01: [orders].get:\orders.CPU_LITE @5f] [processor: log/processors/0; event: 0-1]: GET /api/orders/7?x=1 HTTP/1.1 200`,
		"GET /api/orders/7?x=1 200 HTTP/1.1" + noon,
	},
	{"combined in Kubernetes (CRI)", `2026-11-22T12:00:00.123456789Z stdout F 203.0.113.7 - - [22/Nov/2026:12:00:00 +0000] "GET /a HTTP/1.1" 200 0 "-" "-"`, "GET /a 200 HTTP/1.1" + noon + " from=203.0.113.7"},
	{"combined in Docker's JSON", `{"log":"203.0.113.7 - - [22/Nov/2026:12:00:00 +0000] \"GET /a HTTP/1.1\" 200 0 \"-\" \"-\"\n","stream":"stdout","time":"2026-11-22T12:00:00Z"}`, "GET /a 200 HTTP/1.1" + noon + " from=203.0.113.7"},
	{"combined in syslog", `<190>Nov 22 12:00:00 web nginx: 203.0.113.7 - - [22/Nov/2026:12:00:00 +0000] "GET /a HTTP/1.1" 200 0 "-" "-"`, "GET /a 200 HTTP/1.1" + noon + " from=203.0.113.7"},
	{"combined in syslog", `<134>1 2026-11-22T12:00:00Z web nginx 12 - [x@1 a="\"]"] 203.0.113.7 - - [22/Nov/2026:12:00:00 +0000] "GET /a HTTP/1.1" 200 0 "-" "-"`, "GET /a 200 HTTP/1.1" + noon + " from=203.0.113.7"},
	{"haproxy in syslog", `2026-11-22T12:00:00.1+00:00 lb haproxy[14389]: 10.0.1.2:33317 [22/Nov/2026:12:00:00.000] http-in static/srv1 10/0/30/69/109 200 0 - - ---- 1/1/1/1/0 0/0 "GET /i HTTP/1.1"`, "GET /i 200 HTTP/1.1" + noon + " from=10.0.1.2"},
	{"json in Kubernetes (CRI)", `2026-11-22T12:00:00.1Z stdout F {"ts":"2026-11-22T12:00:00Z","verb":"GET","uri":"/a","status":200}`, "GET /a 200" + noon},
	{"common in JSON messages", `{"level":"INFO","message":"203.0.113.7 - - [22/Nov/2026:12:00:00 +0000] \"GET /a HTTP/1.1\" 200 0"}`, "GET /a 200 HTTP/1.1" + noon + " from=203.0.113.7"},
}

func TestFormats(t *testing.T) {
	for _, test := range cases {
		f, w, tried := Detect([]string{test.line})
		if f == nil {
			t.Errorf("%s: not detected: %v", test.name, tried)
			continue
		}
		p := NewParser(f, w, Options{Forwarded: 1})
		var o discovery.Observation
		if err := p.Parse(test.line, &o); err != nil || p.Name() != test.name || show(&o) != test.want {
			t.Errorf("%s: %s, %v\n got %s\nwant %s", test.name, p.Name(), err, show(&o), test.want)
		}
	}
	t.Logf("%d lines", len(cases))
	if len(cases) < 25 {
		t.Error("too few")
	}
}

func TestOwnFormats(t *testing.T) {
	tests := []struct{ format, line, want string }{
		{
			`nginx:log_format own '$http_x_real_ip|$host|$request_method|$uri|$args|' "$status|$upstream_addr|${http_x_tenant}";`,
			`-|api.test|GET|/a/b|x=1|200|10.0.0.1:80, 10.0.0.2:80|acme`, "GET api.test/a/b?x=1 200 to=10.0.0.2:80 x-tenant=acme",
		},
		{`nginx:$msec $remote_addr $scheme://$http_host$request_uri $request_method`, ``, "two columns of the format, 4 and 5, have no text between them"},
		{`nginx:$msec $remote_addr $scheme $http_host $request_uri $request_method`, `1795348800.000 203.0.113.7 https api.test /a?b=1 GET`, "GET api.test/a?b=1 0" + noon + " from=203.0.113.7 scheme=https"},
		{`nginx:$status $bytes`, ``, "the format has no column with the request or its path"},
		{`nginx:$request ${status`, ``, "the nginx format has a ${ that nothing closes"},
		{
			`apache:LogFormat "%v %{X-Forwarded-For}i %t \"%m %U%q %H\" %>s %!200,304{User-Agent}i %D" own`,
			`api.test 198.51.100.1 [22/Nov/2026:12:00:00 +0000] "GET /a?b=1 HTTP/1.1" 200 ua 12`, "GET api.test/a?b=1 200 HTTP/1.1" + noon + " from=198.51.100.1 user-agent=ua",
		},
		{`apache:%h %{X`, ``, "the Apache format has a %{ that nothing closes"},
		{
			`envoy:%START_TIME% %REQ(:METHOD)% %REQ(:AUTHORITY)% %REQ(:PATH)% %RESPONSE_CODE% %REQ(X-Tenant)% %DURATION%`,
			`2026-11-22T12:00:00.000Z GET api.test /a 200 acme 5`, "GET api.test/a 200" + noon + " x-tenant=acme",
		},
		{`envoy:%START_TIME`, ``, "the Envoy format has a % that no other closes"},
		{`clf`, ``, `no log format is named "clf"`},
	}
	for _, test := range tests {
		f, err := Named(test.format)
		if err != nil {
			if test.line != "" || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: %v", test.format, err)
			}
			continue
		}
		var o discovery.Observation
		if err := NewParser(f, Bare, Options{Forwarded: 1}).Parse(test.line, &o); err != nil || show(&o) != test.want {
			t.Errorf("%s: %v\n got %s\nwant %s", test.format, err, show(&o), test.want)
		}
	}
	t.Logf("%d formats", len(tests))
}

func TestMapping(t *testing.T) {
	tests := []struct{ mapping, lines, want string }{
		{
			"format: json\ntime-layout: unix-ms\nfields: {time: /t, method: /r/0, path: /r/1, status: /s~1x, header.X-Tenant: /tenant}",
			`{"t":1795348800000,"r":["GET","/a?b"],"s/x":200,"tenant":"acme"}`, "GET /a?b 200" + noon + " x-tenant=acme",
		},
		{
			"format: csv\nseparator: ';'\nfields: {time: When, method: 2, path: Path, client: Who, api: Api}",
			"When;Verb;Path;Who;Api\n2026-11-22 12:00:00;GET;\"/a;b\";203.0.113.7;ns/orders", "GET /a;b 0" + noon + " from=203.0.113.7 api=ns/orders",
		},
		{"format: xml\nfields: {}", "", `format must be json or csv, not "xml"`},
		{"format: json\nfields: {method: /m}", "", "fields must name request, or method and path"},
		{"format: json\nfields: {method: m, path: /p}", "", `method must be a JSON pointer, which begins with a slash, not "m"`},
		{"format: json\nfields: {verb: /m}", "", `fields has "verb", which is no field`},
		{"format: csv\nseparator: ab\nfields: {}", "", `separator must be one character, not "ab"`},
		{"format: json\nfeilds: {}", "", "field feilds not found"},
	}
	for _, test := range tests {
		f, err := Mapping([]byte(test.mapping))
		if err != nil {
			if test.lines != "" || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: %v", test.mapping, err)
			}
			continue
		}
		p := NewParser(f, Bare, Options{})
		var o discovery.Observation
		for line := range strings.SplitSeq(test.lines, "\n") {
			o = discovery.Observation{}
			err = p.Parse(line, &o)
		}
		if err != nil || show(&o) != test.want {
			t.Errorf("%s: %v\n got %s\nwant %s", test.mapping, err, show(&o), test.want)
		}
	}
	t.Logf("%d mappings", len(tests))
}

func TestRefused(t *testing.T) {
	combined, err := Named("combined")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		line string
		want error
	}{
		{`203.0.113.7 - - [22/Nov/2026:12:00:00 +0000] "-" 408 0 "-" "-"`, ErrNoRequest},
		{`203.0.113.7 - - [22/Nov/2026:12:00:00 +0000] "\x16\x03\x01" 400 150 "-" "-"`, ErrNoRequest},
		{`203.0.113.7 - - [22/Nov/2026:12:00:00 +0000] "GET /a" 200 150 "-" "-"`, ErrNoRequest},
		{`203.0.113.7 - - [22/Nov/2026:12:00:00 +0000] "GET /a HTTP/1.1" abc 150 "-" "-"`, ErrFormat},
		{`203.0.113.7 - - [32/Nov/2026:12:00:00 +0000] "GET /a HTTP/1.1" 200 150 "-" "-"`, ErrFormat},
		{`203.0.113.7 - - [22/Nov/2026:12:00:00 +0000] "GET /a HTTP/1.1" 200 150 "-" "-`, ErrFormat},
		{`# comment`, ErrComment},
	}
	for _, test := range tests {
		var o discovery.Observation
		if err := NewParser(combined, Bare, Options{}).Parse(test.line, &o); err != test.want { //nolint:errorlint // sentinels, unwrapped
			t.Errorf("%s: %v", test.line, err)
		}
	}
	t.Logf("%d lines", len(tests))
}

// TestCutLines: a runtime cuts long lines; the parser joins them.
func TestCutLines(t *testing.T) {
	f, err := Named("combined")
	if err != nil {
		t.Fatal(err)
	}
	p := NewParser(f, CRI, Options{})
	var o discovery.Observation
	if err := p.Parse(`2026-11-22T12:00:00.1Z stdout P 203.0.113.7 - - [22/Nov/2026:12:00:00 +0000] "GET /a`, &o); err != ErrPart { //nolint:errorlint // as above
		t.Fatal(err)
	}
	if err := p.Parse(`2026-11-22T12:00:00.1Z stdout F bc HTTP/1.1" 200 0 "-" "-"`, &o); err != nil || o.Path != "/abc" {
		t.Fatal(err, o.Path)
	}
}

func FuzzLines(f *testing.F) {
	for _, test := range cases {
		f.Add(test.line)
	}
	f.Fuzz(func(_ *testing.T, line string) {
		format, w, _ := Detect([]string{line})
		if format == nil {
			return
		}
		var o discovery.Observation
		_ = NewParser(format, w, Options{Forwarded: 2}).Parse(line, &o)
	})
}

func FuzzNamed(f *testing.F) {
	f.Add("nginx:$a ${b} $request", "x GET / HTTP/1.1")
	f.Add(`apache:%{x}i "%r" %>s`, "x")
	f.Add("envoy:%REQ(:PATH)% %START_TIME(%s)%", "x")
	f.Fuzz(func(_ *testing.T, format, line string) {
		if one, err := Named(format); err == nil {
			var o discovery.Observation
			_ = NewParser(one, Bare, Options{}).Parse(line, &o)
		}
	})
}

func FuzzMapping(f *testing.F) {
	f.Add("format: csv\nfields: {method: 1, path: b}", "a,b\nGET,/x")
	f.Add("format: json\nfields: {method: /m, path: /p}", `{"m":"GET"}`)
	f.Fuzz(func(_ *testing.T, mapping, lines string) {
		one, err := Mapping([]byte(mapping))
		if err != nil {
			return
		}
		p := NewParser(one, Bare, Options{})
		for line := range strings.SplitSeq(lines, "\n") {
			var o discovery.Observation
			_ = p.Parse(line, &o)
		}
	})
}
