package content

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

// Live is the content that a running Farrier serves: it follows the folder.
type Live struct {
	folder  *Folder
	log     *slog.Logger
	current atomic.Pointer[Content]
	seen    string // only used by who calls Follow
}

// Change is a change of the folder that a running Farrier noticed.
type Change struct {
	From, To *Content
	// Action is ActionUpdate, ActionRollback, or empty when it is not known.
	Action string
	// Err says why From goes on serving; nil when To serves.
	Err error
}

// Start reads what is installed. Damaged content is told in the log, and what
// Farrier was built with serves.
func Start(folder *Folder, log *slog.Logger) *Live {
	l := &Live{folder: folder, log: log, seen: folder.mark()}
	c, err := folder.Load()
	if err != nil {
		log.Error("the content can't be used; what Farrier was built with serves", "error", err)
		c = None()
	}
	if c.Version != "" {
		log.Info("content is in service", "version", c.Version, "rules", c.Counts.Rules, "addresses", c.Counts.Addresses)
	}
	l.current.Store(c)
	return l
}

// Current is the content in service, never nil.
func (l *Live) Current() *Content { return l.current.Load() }

// Follow looks at the folder again and again until ctx ends. What it finds is
// handed out by Current while apply, which compiles what serves anew, is called;
// if that fails, what served before does so again. told hears of each change.
func (l *Live) Follow(ctx context.Context, every time.Duration, apply func(context.Context) error, told func(context.Context, Change)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if change, changed := l.look(ctx, apply); changed {
			told(ctx, change)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (l *Live) look(ctx context.Context, apply func(context.Context) error) (change Change, changed bool) {
	mark := l.folder.mark()
	if mark == l.seen {
		return Change{}, false
	}
	l.seen = mark
	change.From = l.Current()
	change.To, change.Err = l.folder.Load()
	if s, err := l.folder.readState(); err == nil {
		change.Action = s.Action
	}
	switch {
	case errors.Is(change.Err, ErrNotTrusted):
		// The operator no longer believes who signed it.
		l.log.Warn("the content in service is no longer trusted; what Farrier was built with serves", "error", change.Err)
		change.To, change.Err, change.Action = None(), nil, ""
	case change.Err != nil:
		l.log.Error("a change of the content is refused; what served goes on serving", "error", change.Err)
		change.To = change.From
		return change, true
	}
	if change.To.Version == change.From.Version && change.To.Dir == change.From.Dir {
		return change, false // a key came or went
	}
	l.current.Store(change.To)
	if change.Err = apply(ctx); change.Err != nil {
		l.current.Store(change.From)
		l.log.Error("a change of the content is refused; what served goes on serving", "version", change.To.Version, "error", change.Err)
		return change, true
	}
	l.log.Info("content is in service", "version", change.To.Version, "before", change.From.Version, "action", change.Action)
	return change, true
}

// mark is a text that changes when the content in service, or the trusted keys,
// do.
func (f *Folder) mark() string {
	var b strings.Builder
	if text, err := os.ReadFile(filepath.Join(f.dir, stateFile)); err == nil {
		b.Write(text)
	}
	entries, _ := os.ReadDir(f.keysDir()) // those that could be read, sorted by name
	for _, e := range entries {
		b.WriteString(e.Name())
		b.WriteByte('\n')
	}
	return b.String()
}
