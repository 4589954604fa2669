package served

import (
	"encoding/json"
	"net"
	"net/url"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/revision"
)

// Binding is a policy applied to an API or service.
type Binding struct {
	Name, Policy string
	// Title and Phase are those of the catalogue.
	Title, Phase string
	Order        int
	// Inline says that it was written within the API; Automated that a selector
	// brought it here.
	Automated, Inline bool
	Rules             []revision.Rule
	Settings          []Setting
	Source            revision.Source
}

// Setting is one value of a binding's settings.
type Setting struct {
	// Field is the path, as "rateLimits[0].maximumRequests".
	Field, Value string
	// Masked says that Value stands for a secret.
	Masked bool
}

func (s *Service) binding(b *revision.Binding, owner revision.Name) Binding {
	out := Binding{
		Name: b.Name.String(), Policy: b.Policy, Title: b.Policy, Order: b.Order, Automated: b.Automated,
		Inline: inline(b, owner), Rules: b.Rules, Source: b.Source,
	}
	s.describe(&out, b.Settings)
	return out
}

// inline tells a binding that was written within its API by the name that
// manifests give it then: <api>-<policy>-<N>.
func inline(b *revision.Binding, owner revision.Name) bool {
	if b.Automated || b.Name.Namespace != owner.Namespace {
		return false
	}
	for _, policy := range []string{b.As, b.Policy} {
		number, ok := strings.CutPrefix(b.Name.Name, owner.Name+"-"+policy+"-")
		if _, err := strconv.ParseUint(number, 10, 16); ok && err == nil {
			return true
		}
	}
	return false
}

// tls makes a binding of the settings that a revision holds apart.
func (s *Service) tls(name string, settings json.RawMessage, source revision.Source) Binding {
	out := Binding{Name: name, Policy: name, Title: name, Source: source}
	s.describe(&out, settings)
	out.Phase = "connection"
	return out
}

func (s *Service) describe(b *Binding, settings json.RawMessage) {
	var schema map[string]any
	if e := s.o.Catalogue.Find(b.Policy); e != nil {
		if e.Title != "" {
			b.Title = e.Title
		}
		b.Phase = e.Phase.String()
		// A schema that can't be read leaves nil, and all is masked.
		if json.Unmarshal(e.Schema, &schema) != nil {
			schema = nil
		}
	}
	b.Settings = masked(settings, schema)
}

func (s *Service) upstream(u *revision.Service) Upstream {
	out := Upstream{Name: u.Name.String(), Address: withoutUser(u.Address), Source: u.Source}
	if len(u.TLS) > 0 {
		out.Bindings = append(out.Bindings, s.tls("tls-outbound", u.TLS, u.Source))
	}
	for i := range u.Policies {
		out.Bindings = append(out.Bindings, s.binding(&u.Policies[i], u.Name))
	}
	return out
}

func address(a *revision.API) string {
	return a.Scheme + "://" + net.JoinHostPort(a.Host, strconv.Itoa(a.Port))
}

// withoutUser leaves user and password out of an address. Manifests that hold
// them are refused; a revision may come from elsewhere one day.
func withoutUser(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "(not readable)"
	}
	u.User = nil
	return u.String()
}
