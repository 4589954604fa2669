package judge_test

import (
	"io/fs"
	"testing/fstest"
)

// folder is a folder of files in memory.
func folder(files map[string]string) fs.FS {
	out := fstest.MapFS{}
	for name, text := range files {
		out[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	return out
}
