package content

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/detect"
)

// The clock of the tests.
func noon() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// testKey is a key that is the same in every run.
func testKey(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

func publicKey(t testing.TB, key ed25519.PrivateKey) []byte {
	t.Helper()
	text, err := encodePublicKey(key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func idOf(key ed25519.PrivateKey) string { return KeyID(key.Public().(ed25519.PublicKey)) }

const ruleText = `id: unicorn-horn
title: A unicorn in a value
severity: critical
class: expression
description: Nobody asks for unicorns.
fix: Do not ask for unicorns.
any:
  - words: ['unicorn-horn-4711']
good: ['a horse']
bad: ['give me unicorn-horn-4711 now']
`

// sound are the files of a bundle with nothing wrong.
func sound() map[string]string {
	return map[string]string{
		"rules/unicorn-horn.yaml":   ruleText,
		"rules/local.conf":          `SecRule ARGS "@contains gryphon-4711" "id:1001,phase:2,block,severity:CRITICAL,msg:'A gryphon'"` + "\n",
		"feeds/addresses.txt":       "# known bad\n192.0.2.7 # a scanner\n198.51.100.0/24\n2001:db8::/32\n",
		"feeds/bots.txt":            "# known bots\nEvilCrawler\n",
		"passwords/sha1-prefixes":   "00000000AB\n0123456789\nFFFFFFFFFF\n",
		"advisories/GHSA-test.json": `{"id": "GHSA-test", "modified": "2026-11-01T00:00:00Z"}`,
	}
}

// maker makes bundles, also bad ones: each step may be meddled with.
type maker struct {
	key    ed25519.PrivateKey
	bundle Bundle
	files  map[string]string

	listed  func(*Bundle)               // before bundle.json is written
	text    func([]byte) []byte         // before it is signed
	entries func(e []tarFile) []tarFile // before they are packed
	zip     bool
}

type tarFile struct {
	tar.Header
	body string
}

func newMaker(version string) *maker {
	return &maker{
		key: testKey(1), files: sound(),
		bundle: Bundle{Format: format, Name: "community", Version: version, Created: noon(), Key: idOf(testKey(1))},
	}
}

func (m *maker) make(t testing.TB) []byte {
	t.Helper()
	var names []string
	for name := range m.files {
		names = append(names, name)
	}
	slices.Sort(names)
	b := m.bundle
	for _, name := range names {
		sum := sha256.Sum256([]byte(m.files[name]))
		f := File{Path: name, Size: int64(len(m.files[name])), SHA256: hex.EncodeToString(sum[:])}
		if kindOf(name) == passwords {
			f.Lines = strings.Count(m.files[name], "\n")
		}
		b.Files = append(b.Files, f)
	}
	if m.listed != nil {
		m.listed(&b)
	}
	text, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	if m.text != nil {
		text = m.text(text)
	}
	file := func(name, body string) tarFile {
		return tarFile{tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(body)), Mode: 0o644}, body}
	}
	all := []tarFile{file(bundleFile, string(text)), file(signatureFile, string(ed25519.Sign(m.key, text)))}
	for _, name := range names {
		all = append(all, file(name, m.files[name]))
	}
	if m.entries != nil {
		all = m.entries(all)
	}
	return pack(t, all, m.zip)
}

func pack(t testing.TB, all []tarFile, zip bool) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range all {
		if err := w.WriteHeader(&e.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if !zip {
		return out.Bytes()
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write(out.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return zipped.Bytes()
}

// anyRules takes all rules: compiling costs a second.
func anyRules(int, []detect.Source) error { return nil }

// newFolder is a folder that trusts testKey(1).
func newFolder(t testing.TB, compile Compile) *Folder {
	t.Helper()
	f := Open(Options{Data: t.TempDir(), Now: noon, Farrier: "v1.4.0", Compile: compile})
	if _, err := f.Trust(publicKey(t, testKey(1))); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *Folder) mustUpdate(t testing.TB, bundle []byte) {
	t.Helper()
	if _, err := f.Update(bytes.NewReader(bundle), false); err != nil {
		t.Fatal(err)
	}
}

// picture is all that lies in a folder.
func picture(t testing.TB, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || e.Name() == "lock" {
			b.WriteString(name + "\n")
			return err
		}
		text, err := os.ReadFile(name)
		sum := sha256.Sum256(text)
		b.WriteString(name + " " + hex.EncodeToString(sum[:]) + "\n")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
