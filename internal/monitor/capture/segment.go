package capture

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Sealer encrypts and authenticates what is written.
type Sealer interface {
	Seal(purpose string, plain []byte) (string, error)
}

// Opener opens what a Sealer sealed.
type Opener interface {
	Open(purpose, sealed string) ([]byte, error)
}

// purpose is what records and counts are sealed for.
const (
	purpose       = "capture/request"
	countsPurpose = "capture/counts"
)

// The endings of the files: requests that were refused, the sample of the
// others, and how many there were.
const (
	refusedSuffix = ".refused"
	sampleSuffix  = ".sample"
	countsSuffix  = ".counts"
)

// segmentTime is how long one file is written to, so that it can be removed
// when its days are over.
const segmentTime = time.Hour

// Exists says whether anything captured lies in the folder.
func Exists(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return len(entries) > 0, err
}

// segment is one file: its number, which is the millisecond in which it was
// begun or a little later, and its size in bytes.
type segment struct {
	number int64
	size   int64
}

// family is the segments of one ending, bounded in bytes; the oldest go first.
type family struct {
	dir, suffix  string
	quota        int64
	segmentBytes int64

	segments []segment // the last is file, when that is open
	file     *os.File
}

func (f *family) name(number int64) string {
	return filepath.Join(f.dir, fmt.Sprintf("%020d%s", number, f.suffix))
}

// numbered finds the files of an ending, oldest first.
func numbered(dir, suffix string) ([]segment, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("listing captured requests: %w", err)
	}
	var found []segment
	for _, e := range entries {
		digits, ok := strings.CutSuffix(e.Name(), suffix)
		number, err := strconv.ParseInt(digits, 10, 64)
		if !ok || err != nil || len(digits) != 20 || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue // gone meanwhile
		}
		found = append(found, segment{number, info.Size()})
	}
	slices.SortFunc(found, func(a, b segment) int { return int(min(1, max(-1, a.number-b.number))) })
	return found, nil
}

func openFamily(dir, suffix string, quota int64) (f *family, err error) {
	f = &family{dir: dir, suffix: suffix, quota: quota, segmentBytes: min(quota/8, 8<<20)}
	f.segments, err = numbered(dir, suffix)
	return f, err
}

func (f *family) total() (n int64) {
	for _, s := range f.segments {
		n += s.size
	}
	return n
}

// write appends one line, which is on disk whole or not at all unless the
// machine stops meanwhile. Older lines make room for it.
func (f *family) write(line string, now time.Time) error {
	size := int64(len(line)) + 1
	if size > f.quota {
		return errTooLong
	}
	if last := len(f.segments) - 1; f.file != nil && (f.segments[last].size+size > f.segmentBytes || f.old(f.segments[last], now, segmentTime)) {
		if err := f.close(); err != nil {
			return err
		}
	}
	for f.total()+size > f.quota {
		if err := f.drop(); err != nil {
			return err
		}
	}
	if f.file == nil {
		if err := f.begin(now); err != nil {
			return err
		}
	}
	n, err := f.file.WriteString(line + "\n")
	f.segments[len(f.segments)-1].size += int64(n)
	if err != nil {
		return errors.Join(fmt.Errorf("writing captured requests: %w", err), f.close())
	}
	return nil
}

// begin never goes on with a file of an earlier process, whose last line may be cut.
func (f *family) begin(now time.Time) (err error) {
	number := now.UnixMilli()
	if n := len(f.segments); n > 0 {
		number = max(number, f.segments[n-1].number+1)
	}
	f.file, err = os.OpenFile(f.name(number), os.O_CREATE|os.O_EXCL|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		f.file = nil
		return fmt.Errorf("beginning a file of captured requests: %w", err)
	}
	f.segments = append(f.segments, segment{number: number})
	return nil
}

func (f *family) close() error {
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file = nil
	return err
}

// drop removes the oldest file.
func (f *family) drop() error {
	if len(f.segments) == 1 {
		if err := f.close(); err != nil {
			return err
		}
	}
	if err := os.Remove(f.name(f.segments[0].number)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing captured requests: %w", err)
	}
	f.segments = f.segments[1:]
	return nil
}

func (f *family) old(s segment, now time.Time, age time.Duration) bool {
	return now.Sub(time.UnixMilli(s.number)) >= age
}

// expire removes the files that were begun longer ago than age: nothing in them
// is older, and what is younger is so by an hour at most.
func (f *family) expire(now time.Time, age time.Duration) error {
	for len(f.segments) > 0 && f.old(f.segments[0], now, age) {
		if err := f.drop(); err != nil {
			return err
		}
	}
	return nil
}
