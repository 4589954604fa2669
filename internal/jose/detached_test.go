package jose

import (
	"errors"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/jose/josetest"
)

// detach makes a detached JWS of a raw header.
func detach(header string) string { return josetest.Encode([]byte(header)) + "..c2ln" }

// TestDetachedRefuses holds the strict front of detached signatures: each differs
// from a good one in one thing.
func TestDetachedRefuses(t *testing.T) {
	good := detach(`{"alg":"HS256","kid":"a","b64":false,"iat":7,"crit":["b64","iat"]}`)
	d, err := ParseDetached(good, []string{"iat"})
	if err != nil {
		t.Fatalf("the good one is refused: %v", err)
	}
	if iat, ok := d.Header.Number("iat"); !ok || iat != 7 || d.Algorithm != "HS256" || d.KeyID != "a" || string(d.Signature) != "sig" {
		t.Errorf("read as %+v", d)
	}
	if _, ok := d.Header.Number("kid"); ok || d.Header.Has("x") {
		t.Error("the header has what it has not")
	}
	cases := []struct {
		name, text string
		want       error
	}{
		{"empty", "", errDetached},
		{"two segments", "e30.c2ln", errDetached},
		{"four segments", good + ".", errDetached},
		{"with its payload", strings.Replace(good, "..", ".e30.", 1), errDetached},
		{"too long", detach(`{"alg":"HS256","x":"` + strings.Repeat("a", maxDetached) + `"}`), errDetached},
		{"padded signature", good + "=", errBase64},
		{"spare bits of the signature", good + "ZB", errBase64},
		{"a line break within", strings.Replace(good, "..", "\n..", 1), errBase64},
		{"alg twice", detach(`{"alg":"HS256","alg":"none"}`), errHeader},
		{"header is no object", detach(`["alg"]`), errHeader},
		{"header is not UTF-8", detach("{\"alg\":\"HS256\",\"x\":\"\xff\"}"), errHeader},
		{"no alg", detach(`{"kid":"a"}`), errAlg},
		{"empty alg", detach(`{"alg":""}`), errAlg},
		{"kid is a number", detach(`{"alg":"HS256","kid":7}`), errKid},
		{"crit is text", detach(`{"alg":"HS256","crit":"b64","b64":true}`), errCritList},
		{"crit is null", detach(`{"alg":"HS256","crit":null}`), errCritList},
		{"crit is empty", detach(`{"alg":"HS256","crit":[]}`), errCritList},
		{"crit has a number", detach(`{"alg":"HS256","crit":[7]}`), errCritStranger},
		{"crit names what is absent", detach(`{"alg":"HS256","crit":["b64"]}`), errCritStranger},
		{"crit names an extension", detach(`{"alg":"HS256","crit":["exp"],"exp":1}`), ErrExtension},
		{"b64 is not marked", detach(`{"alg":"HS256","b64":false}`), errB64},
		{"b64 is text", detach(`{"alg":"HS256","b64":"false","crit":["b64"]}`), errB64},
	}
	for _, c := range cases {
		if _, err := ParseDetached(c.text, []string{"iat"}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	t.Logf("refused %d signatures", len(cases))
}

// TestDetachedCovers holds what a signature covers, by RFC 7515 and RFC 7797.
func TestDetachedCovers(t *testing.T) {
	for header, want := range map[string]string{
		`{"alg":"HS256"}`: "JC4wMg",
		`{"alg":"HS256","b64":true,"crit":["b64"]}`:                             "JC4wMg",
		`{"alg":"HS256","b64":false,"crit":["b64"]}`:                            "$.02",
		`{"alg":"HS256","\u0062\u00364":false,"crit":["\u00624","b64"],"b4":1}`: "$.02",
	} {
		d, err := ParseDetached(detach(header), []string{"b4"})
		if err != nil {
			t.Errorf("%s: %v", header, err)
			continue
		}
		if got := string(d.Signed([]byte("$.02"))); got != josetest.Encode([]byte(header))+"."+want {
			t.Errorf("%s: covers %q", header, got)
		}
	}
}

// FuzzDetached holds that what is accepted has one reading only, and that Parse
// reads no header otherwise.
func FuzzDetached(f *testing.F) {
	f.Add(detach(`{"alg":"HS256","b64":false,"crit":["b64"]}`))
	f.Add(detach(`{"alg":"none","kid":"\u0061"}`))
	f.Add("..")
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseDetached(text, nil)
		if err != nil {
			return
		}
		head, signature, found := strings.Cut(text, "..")
		if !found || josetest.Encode(d.Signature) != signature || string(d.Signed(nil)) != head+"." {
			t.Fatalf("accepted %q", text)
		}
		whole, err := Parse(head + ".e30." + signature)
		if errors.Is(err, errCrit) || errors.Is(err, errHeaderLen) {
			return
		}
		if err != nil || whole.Algorithm != d.Algorithm || whole.KeyID != d.KeyID {
			t.Fatalf("%q with a payload: %v, %+v", text, err, whole)
		}
	})
}
