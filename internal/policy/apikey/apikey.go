// Package apikey is the policy api-key: callers show a key, of which a client
// may have several that begin and end at their own time, so that keys are
// changed without a gap. Settings may hold digests in the place of keys.
package apikey

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:generate go run ../schemagen .

//go:embed schema.json
var schema []byte

// Policy is the entry of the catalogue.
func Policy() policy.Policy {
	return policy.Policy{
		Name: "api-key", Title: "API Key", Category: "Security",
		Phase: policy.Identify, Identifies: true, Schema: schema, Compile: compile, Warn: warn,
	}
}

// Settings are what operators set.
type Settings struct {
	// Location says where callers put the key.
	Location string `json:"location" default:"header" enum:"header|query|cookie"`
	// Name is that of the header, parameter or cookie.
	Name string `json:"name" default:"x-api-key" minLength:"1"`
	// Keys are the keys that pass.
	Keys []Key `json:"keys" required:"true" minItems:"1"`
	// RequireContract refuses clients that have no approved contract on the API.
	RequireContract bool `json:"requireContract" default:"false"`
	// Forward lets the service read the key too.
	Forward bool `json:"forward" default:"false"`
	// WarnDays is how many days before the end of a key responses carry its moment in the header x-api-key-expires; 0 never.
	WarnDays int `json:"warnDays" default:"14" min:"0" max:"3650"`
}

// Key is one key of a client.
type Key struct {
	// ID names the key in logs and records.
	ID string `json:"id" required:"true" minLength:"1"`
	// Client is the client id of its owner.
	Client string `json:"client" required:"true" minLength:"1"`
	// Key is the key itself, of at least 16 characters.
	Key string `json:"key" default:"" secret:"true"`
	// SHA256 is the hexadecimal SHA-256 of the key, in its place.
	SHA256 string `json:"sha256" default:""`
	// NotBefore is the moment from which it passes, as 2026-12-31T00:00:00Z; empty means always.
	NotBefore string `json:"notBefore" default:""`
	// Expires is the moment from which it no longer passes; empty means never.
	Expires string `json:"expires" default:""`
	// Scopes are those of the caller, for authorization.
	Scopes []string `json:"scopes" default:"[]"`
}

// shortest is the least number of characters of a key: 16 random letters and
// digits can't be guessed.
const shortest = 16

type key struct {
	Key
	notBefore, expires time.Time
	claims             map[string]any
}

type keys struct {
	Settings
	name  string
	known map[[sha256.Size]byte]*key
}

func compile(settings json.RawMessage) (policy.Compiled, error) {
	k := &keys{known: map[[sha256.Size]byte]*key{}}
	if err := policy.DecodeWithDefaults(schema, settings, &k.Settings); err != nil {
		return nil, err
	}
	k.name = k.Name
	if k.Location == "header" {
		k.name = traffic.LowerName(k.Name)
	}
	if k.Location != "query" && !httpguts.ValidHeaderFieldName(k.Name) {
		return nil, fmt.Errorf("name: %q can't name a %s", k.Name, k.Location)
	}
	ids := map[string]bool{}
	for i, one := range k.Keys {
		made, digest, err := compileKey(one)
		if err != nil {
			return nil, fmt.Errorf("keys[%d].%w", i, err)
		}
		if ids[one.ID] {
			return nil, fmt.Errorf("keys[%d].id: another key has it; give each its own", i)
		}
		if k.known[digest] != nil {
			return nil, fmt.Errorf("keys[%d]: is the same key as %s", i, k.known[digest].ID)
		}
		ids[one.ID], k.known[digest] = true, made
	}
	return k, nil
}

func compileKey(one Key) (*key, [sha256.Size]byte, error) {
	var digest [sha256.Size]byte
	switch {
	case (one.Key == "") == (one.SHA256 == ""):
		return nil, digest, fmt.Errorf("key: set either key or sha256")
	case one.Key != "" && len(one.Key) < shortest:
		return nil, digest, fmt.Errorf("key: has %d characters; use at least %d random ones", len(one.Key), shortest)
	case one.Key != "":
		digest = sha256.Sum256([]byte(one.Key))
	default:
		raw, err := hex.DecodeString(one.SHA256)
		if err != nil || len(raw) != sha256.Size {
			return nil, digest, fmt.Errorf("sha256: must be 64 hexadecimal digits")
		}
		digest = [sha256.Size]byte(raw)
	}
	made := &key{Key: one, claims: map[string]any{"client_id": one.Client, "scope": strings.Join(one.Scopes, " ")}}
	made.Key.Key = "" // only its digest is needed
	for _, at := range []struct {
		setting, text string
		to            *time.Time
	}{{"notBefore", one.NotBefore, &made.notBefore}, {"expires", one.Expires, &made.expires}} {
		if at.text == "" {
			continue
		}
		moment, err := time.Parse(time.RFC3339, at.text)
		if err != nil {
			return nil, digest, fmt.Errorf("%s: %q is no moment; write it as 2026-12-31T00:00:00Z", at.setting, at.text)
		}
		*at.to = moment
	}
	if !made.notBefore.IsZero() && !made.expires.IsZero() && !made.expires.After(made.notBefore) {
		return nil, digest, fmt.Errorf("expires: is not after notBefore")
	}
	return made, digest, nil
}

func warn(settings json.RawMessage) []string {
	var s Settings
	if err := policy.DecodeWithDefaults(schema, settings, &s); err != nil {
		return nil
	}
	if s.Location == "query" {
		return []string{"location: keys in queries end up in logs and histories of others; prefer header"}
	}
	return nil
}

// Bind implements policy.Compiled.
func (k *keys) Bind(env policy.Env) (policy.Step, error) {
	step := policy.Step{Request: func(_ context.Context, x *traffic.Exchange) policy.Verdict {
		shown := k.take(x)
		if shown == "" {
			return k.refuse("An API key is required.", "the request shows no key, or several")
		}
		found := k.known[sha256.Sum256([]byte(shown))]
		now := env.Now()
		switch {
		case found == nil:
			return k.refuse("Invalid API key.", "the key is none of those known")
		case now.Before(found.notBefore):
			return k.refuse("Invalid API key.", "the key "+found.ID+" is not valid yet")
		case !found.expires.IsZero() && !now.Before(found.expires):
			return k.refuse("Invalid API key.", "the key "+found.ID+" has expired")
		}
		client := env.Clients.Find(found.Client)
		switch {
		case client != nil:
			client.Establish(&x.Auth)
		case k.RequireContract:
			return k.refuse("Invalid API key.", env.Clients.Why(found.Client))
		default:
			x.Auth.ClientID = found.Client
		}
		x.Auth.SetProperty("claims", found.claims)
		x.Carry(k, found)
		return policy.GoBecause("the key " + found.ID)
	}}
	if k.WarnDays > 0 {
		step.Response = func(_ context.Context, x *traffic.Exchange) policy.Verdict {
			found, ok := x.Carried(k).(*key)
			if ok && !found.expires.IsZero() && found.expires.Sub(env.Now()) < time.Duration(k.WarnDays)*24*time.Hour {
				x.Response.Header.Set("x-api-key-expires", found.expires.UTC().Format(time.RFC3339))
			}
			return policy.Go()
		}
	}
	return step, nil
}

func (k *keys) refuse(public, reason string) policy.Verdict {
	return policy.Refuse(http.StatusUnauthorized, public, reason,
		traffic.Field{Name: "www-authenticate", Value: `ApiKey realm="` + k.Name + `"`})
}
