package authorization

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/dataweave"
	"farrier.dev/farrier/internal/policy"
)

// strength asks whether the caller signed in strongly and lately enough. The
// answer tells how to step up (RFC 9470).
func (o *operation) strength(claims map[string]any, now time.Time) policy.Verdict {
	why := ""
	switch acr, _ := claims["acr"].(string); {
	case len(o.ACR) > 0 && !slices.Contains(o.ACR, acr):
		why = "a stronger sign-in is needed"
	case len(o.AMR) > 0 && !covers(words(claims["amr"]), o.AMR):
		why = "a further factor is needed"
	case o.maxAge > 0 && tooOld(claims["auth_time"], now, o.maxAge):
		why = "a more recent sign-in is needed"
	default:
		return policy.Go()
	}
	header := fmt.Sprintf(`Bearer error="insufficient_user_authentication", error_description=%q`, why)
	if len(o.ACR) > 0 {
		header += fmt.Sprintf(`, acr_values=%q`, strings.Join(o.ACR, " "))
	}
	if o.maxAge > 0 {
		header += fmt.Sprintf(`, max_age="%d"`, o.MaxAuthenticationAge)
	}
	return challenge(http.StatusUnauthorized, "Stronger authentication is required.", why, header)
}

// tooOld says whether a sign-in lies further back than allowed; one whose time
// is unknown, or lies ahead by more than a minute, does.
func tooOld(authTime any, now time.Time, most time.Duration) bool {
	var seconds float64
	switch v := authTime.(type) {
	case float64:
		seconds = v
	case int64:
		seconds = float64(v)
	case json.Number:
		f, err := v.Float64()
		if err != nil {
			return true
		}
		seconds = f
	default:
		return true
	}
	if seconds <= 0 || seconds > 1<<40 {
		return true
	}
	age := now.Sub(time.Unix(int64(seconds), 0))
	return age > most || age < -time.Minute
}

// claimAt follows a path of names into the claims.
func claimAt(claims map[string]any, path []string) any {
	var value any = claims
	for _, name := range path {
		object, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = object[name]
	}
	return value
}

// words are the texts of a list, or the words of one text.
func words(value any) []string {
	switch v := value.(type) {
	case string:
		return strings.Fields(v)
	case []string:
		return v
	case []any:
		var list []string
		for _, one := range v {
			if text, ok := one.(string); ok {
				list = append(list, text)
			}
		}
		return list
	}
	return nil
}

func overlap(wanted, has []string) bool {
	return slices.ContainsFunc(wanted, func(one string) bool { return slices.Contains(has, one) })
}

func covers(has, wanted []string) bool {
	return !slices.ContainsFunc(wanted, func(one string) bool { return !slices.Contains(has, one) })
}

// vars are what conditions see under vars.
type vars struct {
	path   map[string]string
	claims map[string]any
}

// Get implements dataweave.Object.
func (v *vars) Get(key string) (dataweave.Value, bool) {
	switch key {
	case "path":
		object := make(map[string]dataweave.Value, len(v.path))
		for name, value := range v.path {
			object[name] = dataweave.String(value)
		}
		return dataweave.NewObject(object), true
	case "claims":
		if value, err := dataweave.FromAny(v.claims); err == nil && v.claims != nil {
			return value, true
		}
	}
	return dataweave.Null(), false
}

// Keys implements dataweave.Object.
func (v *vars) Keys() []string { return []string{"claims", "path"} }

// Len implements dataweave.Object.
func (v *vars) Len() int { return 2 }
