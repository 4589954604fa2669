package importer

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The forms of applications, tiers and contracts as they are kept.
const (
	maxName     = 100
	maxText     = 2000
	minSecret   = 16
	maxSecret   = 256
	maxLimits   = 10
	maxRedirect = 20
)

var (
	clientForm = regexp.MustCompile(`^[A-Za-z0-9._~-]{3,128}$`)
	hashForm   = regexp.MustCompile(`^(?:sha256:)?([0-9a-fA-F]{64})$`)
)

// applications are the client applications of the organisation, each once.
func (x *export) applications() []Application {
	var out []Application
	for _, p := range x.pieces[applicationKind] {
		a := Application{ClientID: text(p.value, "clientId", "coreServicesId"), Name: printable(text(p.value, "name"), maxName), Description: printable(text(p.value, "description"), maxText)}
		what := "the application " + oneLine(a.Name, 100)
		switch {
		case x.imported[a.ClientID]:
			continue
		case !clientForm.MatchString(a.ClientID):
			x.add(Finding{Level: Lost, File: p.file, Path: p.path + ".clientId", What: what, Why: "its client id is not 3 to 128 letters, digits, dots, dashes, underscores and tildes", Do: "make an application with another id"})
			continue
		case a.Name == "":
			a.Name = a.ClientID
		}
		x.imported[a.ClientID] = true
		a.SecretHash = x.secretHash(p, what)
		for _, uri := range append(words(p.value, "redirectUri"), words(p.value, "redirectUris")...) {
			if !redirectFits(uri) || len(a.RedirectURIs) >= maxRedirect {
				x.add(Finding{Level: Lost, File: p.file, Path: p.path + ".redirectUri", What: what + ": a redirect URI", Why: "only https, http on this machine and the schemes of apps are allowed, without user and fragment, 20 in all"})
				continue
			}
			a.RedirectURIs = append(a.RedirectURIs, uri)
		}
		for _, grant := range words(p.value, "grantTypes") {
			if grant = strings.ToLower(grant); slices.Contains([]string{"authorization_code", "client_credentials", "implicit", "password", "refresh_token"}, grant) {
				a.GrantTypes = append(a.GrantTypes, grant)
				continue
			}
			x.add(Finding{Level: Lost, File: p.file, Path: p.path + ".grantTypes", What: what + ": the grant type " + quoted(grant), Why: "it is not known here"})
		}
		if len(words(p.value, "owners")) > 0 || len(objects(p.value, "owners")) > 0 {
			x.add(Finding{Level: Note, File: p.file, Path: p.path + ".owners", What: what + ": its owners", Why: "accounts of the other platform are not known here", Do: "whoever imports it becomes the owner; name others afterwards"})
		}
		out = append(out, a)
	}
	return out
}

// secretHash is the hash of the client secret, "" where there is none that is safe.
func (x *export) secretHash(p piece, what string) string {
	secret := text(p.value, "clientSecret", "client_secret")
	finding := Finding{Level: Todo, File: p.file, Path: p.path + ".clientSecret", What: what + ": its secret", Do: "make a new secret and hand it to the owner; the application can't call with a secret until then"}
	switch hash := hashForm.FindStringSubmatch(text(p.value, "clientSecretHash", "secretHash")); {
	case hash != nil:
		return "sha256:" + strings.ToLower(hash[1])
	case secret == "" || masked(secret):
		finding.Why = "the export hides it"
	case len(secret) < minSecret || len(secret) > maxSecret || printable(secret, maxSecret) != secret:
		finding.Why = "it is shorter than 16 characters or longer than 256, and a short one can be guessed from its hash"
	default:
		sum := sha256.Sum256([]byte(secret))
		return "sha256:" + hex.EncodeToString(sum[:])
	}
	x.add(finding)
	return ""
}

func redirectFits(text string) bool {
	u, err := url.Parse(text)
	if err != nil || len(text) > 500 || printable(text, 500) != text || strings.Contains(text, "#") || u.User != nil {
		return false
	}
	switch u.Scheme {
	case "https":
		return u.Host != ""
	case "http":
		addr, err := netip.ParseAddr(u.Hostname())
		return u.Hostname() == "localhost" || err == nil && addr.IsLoopback()
	}
	return strings.Contains(u.Scheme, ".")
}

// clientIDs are the client ids by the id of the application.
func (x *export) clientIDs() map[string]string {
	out := map[string]string{}
	for _, p := range x.pieces[applicationKind] {
		out[text(p.value, "id")] = text(p.value, "clientId", "coreServicesId")
	}
	return out
}

// tierNames are the names of tiers by their id.
func (x *export) tierNames() map[string]string {
	out := map[string]string{}
	for _, p := range x.pieces[tierKind] {
		out[text(p.value, "id")] = printable(text(p.value, "name"), maxName)
	}
	return out
}

func (m *mapper) tier(p piece, in *instance) {
	t := Tier{
		API: namespace + "/" + m.apis[in.id], Name: printable(text(p.value, "name"), maxName), Description: printable(text(p.value, "description"), maxText),
		AutoApprove: truth(p.value, "autoApprove"), Status: strings.ToUpper(cmp.Or(text(p.value, "status"), "ACTIVE")),
	}
	what := "the SLA tier " + oneLine(t.Name, 100) + " of " + m.apis[in.id]
	for _, l := range objects(p.value, "limits") {
		limit := Limit{Visible: l["visible"] != false, MaximumRequests: number(l, "maximumRequests"), TimePeriodInMilliseconds: number(l, "timePeriodInMilliseconds")}
		if limit.MaximumRequests < 1 || limit.MaximumRequests > 1e15 || limit.TimePeriodInMilliseconds < 1 || limit.TimePeriodInMilliseconds > 1e12 {
			m.lost(p.under("limits"), what, "a limit is not a positive number of requests in a positive time", "make the tier by hand")
			return
		}
		t.Limits = append(t.Limits, limit)
	}
	switch {
	case m.names[tierKey(t.API, t.Name)]:
	case t.Name == "" || len(t.Limits) == 0 || len(t.Limits) > maxLimits:
		m.lost(p, what, "a tier needs a name and 1 to 10 limits", "make the tier by hand")
	case t.Status != "ACTIVE" && t.Status != "DEPRECATED":
		m.lost(p.under("status"), what, "its status is neither ACTIVE nor DEPRECATED", "make the tier by hand")
	default:
		m.names[tierKey(t.API, t.Name)] = true
		m.env.Tiers = append(m.env.Tiers, t)
	}
}

func tierKey(api, name string) string { return "tier " + api + " " + name }

func (m *mapper) contract(p piece, in *instance, clients, tiers map[string]string) {
	v, app := p.value, object(p.value, "application")
	id := cmp.Or(text(v, "clientId"), text(app, "clientId", "coreServicesId"), clients[text(v, "applicationId")], clients[text(app, "id")])
	c := Contract{API: namespace + "/" + m.apis[in.id], ClientID: id, State: strings.ToUpper(text(v, "status"))}
	what := "the contract of " + oneLine(cmp.Or(text(app, "name"), id, "an application"), 100) + " on " + m.apis[in.id]
	tier := object(v, "tier")
	if tier == nil {
		tier = object(v, "requestedTier")
	}
	wanted := cmp.Or(text(v, "tierId"), text(v, "requestedTierId"))
	c.Tier = cmp.Or(printable(text(tier, "name"), maxName), tiers[text(tier, "id")], tiers[wanted])
	if asked, err := time.Parse(time.RFC3339, text(object(object(v, "audit"), "created"), "date")); err == nil {
		c.Asked = asked.UTC()
	}
	key := "contract " + c.API + " " + c.ClientID
	switch {
	case m.names[key]:
	case !m.imported[id]:
		m.lost(p, what, "its application is not in the export", "save the applications of the organisation too")
	case !slices.Contains([]string{"APPROVED", "PENDING", "REJECTED", "REVOKED"}, c.State):
		m.lost(p.under("status"), what, "its status "+quoted(c.State)+" is not known", "decide it by hand")
	case (c.Tier != "" || wanted != "") && !m.names[tierKey(c.API, c.Tier)]:
		m.lost(p.under("tierId"), what, "its SLA tier was not imported", "make tier and contract by hand")
	default:
		m.names[key] = true
		m.env.Contracts = append(m.env.Contracts, c)
	}
}
