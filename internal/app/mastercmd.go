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

// Where the admin socket takes the orders to rotate the master key, and to forget
// those that are needed no more.
const (
	rotateMasterPath = "/secrets/rotate-master"
	forgetMasterPath = "/secrets/forget-master"
)

// masterOrder does something with master keys and says what.
type masterOrder func(ctx context.Context, c *control, p controls.Principal, refs *references, publisher *publish.Publisher) (string, error)

func rotateOrder(ctx context.Context, c *control, p controls.Principal, refs *references, publisher *publish.Publisher) (string, error) {
	id, n, err := c.rotateMaster(ctx, p, refs, publisher)
	return fmt.Sprintf("master key %s seals from now on; %d values were sealed anew\n", id, n), err
}

func forgetOrder(ctx context.Context, c *control, p controls.Principal, refs *references, publisher *publish.Publisher) (string, error) {
	forgotten, needed, err := c.forgetMasters(ctx, p, refs, publisher)
	return toldForgotten(forgotten, needed), err
}

// serveMaster lets the commands reach the program that holds the data folder.
func (c *control) serveMaster(mux *http.ServeMux, refs *references, publisher *publish.Publisher) {
	for path, order := range map[string]masterOrder{rotateMasterPath: rotateOrder, forgetMasterPath: forgetOrder} {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
			if c.secrets == nil {
				http.Error(w, "The store is not open.", http.StatusServiceUnavailable)
				return
			}
			said, err := order(r.Context(), c, controls.Principal{Operator: "system", Via: "admin-socket"}, refs, publisher)
			if err != nil {
				http.Error(w, err.Error(), http.StatusConflict)
				return
			}
			_, _ = io.WriteString(w, said)
		})
	}
}

// RotateMaster rotates the master key of a data folder: through the program that
// serves with it, or directly when none does.
func RotateMaster(ctx context.Context, cfg Config, out io.Writer) error {
	return orderMaster(ctx, cfg, rotateMasterPath, rotateOrder, out)
}

// ForgetMaster lets go of the retired master keys that nothing is sealed by any more,
// as RotateMaster rotates.
func ForgetMaster(ctx context.Context, cfg Config, out io.Writer) error {
	return orderMaster(ctx, cfg, forgetMasterPath, forgetOrder, out)
}

// rotateGateway rotates the master key of a gateway that is a process of its own and
// does not run. The key before goes: all that it has sealed is sealed anew.
func rotateGateway(ctx context.Context, cfg Config, out io.Writer) error {
	lock, err := store.LockDir(cfg.Data)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	keyring, err := secret.OpenKeyring(cfg.Data, func() (bool, error) { return true, nil })
	if err != nil {
		return err
	}
	id, err := keyring.Rotate(ctx)
	if err != nil {
		return err
	}
	_, err = publish.New(publish.Options{Dir: cfg.Data, Sealer: keyring}).Rewrap(keyring.Stale)
	errs := []error{err}
	for file, purpose := range map[string]string{identityFile: identityPurpose, handedFile: handedPurpose} {
		_, err := rewrapFile(keyring, filepath.Join(cfg.Data, file), purpose)
		errs = append(errs, err)
	}
	places, err := sealedFiles(cfg.Data)
	for _, retired := range keyring.Retired() {
		if err == nil && len(places[retired]) == 0 {
			err = keyring.Forget(ctx, retired)
		}
	}
	if err := errors.Join(append(errs, err)...); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "master key %s seals from now on\n", id)
	return err
}

func orderMaster(ctx context.Context, cfg Config, path string, order masterOrder, out io.Writer) error {
	if enrolled, err := exists(filepath.Join(cfg.Data, identityFile)); err == nil && enrolled && path == rotateMasterPath {
		return rotateGateway(ctx, cfg, out)
	}
	if err := databaseExists(cfg); err != nil {
		return err
	}
	lock, err := store.LockDir(cfg.Data)
	if err != nil {
		return askMaster(ctx, cfg, path, out, err)
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
	c := &control{log: slog.New(slog.DiscardHandler), now: time.Now, controlDB: db, posts: &outposts{dir: cfg.Data}}
	c.drafts = newEdited(cfg, keyring, c.log)
	if c.audit, err = audit.Open(ctx, db, time.Now); err != nil {
		return err
	}
	if c.secrets, err = secrets.Open(ctx, secrets.Options{DB: db, Tree: nobody{}, Ring: keyring, Audit: c.audit, Now: time.Now, Log: c.log}); err != nil {
		return err
	}
	publisher := publish.New(publish.Options{Dir: cfg.Data, Sealer: keyring})
	said, err := order(ctx, c, controls.Principal{Operator: "system", Via: "command"}, newReferences(cfg, keyring, c.log), publisher)
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, said)
	return err
}

func askMaster(ctx context.Context, cfg Config, path string, out io.Writer, locked error) error {
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(cfg.Data, "admin.sock"))
	}}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://farrier"+path, nil)
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
