package policytest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/rogpeppe/go-internal/txtar"

	"farrier.dev/farrier/internal/policy"
)

// Play plays all conversations in testdata of the test's folder. It fails when
// there are fewer than atLeast.
func Play(t *testing.T, p policy.Policy, atLeast int) {
	t.Helper()
	PlayAll(t, atLeast, p)
}

// PlayAll is Play for a folder that holds several policies. A conversation
// names the one that it is about; without a name it is about the first.
func PlayAll(t *testing.T, atLeast int, policies ...policy.Policy) {
	t.Helper()
	PlayModules(t, atLeast, nil, policies...)
}

// PlayModules is PlayAll with modules of WebAssembly, by name. In conversations
// {NAME} stands for the hexadecimal SHA-256 of a module.
func PlayModules(t *testing.T, atLeast int, modules map[string][]byte, policies ...policy.Policy) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	catalogue, err := policy.NewCatalogue(policies)
	if err != nil {
		t.Fatal(err)
	}
	sends := 0
	byDigest := make(map[string][]byte)
	for _, module := range modules {
		byDigest[moduleDigest(module)] = module
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for name, module := range modules {
				text = bytes.ReplaceAll(text, []byte("{"+name+"}"), []byte(moduleDigest(module)))
			}
			archive := txtar.Parse(text)
			if len(bytes.TrimSpace(archive.Comment)) == 0 {
				t.Fatal("a conversation begins with a sentence that says what it shows")
			}
			synctest.Test(t, func(t *testing.T) {
				c := newConversation(t, catalogue)
				c.entry, c.modules = catalogue.Find(policies[0].Name), byDigest
				for _, section := range archive.Files {
					c.play(section.Name, string(section.Data))
				}
				c.finish()
				sends += c.wants
			})
		})
	}
	t.Logf("played %d conversations with %d expectations", len(files), sends)
	if len(files) < atLeast {
		t.Fatalf("%d conversations, there should be at least %d", len(files), atLeast)
	}
}

func moduleDigest(module []byte) string {
	sum := sha256.Sum256(module)
	return hex.EncodeToString(sum[:])
}
