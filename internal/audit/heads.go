package audit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// The bounds of a file of heads, in bytes.
const (
	headsLimit = 1 << 30
	lineLimit  = 4 << 10
)

// Witness is a checkpoint that was kept outside the database.
type Witness struct {
	Checkpoint
	// Source is where it was kept, as "audit.head" or "heads.jsonl:12".
	Source string
}

// publish takes the checkpoints that were made to the places outside. What fails is
// tried again at the next one.
func (l *Log) publish(ctx context.Context) error {
	s := &l.signing
	var errs []error
	last, err := lastCheckpoint(ctx, l.db.Read(), "")
	if err != nil || last == nil {
		return err
	}
	if s.Head != "" && (l.known == nil || !l.known.same(last)) {
		errs = append(errs, writeHead(s.Head, last))
	}
	l.known = last
	if s.Heads != "" {
		errs = append(errs, l.appendHeads(ctx))
	}
	if s.Send != nil && l.sent < last.Number {
		errs = append(errs, l.send(ctx, last))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("keeping the checkpoints of the audit log outside the database: %w", err)
	}
	return nil
}

func (l *Log) send(ctx context.Context, last *Checkpoint) error {
	if l.sent == 0 {
		l.sent = last.Number - 1 // what an earlier process made, it has sent
	}
	list, err := checkpoints(ctx, l.db.Read(), "WHERE number > ? ORDER BY number", l.sent)
	if err != nil {
		return err
	}
	for _, c := range list {
		if err := l.signing.Send(ctx, c); err != nil {
			return fmt.Errorf("sending checkpoint %d: %w", c.Number, err)
		}
		l.sent = c.Number
	}
	return nil
}

// readHead reads the last checkpoint from its file; nil for none.
func readHead(path string) (*Checkpoint, error) {
	f, err := os.Open(path) //nolint:gosec // the file is the operator's own setting
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // nothing was signed yet
	}
	if err != nil {
		return nil, fmt.Errorf("reading the last checkpoint: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read from
	text, err := io.ReadAll(io.LimitReader(f, lineLimit))
	if err != nil {
		return nil, fmt.Errorf("reading the last checkpoint: %w", err)
	}
	var c Checkpoint
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, fmt.Errorf("%w: %s is not a checkpoint as it was written", ErrTampered, path)
	}
	return &c, nil
}

// writeHead replaces the file as a whole.
func writeHead(path string, c *Checkpoint) error {
	text, err := c.line()
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".audit-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // the name is gone or harmless
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// appendHeads appends the checkpoints that the file does not have yet.
func (l *Log) appendHeads(ctx context.Context) (err error) {
	f, err := os.OpenFile(l.signing.Heads, os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	last, torn, err := lastLine(f)
	if err != nil {
		return err
	}
	list, err := checkpoints(ctx, l.db.Read(), "WHERE number > ? ORDER BY number", last)
	if err != nil || len(list) == 0 {
		return err
	}
	var out bytes.Buffer
	if torn { // a write that a crash cut off
		out.WriteByte('\n')
	}
	for i := range list {
		text, err := list[i].line()
		if err != nil {
			return err
		}
		out.Write(text)
	}
	if _, err := f.Write(out.Bytes()); err != nil {
		return err
	}
	return f.Sync()
}

// lastLine reads the number of the last whole checkpoint from the end of a file.
func lastLine(f *os.File) (number int64, torn bool, err error) {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 || !info.Mode().IsRegular() {
		return 0, false, err
	}
	text := make([]byte, min(info.Size(), 16*lineLimit))
	if _, err := f.ReadAt(text, info.Size()-int64(len(text))); err != nil && !errors.Is(err, io.EOF) {
		return 0, false, err
	}
	torn = text[len(text)-1] != '\n'
	lines := bytes.Split(text, []byte("\n"))
	for i := len(lines) - 1; i >= 0; i-- {
		var c Checkpoint
		if json.Unmarshal(lines[i], &c) == nil && c.Number > 0 {
			return c.Number, torn, nil
		}
	}
	return 0, torn, nil
}

// ReadHeads reads the checkpoints of a file as Signing.Heads and Signing.Head write
// it. A line that a crash cut off is left out; any other that is no checkpoint is an
// error.
func ReadHeads(path string) ([]Witness, error) {
	f, err := os.Open(path) //nolint:gosec // the file is the operator's own setting
	if err != nil {
		return nil, fmt.Errorf("reading the heads: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read from
	return parseHeads(f, filepath.Base(path))
}

func parseHeads(in io.Reader, name string) ([]Witness, error) {
	s := bufio.NewScanner(io.LimitReader(in, headsLimit))
	s.Buffer(nil, lineLimit)
	var list []Witness
	bad := 0
	for line := 1; s.Scan(); line++ {
		if len(bytes.TrimSpace(s.Bytes())) == 0 {
			continue
		}
		w := Witness{Source: name + ":" + strconv.Itoa(line)}
		d := json.NewDecoder(bytes.NewReader(s.Bytes()))
		d.DisallowUnknownFields()
		if err := d.Decode(&w.Checkpoint); err != nil || w.Number < 1 {
			if json.Valid(s.Bytes()) || s.Bytes()[0] != '{' {
				return nil, fmt.Errorf("reading the heads: %s is no checkpoint", w.Source)
			}
			if bad++; bad > 100 {
				return nil, fmt.Errorf("reading the heads: %s has more than 100 broken lines", name)
			}
			continue
		}
		list = append(list, w)
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("reading the heads: %s: %w", name, err)
	}
	return list, nil
}
