package jose

import (
	"errors"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/jose/josetest"
)

// TestFrontRefuses holds the strict front: each token differs from the good
// one in one thing.
func TestFrontRefuses(t *testing.T) {
	const header, claims = `{"alg":"HS256","typ":"JWT"}`, `{"sub":"alice"}`
	good := josetest.Encode([]byte(header)) + "." + josetest.Encode([]byte(claims)) + ".c2ln"
	if _, err := Parse(good); err != nil {
		t.Fatalf("the good token is refused: %v", err)
	}
	with := func(header, claims string) string {
		return josetest.Encode([]byte(header)) + "." + josetest.Encode([]byte(claims)) + ".c2ln"
	}
	long := strings.Repeat("a", maxHeader)
	cases := []struct {
		name, token string
		want        error
	}{
		{"empty", "", errSegments},
		{"no dot", josetest.Encode([]byte(header)), errSegments},
		{"two segments", strings.TrimSuffix(good, ".c2ln"), errSegments},
		{"four segments", good + ".", errSegments},
		{"five segments, as JWE", good + ".a.b", errSegments},
		{"JSON serialisation", `{"payload":"e30","protected":"e30","signature":"e30"}`, errSegments},
		{"padded header", josetest.Encode([]byte(header)) + "=." + josetest.Encode([]byte(claims)) + ".c2ln", errBase64},
		{"padded signature", good + "=", errBase64},
		{"spare bits of the signature", strings.TrimSuffix(good, "c2ln") + "c2lnZB", errBase64},
		{"base64 instead of base64url", strings.TrimSuffix(good, "c2ln") + "c2+n", errBase64},
		{"a line break within", strings.Replace(good, ".c2ln", ".c2\nln", 1), errBase64},
		{"a carriage return within", strings.Replace(good, ".c2ln", ".c2\rln", 1), errBase64},
		{"a space behind", good + " ", errBase64},
		{"a NUL behind", good + "\x00", errBase64},
		{"one character more", good + "a", errBase64},
		{"empty header", "." + josetest.Encode([]byte(claims)) + ".c2ln", errHeader},
		{"header is an array", with(`["HS256"]`, claims), errHeader},
		{"header with a comment", with(`{"alg":"HS256"/**/}`, claims), errHeader},
		{"text behind the header", with(header+"{}", claims), errHeader},
		{"alg twice", with(`{"alg":"HS256","alg":"none"}`, claims), errHeader},
		{"alg twice, once escaped", with(`{"alg":"HS256","\u0061lg":"none"}`, claims), errHeader},
		{"a name twice deep inside", with(`{"alg":"HS256","x":{"a":1,"a":2}}`, claims), errHeader},
		{"header is not UTF-8", with("{\"alg\":\"HS256\",\"x\":\"\xff\"}", claims), errHeader},
		{"header is too long", with(`{"alg":"HS256","x":"`+long+`"}`, claims), errHeaderLen},
		{"no alg", with(`{"typ":"JWT"}`, claims), errAlg},
		{"empty alg", with(`{"alg":""}`, claims), errAlg},
		{"alg is a list", with(`{"alg":["HS256"]}`, claims), errAlg},
		{"Alg instead of alg", with(`{"Alg":"HS256"}`, claims), errAlg},
		{"kid is a number", with(`{"alg":"HS256","kid":7}`, claims), errKid},
		{"crit", with(`{"alg":"HS256","crit":["exp"],"exp":1}`, claims), errCrit},
		{"b64", with(`{"alg":"HS256","crit":["b64"],"b64":false}`, claims), errCrit},
		{"empty crit", with(`{"alg":"HS256","crit":[]}`, claims), errCrit},
		{"half a surrogate pair", with(`{"alg":"HS256","kid":"\ud800"}`, claims), errHeader},
		{"a number beyond a float64", with(`{"alg":"HS256","x":[1e400]}`, claims), errHeader},
		{"too deep", with(`{"alg":"HS256","x":`+strings.Repeat("[", 300)+strings.Repeat("]", 300)+`}`, claims), errHeader},
		{"too long", with(header, `{"sub":"`+strings.Repeat("a", maxToken)+`"}`), errLong},
	}
	for _, c := range cases {
		if _, err := Parse(c.token); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	t.Logf("refused %d tokens", len(cases))
	if len(cases) < 30 {
		t.Error("too few were tried")
	}
}

// FuzzToken holds that what the front accepts has one reading only.
func FuzzToken(f *testing.F) {
	f.Add("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add("eyJhbGciOiJIUzI1NiIsImNyaXQiOltdfQ.e30.c2ln")
	f.Add("..")
	f.Fuzz(func(t *testing.T, text string) {
		tok, err := Parse(text)
		if err != nil {
			return
		}
		parts := strings.Split(text, ".")
		if len(parts) != 3 || tok.signed != parts[0]+"."+parts[1] {
			t.Fatalf("accepted %q", text)
		}
		for _, p := range parts {
			decoded, err := Decode(p)
			if err != nil || josetest.Encode(decoded) != p {
				t.Fatalf("the segment %q is not canonical", p)
			}
		}
		if tok.Algorithm == "" || josetest.Encode(tok.signature) != parts[2] {
			t.Fatalf("accepted %q without alg or signature", text)
		}
	})
}
