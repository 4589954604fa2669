package disk

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"farrier.dev/farrier/internal/sharedstate"
)

// magic begins every file, and says its format.
const magic = "farrier cache 1\n"

// headLength is what stands before key and value: magic, the moments of expiry
// and of setting (Unix milliseconds), the length of the key, and the SHA-256 of
// all that follows it.
const headLength = len(magic) + sha256.Size + 3*8

// cache keeps all in memory, and a copy in files. Only changes wait for the disk.
type cache struct {
	now    func() time.Time
	dir    string
	memory *sharedstate.MemoryCache
	mu     sync.Mutex // over changes
}

// fileName is the name of a file or folder for any text.
func fileName(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}

type entry struct {
	key       string
	value     []byte
	ends, set int64 // Unix milliseconds
}

func openCache(o Options, dir string) *cache {
	c := &cache{now: o.Now, dir: dir}
	c.memory = sharedstate.NewMemoryCache(o.Now, o.Bounds, func(key string) { _ = os.Remove(c.file(key)) })
	found, removed, err := c.load()
	if err != nil {
		o.Log.Warn("a kept cache can't be read, so it begins empty", "folder", dir, "error", err)
	}
	if removed > 0 {
		o.Log.Info("files of a kept cache had expired or were not whole", "folder", dir, "removed", removed)
	}
	now := o.Now()
	for _, e := range found { // the oldest first, so that they give way first
		_ = c.memory.Set(context.Background(), e.key, e.value, time.UnixMilli(e.ends).Sub(now))
	}
	return c
}

// load reads all files, the one set first in front, and removes what is of no use.
func (c *cache) load() (found []entry, removed int, err error) {
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return nil, 0, fmt.Errorf("making the folder: %w", err)
	}
	files, err := os.ReadDir(c.dir)
	if err != nil {
		return nil, 0, fmt.Errorf("listing the folder: %w", err)
	}
	now := c.now().UnixMilli()
	for _, f := range files {
		path := filepath.Join(c.dir, f.Name())
		e, ok := read(path)
		if !ok || e.ends <= now || c.file(e.key) != path {
			if os.Remove(path) == nil {
				removed++
			}
			continue
		}
		found = append(found, e)
	}
	slices.SortStableFunc(found, func(a, b entry) int { return cmp.Compare(a.set, b.set) })
	return found, removed, nil
}

func (c *cache) file(key string) string { return filepath.Join(c.dir, fileName(key)) }

// read is the entry in a file, false when the file is not whole.
func read(path string) (entry, bool) {
	text, err := os.ReadFile(path) //nolint:gosec // a file of our own folder
	if err != nil || len(text) < headLength || !strings.HasPrefix(string(text[:len(magic)]), magic) {
		return entry{}, false
	}
	rest := text[len(magic)+sha256.Size:]
	if sum := sha256.Sum256(rest); string(sum[:]) != string(text[len(magic):len(magic)+sha256.Size]) {
		return entry{}, false
	}
	length := binary.BigEndian.Uint64(rest[16:])
	content := rest[24:]
	if length > uint64(len(content)) {
		return entry{}, false
	}
	return entry{
		key: string(content[:length]), value: content[length:],
		ends: int64(binary.BigEndian.Uint64(rest)), set: int64(binary.BigEndian.Uint64(rest[8:])), //nolint:gosec // as written
	}, true
}

// write makes the file of an entry, whole or not at all.
func (c *cache) write(e entry) error {
	text := make([]byte, len(magic)+sha256.Size, headLength+len(e.key)+len(e.value))
	text = binary.BigEndian.AppendUint64(text, uint64(e.ends)) //nolint:gosec // as read
	text = binary.BigEndian.AppendUint64(text, uint64(e.set))  //nolint:gosec // as read
	text = binary.BigEndian.AppendUint64(text, uint64(len(e.key)))
	text = append(append(text, e.key...), e.value...)
	copy(text, magic)
	sum := sha256.Sum256(text[len(magic)+sha256.Size:])
	copy(text[len(magic):], sum[:])
	path := c.file(e.key)
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return fmt.Errorf("keeping a value: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("keeping a value: %w", err)
	}
	return nil
}

// Get implements sharedstate.Cache; its error is always nil.
func (c *cache) Get(ctx context.Context, key string) ([]byte, bool, error) {
	return c.memory.Get(ctx, key)
}

// Set implements sharedstate.Cache. After an error the value is kept in memory
// alone.
func (c *cache) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.memory.Set(ctx, key, value, ttl); err != nil {
		return err
	}
	if _, kept, _ := c.memory.Get(ctx, key); !kept {
		return nil // it found no room
	}
	return c.write(c.entry(key, value, ttl))
}

// Add implements sharedstate.Cache. After an error the value is kept in memory
// alone.
func (c *cache) Add(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if added, err := c.memory.Add(ctx, key, value, ttl); err != nil || !added {
		return false, err
	}
	return true, c.write(c.entry(key, value, ttl))
}

func (c *cache) entry(key string, value []byte, ttl time.Duration) entry {
	now := c.now()
	return entry{key: key, value: value, ends: now.Add(ttl).UnixMilli(), set: now.UnixMilli()}
}

// Delete implements sharedstate.Cache.
func (c *cache) Delete(ctx context.Context, key string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.memory.Delete(ctx, key); err != nil {
		return err
	}
	if err := os.Remove(c.file(key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forgetting a value: %w", err)
	}
	return nil
}

// Clear implements sharedstate.Cache.
func (c *cache) Clear(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.memory.Clear(ctx); err != nil {
		return err
	}
	if err := os.RemoveAll(c.dir); err != nil {
		return fmt.Errorf("clearing a cache: %w", err)
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return fmt.Errorf("clearing a cache: %w", err)
	}
	return nil
}
