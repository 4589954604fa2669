package authorization

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/dataweave"
	"farrier.dev/farrier/internal/policy"
)

// The claims that are looked up for every request.
var (
	acrClaim      = []string{"acr"}
	amrClaim      = []string{"amr"}
	authTimeClaim = []string{"auth_time"}
)

// strength asks whether the caller signed in strongly and lately enough. The
// answer tells how to step up (RFC 9470).
func (o *operation) strength(claims dataweave.Value, now time.Time) policy.Verdict {
	var why string
	acr, _ := policy.ClaimAt(claims, acrClaim).AsString()
	switch {
	case len(o.ACR) > 0 && !slices.Contains(o.ACR, acr):
		why = "a stronger sign-in is needed"
	case len(o.AMR) > 0 && !covers(policy.ClaimWords(policy.ClaimAt(claims, amrClaim)), o.AMR):
		why = "a further factor is needed"
	case o.maxAge > 0 && tooOld(policy.ClaimAt(claims, authTimeClaim), now, o.maxAge):
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
func tooOld(authTime dataweave.Value, now time.Time, most time.Duration) bool {
	seconds, ok := authTime.AsNumber()
	if !ok || seconds <= 0 || seconds > 1<<40 {
		return true
	}
	age := now.Sub(time.Unix(int64(seconds), 0))
	return age > most || age < -time.Minute
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
	claims dataweave.Value
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
		return v.claims, true
	}
	return dataweave.Null(), false
}

// Keys implements dataweave.Object.
func (v *vars) Keys() []string { return []string{"claims", "path"} }

// Len implements dataweave.Object.
func (v *vars) Len() int { return 2 }
