package publish

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"farrier.dev/farrier/internal/manifest"
)

// poll is how often the manifests are looked at even when nothing was heard:
// network file systems tell nobody of changes.
const poll = 10 * time.Second

// Watch publishes the manifests whenever they have changed and then stayed as
// they are for the debounce time, until ctx ends.
func (p *Publisher) Watch(ctx context.Context) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watching the manifests: %w", err)
	}
	defer func() { _ = watcher.Close() }()
	p.follow(watcher)
	seen := p.snapshot()
	// What changed between the start and the first snapshot is read once more.
	p.Publish(ctx)
	settle := time.NewTimer(poll)
	defer settle.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case _, ok := <-watcher.Events:
			if !ok {
				return nil
			}
			settle.Reset(p.o.Debounce)
			continue
		case err := <-watcher.Errors:
			p.o.Log.Warn("watching the manifests", "error", err)
			settle.Reset(p.o.Debounce)
			continue
		case <-settle.C:
		}
		settle.Reset(poll)
		now := p.snapshot()
		if now == seen {
			continue
		}
		if !p.publishSettled(ctx, now) {
			settle.Reset(p.o.Debounce)
			continue
		}
		seen = now
		p.follow(watcher)
	}
}

// publishSettled reads the manifests and publishes them if nothing changed
// while they were read: a file that is being written is not a change yet.
func (p *Publisher) publishSettled(ctx context.Context, before string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	set := manifest.Load(p.o.Paths)
	if p.snapshot() != before {
		return false
	}
	p.publish(ctx, set)
	return true
}

// follow watches every directory below the paths, also new ones, and the
// directories of single files, because editors replace files.
func (p *Publisher) follow(w *fsnotify.Watcher) {
	for _, path := range p.o.Paths {
		info, err := os.Stat(path)
		if err != nil || !info.IsDir() {
			path = filepath.Dir(path)
			_ = w.Add(path) // a directory that is not there is found by polling
			continue
		}
		_ = filepath.WalkDir(path, func(dir string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				_ = w.Add(dir)
			}
			return nil
		})
	}
}

// snapshot is a text that changes when a manifest does.
func (p *Publisher) snapshot() string {
	var b strings.Builder
	for _, path := range p.o.Paths {
		_ = filepath.WalkDir(path, func(file string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return nil //nolint:nilerr // what can't be read now is looked at again
			}
			if info, err := os.Stat(file); err == nil {
				_, _ = fmt.Fprintf(&b, "%s %d %d\n", file, info.Size(), info.ModTime().UnixNano())
			}
			return nil
		})
	}
	return b.String()
}
