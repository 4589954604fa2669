package app

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
)

// Every room with migrations is known to restore, with its newest version.
func TestRoomsAreKnown(t *testing.T) {
	house := os.DirFS("..")
	listed := map[string]int64{}
	for _, room := range rooms {
		listed[room.folder] = room.version
		if named := roomNames(t, house, room.folder); !strings.Contains(named, `"`+room.name+`"`) && !strings.HasPrefix(room.name, "discovery") {
			t.Errorf("no Migrate near %s speaks of %q", room.folder, room.name)
		}
	}
	found := map[string]int64{}
	err := fs.WalkDir(house, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".sql" || path.Base(path.Dir(name)) != "migrations" {
			return err
		}
		number, _, _ := strings.Cut(path.Base(name), "_")
		version, err := strconv.ParseInt(number, 10, 64)
		folder := path.Dir(path.Dir(name))
		found[folder] = max(found[folder], version)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for folder, version := range found {
		if listed[folder] != version {
			t.Errorf("rooms in backup.go: give %s version %d", folder, version)
		}
	}
	if len(found) < 10 || len(listed) != len(found) {
		t.Errorf("%d folders hold migrations, %d rooms are listed", len(found), len(listed))
	}
	t.Logf("%d rooms looked at", len(found))
}

var migrating = regexp.MustCompile(`\.Migrate\(ctx, "[a-z0-9]+"`)

// roomNames are the calls of Migrate in a folder and the one above it.
func roomNames(t *testing.T, house fs.FS, folder string) string {
	t.Helper()
	var all []string
	for _, dir := range []string{folder, path.Dir(folder)} {
		names, err := fs.Glob(house, dir+"/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			text, err := fs.ReadFile(house, name)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, migrating.FindAllString(string(text), -1)...)
		}
	}
	return fmt.Sprint(all)
}

// The tables of every room can be made on each kind of database, and made again
// from a backup.
func TestEveryRoomIsRestored(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		for _, room := range rooms {
			if err := db.Migrate(t.Context(), room.name, os.DirFS("../"+room.folder)); err != nil {
				t.Error(err)
			}
		}
		other := storetest.Open(t)
		if strings.HasSuffix(t.Name(), "postgres") {
			other = storetest.OpenPostgres(t)
		}
		var backup bytes.Buffer
		made, err := store.Dump(t.Context(), &backup, store.Databases{Control: db, Traffic: other}, "test", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		for name, open := range map[string]func(testing.TB) *store.DB{"sqlite": storetest.Open, "postgres": storetest.OpenPostgres} {
			fresh := store.Databases{Control: open(t), Traffic: open(t)}
			loaded, err := store.Load(t.Context(), bytes.NewReader(backup.Bytes()), fresh, knownVersion)
			if err != nil || loaded.Tables != made.Tables {
				t.Errorf("into %s: %+v, %v; want %d tables", name, loaded, err, made.Tables)
			}
		}
		t.Logf("%d tables restored", made.Tables)
	})
}
