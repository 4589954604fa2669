package aws

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/traffic"
)

var (
	suiteKey  = &credentials{id: "AKIDEXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
	suiteTime = time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)
)

// TestSuite plays cases of the test suite that AWS published for Signature
// Version 4. It signs paths as characters, before they are escaped for sending.
func TestSuite(t *testing.T) {
	form := "application/x-www-form-urlencoded"
	cases := []struct{ name, method, path, query, header, body, signature string }{
		{"get-vanilla", "GET", "/", "", "", "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{"get-vanilla-query-order-key-case", "GET", "/", "Param2=value2&Param1=value1", "", "", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
		{"get-vanilla-query-order-key", "GET", "/", "Param1=value2&Param1=Value1", "", "", "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1"},
		{"get-vanilla-query-order-value", "GET", "/", "Param1=value2&Param1=value1", "", "", "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694"},
		{"get-vanilla-empty-query-key", "GET", "/", "Param1=value1", "", "", "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
		{"get-vanilla-query-unreserved", "GET", "/", "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz=-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "", "", "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
		{"get-vanilla-utf8-query", "GET", "/", "ሴ=bar", "", "", "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
		{"get-unreserved", "GET", "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "", "", "", "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
		{"get-utf8", "GET", "/ሴ", "", "", "", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
		{"get-header-key-duplicate", "GET", "/", "", "my-header1:value2|my-header1:value2|my-header1:value1", "", "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
		{"get-header-value-order", "GET", "/", "", "my-header1:value4|my-header1:value1|my-header1:value3|my-header1:value2", "", "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"},
		{"get-header-value-trim", "GET", "/", "", `my-header1: value1|my-header2: "a   b   c"`, "", "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
		{"post-vanilla", "POST", "/", "", "", "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
		{"post-vanilla-query", "POST", "/", "Param1=value1", "", "", "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"},
		{"post-header-key-sort", "POST", "/", "", "my-header1:value1", "", "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
		{"post-header-value-case", "POST", "/", "", "my-header1:VALUE1", "", "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"},
		{"post-x-www-form-urlencoded", "POST", "/", "", "content-type:" + form, "Param1=value1", "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
		{"post-x-www-form-urlencoded-parameters", "POST", "/", "", "content-type:" + form + "; charset=utf8", "Param1=value1", "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe"},
	}
	for _, c := range cases {
		fields := []traffic.Field{{Name: "x-amz-date", Value: suiteTime.Format(dateFormat)}}
		for part := range strings.SplitSeq(c.header, "|") {
			if name, value, ok := strings.Cut(part, ":"); ok {
				fields = append(fields, traffic.Field{Name: name, Value: value})
			}
		}
		m := &message{method: c.method, host: "example.amazonaws.com", path: c.path, query: c.query, header: fields, payload: hashHex([]byte(c.body))}
		got, err := authorize4(m, suiteKey, scope{"service", "us-east-1", suiteTime})
		if err != nil || !strings.HasSuffix(got, "Signature="+c.signature) {
			text, _, _ := canonical(m, "service")
			t.Errorf("%s: %s, %v\n%s", c.name, got, err, text)
		}
	}
	t.Logf("played %d cases", len(cases))
}

// TestAgainstSDK holds that we sign as the SDK does, for requests as they are
// sent: paths escaped, content hashed by the caller.
func TestAgainstSDK(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	runs := 0
	rapid.Check(t, func(t *rapid.T) {
		runs++
		text := rapid.StringOfN(rapid.RuneFrom([]rune("aZ09-._~ !$&'()*+,;=:@%/?#\"<>[]^`{|}é漢")), 0, 12, -1)
		name := rapid.StringMatching(`[a-z][a-z0-9-]{0,8}`)
		path := "/"
		for _, segment := range rapid.SliceOfN(text, 0, 4).Draw(t, "path") {
			path += url.PathEscape(segment) + "/"
		}
		query := url.Values{}
		for _, key := range rapid.SliceOfN(name, 0, 4).Draw(t, "keys") {
			query.Add(key, text.Draw(t, "value"))
		}
		req := &http.Request{
			Method: rapid.SampledFrom([]string{"GET", "POST", "PUT", "DELETE"}).Draw(t, "method"), Host: "example.amazonaws.com",
			URL:    &url.URL{Scheme: "https", Host: "example.amazonaws.com", Opaque: "//example.amazonaws.com" + path, RawQuery: query.Encode()},
			Header: http.Header{"X-Amz-Date": {at.Format(dateFormat)}},
		}
		fields := []traffic.Field{{Name: "x-amz-date", Value: at.Format(dateFormat)}}
		for _, key := range slices.Compact(slices.Sorted(slices.Values(rapid.SliceOfN(name, 0, 4).Draw(t, "headers")))) {
			value := rapid.StringMatching(`[ -~]{0,20}`).Draw(t, "header")
			req.Header.Add("x-h-"+key, value)
			fields = append(fields, traffic.Field{Name: "x-h-" + key, Value: value})
		}
		service := rapid.SampledFrom([]string{"execute-api", "dynamodb"}).Draw(t, "service")
		c := &credentials{id: "AKID", secret: rapid.StringMatching(`[A-Za-z0-9/+]{40}`).Draw(t, "secret")}
		payload := hashHex([]byte(text.Draw(t, "content")))
		m := &message{method: req.Method, host: req.Host, path: path, query: req.URL.RawQuery, header: fields, payload: payload}
		got, err := authorize4(m, c, scope{service, "eu-west-1", at})
		if err != nil {
			t.Fatal(err)
		}
		if err := v4.NewSigner().SignHTTP(t.Context(), awssdk.Credentials{AccessKeyID: c.id, SecretAccessKey: c.secret}, req, payload, service, "eu-west-1", at); err != nil {
			t.Fatal(err)
		}
		if want := req.Header.Get("Authorization"); got != want {
			t.Fatalf("signed\n%s\nthe SDK\n%s", got, want)
		}
	})
	t.Logf("signed %d requests as the SDK does", runs)
}

// TestObjectPaths holds that of S3 a path is signed as its characters, however
// it was escaped for sending.
func TestObjectPaths(t *testing.T) {
	for path, want := range map[string]string{
		"":            "/",
		"/a b":        "/a%20b",
		"/a%20b":      "/a%20b",
		"/a+b!c":      "/a%2Bb%21c",
		"/%e6%bc%a2/": "/%E6%BC%A2/",
	} {
		text, _, err := canonical(&message{method: "GET", host: "h", path: path}, "s3")
		if got := strings.Split(text, "\n"); err != nil || got[1] != want {
			t.Errorf("%q: %q, %v, want %q", path, got, err, want)
		}
	}
	for _, raw := range []string{"/%", "/%2", "/%zz"} {
		if _, _, err := canonical(&message{path: raw}, "s3"); err == nil {
			t.Errorf("the path %q is signed", raw)
		}
		if _, err := canonicalQuery("a=" + raw); err == nil {
			t.Errorf("the query a=%q is signed", raw)
		}
	}
}

// TestDerivedKey is the example of the SDK's own tests.
func TestDerivedKey(t *testing.T) {
	key, err := deriveKey(sdkKey)
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	want := "04" + "15D242CEEBF8D8169FD6A8B5A746C41140414C3B07579038DA06AF89190FFFCB" + "0515242CEDD82E94799482E4C0514B505AFCCF2C0C98D6A553BF539F424C5EC0"
	if got := strings.ToUpper(hex.EncodeToString(public)); got != want {
		t.Errorf("the public key is\n%s, want\n%s", got, want)
	}
}

var sdkKey = &credentials{id: "AKISORANDOMAASORANDOM", secret: "q+jcrXGc+0zWN6uzclKVhvMmUsIfRPa4rlRandom"}

// TestVersion4A verifies our signatures with the public key, over the strings
// whose hashes stand in the SDK's own tests.
func TestVersion4A(t *testing.T) {
	key, err := new(keys).of(sdkKey)
	if err != nil {
		t.Fatal(err)
	}
	other := "some-value=!@#$%^&* (+)"
	for token, hash := range map[string]string{
		"TOKEN": "4ba7d0482cf4d5450cefdc067a00de1a4a715e444856fa3e1d85c35fb34d9730",
		"":      "1aeefb422ae6aa0de7aec829da813e55cff35553cac212dffd5f9474c71e47ee",
	} {
		m := &message{
			method: "POST", host: "dynamodb.us-east-1.amazonaws.com", path: "/bucket/key-._~,!@%23$%25^&*()", payload: hashHex(nil),
			header: []traffic.Field{
				{Name: "content-length", Value: "1024"},
				{Name: "content-type", Value: "application/x-amz-json-1.0"},
				{Name: "x-amz-date", Value: "19700101T000000Z"},
				{Name: "x-amz-meta-other-header", Value: other},
				{Name: "x-amz-meta-other-header_with_underscore", Value: other},
				{Name: "x-amz-meta-other-header_with_underscore", Value: other},
				{Name: "x-amz-region-set", Value: "us-east-1"},
				{Name: "x-amz-target", Value: "prefix.Operation"},
			},
		}
		if token != "" {
			m.header = append(m.header, traffic.Field{Name: "x-amz-security-token", Value: token})
		}
		got, err := authorize4A(m, sdkKey, key, scope{"dynamodb", "us-east-1", time.Unix(0, 0).UTC()})
		if err != nil {
			t.Fatal(err)
		}
		digest, err := hex.DecodeString(hash)
		if err != nil {
			t.Fatal(err)
		}
		_, signature, _ := strings.Cut(got, "Signature=")
		raw, err := hex.DecodeString(signature)
		if err != nil || !ecdsa.VerifyASN1(&key.PublicKey, digest, raw) {
			text, _, _ := canonical(m, "dynamodb")
			t.Errorf("token %q: %s does not sign the expected string, %v\n%s", token, got, err, text)
		}
	}
}

func TestDerivedKeysDiffer(t *testing.T) {
	k := new(keys)
	one, err := k.of(sdkKey)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := k.of(&credentials{id: sdkKey.id, secret: sdkKey.secret, token: "t"})
	rotated, _ := k.of(suiteKey)
	if one != again || one.Equal(rotated) {
		t.Error("keys must be derived once for each access key")
	}
	if n := one.Params().N; n.Cmp(big.NewInt(0)) <= 0 {
		t.Error("no curve")
	}
}

func FuzzCanonicalQuery(f *testing.F) {
	for _, seed := range []string{"", "a=b&a=a", "a+b=%20", "%", "&&=&", "ሴ=bar"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		once, err := canonicalQuery(raw)
		if err != nil {
			return
		}
		twice, err := canonicalQuery(once)
		if err != nil || once != twice {
			t.Fatalf("%q becomes %q, then %q, %v", raw, once, twice, err)
		}
	})
}

func BenchmarkAuthorize(b *testing.B) {
	sum := sha256.Sum256(nil)
	m := &message{method: "GET", host: "example.amazonaws.com", path: "/orders", query: "a=b", payload: hex.EncodeToString(sum[:])}
	key, err := deriveKey(suiteKey)
	if err != nil {
		b.Fatal(err)
	}
	s := scope{"service", "us-east-1", suiteTime}
	b.Run("4", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := authorize4(m, suiteKey, s); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("4A", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := authorize4A(m, suiteKey, key, s); err != nil {
				b.Fatal(err)
			}
		}
	})
}
