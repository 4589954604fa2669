package spec_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
)

// TestArchiveBomb reads an archive whose files are each longer than a document may
// be: what is unpacked of all of them is bounded, refused or not.
func TestArchiveBomb(t *testing.T) {
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	const files = 50
	for i := range files {
		f, err := w.Create(fmt.Sprintf("%d.yaml", i))
		if err == nil {
			_, err = f.Write(make([]byte, 64<<10))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	limits := spec.ProjectLimits{Document: tree.Options{MaxBytes: 16 << 10}, Bytes: 64 << 10}
	p, err := spec.OpenZip(archive.Bytes(), limits)
	if err != nil {
		t.Fatal(err)
	}
	together := 0
	for i := range files {
		_, err := p.Source(fmt.Sprintf("%d.yaml", i))
		if err == nil {
			t.Fatal("a file that is too long was read")
		}
		if strings.Contains(err.Error(), "together") {
			together++
		}
	}
	if together != files-4 {
		t.Errorf("%d of %d files were refused for what was read before; want %d", together, files, files-4)
	}
}

// TestIrregularFile names what is in the folder of a description and is no file.
func TestIrregularFile(t *testing.T) {
	for name, mode := range map[string]fs.FileMode{"pipe": fs.ModeNamedPipe, "device": fs.ModeDevice, "socket": fs.ModeSocket, "folder": fs.ModeDir} {
		p := spec.NewProject(fstest.MapFS{name: {Mode: mode | 0o600}}, spec.ProjectLimits{})
		if _, err := p.Source(name); err == nil || !strings.Contains(err.Error(), "is no regular file") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
