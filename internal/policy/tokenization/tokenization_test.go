package tokenization

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/traffic/fieldpath"
)

func TestConversations(t *testing.T) { policytest.PlayAll(t, 5, Tokenize(), Detokenize()) }

func testKey(t testing.TB, id string, first byte) *key {
	t.Helper()
	raw := make([]byte, 32)
	raw[0] = first
	set, err := newCipherSet(raw)
	if err != nil {
		t.Fatal(err)
	}
	return &key{id, set}
}

func testFormat(t testing.TB, settings string) *format {
	t.Helper()
	var s Settings
	text := `{"fields":[{"path":"/a","format":"f"}],"keys":[],"formats":[{"name":"f",` + settings + `}]}`
	if err := policy.DecodeWithDefaults(schema, json.RawMessage(text), &s); err != nil {
		t.Fatal(err)
	}
	f, err := compileFormat(s.Formats[0])
	if err != nil {
		t.Fatalf("%s: %v", settings, err)
	}
	return f
}

// shape writes 9 for digits, a for lower case and A for upper case.
func shape(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case '0' <= r && r <= '9':
			return '9'
		case 'a' <= r && r <= 'z':
			return 'a'
		case 'A' <= r && r <= 'Z':
			return 'A'
		}
		return r
	}, s)
}

func TestTokens(t *testing.T) {
	const preserve = `"tokenRules":{"preserveHeaderTrailer":{"headerPreserve":6,"trailerPreserve":4}}`
	k := testKey(t, "k1", 1)
	keys := map[string]*key{"k1": k}
	cases := []struct{ format, value, shape, reason string }{
		{`"domain":"creditCardNumber"`, "4111111111111111", "9999999999999999", ""},
		{`"domain":"creditCardNumber"`, "4111-1111 1111-1111", "9999-9999 9999-9999", ""},
		{`"domain":"creditCardNumber"`, "378282246310005", "999999999999999", ""},
		{`"domain":"creditCardNumber"`, "4111111111111112", "", "none of its format's domain"},
		{`"domain":"creditCardNumber"`, "9111111111111111", "", "none of its format's domain"},
		{`"domain":"creditCardNumber"`, "4111--111111111111", "", "none of its format's domain"},
		{`"domain":"creditCardNumber"`, "-4111111111111111", "", "none of its format's domain"},
		{`"domain":"creditCardNumber","tokenFormat":{"ccnFormat":{"validLuhnDigit":true}}`, "4111111111111111", "9999999999999999", ""},
		{`"domain":"creditCardNumber","creditCards":[{"startPrefix":"4","numberOfDigits":16,"luhnCheck":false}],` + preserve, "4111111111111112", "9999999999999999", ""},
		{`"domain":"creditCardNumber","creditCards":[{"startPrefix":"4","numberOfDigits":16,"luhnCheck":false}],` + preserve, "5111111111111112", "", "none of its format's domain"},
		{`"domain":"creditCardNumber","tokenRules":{"forceInvalid":{"width":2,"startOffset":1,"from":"right"}}`, "4111 1111 1111 1111", "9999 9999 9999 9AA9", ""},
		{`"domain":"decimal"`, "123456", "999999", ""},
		{`"domain":"decimal"`, "12345", "", "too short"},
		{`"domain":"decimal"`, "123456.7", "", "none of its format's domain"},
		{`"domain":"decimal","tokenRules":{"forceInvalid":{}}`, "1234567", "A999999", ""},
		{`"domain":"decimal","tokenRules":{"forceInvalid":{"startOffset":7}}`, "1234567", "9999999", ""},
		{`"domain":"decimal"`, strings.Repeat("7", 60), strings.Repeat("9", 60), ""},
		{`"domain":"laxDecimal"`, "+49 (30) 123-456", "+99 (99) 999-999", ""},
		{`"domain":"laxDecimal","tokenRules":{"preserveHeaderTrailer":{"headerPreserve":2}}`, "+49 (30) 123-4567", "+99 (99) 999-9999", ""},
		{`"domain":"laxDecimal","tokenRules":{"preserveHeaderTrailer":{"headerPreserve":2,"trailerPreserve":2}}`, "+49 (30) 123", "", "too short"},
		{`"domain":"laxDecimal","tokenRules":{"preserveHeaderTrailer":{"headerPreserve":12}}`, "1234", "", "too short"},
		{`"domain":"socialSecurityNumber"`, "123-45-6789", "999-99-9999", ""},
		{`"domain":"socialSecurityNumber"`, "123456789", "999999999", ""},
		{`"domain":"socialSecurityNumber"`, "123-456789", "", "none of its format's domain"},
		{`"domain":"socialSecurityNumber"`, "12-345-6789", "", "none of its format's domain"},
		{`"domain":"socialSecurityNumber","tokenRules":{"preserveSsnSerialNumber":true}`, "123-45-6789", "", ""},
		{`"domain":"socialSecurityNumber","tokenRules":{"preserveHeaderTrailer":{"trailerPreserve":3},"forceInvalid":{"width":2}}`, "123-45-6789", "AA9-99-9999", ""},
		{`"domain":"emailAddress"`, "Ann.Lee+7@mail.example.co.uk", "Aaa.Aaa+9@aaaa.aaaaaaa.aa.aa", ""},
		{`"domain":"emailAddress"`, "a@b.de", "", "too short"},
		{`"domain":"emailAddress"`, "ann@example", "", "none of its format's domain"},
		{`"domain":"emailAddress"`, "ann@lee@example.com", "", "none of its format's domain"},
		{`"domain":"emailAddress"`, "änn@example.com", "", "none of its format's domain"},
		{`"domain":"laxAlphanumeric"`, "Ab-9z", "", ""},
		{`"domain":"laxAlphanumeric"`, "Ab-9", "", "too short"},
		{`"domain":"laxAlphanumeric","keyIdPrefix":true`, "Züri 8001", "", ""},
		{`"domain":"string"`, "a b~", "", ""},
		{`"domain":"string"`, "naïve", "", "none of its format's domain"},
		{`"domain":"string","tokenFormat":{"variableLengthToken":{}}`, strings.Repeat("x", 33), "", "maximumTokenLength"},
		{`"domain":"string","keyIdPrefix":true,"tokenFormat":{"variableLengthToken":{"maximumTokenLength":10}}`, "1234567", "", ""},
		{`"domain":"string","keyIdPrefix":true,"tokenFormat":{"variableLengthToken":{"maximumTokenLength":10}}`, "12345678", "", "maximumTokenLength"},
		{`"domain":"laxUpperCaseLowerCaseDecimalPreserving"`, "Ann Lee, 12", "Aaa Aaa, 99", ""},
		{`"domain":"laxUpperCaseLowerCaseDecimalPreserving"`, "ann lee", "aaa aaa", ""},
		{`"domain":"laxUpperCaseLowerCaseDecimalPreserving"`, "Ann1", "", "too short"},
		{`"domain":"laxUpperCaseDecimalPreserving"`, "ABCD-12 x", "AAAA-99 a", ""},
		{`"domain":"laxLowerCaseDecimalPreserving"`, "abcd-12 X", "aaaa-99 A", ""},
	}
	for _, c := range cases {
		f := testFormat(t, c.format)
		token, err := f.tokenize(c.value, k)
		if c.reason != "" {
			if err == nil || !strings.Contains(err.Error(), c.reason) {
				t.Errorf("%s of %q: %q, %v, want %q", c.format, c.value, token, err, c.reason)
			}
			continue
		}
		if err != nil || token == c.value || c.shape != "" && shape(token) != c.shape {
			t.Errorf("%s of %q: %q, %v, want %q", c.format, c.value, token, err, c.shape)
			continue
		}
		if again, err := f.tokenize(c.value, k); err != nil || again != token {
			t.Errorf("%s of %q: %q, then %q", c.format, c.value, token, again)
		}
		if back, err := f.detokenize(token, k, keys); err != nil || back != c.value {
			t.Errorf("%s of %q: %q becomes %q, %v", c.format, c.value, token, back, err)
		}
	}
	t.Logf("played %d", len(cases))
}

func TestPreserved(t *testing.T) {
	k := testKey(t, "k1", 1)
	f := testFormat(t, `"domain":"laxDecimal","tokenRules":{"preserveHeaderTrailer":{"headerPreserve":2,"trailerPreserve":3}}`)
	one, err := f.tokenize("12-345678-901", k)
	if err != nil || one[:3] != "12-" || one[10:] != "901" {
		t.Errorf("%s, %v", one, err)
	}
	two, err := f.tokenize("12-345678-902", k)
	if err != nil || two[3:9] == one[3:9] {
		t.Errorf("what is preserved makes no difference: %s, %s, %v", one, two, err)
	}
	ssn := testFormat(t, `"domain":"socialSecurityNumber","tokenRules":{"preserveSsnSerialNumber":true}`)
	token, err := ssn.tokenize("123-45-6789", k)
	if err != nil || token[6:] != "-6789" || shape(token) == "999-99-9999" {
		t.Errorf("%s, %v", token, err)
	}
	other := testFormat(t, `"domain":"laxDecimal","tweak":"other","tokenRules":{"preserveHeaderTrailer":{"headerPreserve":2,"trailerPreserve":3}}`)
	if three, err := other.tokenize("12-345678-901", k); err != nil || three == one {
		t.Errorf("the tweak makes no difference: %s, %v", three, err)
	}
	if three, err := f.tokenize("12-345678-901", testKey(t, "k1", 2)); err != nil || three == one {
		t.Errorf("the key makes no difference: %s, %v", three, err)
	}
}

func TestMask(t *testing.T) {
	for _, c := range []struct{ rules, value, want string }{
		{`{}`, "abc", "***"},
		{`{"maskChar":"#","ignoreChars":"- ","preserveHeaderTrailer":{"trailerPreserve":4}}`, "4111-1111 1111-1234", "####-#### ####-1234"},
		{`{"preserveHeaderTrailer":{"headerPreserve":2,"trailerPreserve":1}}`, "abc", "***"},
		{`{"maskChar":"•","preserveHeaderTrailer":{"headerPreserve":1}}`, "Zoë", "Z••"},
		{`{}`, "", ""},
	} {
		f := testFormat(t, `"domain":"maskCharacter","maskRules":`+c.rules)
		if got, err := f.tokenize(c.value, nil); err != nil || got != c.want {
			t.Errorf("%s of %s: %s, %v, want %s", c.rules, c.value, got, err, c.want)
		}
	}
}

// TestNoTokens holds that what can not have come from tokenization is refused.
func TestNoTokens(t *testing.T) {
	k := testKey(t, "k1", 1)
	keys := map[string]*key{"k1": k}
	luhn := `"domain":"creditCardNumber","tokenFormat":{"ccnFormat":{"validLuhnDigit":true}}`
	for _, c := range []struct{ format, token, want string }{
		{luhn, "4111111111111112", "no token"},
		{`"domain":"creditCardNumber"`, "4111111111111111", "no token"},
		{`"domain":"socialSecurityNumber","tokenRules":{"preserveSsnSerialNumber":true}`, "ZZZ-ZZ-1234", "no token"},
		{`"domain":"decimal","tokenRules":{"forceInvalid":{}}`, "1234567", "no token"},
		{`"domain":"decimal","tokenRules":{"forceInvalid":{}}`, "AA34567", "no token"},
		{`"domain":"decimal"`, "12345x7", "no token"},
		{`"domain":"string","keyIdPrefix":true`, "k2:1234567", "not among the keys"},
		{`"domain":"string","keyIdPrefix":true`, "1234567", "not among the keys"},
	} {
		if got, err := testFormat(t, c.format).detokenize(c.token, k, keys); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s of %s: %s, %v, want %q", c.format, c.token, got, err, c.want)
		}
	}
}

// TestReversible holds for values of all kinds that a token leads back to its
// value and has its form, and that tokens of cards pass or fail Luhn's check.
func TestReversible(t *testing.T) {
	k := testKey(t, "k1", 7)
	keys := map[string]*key{"k1": k}
	rules := []string{``, `,"tokenRules":{"preserveHeaderTrailer":{"headerPreserve":2,"trailerPreserve":3}}`}
	domains := []string{"decimal", "laxDecimal", "laxAlphanumeric", "string", "laxUpperCaseLowerCaseDecimalPreserving", "laxUpperCaseDecimalPreserving", "laxLowerCaseDecimalPreserving", "emailAddress"}
	var formats []*format
	for _, d := range domains {
		for _, r := range rules {
			formats = append(formats, testFormat(t, `"domain":"`+d+`"`+r))
		}
	}
	tokens, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.SampledFrom(formats).Draw(t, "format")
		pattern := map[string]string{
			"decimal": `[0-9]{5,40}`, "string": `[ -~]{3,60}`, "emailAddress": `[a-zA-Z0-9.]{1,20}@([a-z0-9-]{1,8}\.){1,3}com`,
		}[f.Domain]
		if pattern == "" {
			pattern = `[ -~éß]{8,40}`
		}
		value := rapid.StringMatching(pattern).Draw(t, "value")
		token, err := f.tokenize(value, k)
		if err != nil {
			if !errors.Is(err, errShort) && !errors.Is(err, errDomain) {
				t.Fatal(err)
			}
			refused++
			return
		}
		tokens++
		if back, err := f.detokenize(token, k, keys); err != nil || back != value {
			t.Fatalf("%s: %q becomes %q and %q, %v", f.Domain, value, token, back, err)
		}
		if strings.HasSuffix(f.Domain, "Preserving") && shape(token) != shape(value) {
			t.Fatalf("%s: %q becomes %q", f.Domain, value, token)
		}
	})
	luhn := testFormat(t, `"domain":"creditCardNumber","tokenRules":{"preserveHeaderTrailer":{"headerPreserve":4,"trailerPreserve":4}},"creditCards":[{"startPrefix":"4"}],"tokenFormat":{"ccnFormat":{"validLuhnDigit":true}}`)
	rapid.Check(t, func(t *rapid.T) {
		cells, err := digitsOf("4"+rapid.StringMatching(`[0-9]{15}`).Draw(t, "digits"), "")
		if err != nil {
			t.Fatal(err)
		}
		fixLuhn(cells, 15)
		value := write(strings.Repeat("0", 16), cells)
		token, err := luhn.tokenize(value, k)
		if err != nil || token[:4] != value[:4] || token[12:] != value[12:] {
			t.Fatalf("%s becomes %s, %v", value, token, err)
		}
		if cells, err := digitsOf(token, ""); err != nil || luhnOf(cells) != 0 {
			t.Fatalf("%s becomes %s, which fails Luhn's check", value, token)
		}
		if back, err := luhn.detokenize(token, k, keys); err != nil || back != value {
			t.Fatalf("%s becomes %s and %s, %v", value, token, back, err)
		}
		tokens++
	})
	t.Logf("%d tokens, %d values refused", tokens, refused)
	if tokens < 120 {
		t.Errorf("%d tokens only", tokens)
	}
}

// TestSettings holds that what can not be done safely is refused, and why.
func TestSettings(t *testing.T) {
	base := func(formats string) json.RawMessage {
		return json.RawMessage(`{"fields":[{"path":"/a","format":"f"}],"keys":[{"id":"k1","key":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}],"formats":[` + formats + `]}`)
	}
	cases := []struct{ format, want string }{
		{`{"name":"f","domain":"creditCardNumber","tokenRules":{"preserveHeaderTrailer":{"headerPreserve":6,"trailerPreserve":4}}}`, "creditCards[0]: only 3 characters are left"},
		{`{"name":"f","domain":"creditCardNumber","creditCards":[{"startPrefix":"4"}],"tokenRules":{"preserveHeaderTrailer":{"headerPreserve":6,"trailerPreserve":4}},"tokenFormat":{"ccnFormat":{"validLuhnDigit":true}}}`, "creditCards[0]: only 5 characters are left"},
		{`{"name":"f","domain":"creditCardNumber","creditCards":[{"startPrefix":"5","endPrefix":"4"}]}`, "two beginnings of equal length"},
		{`{"name":"f","domain":"creditCardNumber","creditCards":[{"startPrefix":"4","luhnCheck":false}],"tokenFormat":{"ccnFormat":{"validLuhnDigit":true}}}`, "creditCards[0].luhnCheck"},
		{`{"name":"f","domain":"creditCardNumber","tokenRules":{"forceInvalid":{}},"tokenFormat":{"ccnFormat":{"validLuhnDigit":true}}}`, "contradicts validLuhnDigit"},
		{`{"name":"f","domain":"socialSecurityNumber","tokenRules":{"preserveHeaderTrailer":{"trailerPreserve":4}}}`, "tokenRules: only 5 characters are left"},
		{`{"name":"f","domain":"socialSecurityNumber","tokenRules":{"preserveSsnSerialNumber":true,"forceInvalid":{}}}`, "hold letters already"},
		{`{"name":"f","domain":"decimal","tokenRules":{"preserveSsnSerialNumber":true}}`, "it is for socialSecurityNumber"},
		{`{"name":"f","domain":"decimal","keyIdPrefix":true}`, "no room for the id"},
		{`{"name":"f","domain":"decimal","maskRules":{}}`, "maskRules: they are for maskCharacter"},
		{`{"name":"f","domain":"decimal","creditCards":[{"startPrefix":"4"}]}`, "creditCards: they are for creditCardNumber"},
		{`{"name":"f","domain":"decimal","tokenFormat":{"ccnFormat":{"validLuhnDigit":true}}}`, "it is for creditCardNumber"},
		{`{"name":"f","domain":"string","tokenRules":{"forceInvalid":{}}}`, "characters to spare"},
		{`{"name":"f","domain":"creditCardNumber","tokenFormat":{"variableLengthToken":{}}}`, "lengths of its own"},
		{`{"name":"f","domain":"maskCharacter","maskRules":{"maskChar":"**"}}`, "one character"},
		{`{"name":"f","domain":"maskCharacter","tokenRules":{"preserveHeaderTrailer":{"headerPreserve":1}}}`, "a mask has maskRules"},
		{`{"name":"f","domain":"string"},{"name":"f","domain":"string"}`, "formats[1].name: given twice"},
		{`{"name":"g","domain":"string"}`, "fields[0].format: no format has this name"},
		{`{"name":"f","domain":"string","tweak":"` + strings.Repeat("x", 257) + `"}`, "tweak: longer"},
	}
	for _, c := range cases {
		if _, err := compile(base(c.format), false); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.format, err, c.want)
		}
	}
	if _, err := compile(base(`{"name":"f","domain":"maskCharacter"}`), true); err == nil || !strings.Contains(err.Error(), "no way back") {
		t.Error(err)
	}
	t.Logf("played %d", len(cases)+1)
}

// FuzzTokens holds that no value and no token panics.
func FuzzTokens(f *testing.F) {
	k := testKey(f, "k1", 3)
	keys := map[string]*key{"k1": k}
	var formats []*format
	for _, s := range []string{
		`"domain":"creditCardNumber"`, `"domain":"creditCardNumber","tokenFormat":{"ccnFormat":{"validLuhnDigit":true}}`,
		`"domain":"decimal","tokenRules":{"forceInvalid":{"width":2,"from":"right"}}`, `"domain":"laxDecimal"`,
		`"domain":"socialSecurityNumber","tokenRules":{"preserveSsnSerialNumber":true}`, `"domain":"emailAddress"`,
		`"domain":"laxAlphanumeric","keyIdPrefix":true`, `"domain":"string"`, `"domain":"laxUpperCaseLowerCaseDecimalPreserving"`,
		`"domain":"maskCharacter","maskRules":{"ignoreChars":"é"}`,
	} {
		formats = append(formats, testFormat(f, s))
	}
	for i, seed := range []string{"4111111111111111", "1234567", "123-45-6789", "ann@example.com", "k1:abcdefg", "Zoë 12 AB"} {
		f.Add(uint8(i), seed)
	}
	f.Fuzz(func(t *testing.T, which uint8, value string) {
		c := formats[int(which)%len(formats)]
		_, _ = c.detokenize(value, k, keys)
		token, err := c.tokenize(value, k)
		if err != nil || c.Domain == "maskCharacter" {
			return
		}
		if back, err := c.detokenize(token, k, keys); err != nil || back != value {
			t.Fatalf("%s: %q becomes %q and %q, %v", c.Domain, value, token, back, err)
		}
	})
}

func BenchmarkTokenize(b *testing.B) {
	k := testKey(b, "k1", 3)
	for _, c := range []struct{ format, value string }{
		{`"domain":"creditCardNumber"`, "4111111111111111"},
		{`"domain":"laxUpperCaseLowerCaseDecimalPreserving"`, "Ann Lee, 12 High Street"},
		{`"domain":"string"`, "12 High Street, Anytown, Anywhere"},
	} {
		f := testFormat(b, c.format)
		b.Run(f.Domain, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f.tokenize(c.value, k); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("message of 20 cards", func(b *testing.B) {
		f := testFormat(b, `"domain":"creditCardNumber"`)
		path, err := fieldpath.Parse("/cards/*/number")
		if err != nil {
			b.Fatal(err)
		}
		set, err := fieldpath.NewSet(path)
		if err != nil {
			b.Fatal(err)
		}
		doc := []byte(fmt.Sprintf(`{"cards":[%s{}]}`, strings.Repeat(`{"id":1,"number":"4111111111111111"},`, 20)))
		for b.Loop() {
			_, _, err := set.Rewrite(fieldpath.JSON, doc, fieldpath.Options{MaxValues: 100}, func(v fieldpath.Value) (fieldpath.Edit, error) {
				token, err := f.tokenize(v.Text, k)
				return fieldpath.Edit{Do: fieldpath.SetText, Text: token}, err
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}
