package classify_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/classify"
)

const (
	signed   = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
	unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."
	pem      = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n-----END RSA PRIVATE KEY-----"
	random   = "7fKq2LxVbN9sTzR4wYcE1mHj"
)

// must are texts with what they must be redacted to.
var must = []struct{ in, want string }{
	{"bob@example.com", "[email]"},
	{"to=bob.o+x@mail.example.co.uk&b=2", "to=[email]&b=2"},
	{"<bob@example.com>", "<[email]>"},
	{"write to bob@example.com.", "write to [email]."},
	{"q=bob%40example.com", "q=[email]"},
	{"jürgen@müller.example", "[email]"},
	{"4111111111111111", "[card]"},
	{"pay 4111 1111 1111 1111 now", "pay [card] now"},
	{"5500-0000-0000-0004", "[card]"},
	{"amex 378282246310005.", "amex [card]."},
	{"3782 822463 10005", "[card]"},
	{"6011000990139424", "[card]"},
	{"2223003122003222", "[card]"},
	{"3530111333300000", "[card]"},
	{"30569309025904", "[card]"},
	{"n=4111+1111+1111+1111&cvc", "n=[card]&cvc"},
	{"4111 1111 1111 1111 123", "[card] 123"},
	{"DE89370400440532013000", "[iban]"},
	{"GB82 WEST 1234 5698 7654 32", "[iban]"},
	{"to NO9386011117947 please", "to [iban] please"},
	{"fr1420041010050500013m02606", "[iban]"},
	{"219-09-9999", "[ssn]"},
	{"id 219-09-9999, ok", "id [ssn], ok"},
	{"+4915112345678", "[phone]"},
	{"call +1 (415) 555-2671 today", "call [phone] today"},
	{"tel=%2B442071838750", "tel=[phone]"},
	{"a " + signed + " b", "a [jwt] b"},
	{unsigned, "[jwt]"},
	{"key: " + pem + " end", "key: [private-key] end"},
	{pem[:50], "[private-key]"},
	{"AKIAIOSFODNN7EXAMPLE", "[aws-key]"},
	{"x=ASIAIOSFODNN7EXAMPLE&y", "x=[aws-key]&y"},
	{"%20AKIAIOSFODNN7EXAMPLE", "%20[aws-key]"},
	{"ghp_" + strings.Repeat("a1B2", 9), "[github-token]"},
	{"github_pat_" + strings.Repeat("a1B2_", 9), "[github-token]"},
	{"glpat-" + strings.Repeat("a1B-_", 4), "[gitlab-token]"},
	{"xoxb-" + "123456789012-abcdef", "[slack-token]"},
	{"sk_live_" + strings.Repeat("4eC3", 6), "[stripe-key]"},
	{"AIza" + strings.Repeat("SyD-9", 7), "[google-key]"},
	{"ya29." + strings.Repeat("a0Af-", 8), "[google-key]"},
	{"npm_" + strings.Repeat("a1B2", 9), "[api-key]"},
	{"hvs." + strings.Repeat("a1B2", 9), "[api-key]"},
	{"Bearer abc123.def~", "Bearer [credentials]"},
	{"bearer%20abc123def", "bearer%20[credentials]"},
	{"Basic dXNlcjpwYXNz", "Basic [credentials]"},
	{"postgres://bob:hun@ter2@db.internal/x", "postgres://[credentials]@db.internal/x"},
	{"password=hunter2", "password=[secret]"},
	{"a=1&password=hunter2&b=2", "a=1&password=[secret]&b=2"},
	{"user[password]=hunter2", "user[password]=[secret]"},
	{`{"user":"bob","password":"hun\"ter2","n":1}`, `{"user":"bob","password":"[secret]","n":1}`},
	{`{\"password\":\"hunter2\",\"n\":1}`, `{\"password\":\"[secret]\",\"n\":1}`},
	{`{"pin" : 1234, "a":1}`, `{"pin" : [secret], "a":1}`},
	{`{"tokens":["abc","def"],"a":1}`, `{"tokens":[[secret]],"a":1}`},
	{"password%3Dhunter2", "password%3D[secret]"},
	{"%22password%22%3A%22hunter2%22%7D", "%22password%22%3A%22[secret]%22%7D"},
	{"<password>hunter2</password>", "<password>[secret]</password>"},
	{"<wsse:Password Type='text'>hunter2</wsse:Password>", "<wsse:Password Type='text'>[secret]</wsse:Password>"},
	{"Authorization: Basic dXNlcjpwYXNz\r\nHost: a", "Authorization: [secret]\r\nHost: a"},
	{"Cookie: a=1; b=2", "Cookie: [secret]"},
	{"client_secret = 's3cr3t'", "client_secret = '[secret]'"},
	{"password=[email]hunter2", "password=[email][secret]"},
	{"reset/" + random + "/now", "reset/[token]/now"},
	{"the api key " + "0123456789abcdef0f1e2d3c4b5a6978" + " leaked", "the api key [token] leaked"},
	{"bob@example.com and 219-09-9999", "[email] and [ssn]"},
}

// mustNot are look-alikes.
var mustNot = []string{
	"", "hello world", "bob@localhost", "@example.com", "a@b", "bob@example.1", "x @ y.com", "1.2@3.4",
	"4111111111111112", "41111111111111110", "1234567890123456", "411111111111", "1111 1111 1111 1111",
	"0.4111111111111111", "4111 11 11 1111 1111", "9999999999999995",
	"DE89370400440532013001", "XX89370400440532013000", "DE8937040044053201300", "DE893704004405320130000",
	"000-12-3456", "666-12-3456", "912-12-3456", "219-00-9999", "219-09-0000", "219-099-999", "1219-09-9999", "219-09-99990",
	"219 09 9999", "2024-01-02-0001",
	"1+4915112345679", "+0123456789", "+1234567", "+1234567890123456", "a + 12345678",
	"eyJ.a.b", "eyJust.some.text", "eyelid.of.storm",
	"-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----", "-----BEGIN CERTIFICATE-----",
	"AKIAIOSFODNN7EXAMPL", "akiaiosfodnn7example", "XAKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLEX",
	"ghp_short", "glpat-short", "xoxb-1", "sk_live_x", "AIzaShort",
	"Bearer authentication is required", "basic understanding", "bearer of news", "WWW-Authenticate: Basic realm",
	"https://example.com:8080/a@b", "https://bob@host/", "http://a/b:c@d",
	"author=bob", "spinner: on", "tokenize=yes", "password", "password=", "password=&a=1", "token: expired",
	`{"password":null}`, `{"token":""}`, `{"session":{"id":1}}`, "no token: the client sent none", "max_tokens=500",
	"3f2504e0-4f89-11d3-9a0c-0305e82c3301", "da39a3ee5e6b4b0d3255bfef95601890afd80709",
	"internal/encoding/classify/finder.go", "getCustomerOrdersByRegionAndYear2024", "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
	"0123456789012345678901234567890123456789", "TheQuickBrownFoxJumpsOverTheLazyDog", "SELECT * FROM users WHERE id=1",
	"[email]", "password=[secret]", "Bearer [credentials]", "' OR 1=1 --", "<script>alert(1)</script>",
	"2026-11-22T03:03:00.123456789Z", "192.168.100.200:8080", "${jndi:ldap://x/a}",
}

func TestFindAndRedact(t *testing.T) {
	for _, c := range must {
		got := classify.Redact(c.in)
		if got != c.want {
			t.Errorf("Redact(%q)\n got %q\nwant %q", c.in, got, c.want)
		}
	}
	for _, in := range mustNot {
		if found := classify.Find(in); found != nil {
			t.Errorf("Find(%q) = %v, want nothing", in, found)
		}
		if got := classify.Redact(in); got != in {
			t.Errorf("Redact(%q) = %q, want it unchanged", in, got)
		}
	}
	t.Logf("played %d texts with secrets and %d look-alikes", len(must), len(mustNot))
}

func TestEveryClassIsPlayed(t *testing.T) {
	seen := map[classify.Class]bool{}
	for _, c := range must {
		for _, m := range classify.Find(c.in) {
			seen[m.Class] = true
		}
	}
	for _, c := range classify.Classes() {
		if !seen[c] {
			t.Errorf("no text has the class %s", c)
		}
		if r := "[" + string(c) + "]"; classify.Redact("password="+r) != "password="+r {
			t.Errorf("the placeholder %s is taken for a value", r)
		}
	}
}

// check holds what is true of every text.
func check(t interface{ Fatalf(string, ...any) }, text string) {
	end := 0
	for _, m := range classify.Find(text) {
		if m.Start < end || m.End <= m.Start || m.End > len(text) || m.Class == "" {
			t.Fatalf("Find(%q): bad match %v behind %d", text, m, end)
		}
		end = m.End
	}
	once := classify.Redact(text)
	if left := classify.Find(once); left != nil {
		t.Fatalf("Redact(%q) = %q, which still holds %v", text, once, left)
	}
	if twice := classify.Redact(once); twice != once {
		t.Fatalf("Redact is not idempotent: %q, then %q", once, twice)
	}
	classify.Segment(text)
	classify.SecretName(text)
}

// TestRedactProperties glues secrets, look-alikes and separators together.
func TestRedactProperties(t *testing.T) {
	pieces := []string{" ", "&", "=", ":", "\"", "'", "[", "]", "{", "<", ">", "/", ".", "-", "_", "+", "%20", "%22", "@", "\n", "\\", "x", "9", "é", "\x00", "\xff", "pin", "token"}
	for _, c := range must {
		pieces = append(pieces, c.in, c.want)
	}
	pieces = append(pieces, mustNot...)
	rapid.Check(t, func(t *rapid.T) {
		check(t, strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 12).Draw(t, "pieces"), ""))
	})
}

// TestRedactIsLinear feeds 128 KiB of what makes a careless matcher quadratic:
// the bound is more than a hundred times what is needed.
func TestRedactIsLinear(t *testing.T) {
	const size, bound = 128 << 10, 10 * time.Second
	for _, unit := range []string{
		"a", "1", " ", "-", "+", "=", "/", "%", "[", "\"", "@", ".", "eyJ-", "a@", "a.", "1-", "pin=[", "pin ", "bearer ",
		"basic+", "bearer+", "://", "://a:", "-----BEGIN PRIVATE KEY", "<pin ", "cookie: a ", "pin=\"\"", "Aa1", "Aa1/", "+1",
		"4111-", "%40", "a%40", "AKIA", "[email]", "DE89 ", "pin=[email]", "sk-", "Aa1+", "123-",
	} {
		began := time.Now()
		check(t, strings.Repeat(unit, size/len(unit)))
		if took := time.Since(began); took > bound {
			t.Errorf("%q repeated: took %v, want less than %v", unit, took, bound)
		}
	}
}

func TestCleanTextAllocatesNothing(t *testing.T) {
	text := "GET /orders/42?page=3&sort=-name HTTP/1.1, user-agent curl/8.5.0, 'the quick brown fox'"
	if n := testing.AllocsPerRun(100, func() { classify.Redact(text) }); n != 0 {
		t.Errorf("Redact of a clean text allocates %v times, want 0", n)
	}
	if n := testing.AllocsPerRun(100, func() { classify.Segment("customer-orders") }); n != 0 {
		t.Errorf("Segment of a word allocates %v times, want 0", n)
	}
}

func FuzzRedact(f *testing.F) {
	for _, c := range must {
		f.Add(c.in)
	}
	for _, in := range mustNot {
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, text string) { check(t, text) })
}

func BenchmarkRedactClean(b *testing.B) {
	text := "GET /orders/42?page=3&sort=-name HTTP/1.1, user-agent curl/8.5.0, 'the quick brown fox'"
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		classify.Redact(text)
	}
}

// TestFindIssued: keys are found in any neighbourhood, and nothing else is.
func TestFindIssued(t *testing.T) {
	key := "gh" + "p_" + strings.Repeat("a1B2", 9)
	for text, want := range map[string]int{
		key: 1, "password=" + key: 1, `{"a": "` + key + `"}` + "\n" + key: 2, "x" + key: 0, "password=hunter2": 0, "": 0, "AKIA": 0,
	} {
		found := classify.FindIssued(text)
		if len(found) != want {
			t.Errorf("%q: %v", text, found)
		}
		for _, m := range found {
			if text[m.Start:m.End] != key || m.Class != classify.GitHubToken {
				t.Errorf("%q: %+v", text, m)
			}
		}
	}
}
