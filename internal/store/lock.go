package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// LockFile is the name of the lock's file in the data folder.
const LockFile = "lock"

// ErrLocked says that another process uses the data folder.
var ErrLocked = errors.New("the data folder is in use")

// Lock keeps a data folder for this process. The kernel gives it up when the
// process ends, however it ends.
type Lock struct {
	file *os.File
}

// LockDir makes the data folder if it does not exist (mode 0700) and locks it.
// If another process holds it, the answer is ErrLocked with that process's id.
func LockDir(dir string) (*Lock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the data folder: %w", err)
	}
	path := filepath.Join(dir, LockFile)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the data folder is the operator's own setting
	if err != nil {
		return nil, fmt.Errorf("locking the data folder: %w", err)
	}
	if err := flock(f, syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close() //nolint:errcheck // only read from
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: %s is used by %s; stop it, or choose another data folder", ErrLocked, dir, holder(f))
		}
		return nil, fmt.Errorf("locking the data folder: %w", err)
	}
	// The id is for people only; the lock is what counts.
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("locking the data folder: %w", err), f.Close())
	}
	return &Lock{file: f}, nil
}

// Close gives the folder free. The file stays: removing it would let two
// processes lock two files of the same name.
func (l *Lock) Close() error {
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("unlocking the data folder: %w", err)
	}
	return nil
}

func flock(f *os.File, how int) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var lockErr error
	err = conn.Control(func(fd uintptr) {
		for {
			lockErr = syscall.Flock(int(fd), how)
			if !errors.Is(lockErr, syscall.EINTR) {
				return
			}
		}
	})
	return errors.Join(err, lockErr)
}

func holder(f *os.File) string {
	text, err := io.ReadAll(io.NewSectionReader(f, 0, 32))
	if pid, convErr := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && convErr == nil {
		return "process " + strconv.Itoa(pid)
	}
	return "another process"
}
