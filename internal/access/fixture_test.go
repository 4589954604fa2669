package access

import (
	"embed"
	"encoding/base32"
	"io/fs"
	"strings"
)

func decodeSecret(text string) ([]byte, error) {
	return base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(text)
}

// onlyFirst is the migrations of the first version.
type onlyFirst struct{ embed.FS }

// ReadDir hides what came later.
func (f onlyFirst) ReadDir(name string) ([]fs.DirEntry, error) {
	list, err := f.FS.ReadDir(name)
	var first []fs.DirEntry
	for _, e := range list {
		if !strings.HasSuffix(e.Name(), ".sql") || strings.HasPrefix(e.Name(), "00001") {
			first = append(first, e)
		}
	}
	return first, err
}
