package logging

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// The rights of log files and of the folders made for them.
const (
	fileRights   = 0o640
	folderRights = 0o750
)

// file appends to a file, and opens it anew when it was renamed or removed.
type file struct {
	path  string
	mkdir bool
	open  *os.File
}

func openFile(s *settings) (*file, error) {
	f := &file{path: s.path, mkdir: s.mkdir}
	return f, f.reopen()
}

func (f *file) reopen() error {
	if f.mkdir {
		if err := os.MkdirAll(filepath.Dir(f.path), folderRights); err != nil {
			return fmt.Errorf("making the folder of a log file: %w", err)
		}
	}
	// Opening a pipe without a reader would wait for one.
	if info, err := os.Stat(f.path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("opening a log file: %s is no regular file", f.path)
	}
	opened, err := os.OpenFile(f.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, fileRights)
	if err != nil {
		return fmt.Errorf("opening a log file: %w", err)
	}
	f.close()
	f.open = opened
	return nil
}

func (f *file) write(_ context.Context, lines [][]byte) error {
	if f.open == nil {
		if err := f.reopen(); err != nil {
			return err
		}
	}
	return writeLines(f.open, lines)
}

// tend opens the file anew when its name no longer leads to it.
func (f *file) tend() error {
	named, err := os.Stat(f.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("looking after a log file: %w", err)
	}
	if f.open != nil && err == nil {
		written, err := f.open.Stat()
		if err == nil && os.SameFile(named, written) {
			return nil
		}
	}
	return f.reopen()
}

func (f *file) close() {
	if f.open != nil {
		_ = f.open.Close() // every write went to the system already
		f.open = nil
	}
}
