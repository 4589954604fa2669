package incident

import (
	"cmp"
	"slices"
	"time"

	"farrier.dev/farrier/internal/finding"
)

// Sighting is one exchange in which something was found, or that was refused.
type Sighting struct {
	// Exchange is its correlation id.
	Exchange  string    `json:"exchange"`
	At        time.Time `json:"at"`
	API       string    `json:"api,omitempty"`
	Operation string    `json:"operation,omitempty"`
	// Address, ClientID and Subject say who called, as far as it was established.
	Address  string `json:"address,omitempty"`
	ClientID string `json:"clientId,omitempty"`
	Subject  string `json:"subject,omitempty"`
	// Rules are those of its findings; Severity is that of the worst, zero for a refusal
	// in which nothing was found.
	Rules    []string         `json:"rules,omitempty"`
	Severity finding.Severity `json:"severity,omitzero"`
	Status   int              `json:"status,omitempty"`
	Policy   string           `json:"policy,omitempty"`
	Reason   string           `json:"reason,omitempty"`
}

// Kind says what an incident is of, or what an act of containment stops.
type Kind string

// The kinds. An incident is of none of Session.
const (
	Address Kind = "address"
	Client  Kind = "client"
	Subject Kind = "subject"
	Session Kind = "session"
	API     Kind = "api"
)

// Cluster is what belongs together.
type Cluster struct {
	Kind Kind
	// Actor is the address, client id, subject or API.
	Actor string
	// Sightings are in the order of time; there is at least one.
	Sightings []Sighting
}

const (
	// Gap is how long an actor may rest within one incident.
	Gap = 30 * time.Minute
	// manyRules is how many different rules on one API make an incident, whoever calls.
	manyRules = 3
	// manyRefusals is how many refusals in which nothing was found make one.
	manyRefusals = 20
)

// Group finds what belongs together: sightings of one actor with no more than Gap
// between them, when something of medium severity or worse was found, or manyRules
// different rules saw something, or manyRefusals were refused; and of what is then
// left, the sightings on one API by manyRules different rules. The order of what is
// given does not matter; an exchange that is given twice counts once.
func Group(sightings []Sighting) []Cluster {
	all := slices.Clone(sightings)
	slices.SortFunc(all, func(a, b Sighting) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Exchange, b.Exchange))
	})
	all = slices.CompactFunc(all, func(a, b Sighting) bool { return a.Exchange != "" && a.Exchange == b.Exchange })
	var found []Cluster
	var left []Sighting
	for _, c := range clusters(all, actorOf) {
		if c.Actor != "" && c.worth() {
			found = append(found, c)
		} else {
			left = append(left, c.Sightings...)
		}
	}
	slices.SortStableFunc(left, func(a, b Sighting) int { return a.At.Compare(b.At) })
	for _, c := range clusters(left, func(s *Sighting) (Kind, string) { return API, s.API }) {
		if c.Actor != "" && c.worth() {
			found = append(found, c)
		}
	}
	slices.SortFunc(found, func(a, b Cluster) int {
		return cmp.Or(a.First().Compare(b.First()), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Actor, b.Actor))
	})
	return found
}

// actorOf is the best established name of who called.
func actorOf(s *Sighting) (Kind, string) {
	switch {
	case s.Subject != "":
		return Subject, s.Subject
	case s.ClientID != "":
		return Client, s.ClientID
	}
	return Address, s.Address
}

// clusters parts sightings, which are in the order of time, by a key and by rests.
func clusters(all []Sighting, key func(*Sighting) (Kind, string)) []Cluster {
	var out []Cluster
	type who struct {
		kind  Kind
		actor string
	}
	last := map[who]int{}
	for i := range all {
		s := &all[i]
		kind, actor := key(s)
		at, known := last[who{kind, actor}]
		if !known || s.At.Sub(out[at].Last()) > Gap {
			at = len(out)
			last[who{kind, actor}] = at
			out = append(out, Cluster{Kind: kind, Actor: actor})
		}
		out[at].Sightings = append(out[at].Sightings, *s)
	}
	return out
}

// worth says that a cluster is an incident.
func (c *Cluster) worth() bool {
	if c.Kind == API {
		return len(c.Rules()) >= manyRules
	}
	return c.Severity() >= finding.Medium || len(c.Rules()) >= manyRules || len(c.Sightings) >= manyRefusals
}

// First and Last are when it was seen first and last.
func (c *Cluster) First() time.Time { return c.Sightings[0].At }

// Last is when it was seen last.
func (c *Cluster) Last() time.Time { return c.Sightings[len(c.Sightings)-1].At }

// Severity is that of the worst finding, Low where nothing was found.
func (c *Cluster) Severity() finding.Severity {
	worst := finding.Low
	for i := range c.Sightings {
		worst = max(worst, c.Sightings[i].Severity)
	}
	return worst
}

// maxRules bounds the rules that are named of an incident.
const maxRules = 100

// Rules are the rules that saw something, each once, in the order of names.
func (c *Cluster) Rules() []string {
	var all []string
	for i := range c.Sightings {
		all = append(all, c.Sightings[i].Rules...)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	return all[:min(len(all), maxRules)]
}

// API is the one that was called, empty when it was more than one.
func (c *Cluster) API() string {
	api := c.Sightings[0].API
	for i := range c.Sightings {
		if c.Sightings[i].API != api {
			return ""
		}
	}
	return api
}

// Title says what it is in a few words.
func (c *Cluster) Title() string {
	what := "Refused requests"
	if len(c.Rules()) > 0 {
		what = "Attacks"
	}
	where := ""
	if api := c.API(); api != "" {
		where = " on " + api
	}
	switch c.Kind {
	case API:
		return what + " of many kinds on " + c.Actor
	case Client:
		return what + " of client " + c.Actor + where
	case Subject, Session:
		return what + " of " + c.Actor + where
	case Address:
	}
	return what + " from " + c.Actor + where
}
