package aws

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/traffic"
)

func TestConversations(t *testing.T) { policytest.PlayAll(t, 7, Signature(), Lambda()) }

func writeFile(t *testing.T, name, id string) {
	t.Helper()
	text := "[default]\naws_access_key_id = OTHER\naws_secret_access_key = other\n[app]\naws_access_key_id = " + id + "\naws_secret_access_key = secret\naws_session_token = temporary\n[empty]\n"
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestFile holds that a credentials file is read again after a minute.
func TestFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "credentials")
	synctest.Test(t, func(t *testing.T) {
		writeFile(t, name, "FIRST")
		f := &file{name: name, profile: "app", now: time.Now}
		for _, want := range []string{"FIRST", "FIRST", "SECOND"} {
			got, err := f.get(t.Context())
			if err != nil || *got != (credentials{want, "secret", "temporary"}) {
				t.Fatalf("%v, %v, want %s", got, err, want)
			}
			if want == "FIRST" {
				writeFile(t, name, "SECOND")
				time.Sleep(31 * time.Second)
			}
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if got, err := f.get(t.Context()); err == nil {
			t.Fatalf("%v of a file that is gone", got)
		}
		writeFile(t, name, "THIRD")
		time.Sleep(time.Second)
		if got, err := f.get(t.Context()); err != nil || got.id != "THIRD" {
			t.Fatalf("%v, %v: the failure is remembered for too long", got, err)
		}
		empty := &file{name: name, profile: "empty", now: time.Now}
		if _, err := empty.get(t.Context()); err == nil || !strings.Contains(err.Error(), "no access key") {
			t.Fatalf("a profile without keys: %v", err)
		}
	})
}

// TestChain holds that the default chain looks into the environment and the
// shared files.
func TestChain(t *testing.T) {
	name := filepath.Join(t.TempDir(), "credentials")
	writeFile(t, name, "SHARED")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", name)
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "absent"))
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	profile := newChain("app", time.Now)
	for range 2 {
		if got, err := profile.get(t.Context()); err != nil || got.id != "SHARED" {
			t.Fatalf("%v, %v", got, err)
		}
	}
	if _, err := newChain("absent", time.Now).get(t.Context()); err == nil {
		t.Fatal("a profile that does not exist")
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "ENVIRONMENT")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	if got, err := newChain("", time.Now).get(t.Context()); err != nil || got.id != "ENVIRONMENT" {
		t.Fatalf("%v, %v", got, err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "none"))
	none := newChain("", time.Now)
	for range 2 { // the second time from memory
		if _, err := none.get(t.Context()); err == nil || strings.Contains(err.Error(), "IMDS") {
			t.Fatalf("credentials out of nothing: %v", err)
		}
	}
}

func bind(t *testing.T, p policy.Policy, settings string) policy.Step {
	t.Helper()
	c, err := p.Compile(json.RawMessage(settings))
	if err != nil {
		t.Fatal(err)
	}
	step, err := c.Bind(policy.Env{
		Now: time.Now, HTTP: &http.Client{Timeout: 10 * time.Second, Transport: http.DefaultTransport.(*http.Transport).Clone()},
		State: func(_ string, make func() any) any { return make() },
	})
	if err != nil {
		t.Fatal(err)
	}
	return step
}

// TestVersion4AOfRequest holds that the regions are signed and sent.
func TestVersion4AOfRequest(t *testing.T) {
	step := bind(t, Signature(), `{"serviceName":"s3","region":"us-east-1,eu-*","signingAlgorithm":"AWS_SIGV4A","authenticationMode":"inline",
		"inlineCredentialProvider":{"accessKeyId":"AKID","secretAccessKey":"secret"}}`)
	x := &traffic.Exchange{Upstream: traffic.Upstream{URI: "https://s3.test", Path: "/b/k"}}
	x.Request.Method = "GET"
	if v := step.Request(t.Context(), x); v.Stops() {
		t.Fatal(v.Reason)
	}
	got := x.Request.Header.Get("authorization")
	if x.Request.Header.Get("x-amz-region-set") != "us-east-1,eu-*" ||
		!strings.HasPrefix(got, "AWS4-ECDSA-P256-SHA256 Credential=AKID/") || !strings.Contains(got, "/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-region-set, ") {
		t.Errorf("signed as %s", got)
	}
}

// TestSentAsSigned holds over a connection that a server which computes the
// signature of what it reads comes to the same.
func TestSentAsSigned(t *testing.T) {
	verified := make(chan error, 1)
	key := &credentials{id: "AKID", secret: "secret", token: "temporary"}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		verified <- verify(r, key)
		_, _ = io.WriteString(w, `{}`)
	}))
	defer server.Close()
	step := bind(t, Lambda(), `{"arn":"arn:aws:lambda:eu-central-1:123456789012:function:orders","payloadPassthrough":true,"authenticationMode":"static",
		"endpoint":"`+server.URL+`","credentials":{"accessKeyId":"AKID","secretAccessKey":"secret","sessionToken":"temporary"}}`)
	x := &traffic.Exchange{}
	x.Request.Body.SetSource(strings.NewReader("hello"), 5)
	if err := x.Request.Body.Load(maxPayload, nil, nil); err != nil {
		t.Fatal(err)
	}
	if v := step.Request(t.Context(), x); v.Action != traffic.Answered {
		t.Fatalf("%v: %s", v.Action, v.Reason)
	}
	if err := <-verified; err != nil {
		t.Error(err)
	}
}

// TestSentByGateway holds the same of a request that the gateway sends: an
// opaque path, a query, headers of its own added behind our back.
func TestSentByGateway(t *testing.T) {
	verified := make(chan error, 1)
	key := &credentials{id: "AKID", secret: "secret"}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { verified <- verify(r, key) }))
	defer server.Close()
	step := bind(t, Signature(), `{"serviceName":"execute-api","region":"eu-central-1","authenticationMode":"inline","inlineCredentialProvider":{"accessKeyId":"AKID","secretAccessKey":"secret"}}`)
	paths := []string{"/", "/a%20b/~c", "/a!b$&'()*+,;=:@/", "/%E6%BC%A2"}
	queries := []string{"", "a", "b=2&a=1&a=0", "a=x+y%20z&%C3%A9=!*'()", "q=a=b&&c"}
	for _, path := range paths {
		for _, query := range queries {
			x := &traffic.Exchange{Upstream: traffic.Upstream{URI: server.URL, Path: path}}
			x.Request.Method, x.Request.RawQuery = "POST", query
			x.Request.Header = traffic.NewHeader(traffic.Field{Name: "accept", Value: "a"}, traffic.Field{Name: "accept", Value: "b  c"},
				traffic.Field{Name: "x-forwarded-for", Value: "203.0.113.9"}, traffic.Field{Name: "content-type", Value: "text/plain"})
			x.Request.Body.SetSource(strings.NewReader("hello"), 5)
			if err := x.Request.Body.Load(100, nil, nil); err != nil {
				t.Fatal(err)
			}
			if v := step.Request(t.Context(), x); v.Stops() {
				t.Fatal(v.Reason)
			}
			host := strings.TrimPrefix(server.URL, "http://")
			body, length := x.Request.Body.Forward()
			out := &http.Request{
				Method: "POST", Host: host, Header: http.Header{}, Body: io.NopCloser(body), ContentLength: length,
				URL: &url.URL{Scheme: "http", Host: host, Opaque: x.Upstream.Path, RawQuery: x.Request.RawQuery},
			}
			for f := range x.Request.Header.All() {
				out.Header.Add(f.Name, f.Value)
			}
			out.Header.Set("X-Forwarded-For", "203.0.113.9, 192.0.2.7")
			out.Header.Set("X-Correlation-Id", "1")
			resp, err := http.DefaultTransport.RoundTrip(out.WithContext(t.Context()))
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if err := <-verified; err != nil {
				t.Errorf("%s?%s: %v", path, query, err)
			}
		}
	}
	t.Logf("verified %d requests", len(paths)*len(queries))
}

func FuzzReadResult(f *testing.F) {
	for _, seed := range []string{`{"statusCode":201,"headers":{"a":"b"},"cookies":["c=d"],"body":"x"}`, `{"status_code":204,"body":"eA==","is_base64_encoded":true}`, `null`, `[]`, `{}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		answer, err := readResult(text)
		if err != nil {
			return
		}
		if answer.Status < 200 || answer.Status > 599 {
			t.Fatalf("status %d", answer.Status)
		}
		for _, h := range answer.Header {
			if notTaken[h.Name] || h.Name != strings.ToLower(h.Name) || strings.ContainsAny(h.Name+h.Value, "\r\n\x00") {
				t.Fatalf("header %q: %q", h.Name, h.Value)
			}
		}
	})
}
