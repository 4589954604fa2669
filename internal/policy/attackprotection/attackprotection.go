// Package attackprotection is the policy attack-protection: it judges requests,
// and if wanted responses and the messages of streams, by the OWASP Core Rule
// Set and rules of our own, and refuses attacks or only watches for them. What
// an attack is, detect decides; this package binds it to an API.
package attackprotection

import (
	"crypto/sha256"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"farrier.dev/farrier/internal/detect"
	"farrier.dev/farrier/internal/policy"
)

//go:generate go run ../schemagen .

//go:embed schema.json
var schema []byte

// patience is how long a request waits for one of the bounded judges.
const patience = time.Second

// teeLimit is the part of a body that is copied in watch mode, in bytes.
const teeLimit = detect.DefaultBodyLimit

// paranoiaLevels is the highest level of the Core Rule Set.
const paranoiaLevels = 4

// Content is what was installed besides the rules that are built in.
type Content struct {
	// Version identifies it; empty when there is none.
	Version string
	// Rules are further rules.
	Rules []detect.Source
	// BadAddress says that an address is known to be bad; nil knows none.
	BadAddress func(netip.Addr) bool
}

// Policy is the entry of the catalogue. All steps that are compiled from one
// entry share its rules and its bound on judgements at one time. content gives
// what is installed now; nil means nothing.
func Policy(content func() Content) policy.Policy {
	if content == nil {
		content = func() Content { return Content{} }
	}
	s := &shared{gate: detect.NewGate(0, patience), content: content}
	return policy.Policy{
		Name: "attack-protection", Title: "Attack Protection", Category: "Security",
		Phase: policy.Inspect, Schema: schema, Compile: s.compile, Warn: warn,
		Version: func() string { return content().Version }, Figures: s.figures,
	}
}

// Engine makes the engine that these settings ask for, with installed rules.
func Engine(settings json.RawMessage, content ...detect.Source) (*detect.Engine, error) {
	set, err := decode(settings)
	if err != nil {
		return nil, err
	}
	return (&shared{}).engine(&set, Content{Rules: content})
}

// shared is what all steps of one catalogue share.
type shared struct {
	gate    *detect.Gate
	content func() Content

	mu sync.Mutex
	// rules are the latest that were compiled, the newest last.
	rules []loaded
}

// loaded are rules and what they were made of.
type loaded struct {
	key   [sha256.Size]byte
	rules *detect.Rules
}

// maxLoaded bounds the rules that are kept to be shared; each takes some 20 MB.
const maxLoaded = 8

// protection is the compiled policy.
type protection struct {
	gate     *detect.Gate
	engine   *detect.Engine
	set      Settings
	networks []netip.Prefix
	listed   func(netip.Addr) bool
}

func (s *shared) compile(settings json.RawMessage) (policy.Compiled, error) {
	set, err := decode(settings)
	if err != nil {
		return nil, err
	}
	content := s.content()
	p := &protection{gate: s.gate, set: set, listed: content.BadAddress}
	if p.networks, err = set.networks(); err != nil {
		return nil, err
	}
	p.engine, err = s.engine(&set, content)
	return p, err
}

func (s *shared) engine(set *Settings, content Content) (*detect.Engine, error) {
	sources := slices.Clone(content.Rules)
	for _, r := range set.Rules {
		sources = append(sources, detect.Source(r))
	}
	rules, err := s.load(set.ParanoiaLevel, sources)
	if err != nil {
		return nil, err
	}
	return rules.Engine(set.options())
}

// load compiles rules, or finds those that were compiled before.
func (s *shared) load(level int, sources []detect.Source) (*detect.Rules, error) {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%d", level)
	for _, c := range sources {
		_, _ = fmt.Fprintf(h, "%q%q", c.Name, c.Text)
	}
	key := [sha256.Size]byte(h.Sum(nil))
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.rules {
		if l.key == key {
			return l.rules, nil
		}
	}
	rules, err := detect.LoadRules(level, sources...)
	if err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	s.rules = append(s.rules, loaded{key, rules})
	if len(s.rules) > maxLoaded {
		s.rules = slices.Delete(s.rules, 0, 1)
	}
	return rules, nil
}

// figures tell what the rules remember.
func (s *shared) figures() []policy.Figure {
	s.mu.Lock()
	defer s.mu.Unlock()
	var states, bytes, most, flushes float64
	for _, l := range s.rules {
		one := l.rules.Stats()
		states += float64(one.States)
		bytes += float64(one.Bytes)
		most += float64(one.Cap)
		flushes += float64(one.Flushes)
	}
	return []policy.Figure{
		{Name: "detect_states", Help: "States that the automata of rules remember.", Value: states},
		{Name: "detect_state_bytes", Help: "Memory that they take.", Value: bytes},
		{Name: "detect_state_bytes_max", Help: "Memory that they may take; what is full begins anew.", Value: most},
		{Name: "detect_state_flushes", Help: "Times that one was full and began anew.", Value: flushes},
	}
}
