package publish

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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
		case event, ok := <-watcher.Events:
			if !ok {
				return nil
			}
			if p.concerns(event) {
				settle.Reset(p.o.Debounce)
			}
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
			p.retry(ctx)
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
	set, err := p.read(ctx)
	switch {
	case p.snapshot() != before:
		return false
	case err != nil:
		p.unread(ctx, err)
	default:
		p.publish(ctx, set)
	}
	return true
}

// retry publishes what only Refuse stood against once it no longer does: what it
// asks, as profiles with their waivers, need not lie among the manifests. As long
// as it refuses, nothing new is recorded.
func (p *Publisher) retry(ctx context.Context) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.held {
		return
	}
	set, err := p.read(ctx)
	if err != nil {
		return // it will be looked at again
	}
	rev, problems := manifest.Build(set, p.o.Catalogue, p.o.Build)
	if rev == nil {
		return // they are being written, and will be looked at
	}
	if problems = append(problems, p.o.Refuse(ctx, rev)...); manifest.HasErrors(problems) {
		p.setStatus(func(s *Status) {
			if s.Refused != nil {
				s.Refused = &Refused{At: s.Refused.At, Problems: problems}
			}
		})
		return
	}
	p.publish(ctx, set)
}

// describes says whether a file may be of the description of an API that a
// manifest names, besides those that may be manifests.
func describes(name string) bool {
	switch filepath.Ext(name) {
	case ".raml", ".json", ".zip", ".graphql", ".graphqls", ".wsdl", ".xsd":
		return !strings.HasPrefix(name, ".")
	}
	return false
}

// concerns says whether an event may be a change of the manifests. A log that
// is written beside them is none: it would put the next look off for ever.
func (p *Publisher) concerns(event fsnotify.Event) bool {
	if event.Op&^(fsnotify.Write|fsnotify.Chmod) != 0 || manifest.IsName(filepath.Base(event.Name)) {
		return true // also folders and links that come and go
	}
	return slices.ContainsFunc(p.o.Paths, func(path string) bool { return filepath.Clean(path) == filepath.Clean(event.Name) })
}

// follow watches every directory below the paths, also new ones, and the
// directories of single files, because editors replace files.
func (p *Publisher) follow(w *fsnotify.Watcher) {
	seen := map[string]bool{}
	for _, path := range p.o.Paths {
		if info, err := os.Stat(path); err != nil || !info.IsDir() {
			_ = w.Add(filepath.Dir(path)) // a directory that is not there is found by polling
			continue
		}
		walk(path, true, seen, func(dir string, info fs.FileInfo) {
			if info.IsDir() {
				_ = w.Add(dir)
			}
		})
	}
}

// snapshot is a text that changes when a manifest does, or a description.
func (p *Publisher) snapshot() string {
	var b strings.Builder
	seen := map[string]bool{}
	for _, path := range p.o.Paths {
		walk(path, true, seen, func(file string, info fs.FileInfo) {
			if !info.IsDir() {
				_, _ = fmt.Fprintf(&b, "%s %d %d %s\n", file, info.Size(), info.ModTime().UnixNano(), info.Mode())
			}
		})
	}
	return b.String()
}

// walk shows the files and folders that manifest.Load reads, behind links too, and
// descriptions that lie among them.
// What can't be read now is left out, and looked at again.
func walk(path string, named bool, seen map[string]bool, show func(path string, info fs.FileInfo)) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return
	case !info.IsDir():
		if base := filepath.Base(path); named || manifest.IsName(base) || describes(base) {
			show(path, info)
		}
		return
	}
	target, err := filepath.EvalSymlinks(path)
	if err != nil || seen[target] {
		return
	}
	seen[target] = true
	show(path, info)
	entries, _ := os.ReadDir(path) // those that could be read, sorted by name
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), ".") {
			walk(filepath.Join(path, entry.Name()), false, seen, show)
		}
	}
}
