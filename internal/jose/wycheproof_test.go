package jose

import (
	"encoding/json"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/c2sp/wycheproof"
)

// vectors are the groups of one of Wycheproof's files for JOSE.
type vectors struct {
	TestGroups []struct {
		Comment         string
		Private, Public json.RawMessage
		Tests           []struct {
			ID      int `json:"tcId"`
			Comment string
			JWS     json.RawMessage
			Result  string
			Flags   []string
		}
	}
}

func readVectors(t *testing.T, file string) vectors {
	t.Helper()
	text, err := fs.ReadFile(wycheproof.TestVectors, file)
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// accepts says whether a token is accepted with the keys of the set by any of
// the settings that people may choose, and else why not.
func accepts(t *testing.T, set []byte, text string) (ok bool, why string) {
	t.Helper()
	tok, err := Parse(text)
	if err != nil {
		return false, err.Error()
	}
	why = "no key of the set can be used"
	for _, method := range []string{"rsa", "hmac", "es", "ps", "eddsa"} {
		keys, _, err := ReadKeySet(set, permit(method), nil)
		if err != nil {
			why = err.Error()
			continue
		}
		for _, k := range keys {
			same := k.id == "" || tok.KeyID == "" || k.id == tok.KeyID
			switch {
			case !k.Suits(tok.Algorithm) || !same:
				why = "no key of the set suits its alg and kid"
			case k.Verifies(tok):
				return true, ""
			default:
				why = "the signature does not verify"
			}
		}
	}
	return false, why
}

// mislabelled are two vectors that say "invalid base64 padding", yet hold one
// and the same token without any: three canonical segments, rightly signed. In
// the vectors 372 and 373, which say "valid", the same token has a '?' inside.
var mislabelled = struct {
	file  string
	ids   []int
	token string
}{
	"json_web_signature_test.json",
	[]int{367, 370},
	"eyJraWQiOiJoczI1Ni1rZXkiLCJhbGciOiJIUzI1NiJ9.VGVzdA.c1LROH7eNQwUT8KMVEO52VC3WZ9e_AnDWbZ7aMmowV8",
}

// TestWycheproof plays the vectors for JWS, for JWK and for both together: no
// invalid token is accepted. Valid ones that are refused are listed with the
// reason.
func TestWycheproof(t *testing.T) {
	for file, least := range map[string]int{
		"json_web_signature_test.json": 400, "json_web_key_test.json": 26, "json_web_crypto_test.json": 40,
	} {
		t.Run(file, func(t *testing.T) {
			played, accepted, refused := map[string]int{}, map[string]int{}, map[string][]int{}
			for _, group := range readVectors(t, file).TestGroups {
				keys := group.Public
				if keys == nil {
					keys = group.Private
				}
				if !strings.Contains(string(keys), `"keys"`) {
					keys = slices.Concat([]byte(`{"keys":[`), keys, []byte(`]}`))
				}
				for _, c := range group.Tests {
					if c.JWS == nil {
						continue // a vector of JWE
					}
					text := string(c.JWS) // a few are objects: the JSON serialisation
					if err := json.Unmarshal(c.JWS, &text); err != nil {
						text = string(c.JWS)
					}
					ok, why := accepts(t, keys, text)
					played[c.Result]++
					switch {
					case ok && file == mislabelled.file && slices.Contains(mislabelled.ids, c.ID):
						if text != mislabelled.token {
							t.Errorf("%d is %q, another token than it was", c.ID, text)
						}
						t.Logf("%d, %s: accepted: the vector has lost the mistake that its name tells of", c.ID, c.Comment)
					case ok:
						accepted[c.Result]++
						if c.Result != "valid" {
							t.Errorf("%d, %s: %s: accepted, but %s %v", c.ID, group.Comment, c.Comment, c.Result, c.Flags)
						}
					case c.Result == "valid":
						refused[group.Comment+": "+why] = append(refused[group.Comment+": "+why], c.ID)
					}
				}
			}
			t.Logf("played %v, accepted %v", played, accepted)
			for _, why := range slices.Sorted(maps.Keys(refused)) {
				t.Logf("valid, refused: %s: tests %v", why, refused[why])
			}
			if played["valid"]+played["invalid"] < least {
				t.Errorf("played %v, there should be %d", played, least)
			}
		})
	}
}
