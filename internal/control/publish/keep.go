package publish

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/revision"
)

// fileName is where the last good revision lies in the data folder.
const fileName = "revision.sealed"

// purpose is what the revision is sealed for.
const purpose = "revision"

// format is the version of the file; a newer one is refused.
const format = 1

var errNoneKept = errors.New("there is none")

// kept is the file: the sealed text of a revision and its checksum.
type kept struct {
	Format   int    `json:"format"`
	Number   uint64 `json:"number"`
	Checksum string `json:"sha256"`
	Sealed   string `json:"sealed"`
}

// KeptExists says whether a sealed revision lies in the data folder.
func KeptExists(dir string) (bool, error) {
	_, err := os.Stat(filepath.Join(dir, fileName))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// keep writes the revision beside the old file and then puts it in its place,
// so that there is always a whole one.
func keep(dir string, sealer Sealer, rev *revision.Revision) error {
	plain, err := json.Marshal(rev)
	if err != nil {
		return fmt.Errorf("writing revision %d: %w", rev.Number, err)
	}
	sealed, err := sealer.Seal(purpose, plain)
	if err != nil {
		return fmt.Errorf("sealing revision %d: %w", rev.Number, err)
	}
	text, err := json.Marshal(kept{Format: format, Number: rev.Number, Checksum: checksum(sealed), Sealed: sealed})
	if err != nil {
		return fmt.Errorf("writing revision %d: %w", rev.Number, err)
	}
	return replaceFile(filepath.Join(dir, fileName), text)
}

func replaceFile(path string, text []byte) error {
	next, err := os.OpenFile(path+".next", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600) //nolint:gosec // in our own data folder
	if err != nil {
		return fmt.Errorf("opening the new file: %w", err)
	}
	_, err = next.Write(text)
	if err == nil {
		err = next.Sync()
	}
	if cerr := next.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(path+".next", path)
	}
	if err != nil {
		return fmt.Errorf("replacing %s: %w", filepath.Base(path), err)
	}
	return nil
}

func readKept(dir string, sealer Sealer) (*revision.Revision, error) {
	text, err := os.ReadFile(filepath.Join(dir, fileName)) //nolint:gosec // in our own data folder
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNoneKept
	}
	if err != nil {
		return nil, fmt.Errorf("reading: %w", err)
	}
	var k kept
	if err := json.Unmarshal(text, &k); err != nil {
		return nil, fmt.Errorf("the file is damaged: %w", err)
	}
	if k.Format != format {
		return nil, fmt.Errorf("the file has format %d, this program reads %d", k.Format, format)
	}
	if checksum(k.Sealed) != k.Checksum {
		return nil, errors.New("the file is damaged: its checksum is wrong")
	}
	plain, err := sealer.Open(purpose, k.Sealed)
	if err != nil {
		return nil, fmt.Errorf("opening the seal: %w", err)
	}
	var rev revision.Revision
	if err := json.Unmarshal(plain, &rev); err != nil {
		return nil, fmt.Errorf("the file is damaged: %w", err)
	}
	return &rev, nil
}

func checksum(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// lines are the single errors of a joined one.
func lines(err error) []string {
	return strings.Split(strings.TrimSpace(err.Error()), "\n")
}

// located splits "file:line: message" when there is such a file: addresses have
// the same form.
func located(message string) (file string, line int, rest string, ok bool) {
	message = strings.TrimPrefix(message, "compiling: ")
	parts := strings.SplitN(message, ":", 3)
	if len(parts) != 3 {
		return "", 0, "", false
	}
	line, err := strconv.Atoi(parts[1])
	if err != nil {
		return "", 0, "", false
	}
	if info, err := os.Stat(parts[0]); err != nil || info.IsDir() {
		return "", 0, "", false
	}
	return parts[0], line, strings.TrimSpace(parts[2]), true
}
