package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"farrier.dev/farrier/internal/audit"
	controls "farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/publish"
	"farrier.dev/farrier/internal/control/secrets"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

// rotateMasterPath is where the admin socket takes the order to rotate the master key.
const rotateMasterPath = "/secrets/rotate-master"

// serveRotateMaster lets the command reach the program that holds the data folder.
func (c *control) serveRotateMaster(mux *http.ServeMux, refs *references, publisher *publish.Publisher) {
	mux.HandleFunc("POST "+rotateMasterPath, func(w http.ResponseWriter, r *http.Request) {
		if c.secrets == nil {
			http.Error(w, "The store is not open.", http.StatusServiceUnavailable)
			return
		}
		id, n, err := c.rotateMaster(r.Context(), controls.Principal{Operator: "system", Via: "admin-socket"}, refs, publisher)
		if err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
		_, _ = fmt.Fprintf(w, "master key %s seals from now on; %d values were sealed anew\n", id, n)
	})
}

// RotateMaster rotates the master key of a data folder: through the program that
// serves with it, or directly when none does.
func RotateMaster(ctx context.Context, cfg Config, out io.Writer) error {
	if err := databaseExists(cfg); err != nil {
		return err
	}
	lock, err := store.LockDir(cfg.Data)
	if err != nil {
		return askRotateMaster(ctx, cfg, out, err)
	}
	defer func() { _ = lock.Close() }()
	keyring, err := openMaster(ctx, cfg)
	if err != nil {
		return err
	}
	db, err := openControlDatabase(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	c := &control{log: slog.New(slog.DiscardHandler), now: time.Now, controlDB: db}
	if c.audit, err = audit.Open(ctx, db, time.Now); err != nil {
		return err
	}
	if c.secrets, err = secrets.Open(ctx, secrets.Options{DB: db, Tree: nobody{}, Ring: keyring, Audit: c.audit, Now: time.Now, Log: c.log}); err != nil {
		return err
	}
	publisher := publish.New(publish.Options{Dir: cfg.Data, Sealer: keyring})
	id, n, err := c.rotateMaster(ctx, controls.Principal{Operator: "system", Via: "command"}, newReferences(cfg, keyring, c.log), publisher)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "master key %s seals from now on; %d values were sealed anew\n", id, n)
	return err
}

func askRotateMaster(ctx context.Context, cfg Config, out io.Writer, locked error) error {
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(cfg.Data, "admin.sock"))
	}}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://farrier"+rotateMasterPath, nil)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return locked
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err == nil && res.StatusCode != http.StatusOK {
		err = errors.New(strings.TrimSpace(string(text)))
	}
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	return err
}

// openMaster opens the keyring where the settings say that the master key is.
func openMaster(ctx context.Context, cfg Config) (*secret.Keyring, error) {
	return secret.OpenMaster(ctx, secret.MasterOptions{
		Dir: cfg.Data, SealedExist: func() (bool, error) { return sealedExist(cfg.Data) }, Source: cfg.MasterKey,
		References: secret.Environ(),
		Vault:      func(address string) (*secret.Vault, error) { return newVault(cfg, address) },
	})
}

// newVault makes the client of a Vault, with the token that the settings name.
func newVault(cfg Config, address string) (*secret.Vault, error) {
	token := cfg.Vault.Token
	if token == "" {
		token = "env:VAULT_TOKEN"
	}
	return secret.NewVault(address, func() (string, error) { return secret.Environ().Resolve(token) }, nil, time.Now)
}

// Vault says how HashiCorp Vault is reached.
type Vault struct {
	// Address is https://HOST:PORT; references vault: lead there.
	Address string `yaml:"address"`
	// Token is a reference to the token, env:NAME or file:/path; empty means
	// env:VAULT_TOKEN.
	Token string `yaml:"token"`
}
