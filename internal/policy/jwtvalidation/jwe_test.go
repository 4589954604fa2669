package jwtvalidation

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/c2sp/wycheproof"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwe"
	"github.com/lestrrat-go/jwx/v3/jwk"
)

// decrypt opens a JWE as whatever of ours uses the library has to: compact
// serialisation only, one key, and the algorithm that the key names, never the one
// that the message names.
func decrypt(key []byte, text string) ([]byte, error) {
	if strings.Count(text, ".") != 4 || strings.ContainsAny(text, "{ \r\n") {
		return nil, errors.New("it is not in compact serialisation")
	}
	k, err := jwk.ParseKey(key)
	if err != nil {
		return nil, errors.New("the key can't be read")
	}
	if use, ok := k.KeyUsage(); ok && use != string(jwk.ForEncryption) {
		return nil, errors.New("the use of the key is not enc")
	}
	named, ok := k.Algorithm()
	if !ok {
		return nil, errors.New("the key names no alg")
	}
	alg, ok := jwa.LookupKeyEncryptionAlgorithm(named.String())
	if !ok {
		return nil, errors.New("the alg of the key does not encrypt keys")
	}
	opened, err := jwe.Decrypt([]byte(text), jwe.WithKey(alg, k))
	if err != nil {
		return nil, errors.New("it does not decrypt")
	}
	return opened, nil
}

// TestWycheproofJWE plays the vectors for JWE against the library under these
// rules: no invalid message is accepted. This policy itself refuses every JWE.
func TestWycheproofJWE(t *testing.T) {
	for file, least := range map[string]int{"json_web_encryption_test.json": 139, "json_web_crypto_test.json": 30} {
		text, err := fs.ReadFile(wycheproof.TestVectors, file)
		if err != nil {
			t.Fatal(err)
		}
		var v struct {
			TestGroups []struct {
				Comment string
				Private json.RawMessage
				Tests   []struct {
					ID         int `json:"tcId"`
					Result, PT string
					Comment    string
					JWE        json.RawMessage
				}
			}
		}
		if err := json.Unmarshal(text, &v); err != nil {
			t.Fatal(err)
		}
		played, accepted := map[string]int{}, map[string]int{}
		for _, group := range v.TestGroups {
			for _, c := range group.Tests {
				if c.JWE == nil {
					continue // a vector of JWS
				}
				message := string(c.JWE) // a few are objects: the JSON serialisation
				if err := json.Unmarshal(c.JWE, &message); err != nil {
					message = string(c.JWE)
				}
				played[c.Result]++
				if _, err := parseToken(message); err == nil {
					t.Errorf("%d: the front for tokens reads a JWE", c.ID)
				}
				opened, err := decrypt(group.Private, message)
				want, _ := hex.DecodeString(c.PT)
				switch {
				case err != nil && c.Result == "valid":
					t.Logf("valid, refused: %d, %s %s: %v", c.ID, group.Comment, c.Comment, err)
				case err != nil:
				case c.Result != "valid" || c.PT != "" && !bytes.Equal(opened, want):
					t.Errorf("%s %d, %s: %s: accepted, but %s", file, c.ID, group.Comment, c.Comment, c.Result)
				default:
					accepted[c.Result]++
				}
			}
		}
		t.Logf("%s: played %v, accepted %v", file, played, accepted)
		if played["valid"]+played["invalid"] < least {
			t.Errorf("played %v, there should be %d", played, least)
		}
	}
}
