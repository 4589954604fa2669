package iplist

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"time"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:embed feed.json
var feedSchema []byte

// Feeds is the entry of the catalogue for ip-feeds: lists of addresses that
// files and servers keep, whose entries may end by themselves.
func Feeds() policy.Policy {
	return policy.Policy{
		Name: "ip-feeds", Title: "IP Feeds", Category: "Security",
		Phase: policy.Admit, Schema: feedSchema,
		Compile: func(settings json.RawMessage) (policy.Compiled, error) { return compileFeeds(settings) },
	}
}

// FeedSettings are those of ip-feeds. The address looked up is the verified one
// of the client.
type FeedSettings struct {
	// Action says whether the listed are refused (block), or all others (allow).
	Action string `json:"action" default:"block" enum:"block|allow"`
	// Feeds are files and URLs, read again while they serve.
	Feeds []Feed `json:"feeds" default:"[]"`
	// Entries are further addresses.
	Entries []FeedEntry `json:"entries" default:"[]"`
	// OnMissing says what happens while a feed could not be read yet, or for longer than its maxAgeSeconds: nobody whom the rest does not list is refused (pass), or everybody is (refuse). It is recorded.
	OnMissing string `json:"onMissing" default:"pass" enum:"pass|refuse"`
}

// Feed is a list in a file or behind a URL: a line holds an address, a network or
// the beginning of an IPv4 address, then perhaps the moment at which it ends, as
// 2026-12-31T00:00:00Z. What follows # or ; is a comment.
type Feed struct {
	// Name stands in reasons.
	Name string `json:"name" required:"true" minLength:"1"`
	// URL is http or https; File is the absolute path of a file. Set one of them.
	URL string `json:"url" default:""`
	// File is the absolute path of a file.
	File string `json:"file" default:"" host:"true"`
	// Authorization is sent as the header of that name.
	Authorization string `json:"authorization" default:"" secret:"true"`
	// RefreshSeconds is how often it is read again.
	RefreshSeconds int64 `json:"refreshSeconds" default:"3600" min:"10" max:"604800"`
	// MaxAgeSeconds is how long a list counts that can't be read again; 0 means for ever.
	MaxAgeSeconds int64 `json:"maxAgeSeconds" default:"0" min:"0"`
}

// FeedEntry is one address or network.
type FeedEntry struct {
	// IP is an address, a network or the beginning of an IPv4 address.
	IP string `json:"ip" required:"true" minLength:"1"`
	// Expires is the moment at which it ends; empty means never.
	Expires string `json:"expires" default:""`
	// Reason stands in records.
	Reason string `json:"reason" default:""`
}

type feeds struct {
	FeedSettings
	own *snapshot
}

func compileFeeds(settings json.RawMessage) (policy.Compiled, error) {
	f := &feeds{own: newSnapshot("settings")}
	if err := policy.DecodeWithDefaults(feedSchema, settings, &f.FeedSettings); err != nil {
		return nil, err
	}
	if len(f.Feeds)+len(f.Entries) == 0 {
		return nil, errors.New("feeds and entries: set at least one")
	}
	names := map[string]bool{}
	for i, one := range f.Feeds {
		u, err := url.Parse(one.URL)
		switch {
		case names[one.Name]:
			return nil, fmt.Errorf("feeds[%d].name: another feed has it", i)
		case (one.URL == "") == (one.File == ""):
			return nil, fmt.Errorf("feeds[%d]: set either url or file", i)
		case one.URL != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil):
			return nil, fmt.Errorf("feeds[%d].url: must be http or https with a host and no user", i)
		case one.File != "" && !filepath.IsAbs(one.File):
			return nil, fmt.Errorf("feeds[%d].file: must be an absolute path", i)
		}
		names[one.Name] = true
	}
	for i, one := range f.Entries {
		network, err := parseNetwork(one.IP)
		if err != nil {
			return nil, fmt.Errorf("entries[%d].ip: %w", i, err)
		}
		expires := time.Time{}
		if one.Expires != "" {
			if expires, err = time.Parse(time.RFC3339, one.Expires); err != nil {
				return nil, fmt.Errorf("entries[%d].expires: %q is no moment; write it as 2026-12-31T00:00:00Z", i, one.Expires)
			}
		}
		f.own.insert(network, listed{expires: expires, reason: one.Reason})
	}
	return f, nil
}

// Bind implements policy.Compiled.
func (f *feeds) Bind(env policy.Env) (policy.Step, error) {
	var live []*liveFeed
	for _, one := range f.Feeds {
		l, ok := env.State("feed "+one.Name, func() any { return follow(one, env) }).(*liveFeed)
		if !ok {
			return policy.Step{}, fmt.Errorf("what is kept for %s is of another kind", env.Binding)
		}
		live = append(live, l)
	}
	return policy.Step{Request: func(_ context.Context, x *traffic.Exchange) policy.Verdict {
		return f.check(x, live, env.Now())
	}}, nil
}

func (f *feeds) check(x *traffic.Exchange, live []*liveFeed, now time.Time) policy.Verdict {
	client := x.Request.Client.Unmap().WithZone("")
	if !client.IsValid() {
		return refuse("the address of the client is unknown")
	}
	missing := ""
	where := f.own.find(client, now)
	for _, l := range live {
		if where != "" {
			break
		}
		s := l.current(now)
		if s == nil {
			missing = l.feed.Name
			continue
		}
		where = s.find(client, now)
	}
	switch {
	case where != "" && f.Action == "block":
		return refuse(client.String() + " is listed by " + where)
	case where != "":
		return policy.Go()
	case missing != "" && f.OnMissing == "refuse":
		return policy.Fail(http.StatusServiceUnavailable, "Service unavailable.", "the feed "+missing+" could not be read")
	case f.Action == "allow" && missing == "":
		return refuse(client.String() + " is listed nowhere")
	case missing != "":
		x.NotInspected = append(x.NotInspected, "the feed "+missing+" could not be read")
		return policy.GoBecause("the feed " + missing + " could not be read; onMissing is pass")
	}
	return policy.Go()
}

func (l listed) ended(now time.Time) bool { return !l.expires.IsZero() && !now.Before(l.expires) }

func (s *snapshot) find(client netip.Addr, now time.Time) string {
	entry, ok := s.table.Lookup(client)
	if !ok {
		return ""
	}
	if entry.ended(now) {
		// A network around it may be listed still.
		ok = false
		for _, entry = range s.table.Supernets(netip.PrefixFrom(client, client.BitLen())) {
			if ok = !entry.ended(now); ok {
				break
			}
		}
		if !ok {
			return ""
		}
	}
	if entry.reason != "" {
		return s.name + " (" + entry.reason + ")"
	}
	return s.name
}
