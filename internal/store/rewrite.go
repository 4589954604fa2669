package store

import (
	"bytes"
	"io"
	"io/fs"
	"path"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

// rewrites bounds the statements whose PostgreSQL form is remembered: rooms
// have some hundred, and lists of varying length make more.
const rewrites = 4096

// rewriter turns the portable SQL of the rooms into that of PostgreSQL.
type rewriter struct {
	known sync.Map // of string to string
	count atomic.Int64
}

// statement is query with $1, $2 … in the place of each ?.
func (r *rewriter) statement(query string) string {
	if done, ok := r.known.Load(query); ok {
		return done.(string) // nothing else is put in
	}
	done := numbered(query)
	if r.count.Load() < rewrites {
		if _, had := r.known.LoadOrStore(query, done); !had {
			r.count.Add(1)
		}
	}
	return done
}

func numbered(query string) string {
	var out strings.Builder
	n := 0
	for text, code := range pieces(query) {
		if !code {
			out.WriteString(text)
			continue
		}
		for {
			before, after, found := strings.Cut(text, "?")
			out.WriteString(before)
			if !found {
				break
			}
			n++
			out.WriteString("$" + strconv.Itoa(n))
			text = after
		}
	}
	return out.String()
}

// pieces cuts SQL into code and what is no code: quoted text, quoted names and
// comments. Put together the pieces are the whole.
func pieces(query string) func(yield func(text string, code bool) bool) {
	return func(yield func(string, bool) bool) {
		for query != "" {
			at := strings.IndexAny(query, `'"-/`)
			if at < 0 {
				yield(query, true)
				return
			}
			end := uncodedEnd(query[at:])
			if end == 0 { // a minus or a division
				if !yield(query[:at+1], true) {
					return
				}
				query = query[at+1:]
				continue
			}
			if at > 0 && !yield(query[:at], true) || !yield(query[at:at+end], false) {
				return
			}
			query = query[at+end:]
		}
	}
}

// uncodedEnd is the length of the quoted text or comment that text begins with,
// or 0. A doubled quote ends one and begins another, which comes to the same.
func uncodedEnd(text string) int {
	var closing string
	from := 1
	switch {
	case text[0] == '\'' || text[0] == '"':
		closing = text[:1]
	case strings.HasPrefix(text, "--"):
		closing = "\n"
	case strings.HasPrefix(text, "/*"):
		closing, from = "*/", 2
	default:
		return 0
	}
	end := strings.Index(text[from:], closing)
	if end < 0 {
		return len(text)
	}
	return from + end + len(closing)
}

// cleaned are the arguments as PostgreSQL takes them: its text is UTF-8 without
// NUL, so that U+FFFD stands for every other byte.
func cleaned(args []any) []any {
	copied := false
	for i, arg := range args {
		text, ok := arg.(string)
		if !ok {
			v := reflect.ValueOf(arg)
			if v.Kind() != reflect.String {
				continue
			}
			text = v.String()
		}
		clean := cleanText(text)
		if clean == text {
			continue
		}
		if !copied {
			args, copied = append([]any(nil), args...), true
		}
		args[i] = clean
	}
	return args
}

func cleanText(text string) string {
	if utf8.ValidString(text) && strings.IndexByte(text, 0) < 0 {
		return text
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}

// textType finds TEXT as the type of a column, not of a cast.
var textType = regexp.MustCompile(`(?i)(\bAS\s+)?\bTEXT\b`)

// collated are the files of migrations as PostgreSQL takes them. Its text sorts
// as the database was told when it was made; that of SQLite sorts by bytes, and
// so do the rooms: every column says so.
type collated struct{ fs.FS }

// Open implements fs.FS.
func (c collated) Open(name string) (fs.File, error) {
	f, err := c.FS.Open(name)
	if err != nil || path.Ext(name) != ".sql" {
		return f, err
	}
	defer f.Close() //nolint:errcheck // only read from
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	out := []byte(collate(string(text)))
	return &memoryFile{name: path.Base(name), Reader: bytes.NewReader(out)}, nil
}

func collate(script string) string {
	var out strings.Builder
	for text, code := range pieces(script) {
		if code {
			text = textType.ReplaceAllStringFunc(text, func(found string) string {
				if len(found) > len("TEXT") {
					return found
				}
				return found + ` COLLATE "C"`
			})
		}
		out.WriteString(text)
	}
	return out.String()
}

// memoryFile is a file of collated.
type memoryFile struct {
	*bytes.Reader
	name string
}

// Stat implements fs.File; the file is its own description.
func (f *memoryFile) Stat() (fs.FileInfo, error) { return f, nil }

// Close implements fs.File.
func (f *memoryFile) Close() error { return nil }

// Name implements fs.FileInfo.
func (f *memoryFile) Name() string { return f.name }

// Mode implements fs.FileInfo.
func (f *memoryFile) Mode() fs.FileMode { return 0o444 }

// ModTime implements fs.FileInfo.
func (f *memoryFile) ModTime() time.Time { return time.Time{} }

// IsDir implements fs.FileInfo.
func (f *memoryFile) IsDir() bool { return false }

// Sys implements fs.FileInfo.
func (f *memoryFile) Sys() any { return nil }
