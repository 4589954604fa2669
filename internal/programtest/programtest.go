// Package programtest finds the programs and packages of others that tests run:
// servers, and packages of npm. It is imported by tests alone, and starts
// PostgreSQL, which many of them need.
package programtest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Program is the path of the first of the programs that this machine has, also
// in /usr/sbin, where servers lie. Without any the test is skipped and says
// which it misses; where CI is set in the environment it fails.
func Program(t testing.TB, names ...string) string {
	t.Helper()
	for _, name := range names {
		for _, candidate := range []string{name, filepath.Join("/usr/sbin", name), filepath.Join("/usr/local/sbin", name)} {
			if path, err := exec.LookPath(candidate); err == nil {
				return path
			}
		}
	}
	missing(t, strings.Join(names, " or ")+" is not installed")
	return ""
}

func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// NPM is a folder in whose node_modules the packages lie, each given with its
// exact version as "oidc-provider@9.13.3". They are fetched once for each list
// of packages and kept in the user's cache; their install scripts are not run.
// Without npm or a registry the test is skipped as by Program.
func NPM(t testing.TB, packages ...string) (dir string) {
	t.Helper()
	for _, one := range packages {
		if at := strings.LastIndexByte(one, '@'); at < 1 || at == len(one)-1 {
			t.Fatalf("the package %s names no exact version", one)
		}
	}
	npm := Program(t, "npm")
	Program(t, "node")
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	packages = slices.Sorted(slices.Values(packages))
	sum := sha256.Sum256([]byte(strings.Join(packages, "\n")))
	root := filepath.Join(cache, "farrier-test", "npm")
	dir = filepath.Join(root, hex.EncodeToString(sum[:8]))
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err == nil {
		return dir
	}
	if err := os.MkdirAll(root, 0o750); err != nil {
		t.Fatal(err)
	}
	// Another test may fetch the same at this moment: one does, the others wait.
	lock, err := os.OpenFile(dir+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close() //nolint:errcheck // it holds nothing
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err == nil {
		return dir
	}
	draft, err := os.MkdirTemp(root, "draft-")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(draft) }()
	manifest, err := json.Marshal(map[string]any{"name": "farrier-test", "private": true})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(draft, "package.json"), manifest, 0o600); err != nil {
		t.Fatal(err)
	}
	arguments := append([]string{"install", "--save-exact", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"}, packages...)
	install := exec.CommandContext(t.Context(), npm, arguments...)
	install.Dir = draft
	if out, err := install.CombinedOutput(); err != nil {
		missing(t, "npm could not install "+strings.Join(packages, " ")+": "+err.Error()+"\n"+string(out))
	}
	if err := os.Rename(draft, dir); err != nil {
		t.Fatal(err)
	}
	return dir
}
