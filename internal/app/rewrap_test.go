package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	gate "farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/alert"
	"farrier.dev/farrier/internal/control/idempotency"
	"farrier.dev/farrier/internal/control/resource"
	"farrier.dev/farrier/internal/control/secrets"
	"farrier.dev/farrier/internal/monitor/notify"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

// started is a Farrier that serves within a test.
type started struct {
	*control
	stop func()
}

func start(t *testing.T, cfg Config) *started {
	t.Helper()
	return startReady(t, cfg, new(Ready))
}

// startReady also says where everything is reached.
func startReady(t *testing.T, cfg Config, where *Ready) *started {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan Ready, 1), make(chan error, 1)
	go func() {
		ended <- Serve(ctx, cfg, slog.New(slog.DiscardHandler), io.Discard, func(r Ready) { ready <- r })
	}()
	select {
	case err := <-ended:
		cancel()
		t.Fatalf("serving: %v", err)
		return nil
	case r := <-ready:
		*where = r
		return &started{r.control, func() {
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("stopping: %v", err)
			}
		}}
	}
}

// sealedHere counts the sealed values of all columns by TABLE.COLUMN, and by the key
// that has sealed them.
func sealedHere(t *testing.T, dbs ...*store.DB) (columns, keys map[string]int) {
	t.Helper()
	columns, keys = map[string]int{}, map[string]int{}
	for _, db := range dbs {
		tables, err := db.Read().Tables(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range tables {
			rows, err := db.Read().Query(t.Context(), "SELECT * FROM "+table)
			if err != nil {
				t.Fatal(err)
			}
			names, err := rows.Columns()
			if err != nil {
				t.Fatal(err)
			}
			values, into := make([]any, len(names)), make([]any, len(names))
			for i := range values {
				into[i] = &values[i]
			}
			for rows.Next() {
				if err := rows.Scan(into...); err != nil {
					t.Fatal(err)
				}
				for i, value := range values {
					if bytes, ok := value.([]byte); ok {
						value = string(bytes)
					}
					if text, ok := value.(string); ok && strings.HasPrefix(text, "sealed-") {
						columns[table+"."+names[i]]++
						keys[secret.SealedBy(text)]++
					}
				}
			}
			if err := rows.Err(); err != nil {
				t.Fatal(err)
			}
			_ = rows.Close()
		}
	}
	return columns, keys
}

// TestMasterRotationReachesEverything uses all that is sealed, rotates the master key,
// and forgets the one before: everything is sealed anew, in columns that the test finds
// by itself, and everything still opens.
func TestMasterRotationReachesEverything(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Manifests, cfg.Data, cfg.Console, cfg.Limits.DrainSeconds = []string{t.TempDir()}, t.TempDir(), "127.0.0.1:0", 1
	cfg.Fleet = Fleet{Listen: "127.0.0.1:0", Hosts: []string{"127.0.0.1"}}
	cfg.AuthorizationServer = &AuthorizationServer{Listen: "127.0.0.1:0", Issuer: "http://127.0.0.1:9999", AccessTokenSeconds: 900, RefreshTokenDays: 30, KeyRotationDays: 90, SigningAlgorithm: "ES256"}
	s := start(t, cfg)
	defer func() { s.stop() }()
	ctx := t.Context()
	p := gate.Principal{Operator: "dana", Via: "password", Roles: []access.Role{access.RoleAdmin}, Address: netip.MustParseAddr("192.0.2.44"), Confirmed: time.Now()}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.secrets.MakeGroup(ctx, p, cfg.Environment, secrets.Group{Name: "backend"})
	must(err)
	_, err = s.secrets.Put(ctx, p, cfg.Environment, "backend", "db", secrets.Input{Kind: secrets.Blob, Fields: map[string]string{"value": "first-value"}}, 0)
	must(err)
	channel, err := s.alerts.CreateChannel(ctx, p, cfg.Environment, alert.ChannelSpec{Name: "hook", Kind: "webhook", Settings: notify.Settings{"url": "https://hooks.example.com/x", "secret": "a-signing-secret-of-many-bytes"}})
	must(err)
	_, err = s.access.CreateEnvironment(ctx, access.By{Operator: "dana"}, access.Environment{ID: "production", Name: "Production", Kind: access.Production, Group: access.Root})
	must(err)
	for _, environment := range []string{cfg.Environment, "production"} {
		_, err = s.resources.Apply(ctx, p, environment, []byte(ordersManifest), resource.Applying{})
		must(err)
		draft, err := s.resources.Draft(ctx, p, environment)
		must(err)
		_, err = s.resources.Publish(ctx, p, environment, resource.Publishing{Draft: draft.Version})
		must(err)
	}
	link, _, err := s.access.LoginLink(ctx)
	must(err)
	session, _, err := s.access.RedeemLink(ctx, link, access.From{})
	must(err)
	session, err = s.access.SetPassword(ctx, session.Token, "", "a long enough pass phrase", access.From{})
	must(err)
	_, err = s.access.BeginTOTP(ctx, session.Token)
	must(err)
	keyring := s.drafts.keyring
	once, err := idempotency.Open(ctx, s.controlDB, keyring, time.Now)
	must(err)
	_, err = once.Begin(ctx, "dana", "key-1", "digest")
	must(err)
	must(once.Finish(ctx, "dana", "key-1", []byte("the answer")))
	files := []string{"resources.sealed", "revision.sealed", "environments/production/revision.sealed"}
	for _, name := range files { // copies are written a moment later
		for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			if _, err := os.Stat(filepath.Join(cfg.Data, name)); err == nil {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("%s was not written", name)
			}
		}
	}

	tables, err := s.controlDB.Read().Tables(ctx)
	must(err)
	for _, h := range append(heldByEnvironments(), heldByGroups()...) {
		if !slices.Contains(tables, h.table) {
			t.Errorf("there is no table %s that could hold %s", h.table, h.what)
		}
	}
	if err := s.access.DeleteEnvironment(ctx, access.By{Operator: "dana"}, "production", 1); !errors.Is(err, access.ErrNotEmpty) || !strings.Contains(err.Error(), "it holds 2 resources") {
		t.Errorf("deleting an environment with resources: %v", err)
	}

	var registered []string
	for _, c := range sealedColumns() {
		registered = append(registered, c.Table+"."+c.Sealed)
	}
	found, keys := sealedHere(t, s.controlDB, s.trafficDB)
	for column, n := range found {
		if !slices.Contains(registered, column) {
			t.Errorf("%d sealed values are in %s, which sealedColumns does not name: after a rotation they are lost", n, column)
		}
	}
	for _, column := range registered {
		if found[column] == 0 {
			t.Errorf("the test seals nothing in %s; make it", column)
		}
	}
	first := keyring.ID()
	if len(keys) != 1 || keys[first] == 0 {
		t.Fatalf("sealed by %v", keys)
	}
	var told strings.Builder
	must(RotateMaster(ctx, cfg, &told))
	if _, keys = sealedHere(t, s.controlDB, s.trafficDB); len(keys) != 1 || keys[keyring.ID()] == 0 || keyring.ID() == first {
		t.Fatalf("after the rotation values are sealed by %v", keys)
	}
	must(ForgetMaster(ctx, cfg, &told))
	if want := "master key " + first + " is forgotten"; !strings.Contains(told.String(), want) || len(keyring.Retired()) != 0 {
		t.Fatalf("%q is not in %q", want, told.String())
	}
	t.Logf("%d columns, %d files; %s", len(registered), len(files), told.String())

	everything := func() {
		t.Helper()
		value, err := s.secrets.Resolve(ctx, cfg.Environment, "${secret:backend/db}")
		if must(err); value != "first-value" {
			t.Errorf("the secret is %q", value)
		}
		for _, c := range sealedColumns() {
			if err := opensAll(ctx, s.controlDB, c, s.drafts.keyring); err != nil {
				t.Error(err)
			}
		}
		_, err = s.alerts.Channel(ctx, p, cfg.Environment, channel.ID)
		must(err)
	}
	everything()
	s.stop()
	again, err := secret.OpenKeyring(cfg.Data, func() (bool, error) { return true, nil })
	must(err)
	for _, name := range files {
		text, err := os.ReadFile(filepath.Join(cfg.Data, name))
		must(err)
		if by := sealersOf(text); len(by) != 1 || by[0] != again.ID() {
			t.Errorf("%s is sealed by %v", name, by)
		}
	}
	s = start(t, cfg)
	everything()
}

// opener fails for what does not open.
type opener struct{ *secret.Keyring }

func (opener) Stale(value string) bool { return secret.IsSealed(value) }

func (o opener) Rewrap(purpose, value string) (string, bool, error) {
	_, err := o.Open(purpose, value)
	return value, false, err
}

func opensAll(ctx context.Context, db *store.DB, c secrets.Column, ring *secret.Keyring) error {
	n, err := secrets.RewrapColumn(ctx, db, c, opener{ring})
	if err == nil && n == 0 {
		err = fmt.Errorf("nothing is in %s.%s", c.Table, c.Sealed)
	}
	return err
}

// TestForgetKeepsWhatIsNeeded holds that a key stays as long as a captured request is
// sealed by it.
func TestForgetKeepsWhatIsNeeded(t *testing.T) {
	keyring, err := secret.OpenKeyring(t.TempDir(), func() (bool, error) { return false, nil })
	if err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	sealed, err := keyring.Seal("capture/request", []byte("GET /"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"capture/1.sample": "x\n" + sealed + "\n" + sealed, "a.sealed": "sealed-v1:nothing", "other.db": sealed} {
		path := filepath.Join(data, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	places, err := sealedFiles(data)
	if err != nil || !slices.Equal(places[keyring.ID()], []string{"capture/1.sample"}) {
		t.Errorf("%v, %v", places, err)
	}
	if said := toldForgotten(nil, places); !strings.Contains(said, "stays; it has sealed what is in: capture/1.sample") {
		t.Errorf("said %q", said)
	}
}

// sealing are the calls that seal something, by file. What is new here is registered in
// sealedColumns, or sealed anew by rewrap, or goes by itself.
var sealing = regexp.MustCompile(`(?:[sS]ealer|keyring|[rR]ing|ring|seal|Keyring|k)\.(?:Seal|WriteSealed)\(|seal: +o\.Sealer\.Seal`)

// TestEverySealIsKnown fails when another file begins to seal.
func TestEverySealIsKnown(t *testing.T) {
	known := []string{
		"access/factor.go", "app/database.go", "app/references.go", "app/discovery.go", "app/remote.go", "app/resources.go", "app/rewrap.go", "app/secrets.go",
		"authserver/keys.go", "control/alert/channelspec.go", "control/fleet/enrol.go", "control/idempotency/idempotency.go",
		"control/publish/keep.go", "control/resource/rows.go", "control/resource/specification.go", "control/sso/saml.go", "control/sso/sso.go", "monitor/capture/capture.go", "secret/envelope.go", "secret/keyring.go", "secret/sealedfile.go",
	}
	files := 0
	err := filepath.WalkDir("..", func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel("..", path)
		if files++; sealing.Match(text) && !slices.Contains(known, filepath.ToSlash(name)) {
			t.Errorf("%s seals with the master key: name its column in sealedColumns, or rewrap its file, and then name it here", name)
		}
		return err
	})
	if t.Logf("%d files", files); err != nil || files < 500 {
		t.Errorf("%d files, %v", files, err)
	}
}
