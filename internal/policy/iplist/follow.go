package iplist

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gaissmai/bart"

	"farrier.dev/farrier/internal/policy"
)

// The limits of one feed.
const (
	maxFeedBytes   = 64 << 20
	maxFeedEntries = 2_000_000
	maxFeedLine    = 4 << 10
	fetchPatience  = 30 * time.Second
)

// snapshot is one list, immutable once it serves.
type snapshot struct {
	name  string
	table *bart.Table[listed]
	read  time.Time
}

// listed is what is known of an entry. Where networks contain each other the
// smallest that has not ended counts.
type listed struct {
	expires time.Time // zero for never
	reason  string
}

func newSnapshot(name string) *snapshot { return &snapshot{name: name, table: new(bart.Table[listed])} }

// insert adds an entry. Of several for one network the one that ends last counts.
func (s *snapshot) insert(network netip.Prefix, entry listed) {
	s.table.Modify(network.Masked(), func(before listed, known bool) (listed, bool) {
		if known && (before.expires.IsZero() || !entry.expires.IsZero() && entry.expires.Before(before.expires)) {
			return before, false
		}
		return entry, false
	})
}

// liveFeed is a feed that is read again and again until it is closed.
type liveFeed struct {
	feed Feed
	now  func() time.Time
	list atomic.Pointer[snapshot]
	stop context.CancelFunc
	done chan struct{}
}

// follow begins to read a feed. A file is read at once, a server in the
// background: nothing waits for it.
func follow(feed Feed, env policy.Env) *liveFeed {
	ctx, stop := context.WithCancel(context.Background())
	l := &liveFeed{feed: feed, now: env.Now, stop: stop, done: make(chan struct{})}
	known := feed.File != "" && l.read(ctx, env.HTTP, env.Log)
	go func() {
		defer close(l.done)
		if feed.URL != "" {
			known = l.read(ctx, env.HTTP, env.Log)
		}
		again := soon
		timer := time.NewTimer(l.wait(known, &again))
		defer timer.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-timer.C:
				timer.Reset(l.wait(l.read(ctx, env.HTTP, env.Log), &again))
			}
		}
	}()
	return l
}

// soon is how long after a failure a feed is read again at first.
const soon = 10 * time.Second

// wait is the time until the next reading: what failed is tried again sooner
// than what is merely old, but ever less often.
func (l *liveFeed) wait(ok bool, again *time.Duration) time.Duration {
	refresh := time.Duration(l.feed.RefreshSeconds) * time.Second
	if ok {
		*again = soon
		return refresh
	}
	wait := min(*again, refresh)
	*again = min(*again*2, refresh)
	return wait
}

// Close ends the reading.
func (l *liveFeed) Close() error {
	l.stop()
	<-l.done
	return nil
}

// current is the list that counts now, nil when there is none.
func (l *liveFeed) current(now time.Time) *snapshot {
	s := l.list.Load()
	if s == nil || l.feed.MaxAgeSeconds > 0 && now.Sub(s.read) > time.Duration(l.feed.MaxAgeSeconds)*time.Second {
		return nil
	}
	return s
}

// read takes the list anew, and says whether it could; otherwise the former one
// goes on.
func (l *liveFeed) read(ctx context.Context, client *http.Client, log *slog.Logger) bool {
	s, err := l.fetch(ctx, client)
	if err != nil {
		if ctx.Err() == nil {
			log.Warn("a feed of addresses can't be read; the former list goes on", "feed", l.feed.Name, "error", err)
		}
		return false
	}
	s.read = l.now()
	l.list.Store(s)
	return true
}

func (l *liveFeed) fetch(ctx context.Context, client *http.Client) (*snapshot, error) {
	if l.feed.File != "" {
		// To open a pipe would wait for whoever writes into it.
		if info, err := os.Stat(l.feed.File); err == nil && !info.Mode().IsRegular() {
			return nil, errors.New("opening the file: it is no regular file")
		}
		file, err := os.Open(l.feed.File)
		if err != nil {
			return nil, fmt.Errorf("opening the file: %w", err)
		}
		defer func() { _ = file.Close() }()
		return parseFeed(l.feed.Name, file)
	}
	ctx, cancel := context.WithTimeout(ctx, fetchPatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.feed.URL, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("making the request: %w", err)
	}
	if l.feed.Authorization != "" {
		req.Header.Set("Authorization", l.feed.Authorization)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, errors.New("the server could not be reached")
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server answered %d", resp.StatusCode)
	}
	return parseFeed(l.feed.Name, resp.Body)
}

// parseFeed reads a list. One bad line refuses all of it: half a list could let
// those pass who are on the other half.
func parseFeed(name string, from io.Reader) (*snapshot, error) {
	s := newSnapshot(name)
	bounded := &io.LimitedReader{R: from, N: maxFeedBytes + 1}
	lines := bufio.NewScanner(bounded)
	lines.Buffer(make([]byte, 0, maxFeedLine), maxFeedLine)
	entries := 0
	for n := 1; lines.Scan(); n++ {
		text := lines.Text()
		if at := strings.IndexAny(text, "#;"); at >= 0 {
			text = text[:at]
		}
		fields := strings.Fields(text)
		if len(fields) == 0 {
			continue
		}
		network, err := parseNetwork(fields[0])
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		entry := listed{}
		if len(fields) > 1 {
			if entry.expires, err = time.Parse(time.RFC3339, fields[1]); err != nil || len(fields) > 2 {
				return nil, fmt.Errorf("line %d: behind the address may stand a moment, as 2026-12-31T00:00:00Z, and nothing else", n)
			}
		}
		if entries++; entries > maxFeedEntries {
			return nil, fmt.Errorf("more than %d entries", maxFeedEntries)
		}
		s.insert(network, entry)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading the list: %w", err)
	}
	if bounded.N <= 0 {
		return nil, fmt.Errorf("more than %d bytes", maxFeedBytes)
	}
	return s, nil
}
