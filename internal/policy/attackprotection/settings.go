package attackprotection

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/detect"
	"farrier.dev/farrier/internal/policy"
)

// Settings are what operators set.
type Settings struct {
	// Mode says whether attacks are refused with 403 (block), refused only from addresses that are known to be bad (block-known), only recorded after the response, delaying nothing (watch), or not looked for (off).
	Mode string `json:"mode" default:"block" enum:"off|watch|block|block-known"`
	// ParanoiaLevel is the level of the OWASP Core Rule Set: 1 for few false alarms, 4 for the most suspicion.
	ParanoiaLevel int `json:"paranoiaLevel" default:"1" min:"1" max:"4"`
	// Threshold is the score from which a request is an attack: 5 is one match of a critical rule.
	Threshold int `json:"threshold" default:"5" min:"1" max:"1000"`
	// BodyLimit is how many bytes of a body are inspected. The work that one request may cost grows with it: a tenth to a quarter of a second of processor time at the default.
	BodyLimit int64 `json:"bodyLimit" default:"131072" min:"1024" max:"10485760"`
	// OnLongBody says what happens to a longer body in blocking modes: it is refused with 413, or only its beginning is inspected (partial), which is recorded.
	OnLongBody string `json:"onLongBody" default:"refuse" enum:"refuse|partial"`
	// OnExhausted says what happens to a request that would cost more work, or has more values or layers, than is allowed: it is refused, or passes uninspected beyond that (pass), which is recorded.
	OnExhausted string `json:"onExhausted" default:"refuse" enum:"refuse|pass"`
	// OnStream says what happens to WebSocket and gRPC streams in blocking modes: each message is inspected before it is sent on, or streams are refused, or pass uninspected (skip), which is recorded. In watch mode they pass.
	OnStream string `json:"onStream" default:"inspect" enum:"inspect|refuse|skip"`
	// Responses says whether responses that hold keys, stack traces or errors of databases are refused with 502 (block), recorded (watch) or not looked at (off). To be looked at, the first 128 KiB of a response are held back.
	Responses string `json:"responses" default:"off" enum:"off|watch|block"`
	// Learned says what a value does that deviates from what was learned of its place: it adds points to a match (raise), a value like all others also takes points from a single match (weigh), or neither (off). It never blocks by itself.
	Learned string `json:"learned" default:"raise" enum:"off|raise|weigh"`
	// Exclusions are matches that are known to be harmless here; they are neither counted nor recorded.
	Exclusions []Exclusion `json:"exclusions" default:"[]"`
	// Patches are virtual patches: each closes a hole of one operation and place.
	Patches []Patch `json:"patches" default:"[]"`
	// DecodersOff are decoders that are not applied at a place.
	DecodersOff []DecoderOff `json:"decodersOff" default:"[]"`
	// Rules are rules of your own.
	Rules []Rule `json:"rules" default:"[]"`
	// BadSources are addresses and networks (CIDR) that block-known refuses, besides those of installed content.
	BadSources []string `json:"badSources" default:"[]"`
}

// Exclusion is one kind of match that is harmless.
type Exclusion struct {
	// Rule is an id (942100), a range of ids (942100-942999), a tag of the Core Rule Set (attack-sqli) or the name of a finding (farrier-json-malformed).
	Rule string `json:"rule" required:"true" minLength:"1"`
	// Place is the part of the request, as findings name it (query note, body json /items/*/note) or as the Core Rule Set does (ARGS:note), with all that lies below. Empty means everywhere.
	Place string `json:"place" default:""`
	// Path is a regular expression (RE2) that the whole path must match. Empty means every path.
	Path string `json:"path" default:""`
}

// Patch is a virtual patch.
type Patch struct {
	// Name identifies the patch in findings, as farrier-patch-NAME; lower-case letters, digits and hyphens.
	Name string `json:"name" required:"true" minLength:"1"`
	// Method is the HTTP method. Empty means all.
	Method string `json:"method" default:""`
	// Path is a regular expression (RE2) that the whole path must match. Empty means every path.
	Path string `json:"path" default:""`
	// Place is the part of the request, written as in an exclusion.
	Place string `json:"place" required:"true" minLength:"1"`
	// Match is a regular expression (RE2) that a value must match somewhere to be refused. Empty means any value.
	Match string `json:"match" default:""`
	// Unless is one that the whole value must match to be let through.
	Unless string `json:"unless" default:""`
	// Mode says whether a match is recorded (watch), refused as the policy's mode allows (block), or refused in every mode but off (always). With always, requests wait for the judgement in watch mode too.
	Mode string `json:"mode" default:"block" enum:"watch|block|always"`
	// Expires is when the patch ends, as 2026-12-31T00:00:00Z. Empty means never.
	Expires string `json:"expires" default:""`
}

// DecoderOff switches a decoder off.
type DecoderOff struct {
	// Decoder is named as in findings (base64, json, html), or * for all.
	Decoder string `json:"decoder" required:"true" minLength:"1"`
	// Place is the part of the request, written as in findings.
	Place string `json:"place" required:"true" minLength:"1"`
}

// Rule is a file of rules.
type Rule struct {
	// Name stands in findings and errors. A name that ends in .yaml holds one rule in Farrier's own form, any other directives of ModSecurity (SecRule and the like).
	Name string `json:"name" required:"true" minLength:"1"`
	// Text is the file's content.
	Text string `json:"text" required:"true" minLength:"1"`
}

// decode reads settings and holds them against what the schema cannot say.
func decode(settings json.RawMessage) (Settings, error) {
	set := Settings{
		Mode: "block", ParanoiaLevel: 1, Threshold: detect.DefaultThreshold, BodyLimit: detect.DefaultBodyLimit,
		OnLongBody: "refuse", OnExhausted: "refuse", OnStream: "inspect", Responses: "off", Learned: "raise",
	}
	if err := policy.Decode(settings, &set); err != nil {
		return set, err
	}
	for _, c := range []struct {
		name, value string
		known       []string
	}{
		{"mode", set.Mode, []string{"off", "watch", "block", "block-known"}},
		{"onLongBody", set.OnLongBody, []string{"refuse", "partial"}},
		{"onExhausted", set.OnExhausted, []string{"refuse", "pass"}},
		{"onStream", set.OnStream, []string{"inspect", "refuse", "skip"}},
		{"responses", set.Responses, []string{"off", "watch", "block"}},
		{"learned", set.Learned, []string{"off", "raise", "weigh"}},
	} {
		if !slices.Contains(c.known, c.value) {
			return set, fmt.Errorf("%s: %q is none of %s", c.name, c.value, strings.Join(c.known, ", "))
		}
	}
	for i := range set.Patches {
		if set.Patches[i].Mode == "" {
			set.Patches[i].Mode = "block"
		}
	}
	switch {
	case set.ParanoiaLevel < 1 || set.ParanoiaLevel > paranoiaLevels:
		return set, fmt.Errorf("paranoiaLevel: %d is not between 1 and 4", set.ParanoiaLevel)
	case set.Threshold < 1:
		return set, fmt.Errorf("threshold: %d is not above 0", set.Threshold)
	case set.BodyLimit < 1024 || set.BodyLimit > 10<<20:
		return set, fmt.Errorf("bodyLimit: %d is not between 1024 and 10485760", set.BodyLimit)
	}
	return set, nil
}

// options are the settings as detect wants them.
func (s *Settings) options() detect.Options {
	o := detect.Options{
		Paranoia: s.ParanoiaLevel, Threshold: s.Threshold, BodyLimit: s.BodyLimit,
		Budget:       detect.DefaultBudget * max(1, s.BodyLimit/detect.DefaultBodyLimit),
		LetExhausted: s.OnExhausted == "pass", Learned: detect.Learned(s.Learned),
	}
	for _, x := range s.Exclusions {
		o.Exclusions = append(o.Exclusions, detect.Exclusion(x))
	}
	for _, p := range s.Patches {
		o.Patches = append(o.Patches, detect.Patch(p))
	}
	for _, d := range s.DecodersOff {
		o.Off = append(o.Off, detect.Off(d))
	}
	return o
}

// networks reads the sources that are known to be bad.
func (s *Settings) networks() ([]netip.Prefix, error) {
	var all []netip.Prefix
	for i, text := range s.BadSources {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			address, addressErr := netip.ParseAddr(text)
			if addressErr != nil {
				return nil, fmt.Errorf("badSources[%d]: %q is neither an address nor a network as 192.0.2.0/24 is", i, text)
			}
			prefix = netip.PrefixFrom(address, address.BitLen())
		}
		all = append(all, prefix.Masked())
	}
	return all, nil
}

// warn names what is valid but unwise.
func warn(settings json.RawMessage) []string {
	s, err := decode(settings)
	if err != nil {
		return nil // whoever checks the settings says what is wrong
	}
	var unwise []string
	for i, x := range s.Exclusions {
		if x.Place == "" && x.Path == "" {
			unwise = append(unwise, fmt.Sprintf("exclusions[%d] switches rule %s off for every request; give a place or a path", i, x.Rule))
		}
	}
	if s.Mode == "off" {
		unwise = append(unwise, "mode: off looks for no attacks")
	}
	if s.OnStream == "skip" {
		unwise = append(unwise, "onStream: skip lets streams pass uninspected, their opening request too")
	}
	if s.OnLongBody == "partial" {
		unwise = append(unwise, fmt.Sprintf("onLongBody: partial lets attacks pass beyond the first %d bytes of a body", s.BodyLimit))
	}
	if s.OnExhausted == "pass" {
		unwise = append(unwise, "onExhausted: pass lets attacks pass in requests that are made to be expensive")
	}
	return unwise
}
