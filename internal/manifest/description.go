package manifest

import (
	"encoding/base64"
	"errors"
	"path/filepath"

	"farrier.dev/farrier/internal/spec/languages"
)

// The settings of policies that hold traffic against a description.
const (
	settingFile    = "specFile"
	settingArchive = "specArchive"
	settingMain    = "specMain"
)

// bundle puts the files of the description that the setting specFile names into
// the settings, so that a revision needs no files.
func (b *builder) bundle(a *applied) bool {
	p := a.config.find(settingFile)
	if p == nil {
		return true
	}
	name, ok := p.value.value.(string)
	if !ok || name == "" {
		return true // said by the schema
	}
	archive, main, err := b.description(a, p.value.file, name)
	if err != nil {
		b.problems.errorf(p.value.position, join(a.configPath, settingFile), "%v", err)
		return false
	}
	set := func(key, text string) {
		a.config.pairs = append(a.config.pairs, pair{position: p.position, key: key, value: &node{position: p.value.position, value: text}})
	}
	set(settingArchive, base64.StdEncoding.EncodeToString(archive))
	if main != "" {
		set(settingMain, main)
	}
	return true
}

func (b *builder) description(a *applied, manifest, name string) (archive []byte, main string, err error) {
	path := filepath.FromSlash(name)
	switch {
	case b.set.inMemory[manifest]:
		return nil, "", errors.New("names a file, and there are no files here; write the description into spec, or its files as a zip archive into specArchive")
	case !filepath.IsLocal(path):
		return nil, "", errors.New("must name a file below the folder of the manifest")
	case a.config.find(settingArchive) != nil || a.config.find(settingMain) != nil:
		return nil, "", errors.New("stands beside specArchive or specMain, which it would set; keep one of them")
	}
	return languages.Bundle(filepath.Join(filepath.Dir(manifest), path))
}
