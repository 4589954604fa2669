package languages

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/spec"
)

// MaxArchive is the length in bytes of the longest archive that stands in
// settings.
const MaxArchive = 8 << 20

// Source is a description of HTTP messages as settings hold it: RAML or OpenAPI,
// one document as text, or several files as an archive.
type Source struct {
	// Text is a description in one document.
	Text string
	// Archive is a zip archive in base64; Main is the name of its main file, empty
	// for the one that Read finds.
	Archive, Main string
}

// Given says whether there is a description.
func (s Source) Given() bool { return strings.TrimSpace(s.Text) != "" || s.Archive != "" }

// Description reads it. An invalid description, and one that messages can't be
// held against, is an error that names the first problems with file and line.
func (s Source) Description() (*spec.Description, error) {
	project, main := spec.OneFile("spec", []byte(s.Text), spec.ProjectLimits{}), "spec"
	switch {
	case s.Archive != "" && strings.TrimSpace(s.Text) != "":
		return nil, errors.New("spec and a file or archive are given; keep one of them")
	case !s.Given():
		return nil, errors.New("spec: empty; put the description there")
	case s.Archive == "" && s.Main != "":
		return nil, errors.New("specMain: names a file of an archive, and there is no archive")
	case s.Archive != "":
		archive, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s.Archive), ""))
		if err != nil {
			return nil, errors.New("specArchive: is not base64 text")
		}
		if len(archive) > MaxArchive {
			return nil, fmt.Errorf("specArchive: is longer than %d MiB", MaxArchive>>20)
		}
		if project, err = spec.OpenZip(archive, spec.ProjectLimits{}); err != nil {
			return nil, fmt.Errorf("specArchive: %w", err)
		}
		main = s.Main
	}
	return described(Read(project, main))
}

// Document reads the description for those who judge it, whether it is valid or
// not; nil where there is none that can be opened. name is that of a single
// document.
func (s Source) Document(name string) *spec.Document {
	if strings.TrimSpace(s.Text) != "" {
		return Read(spec.OneFile(name, []byte(s.Text), spec.ProjectLimits{}), name)
	}
	archive, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s.Archive), ""))
	if err != nil || len(archive) == 0 || len(archive) > MaxArchive {
		return nil
	}
	project, err := spec.OpenZip(archive, spec.ProjectLimits{})
	if err != nil {
		return nil
	}
	return Read(project, s.Main)
}

// described is what a document describes, if messages can be held against it.
func described(doc *spec.Document) (*spec.Description, error) {
	switch doc.Language {
	case spec.RAML08, spec.RAML10, spec.OpenAPI20, spec.OpenAPI30, spec.OpenAPI31, "":
	case spec.AsyncAPI2, spec.WSDL11, spec.GraphQL:
		return nil, fmt.Errorf("spec: is %s; only RAML and OpenAPI describe what messages are held against", doc.Language)
	}
	if doc.Valid() && doc.Description != nil {
		return doc.Description, nil
	}
	var told []string
	for _, p := range doc.Problems {
		if p.Warning && !doc.Valid() {
			continue
		}
		if len(told) == 3 {
			told = append(told, "and more")
			break
		}
		told = append(told, p.String())
	}
	if len(told) == 0 {
		told = append(told, "it has no operations")
	}
	return nil, errors.New("spec: the description can't be used: " + strings.Join(told, "; "))
}

// Bundle makes an archive of the description whose main file, or whose archive, is
// at a path on disk: of those files that it consists of, none outside the folder
// of the main file. Main is the name of the main file in it, empty for an archive,
// which is given as it is.
func Bundle(file string) (archive []byte, main string, err error) {
	if strings.EqualFold(filepath.Ext(file), ".zip") {
		archive, err = readArchive(file)
		return archive, "", err
	}
	project, err := spec.OpenFolder(filepath.Dir(file), spec.ProjectLimits{})
	if err != nil {
		return nil, "", err
	}
	main = filepath.Base(file)
	if _, err := described(Read(project, main)); err != nil {
		return nil, "", err
	}
	names := project.Files()
	slices.Sort(names)
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, name := range names {
		src, err := project.Source(name)
		if err != nil {
			return nil, "", err
		}
		f, err := w.Create(name)
		if err == nil {
			_, err = f.Write(src.Text)
		}
		if err != nil {
			return nil, "", fmt.Errorf("bundling %s: %w", name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, "", fmt.Errorf("bundling: %w", err)
	}
	if out.Len() > MaxArchive {
		return nil, "", fmt.Errorf("its files are longer than %d MiB, compressed", MaxArchive>>20)
	}
	return out.Bytes(), main, nil
}

func readArchive(file string) ([]byte, error) {
	f, err := os.Open(file) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("there is no file %s that can be read", filepath.Base(file))
	}
	archive, err := io.ReadAll(io.LimitReader(f, MaxArchive+1))
	if err = cmp.Or(err, f.Close()); err != nil {
		return nil, fmt.Errorf("reading the archive: %w", err)
	}
	if len(archive) > MaxArchive {
		return nil, fmt.Errorf("the archive is longer than %d MiB", MaxArchive>>20)
	}
	return archive, nil
}
