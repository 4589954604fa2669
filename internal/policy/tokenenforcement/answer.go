package tokenenforcement

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"farrier.dev/farrier/internal/encoding/jsontext"
	"farrier.dev/farrier/internal/traffic"
)

// Why there is no grant for a token.
var (
	// errNotValid is the server's verdict on the token.
	errNotValid = errors.New("the token is not valid")
	// errForbidden says that the server does not let the gateway ask.
	errForbidden = errors.New("the authorization server does not accept the credentials in the settings")
	// errBusy says that too many calls are under way.
	errBusy = errors.New("too many tokens wait for the authorization server")
	// errAnswer says that the server's answer can't be understood.
	errAnswer = errors.New("the authorization server's answer can't be used")
)

const (
	// exposedPrefix begins the names of the headers that tell services of a token.
	exposedPrefix = "x-agw-"
	maxExposed    = 4 << 10 // bytes of one such header
)

// rules are what settings make of an answer.
type rules struct {
	scopes   []string
	anyScope bool
	expose   bool
	hidden   []string // fields that are not exposed
	consumer string   // the field that is the client id
	issuer   string   // that the answer must name, if it names one
	longest  lifetime
}

// lifetime is how long a valid token is known without asking again, never longer
// than to its expiry.
type lifetime struct {
	most time.Duration
	// unbounded leaves only the expiry.
	unbounded bool
	// withoutExpiry keeps tokens that have none, too.
	withoutExpiry bool
}

// grant is what is known of a valid token under the rules. It is immutable.
type grant struct {
	claims              map[string]any
	clientID, principal string
	enough              bool // its scopes are
	headers             []traffic.Field
	// thumbprint is that of the client certificate to which the token is bound
	// (RFC 8705 §3.1); bare says that it is bound to nothing.
	thumbprint string
	bare       bool
	// keep is when it must be asked for again; zero means at once.
	keep time.Time
}

// read judges the status of an answer and reads its object.
func (s *server) read(status int, text []byte) (map[string]any, error) {
	post := s.style == introspection || s.style == validateGrant
	switch {
	case status == http.StatusOK:
	case post && (status == http.StatusUnauthorized || status == http.StatusForbidden):
		return nil, errForbidden
	case s.style == validateGrant && status == http.StatusBadRequest,
		!post && status >= http.StatusBadRequest && status <= http.StatusNotFound:
		return nil, errNotValid
	default:
		return nil, fmt.Errorf("%w: its status is %d", errAnswer, status)
	}
	claims, err := object(text)
	if err != nil {
		return nil, err
	}
	if active, is := claims["active"].(bool); s.style == introspection && !is {
		return nil, fmt.Errorf("%w: it has no active, true or false", errAnswer)
	} else if is && !active {
		return nil, errNotValid
	}
	if s.style == validateGrant {
		// PingFederate puts the attributes of the user under access_token.
		user, _ := claims["access_token"].(map[string]any)
		for name, value := range user {
			if _, taken := claims[name]; !taken {
				claims[name] = value
			}
		}
	}
	// OpenAM repeats the token itself.
	delete(claims, "access_token")
	return claims, nil
}

// object reads a JSON object that no other reader would read otherwise.
func object(text []byte) (map[string]any, error) {
	limits := jsontext.DefaultLimits()
	limits.UniqueNames = true
	if err := jsontext.Valid(text, limits); err != nil {
		return nil, fmt.Errorf("%w: it is not JSON: %w", errAnswer, err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var claims map[string]any
	if err := d.Decode(&claims); err != nil || claims == nil {
		return nil, fmt.Errorf("%w: it is no JSON object", errAnswer)
	}
	return claims, nil
}

// grant makes what counts of an answer.
func (r *rules) grant(claims map[string]any, now time.Time) (*grant, error) {
	expires, dated, err := r.times(claims, now)
	if err != nil {
		return nil, err
	}
	if iss, ok := claims["iss"]; ok && r.issuer != "" && iss != r.issuer {
		return nil, fmt.Errorf("%w: its iss is not the issuer in the settings", errNotValid)
	}
	// A refresh or identity token is active too, and yet lets nobody in.
	kind, _ := claims["token_type"].(string)
	typ, _ := claims["typ"].(string)
	if strings.EqualFold(kind, "refresh_token") || slices.Contains([]string{"Refresh", "Offline", "ID"}, typ) {
		return nil, fmt.Errorf("%w: it is no access token", errNotValid)
	}
	g := &grant{claims: claims, enough: r.enough(scopesOf(claims["scope"]))}
	g.clientID, _ = claims[r.consumer].(string)
	for _, name := range []string{"username", "Username", "sub"} {
		if g.principal, _ = claims[name].(string); g.principal != "" {
			break
		}
	}
	g.keep = r.longest.until(now, expires, dated)
	confirmation, isBound := claims["cnf"]
	g.bare = !isBound
	if c, ok := confirmation.(map[string]any); ok && len(c) == 1 {
		g.thumbprint, _ = c["x5t#S256"].(string)
	}
	if r.expose {
		g.headers = r.exposed(claims)
	}
	return g, nil
}

// times judges nbf and exp, or expires_in, and gives the expiry if there is one.
func (r *rules) times(claims map[string]any, now time.Time) (expires time.Time, dated bool, err error) {
	if begins, ok, err := moment(claims, "nbf"); err != nil {
		return expires, false, err
	} else if ok && begins.After(now) {
		return expires, false, fmt.Errorf("%w: its nbf lies ahead", errNotValid)
	}
	if expires, dated, err = moment(claims, "exp"); err != nil {
		return expires, false, err
	}
	if rest, ok, err := number(claims, "expires_in"); err != nil {
		return expires, false, err
	} else if ok && !dated {
		expires, dated = now.Add(time.Duration(rest*float64(time.Second))), true
	}
	if dated && !expires.After(now) {
		return expires, false, fmt.Errorf("%w: its expiry is over", errNotValid)
	}
	return expires, dated, nil
}

func moment(claims map[string]any, name string) (at time.Time, ok bool, err error) {
	seconds, ok, err := number(claims, name)
	if !ok || err != nil {
		return at, false, err
	}
	return time.Unix(int64(seconds), 0), true, nil
}

// number is a claim in seconds; beyond a century it counts as one.
func number(claims map[string]any, name string) (float64, bool, error) {
	const most = 100 * 365 * 24 * 3600
	value, ok := claims[name]
	if !ok || value == nil {
		return 0, false, nil
	}
	n, ok := value.(json.Number)
	if !ok {
		return 0, false, fmt.Errorf("%w: %s is no number", errAnswer, name)
	}
	f, err := n.Float64()
	if err != nil || f < 0 {
		return 0, false, fmt.Errorf("%w: %s is no number of seconds", errAnswer, name)
	}
	if name == "expires_in" {
		return min(f, most), true, nil
	}
	return min(f, 2*most), true, nil
}

// until is when a grant made now must be asked for again.
func (l lifetime) until(now, expires time.Time, dated bool) time.Time {
	switch end := now.Add(l.most); {
	case !dated && !l.withoutExpiry:
		return time.Time{}
	case !dated:
		return end
	case l.unbounded || expires.Before(end):
		return expires
	default:
		return end
	}
}

// scopesOf reads scope: a list separated by spaces, or an array.
func scopesOf(value any) []string {
	switch v := value.(type) {
	case string:
		return strings.Fields(v)
	case []any:
		var scopes []string
		for _, one := range v {
			if text, ok := one.(string); ok {
				scopes = append(scopes, text)
			}
		}
		return scopes
	}
	return nil
}

func (r *rules) enough(granted []string) bool {
	if len(r.scopes) == 0 {
		return true
	}
	has := func(scope string) bool { return slices.Contains(granted, scope) }
	if r.anyScope {
		return slices.ContainsFunc(r.scopes, has)
	}
	return !slices.ContainsFunc(r.scopes, func(scope string) bool { return !has(scope) })
}

// exposed makes the headers for the service: plain values as they are, lists of
// plain values joined by commas. What is no name or value of a header is left
// out, and of two fields that make one name both.
func (r *rules) exposed(claims map[string]any) []traffic.Field {
	var fields []traffic.Field
	taken := map[string]int{}
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		header := exposedPrefix + strings.ToLower(name)
		value, ok := plain(claims[name])
		if slices.Contains(r.hidden, name) || !httpguts.ValidHeaderFieldName(header) {
			continue
		}
		taken[strings.ReplaceAll(header, "_", "-")]++
		if ok && len(value) <= maxExposed && httpguts.ValidHeaderFieldValue(value) {
			fields = append(fields, traffic.Field{Name: header, Value: value})
		}
	}
	return slices.DeleteFunc(fields, func(f traffic.Field) bool {
		return taken[strings.ReplaceAll(f.Name, "_", "-")] > 1
	})
}

func plain(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return fmt.Sprint(v), true
	case []any:
		items := make([]string, len(v))
		for i, one := range v {
			item, ok := plain(one)
			if _, nested := one.([]any); !ok || nested {
				return "", false
			}
			items[i] = item
		}
		return strings.Join(items, ","), true
	}
	return "", false
}

// bound holds a token that belongs to a key against whoever shows it: the client
// certificate of the connection must be that key's (RFC 8705 §3). Any other
// binding can't be proven by a Bearer token (RFC 9449 §7.2), so it refuses.
func (g *grant) bound(x *traffic.Exchange) error {
	switch {
	case g.bare:
		return nil
	case g.thumbprint == "":
		return fmt.Errorf("%w: it is bound to a key that nothing in the request proves", errNotValid)
	case x.Request.TLS == nil || len(x.Request.TLS.Peer) == 0:
		return fmt.Errorf("%w: it is bound to a client certificate and there is none", errNotValid)
	}
	sum := sha256.Sum256(x.Request.TLS.Peer[0].Raw)
	if base64.RawURLEncoding.EncodeToString(sum[:]) != g.thumbprint {
		return fmt.Errorf("%w: it is bound to another client certificate", errNotValid)
	}
	return nil
}
