package secret

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

func noneSealed() (bool, error) { return false, nil }

func openKeyring(t *testing.T, dir string) *Keyring {
	t.Helper()
	ring, err := OpenKeyring(dir, noneSealed)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func TestKeyringIsMadeOnce(t *testing.T) {
	dir := t.TempDir()
	first := openKeyring(t, dir)
	info, err := os.Stat(filepath.Join(dir, KeyFile))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %04o, want 0600", info.Mode().Perm())
	}
	second, err := OpenKeyring(dir, func() (bool, error) { return true, nil })
	if err != nil {
		t.Fatal(err)
	}
	if first.ID() != second.ID() || len(first.ID()) != 16 {
		t.Errorf("key ids %q and %q, want the same 16 characters", first.ID(), second.ID())
	}
	left, _ := filepath.Glob(filepath.Join(dir, ".master-*"))
	if len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestKeyringMadeByManyAtOnceIsOne(t *testing.T) {
	dir := t.TempDir()
	ids := make([]string, 16)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			if ring, err := OpenKeyring(dir, noneSealed); err != nil {
				t.Error(err)
			} else {
				ids[i] = ring.ID()
			}
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("two keys were made: %v", ids)
		}
	}
}

func TestKeyringRefuses(t *testing.T) {
	dir := t.TempDir()
	openKeyring(t, dir)
	good, err := os.ReadFile(filepath.Join(dir, KeyFile))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(good))
	other := openKeyring(t, t.TempDir())

	cases := []struct {
		name  string
		text  string
		mode  os.FileMode
		exist func() (bool, error)
		want  string
		is    error
	}{
		{"missing although values are sealed", "", 0, func() (bool, error) { return true, nil }, "restore the file from a backup", ErrKeyMissing},
		{"missing and nobody can say", "", 0, nil, "nobody can say", nil},
		{"missing and the question fails", "", 0, func() (bool, error) { return false, errors.New("database is closed") }, "database is closed", nil},
		{"group readable", string(good), 0o640, noneSealed, "mode 0640", ErrKeyFile},
		{"world readable", string(good), 0o604, noneSealed, "mode 0604", ErrKeyFile},
		{"group writable", string(good), 0o620, noneSealed, "mode 0620", ErrKeyFile},
		{"empty", "\n", 0o600, noneSealed, "does not hold a line", ErrKeyFile},
		{"another format", strings.Replace(string(good), "v1", "v9", 1), 0o600, noneSealed, "does not hold a line", ErrKeyFile},
		{"short key", lines[0] + " " + lines[1] + "\nAAAA\n", 0o600, noneSealed, "not 32 bytes of base64", ErrKeyFile},
		{"id of another key", lines[0] + " " + other.ID() + "\n" + lines[2] + "\n", 0o600, noneSealed, "does not belong to the id", ErrKeyFile},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, KeyFile)
			if c.text != "" {
				if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
					t.Fatal(err)
				}
				if err := os.Chmod(path, c.mode); err != nil {
					t.Fatal(err)
				}
			}
			_, err := OpenKeyring(dir, c.exist)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want it to say %q", err, c.want)
			}
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("error %v, want %v", err, c.is)
			}
			if strings.Contains(err.Error(), lines[2]) {
				t.Error("the error shows the key")
			}
			if _, err := os.Stat(path); c.text == "" && err == nil {
				t.Error("a second key was made")
			}
		})
	}
	t.Logf("%d refusals played", len(cases))
}

func TestSealedOpensOnlyForItsPurpose(t *testing.T) {
	ring := openKeyring(t, t.TempDir())
	rapid.Check(t, func(r *rapid.T) {
		plain := rapid.SliceOf(rapid.Byte()).Draw(r, "plain")
		sealed, err := ring.Seal("control/one", plain)
		if err != nil {
			r.Fatal(err)
		}
		got, err := ring.Open("control/one", sealed)
		if err != nil || !bytes.Equal(got, plain) {
			r.Fatalf("got %q, %v; want %q", got, err, plain)
		}
		if !IsSealed(sealed) || !strings.Contains(sealed, ring.ID()) {
			r.Fatalf("%q does not carry the key id %s", sealed, ring.ID())
		}
		if _, err := ring.Open("control/two", sealed); !errors.Is(err, ErrSealed) {
			r.Fatalf("opened for another purpose: %v", err)
		}
		// Any altered character refuses.
		at := rapid.IntRange(0, len(sealed)-1).Draw(r, "at")
		altered := []byte(sealed)
		altered[at] ^= 1
		if _, err := ring.Open("control/one", string(altered)); !errors.Is(err, ErrSealed) {
			r.Fatalf("altered at %d opened: %v", at, err)
		}
	})
}

func TestSealRefuses(t *testing.T) {
	ring, other := openKeyring(t, t.TempDir()), openKeyring(t, t.TempDir())
	sealed, err := ring.Seal("p", []byte("hunter2"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := ring.Seal("p", []byte("hunter2"))
	if err != nil || again == sealed {
		t.Errorf("sealing twice gave the same value (%v): the nonce is not random", err)
	}
	if _, err := ring.Seal("", []byte("x")); err == nil {
		t.Error("sealed for no purpose")
	}
	if _, err := other.Open("p", sealed); !errors.Is(err, ErrSealed) || !strings.Contains(err.Error(), "another master key") {
		t.Errorf("another keyring: %v", err)
	}
	for _, bad := range []string{"", "hunter2", "sealed-v1", "sealed-v1:" + ring.ID(), "sealed-v1:" + ring.ID() + ":", sealed[:len(sealed)-4]} {
		if _, err := ring.Open("p", bad); !errors.Is(err, ErrSealed) {
			t.Errorf("Open(%q) = %v, want ErrSealed", bad, err)
		}
	}
}

func TestKeyringPrintsNoKey(t *testing.T) {
	dir := t.TempDir()
	ring := openKeyring(t, dir)
	for _, form := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(form, ring); got != "master key "+ring.ID() {
			t.Errorf("%s prints %q", form, got)
		}
	}
}

func FuzzOpen(f *testing.F) {
	master := make([]byte, masterBytes)
	ring, err := newKeyring(master)
	if err != nil {
		f.Fatal(err)
	}
	sealed, err := ring.Seal("p", []byte("x"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add("sealed-v1::")
	f.Fuzz(func(t *testing.T, value string) {
		if plain, err := ring.Open("p", value); err == nil && string(plain) != "x" {
			t.Fatalf("%q opened to %q", value, plain)
		}
	})
}
