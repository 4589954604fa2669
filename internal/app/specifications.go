package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"farrier.dev/farrier/internal/control/resource"
	"farrier.dev/farrier/internal/revision"
)

// specificationsFolder holds the descriptions that operators attached to APIs as files,
// each in a folder with the name of its digest: whoever shows and judges descriptions
// reads files.
const specificationsFolder = "specifications"

// describe names, in a revision, the descriptions that operators attached to its APIs.
// An API that names one itself keeps it. What goes wrong stops no change of what
// serves: descriptions change no request.
func (e *edited) describe(rev *revision.Revision) error {
	e.mu.Lock()
	service := e.service
	e.mu.Unlock()
	if service == nil {
		return nil // it is published again once the database is open
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	found, err := service.Specifications(ctx, e.cfg.Environment)
	if err != nil {
		e.log.Error("the descriptions of APIs can't be read", "error", err)
		return nil
	}
	kept := map[string]bool{}
	for i := range found {
		one := &found[i]
		kept[one.Digest] = true
		file, err := e.keepDescription(one)
		if err != nil {
			e.log.Error("the description of an API can't be kept", "api", one.Namespace+"/"+one.Name, "error", err)
			continue
		}
		for j := range rev.APIs {
			if api := &rev.APIs[j]; api.Name.Namespace == one.Namespace && api.Name.Name == one.Name && api.Specification == nil {
				api.Specification = &revision.Specification{File: file}
			}
		}
	}
	e.forgetDescriptions(kept)
	return nil
}

// keepDescription writes a description where it is read, unless it is there.
func (e *edited) keepDescription(one *resource.Specification) (string, error) {
	dir := filepath.Join(e.cfg.Data, specificationsFolder, one.Digest)
	file := filepath.Join(dir, one.File)
	if info, err := os.Lstat(file); err == nil && info.Mode().IsRegular() && info.Size() == one.Bytes {
		return file, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("making its folder: %w", err)
	}
	half, err := os.CreateTemp(filepath.Dir(dir), ".half-*")
	if err != nil {
		return "", fmt.Errorf("writing it: %w", err)
	}
	_, err = half.Write(one.Text)
	if err = errors.Join(err, half.Close()); err == nil {
		err = os.Rename(half.Name(), file)
	}
	if err != nil {
		return "", errors.Join(fmt.Errorf("writing it: %w", err), os.Remove(half.Name()))
	}
	return file, nil
}

// forgetDescriptions removes those that no API has any more.
func (e *edited) forgetDescriptions(kept map[string]bool) {
	dir := filepath.Join(e.cfg.Data, specificationsFolder)
	list, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		e.log.Error("descriptions that no API has any more can't be removed", "error", err)
	}
	for _, one := range list {
		if one.IsDir() && !kept[one.Name()] {
			if err := os.RemoveAll(filepath.Join(dir, one.Name())); err != nil {
				e.log.Error("a description that no API has any more can't be removed", "error", err)
			}
		}
	}
}
